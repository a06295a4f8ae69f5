"""What a run is to be, before anything happens in it."""

from dataclasses import dataclass, field

from devnet.simulator.adversaries.part import Part
from devnet.simulator.faults import Faults
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.script import Deed
from node.mempool import MempoolLimits
from node.snapshot_rules import ALONE, SnapshotRules


@dataclass(frozen=True, slots=True)
class Plan:
    """What a seed decides, or a test."""

    n: int = 4
    observers: int = 0
    faults: Faults = field(default_factory=Faults)
    fire_us: int = 10 * SECOND
    fire_blocks: int = 0  # under fire only until the chain has so many, where that is sooner
    pause_us: int = 100 * MS  # mean, between two clients
    rotations: int = 0
    is_real: bool = False  # Ed25519
    is_encoded: bool = False  # frames as bytes
    script: tuple[Deed, ...] = ()
    cast: tuple[Part, ...] = ()
    limits: MempoolLimits = field(default_factory=MempoolLimits)
    rules: SnapshotRules = ALONE  # but of the archives, which never begin with a snapshot
    keep_blocks: int = 0  # what is older is forgotten; 0: nothing
    late_us: int = 0  # when the observers start, with nothing
    ballots: bool = False  # regions are suspended and come back
    anything: bool = False  # calls of all kinds, by chance

    def is_archive(self, place: int) -> bool:
        """Whether this process executes and keeps the whole chain; with f faulty one is left."""
        return place <= (self.n - 1) // 3

    def count_spared(self) -> int:
        """How many fewer may be faulty where regions leave: f is that of a smaller set."""
        return (self.n - 1) // 3 - (self.n - 2) // 3 if self.ballots else 0
