"""The machines of a trace on the ledger: a resource and an offer each, of several providers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from devnet.market import WHOLE, Hardware, make_descriptor, make_offer
from devnet.parties import Party, PartySpec, compose_base36
from devnet.placement import compute_price
from devnet.scene import Order, Scene, make_object_id
from devnet.trace import TraceNode
from ledger.code import compose_code
from node.client.outcome import Outcome

CHUNK = 250
DAY_MS = 86_400_000
GENERAL, INTELLIGENT = "10", "20"
CARD_MEMORY_MIB = {"A10": 24_576, "P100": 16_384, "T4": 16_384, "V100M16": 16_384}
VENDORS = {"A10": "NVIDIA", "P100": "NVIDIA", "T4": "NVIDIA", "V100M16": "NVIDIA"}
PLACES = {"11": "110100", "31": "310100", "44": "440100", "52": "520100"}
NAMES = {"11": "北京", "31": "上海", "44": "广州", "52": "贵阳"}


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of the trace as the ledger knows it; the price is in micro-yuan a unit-hour."""

    node: TraceNode
    provider: Party
    resource: str
    offer: str
    price_micro_yuan: int


@dataclass(slots=True)
class Cluster:
    """All machines, by the name of their node. `scale` is trace seconds a ledger second."""

    scene: Scene
    at: str
    scale: int
    progress: Callable[[str], None]
    machines: dict[str, Machine] = field(default_factory=dict)

    def register(self, nodes: Sequence[TraceNode], providers: Sequence[Party], now_ms: int) -> None:
        """Describe, attest and offer every machine; raises StepFailed."""
        owners = {node.name: providers[n % len(providers)] for n, node in enumerate(nodes)}
        codes = {
            node.name: make_resource_code(owners[node.name], node, number)
            for number, node in enumerate(nodes, 1)
        }
        self._send(
            "described",
            [_describe(owners[node.name], codes[node.name], node) for node in nodes],
        )
        until_ms = now_ms + DAY_MS
        self._send(
            "attested",
            [self._attest(owners[n.name], codes[n.name], n, until_ms) for n in nodes],
        )
        prices = {node.name: compute_price(node.model) * self.scale for node in nodes}
        offered = self._send(
            "offered",
            [
                make_offer(
                    owners[n.name].signer, codes[n.name], count_units(n), prices[n.name], now_ms
                )
                for n in nodes
            ],
        )
        for node, outcome in zip(nodes, offered, strict=True):
            name, offer = node.name, make_object_id("offer", outcome)
            self.machines[name] = Machine(node, owners[name], codes[name], offer, prices[name])

    def _attest(self, provider: Party, code: str, node: TraceNode, until_ms: int) -> Order:
        data = {"code": code, "units": count_units(node), "until_ms": until_ms}
        return Order("resource.attest", data, (self.scene.operator(provider.spec.region),))

    def _send(self, what: str, orders: Sequence[Order]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for start in range(0, len(orders), CHUNK):
            outcomes += self.scene.execute_many(self.at, orders[start : start + CHUNK])
            self.progress(f"{len(outcomes)} of {len(orders)} {what}")
        return outcomes


def count_units(node: TraceNode) -> int:
    """What can be sold of a machine: thousandths of its cards, or of its cores."""
    return node.gpus * WHOLE if node.gpus else node.cpu_milli


def make_resource_code(provider: Party, node: TraceNode, number: int) -> str:
    """The code of the machine's resource."""
    resource_class = INTELLIGENT if node.gpus else GENERAL
    spec = provider.spec
    serial = compose_base36(number, 7)
    return compose_code("C", spec.place, provider.registrant, spec.industry, resource_class, serial)


def make_party_specs(regions: Mapping[str, str], consumers: int) -> list[PartySpec]:
    """A provider and so many consumers for each region; `regions` map provinces to labels."""
    specs = []
    for province, label in regions.items():
        place, name = PLACES[province], NAMES[province]
        specs.append(PartySpec(f"provider-{province}", f"{name}算力", "P", label, place))
        for number in range(1, consumers + 1):
            file, called = f"consumer-{province}-{number}", f"{name}用户{number}"
            specs.append(PartySpec(file, called, "U", label, place))
    return specs


def _describe(provider: Party, code: str, node: TraceNode) -> Order:
    hardware = Hardware(
        vendor=VENDORS.get(node.model, "undisclosed"),
        model=node.model or "CPU core",
        count=node.gpus or node.cpu_milli // WHOLE,
        card_memory_mib=CARD_MEMORY_MIB.get(node.model, 0),
        memory_mib=node.memory_mib,
        domestic=False,
    )
    descriptor = make_descriptor(hardware, node.name, units=count_units(node))
    return Order("resource.register", {"code": code, "descriptor": descriptor}, (provider.signer,))
