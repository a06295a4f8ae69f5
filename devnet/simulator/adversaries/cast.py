"""Who lies in a run, and how: drawn by the seed."""

import random
from collections.abc import Mapping, Sequence
from typing import Final

from devnet.simulator.adversaries.equivocator import Equivocator
from devnet.simulator.adversaries.flooder import Flooder
from devnet.simulator.adversaries.forger import Forger
from devnet.simulator.adversaries.forker import Forker
from devnet.simulator.adversaries.habit import Habit
from devnet.simulator.adversaries.laggard import Laggard
from devnet.simulator.adversaries.liar import Liar
from devnet.simulator.adversaries.lying_syncer import LyingSyncer
from devnet.simulator.adversaries.nullifier import Nullifier
from devnet.simulator.adversaries.part import Part
from devnet.simulator.adversaries.replayer import Replayer
from devnet.simulator.adversaries.twin import Twin
from devnet.simulator.adversaries.withholder import Withholder
from devnet.simulator.process import Process, Setting, Witness
from ledger.crypto import SigningKey

HABITS: Final[Mapping[str, type[Habit]]] = {
    kind.__name__: kind
    for kind in (
        Equivocator,
        Flooder,
        Forger,
        Forker,
        Laggard,
        LyingSyncer,
        Nullifier,
        Replayer,
        Withholder,
    )
}
TWIN: Final = Twin.__name__
NAMES: Final = tuple(sorted((*HABITS, TWIN)))


def draw_cast(rng: random.Random, n: int) -> tuple[Part, ...]:
    """Up to f liars, each with one habit or several; often none."""
    f = (n - 1) // 3
    count = rng.choice((0, *range(1, f + 1), f))
    return tuple(Part(place, _draw_habits(rng)) for place in sorted(rng.sample(range(n), count)))


def _draw_habits(rng: random.Random) -> tuple[str, ...]:
    first = rng.choice(NAMES)
    if first == TWIN or rng.random() < 0.5:
        return (first,)
    return tuple(rng.sample(sorted(HABITS), rng.randint(2, 4)))


def make_process(
    setting: Setting,
    code: str,
    voter_keys: tuple[SigningKey, ...],
    witness: Witness,
    habits: Sequence[str] = (),
    identity_key: SigningKey | None = None,
) -> Process:
    """An honest peer, or one with these habits; only a liar has its identity key with it."""
    if not habits:
        return Process(setting, code, voter_keys, witness)
    if TWIN in habits:
        return Twin(setting, code, voter_keys, witness)
    kinds = [HABITS[name] for name in habits]
    return Liar(setting, code, voter_keys, witness, kinds, identity_key)
