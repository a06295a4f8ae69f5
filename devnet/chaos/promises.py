"""What peers answered to clients: the network is held to it.

`accepted` promises that a transaction becomes final unless its time passes; `final` and `invalid`
say what became of it, and where.
"""

from collections import Counter
from dataclasses import dataclass, field

from node.client.composer import Signed
from node.client.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Promise:
    """A transaction that a peer acknowledged first."""

    id: str
    until: int
    label: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a peer said has become of a transaction."""

    id: str
    label: str
    status: str
    place: tuple[int, int]


@dataclass(slots=True)
class Promises:
    """Everything that clients were ever answered."""

    made: dict[str, Promise] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    repeated: int = 0

    def hear(self, label: str, signed: Signed, until: int, outcome: Outcome) -> None:
        """A peer answered a submission."""
        if outcome.status == "refused":
            self.refused[outcome.code] += 1
            return
        if signed.id in self.made:
            self.repeated += 1
        self.made.setdefault(signed.id, Promise(signed.id, until, label))
        self.be_told(label, outcome)

    def be_told(self, label: str, outcome: Outcome) -> None:
        """A peer said how far a transaction is."""
        if outcome.status in ("final", "invalid"):
            place = (outcome.height, outcome.index)
            self.told.append(Told(outcome.id, label, outcome.status, place))
