"""The contracts' small world over a store: what its blocks do is final, indexed and kept."""

from collections.abc import Iterator, Sequence
from typing import Any

from contracts.founding import compute_initial_records
from contracts.registry import rebuild_derived
from devnet.simulator.disk import SimulatedDisk
from ledger import block as blocks
from ledger import tree
from ledger.codec import Value
from ledger.merkle import Accumulator
from ledger.primitives import Height, TimeMs
from ledger.record import Record
from ledger.result import Result
from ledger.sealed import SealedBlock
from ledger.state import Empty, Layer
from ledger.store import Store
from ledger.trail import Trail
from ledger.transaction import Transaction
from ledger.tree import Tree
from tests.contracts.world import START_MS, World, make_founding
from tests.ledger.chain import make_header


class StoredState:
    """The state of a store, as the world uses it."""

    def __init__(self, records: Sequence[tuple[bytes, Value]]) -> None:
        layer = Layer(Empty())
        for key, value in records:
            layer.put(key, value, 0, 0)
        for key, value in rebuild_derived(layer).items():
            layer.put_derived(key, value)
        overlay = tree.seal(Tree(), layer)
        first = _seal(layer, overlay, Accumulator(), START_MS, 0, (), ())
        self.store = Store(SimulatedDisk(), first)

    @property
    def records(self) -> dict[bytes, Record]:
        return dict(self.store.state.scan(b""))

    def get(self, key: bytes) -> Record | None:
        return self.store.state.get(key)

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Record]]:
        return self.store.state.scan(prefix, after)

    def find_predecessor(self, key: bytes) -> bytes:
        return self.store.state.find_predecessor(key)

    def get_derived(self, key: bytes) -> Value:
        return self.store.state.get_derived(key)

    def scan_derived(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Value]]:
        return self.store.state.scan_derived(prefix, after)

    def apply(self, _layer: Layer) -> None:
        """The world hands a block over with its transactions instead."""

    def add(
        self,
        layer: Layer,
        time_ms: int,
        transactions: Sequence[Transaction],
        results: Sequence[Result],
    ) -> None:
        store = self.store
        overlay = tree.seal(store.tree, layer)
        history = store.history_accumulator
        block = _seal(layer, overlay, history, time_ms, store.height + 1, transactions, results)
        store.commit([block], b"final")
        store.fold([block])


class RecordedWorld(World):
    """A world whose blocks stand in a store."""

    @property
    def store(self) -> Store:
        state: Any = self.state
        assert isinstance(state, StoredState)
        return state.store

    def block(self, *transactions: Transaction, after_ms: int = 1000) -> list[Result]:
        results = super().block(*transactions, after_ms=after_ms)
        state: Any = self.state
        state.add(self.layer, self.time_ms, transactions, results)
        return results


def make_recorded_world(**rules: int) -> RecordedWorld:
    state: Any = StoredState(compute_initial_records(make_founding(**rules)))
    return RecordedWorld(state)


def _seal(
    layer: Layer,
    overlay: tree.Overlay,
    history: Accumulator,
    time_ms: int,
    height: int,
    transactions: Sequence[Transaction],
    results: Sequence[Result],
) -> SealedBlock:
    header = make_header(
        height=Height(height),
        time_ms=TimeMs(time_ms),
        transactions_count=len(transactions),
        results_count=len(results),
        state_root=overlay.root,
    )
    return SealedBlock(
        block=blocks.make_block(header, [item.hash for item in transactions], b""),
        transactions=tuple(transactions),
        results=tuple(results),
        result_leaves=[result.encode() for result in results],
        layer=layer,
        tree=overlay,
        history_before=history,
        trail=Trail((), ()),
    )
