"""The fleet: a trace's machines as resources of providers, its users as consumers, by region.

Machines and jobs are dealt out in the order of the trace: one provider and `CONSUMERS` consumers in
each region. A machine with cards sells thousandths of cards, one without sells those of cores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from devnet.market import WHOLE, Hardware, make_descriptor
from devnet.placement import compute_price
from devnet.simulator.population import Population, certify_trader, compose_trader_code
from devnet.trace import TraceNode
from ledger.code import compose_code
from ledger.crypto import SigningKey
from ledger.primitives import Code
from node.enrolment import derive_key

CONSUMERS: Final = 2  # in each region
CORES_CLASS, CARDS_CLASS = "10", "20"
_SEED: Final = b"fleet"


@dataclass(frozen=True, slots=True)
class Trader:
    """A provider or consumer, its key, and the certificate of its region."""

    code: Code
    issuer: Code
    key: SigningKey
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of the trace as a resource."""

    node: TraceNode
    provider: Trader
    resource: Code

    @property
    def resource_class(self) -> str:
        """The class of its code."""
        return CARDS_CLASS if self.node.gpus else CORES_CLASS

    @property
    def units(self) -> int:
        """Thousandths of cards or cores."""
        return self.node.gpus * WHOLE if self.node.gpus else self.node.cpu_milli

    @property
    def price_micro_yuan(self) -> int:
        """Of a whole card or core, for an hour."""
        return compute_price(self.node.model)

    @property
    def descriptor(self) -> dict[str, Any]:
        """What it says of itself."""
        node = self.node
        hardware = Hardware(
            vendor="unknown",
            model=node.model or "core",
            count=node.gpus or max(1, node.cpu_milli // WHOLE),
            card_memory_mib=0,
            memory_mib=node.memory_mib,
        )
        return make_descriptor(hardware, "trace", units=self.units)


@dataclass(frozen=True, slots=True)
class Fleet:
    """All machines and traders."""

    machines: tuple[Machine, ...]
    providers: tuple[Trader, ...]
    consumers: tuple[Trader, ...]

    @property
    def traders(self) -> dict[str, Trader]:
        """By code."""
        return {trader.code: trader for trader in (*self.providers, *self.consumers)}


def make_fleet(population: Population, nodes: Sequence[TraceNode]) -> Fleet:
    """The machines of a trace in the regions of a network."""
    regions = population.regions
    providers = tuple(_make_trader(population, place, "P", 0) for place in range(len(regions)))
    consumers = tuple(
        _make_trader(population, place, "U", 1 + turn)
        for turn in range(CONSUMERS)
        for place in range(len(regions))
    )
    machines = tuple(
        _make_machine(node, providers[number % len(providers)], number)
        for number, node in enumerate(nodes)
    )
    return Fleet(machines, providers, consumers)


def _make_trader(population: Population, place: int, kind: str, number: int) -> Trader:
    issuer = population.regions[place]
    code = compose_trader_code(kind, issuer, place, number)
    key = derive_key(_SEED, code)
    certificate = certify_trader(code, key, issuer, population.identity_key(issuer))
    return Trader(code, issuer, key, certificate)


def _make_machine(node: TraceNode, provider: Trader, number: int) -> Machine:
    owner = provider.code
    class_ = CARDS_CLASS if node.gpus else CORES_CLASS
    serial = f"{number + 1:07d}"
    code = compose_code("C", owner[1:7], owner[8:13], owner[7], class_, serial)
    return Machine(node, provider, code)
