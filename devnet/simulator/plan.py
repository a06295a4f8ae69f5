"""What a run is to be, before anything happens in it."""

from dataclasses import dataclass, field

from devnet.simulator.adversaries.part import Part
from devnet.simulator.faults import Faults
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.script import Deed
from node.mempool import MempoolLimits


@dataclass(frozen=True, slots=True)
class Plan:
    """What a seed decides, or a test."""

    n: int = 4
    observers: int = 0
    faults: Faults = field(default_factory=Faults)
    fire_us: int = 10 * SECOND
    pause_us: int = 100 * MS  # mean, between two clients
    rotations: int = 0
    is_real: bool = False  # Ed25519
    is_encoded: bool = False  # frames as bytes
    script: tuple[Deed, ...] = ()
    cast: tuple[Part, ...] = ()
    limits: MempoolLimits = field(default_factory=MempoolLimits)
    snapshots: bool = False  # new peers join by them
    ballots: bool = False  # regions are suspended and come back
    anything: bool = False  # calls of all kinds, by chance

    def count_spared(self) -> int:
        """How many fewer may be faulty where regions leave: f is that of a smaller set."""
        return (self.n - 1) // 3 - (self.n - 2) // 3 if self.ballots else 0
