"""The small networks whose every behaviour is explored."""

import itertools
from dataclasses import dataclass
from typing import Final

from devnet.model.cast import VALIDATORS
from devnet.model.statement import ROOT, Renaming, list_ancestors, read_first_view


@dataclass(frozen=True, slots=True)
class Case:
    """Four validators, one of which may be Byzantine, for as many views.

    Beyond the last view nobody proposes and no timer fires. Messages are never taken off the
    network: each may arrive at any time, again, or never. The Byzantine validator has said every
    vote to everybody, makes two blocks on every certified parent where it leads, and any
    certificate that the votes allow. All that is not said to be otherwise is unbounded.
    """

    name: str
    views: int
    byzantine: int | None  # which; validator v leads view v
    crashes: int = 0  # restarts in all, each from the journal with and without what was not synced
    timeouts: int | None = None  # timers that fire in all; None: any
    torn: bool = False  # crashes also between a write and the sending that waits for it
    last_view: int = 0  # blocks made in this view change the validator set (E); 0: none does
    is_slow: bool = False  # making, judging and fetching blocks are steps of their own
    is_gradual: bool = False  # votes arrive one by one; otherwise all that there are for a block

    @property
    def honest(self) -> tuple[int, ...]:
        """The validators that run a core."""
        return tuple(index for index in range(VALIDATORS) if index != self.byzantine)

    def is_last(self, block: str) -> bool:
        """Whether a block changes the validator set."""
        return block != ROOT and read_first_view(block) == self.last_view

    def ends_at(self, block: str) -> bool:
        """Whether a block or an ancestor of it changes the set."""
        return any(self.is_last(ancestor) for ancestor in list_ancestors(block))

    def list_renamings(self) -> list[Renaming]:
        """Who may change places: the honest that lead none of the views, and the two blocks of each
        view that the Byzantine validator leads. The identity first."""
        views = range(1, self.views + 1)
        leaders = {view % VALIDATORS for view in views}
        free = [index for index in self.honest if index not in leaders]
        lying = [view for view in views if view % VALIDATORS == self.byzantine]
        renamings: list[Renaming] = []
        for count in range(len(lying) + 1):
            for swapped in itertools.combinations(lying, count):
                for images in itertools.permutations(free):
                    turned = dict(zip(free, images, strict=True))
                    places = [turned.get(index, index) for index in range(VALIDATORS)]
                    renamings.append(Renaming(places, swapped))
        return renamings


SHORT: Final = (
    Case("its leader lies", 1, 1),
    Case("a follower lies", 1, 0),
    Case("nobody lies", 1, None),
    Case("its leader lies, slow replicas", 1, 1, is_slow=True),
    Case("a follower lies, slow replicas", 1, 0, is_slow=True),
    Case("an epoch ends, its leader lies", 1, 1, last_view=1),
    Case("an epoch ends, a follower lies", 1, 0, last_view=1),
)
LONG: Final = (
    *SHORT,
    Case("a follower lies, votes one by one", 1, 0, is_gradual=True),
    Case("its leader lies, one restart", 1, 1, crashes=1),
    Case("a follower lies, one restart, torn steps", 1, 0, crashes=1, torn=True),
    Case("nobody lies, one restart, torn steps", 1, None, crashes=1, torn=True),
    Case("a follower lies, two restarts", 1, 0, crashes=2),
    Case("a follower lies, one timer fires", 3, 0, timeouts=1),
    Case("a follower lies", 2, 0),
    Case("the first leader lies", 2, 1),
    Case("the second leader lies", 2, 2),
    Case("the second leader lies, an epoch ends", 2, 2, last_view=1),
    Case("the first leader lies, an epoch ends", 2, 1, last_view=1),
    Case("a follower lies, an epoch ends", 2, 0, last_view=1),
)
