"""Which offer fits a job: the cheapest one on whose machine there is room; for a job that must
answer at once (quality of service LS), the dearest, which is the fastest, below its ceiling.

The ledger counts thousandths of a machine and makes overselling impossible; that a share lies on
one card, and that cores and memory suffice beside it, is for whoever chooses to see.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from devnet.market import WHOLE, YUAN
from devnet.trace import TraceJob, TraceNode

CARD_PRICES = {
    "T4": 4 * YUAN,
    "P100": 5 * YUAN,
    "A10": 7 * YUAN,
    "G1": 8 * YUAN,
    "G2": 8 * YUAN,
    "V100M16": 9 * YUAN,
    "V100M32": 12 * YUAN,
    "G3": 15 * YUAN,
}
OTHER_CARD_PRICE = 10 * YUAN
CORE_PRICE = YUAN * 35 // 100
CEILING = 12 * YUAN  # what a job pays at most for an hour of a card
PROMPT = "LS"


def compute_ceiling(job: TraceJob) -> int:
    """The most that a job pays, in micro-yuan for an hour of a card or core."""
    dear = max((compute_price(model) for model in job.models), default=0)
    return max(CEILING, dear) if job.gpus else CORE_PRICE


def compute_price(model: str) -> int:
    """Micro-yuan for an hour of a card of a model, or of a core where there is none."""
    return CARD_PRICES.get(model, OTHER_CARD_PRICE) if model else CORE_PRICE


@dataclass(slots=True)
class Room:
    """What is left of a machine; `cards` are the free thousandths of each."""

    node: TraceNode
    cpu_milli: int = field(init=False)
    memory_mib: int = field(init=False)
    cards: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.cpu_milli, self.memory_mib = self.node.cpu_milli, self.node.memory_mib
        self.cards = [WHOLE] * self.node.gpus

    def find_cards(self, job: TraceJob) -> list[int] | None:
        """The cards that the job would lie on; None where there is no room for it."""
        if bool(job.gpus) != bool(self.node.gpus):
            return None
        if job.models and self.node.model not in job.models:
            return None
        if job.cpu_milli > self.cpu_milli or job.memory_mib > self.memory_mib:
            return None
        fitting = [place for place, free in enumerate(self.cards) if free >= job.gpu_milli]
        # The fullest card that still fits, so that whole cards stay whole.
        fitting.sort(key=lambda place: (self.cards[place], place))
        return fitting[: job.gpus] if len(fitting) >= job.gpus else None

    def take(self, job: TraceJob, cards: Iterable[int]) -> None:
        """The job lies here now."""
        self._move(job, cards, -1)

    def give_back(self, job: TraceJob, cards: Iterable[int]) -> None:
        """The job is gone."""
        self._move(job, cards, 1)

    def _move(self, job: TraceJob, cards: Iterable[int], sign: int) -> None:
        self.cpu_milli += sign * job.cpu_milli
        self.memory_mib += sign * job.memory_mib
        for place in cards:
            self.cards[place] += sign * job.gpu_milli


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a job lies."""

    room: Room
    cards: tuple[int, ...]


class Book:
    """The machines on offer, cheapest first."""

    def __init__(self, nodes: Iterable[TraceNode]) -> None:
        rooms = [Room(node) for node in nodes]
        rooms.sort(key=lambda room: (compute_price(room.node.model), room.node.name))
        self._rooms = rooms
        self._placed: dict[str, Placed] = {}

    def place(self, job: TraceJob) -> TraceNode | None:
        """The machine for a job, which is taken; None where none fits."""
        ceiling = compute_ceiling(job)
        for room in reversed(self._rooms) if job.qos == PROMPT else self._rooms:
            if compute_price(room.node.model) > ceiling:
                continue
            cards = room.find_cards(job)
            if cards is not None:
                room.take(job, cards)
                self._placed[job.name] = Placed(room, tuple(cards))
                return room.node
        return None

    def release(self, job: TraceJob) -> None:
        """The job is gone from its machine."""
        placed = self._placed.pop(job.name)
        placed.room.give_back(job, placed.cards)
