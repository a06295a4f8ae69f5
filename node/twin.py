"""The same validator key at work elsewhere, right now: told from a journal that is old.

1. A vote of one's own key that is not in one's journal has two causes. The journal is lost, or was
   restored, and this is a vote of an earlier life; or somebody else has the key and votes with it.
   Either way this peer votes no more with it. But only a second peer goes on.
2. A vote for a block that was proposed after this process began, and that this process did not
   make, is another's. Which block is younger its time tells: no validator votes for one that is
   more than 2 s ahead of its clock, and clocks are within a second, so `MARGIN_MS` is enough.
3. While this peer votes, the core knows each vote of its own, and says which is not. While it does
   not, what final blocks show is looked at: their proposers, and who signed their parents.
4. What an old journal has not is older than the process. So who restores a backup follows without
   a vote, and who starts a second copy stops, with `KeyInUse`.
5. Two copies take each other's connections, for others keep one of each code: the newest. Who is
   told that a connection which stands here was replaced learns that another peer bears this one's
   code and peer key. While this peer does not vote, f + 1 validators that say so within
   `WINDOW_MS` stop it: one of them is honest, and the other copy may be the one that votes.
"""

from collections.abc import Iterable

from ledger.block import Header
from ledger.sealed import SealedBlock

MARGIN_MS = 10_000
WINDOW_MS = 30_000


class TwinWatch:
    """Looks out for a second peer with this one's code and key."""

    def __init__(self, code: str, now_ms: int, last: Header) -> None:
        self._code = code
        # A clock that is slow does not make what the store had at the start look young.
        self._began_ms = max(now_ms, last.time_ms)
        self._silent_ms: int | None = self._began_ms  # since when this peer has not voted
        self._last = last
        self._replaced_ms: dict[str, int] = {}

    def hear_replaced(self, validator: str, f: int, now_ms: int) -> bool:
        """A validator has another connection with this peer's code; whether enough say so."""
        self._replaced_ms[validator] = now_ms
        recent = [at_ms for at_ms in self._replaced_ms.values() if now_ms - at_ms <= WINDOW_MS]
        return len(recent) > f

    def is_fresh(self, block: Header) -> bool:
        """Whether a block was proposed after this process began."""
        return block.time_ms > self._began_ms + MARGIN_MS

    def find_foreign(
        self, blocks: Iterable[SealedBlock], is_voting: bool, has_key: bool, now_ms: int
    ) -> Header | None:
        """A block that somebody else made, or voted for, in this peer's name; None without.

        To be told of all final blocks in their order, with whether this peer votes, and whether
        it holds the key that it has in their epoch: where it does not, another may well have it.
        """
        if is_voting:
            self._silent_ms = None
        elif self._silent_ms is None:
            self._silent_ms = max(now_ms, self._last.time_ms)
        found = None
        for sealed in blocks:
            header, parent = sealed.block.header, self._last
            if self._silent_ms is not None and has_key and found is None:
                found = self._find(sealed, parent, self._silent_ms + MARGIN_MS)
            self._last = header
        return found

    def _find(self, sealed: SealedBlock, parent: Header, after_ms: int) -> Header | None:
        header = sealed.block.header
        if header.proposer == self._code and header.time_ms > after_ms:
            return header
        is_signer = self._code in sealed.trail.steps[-1].shown and header.proposer != self._code
        # The first block of an epoch shows who signed the last of another, perhaps with other keys.
        if is_signer and header.epoch == parent.epoch and parent.time_ms > after_ms:
            return parent
        return None
