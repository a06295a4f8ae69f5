"""Layers on layers answer like one dict, whatever is written, committed or dropped in between."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger import tree
from ledger.final_state import FinalState
from ledger.record import Record
from ledger.state import Layer, Reader
from tests.ledger.chain import Chain, Nothing

keys = st.binary(min_size=1, max_size=3).map(lambda key: bytes(b % 3 + 97 for b in key) + b"\x00")
prefixes = st.sampled_from((b"", b"a", b"ab", b"b", b"c", b"d", b"a\x00"))


def scan_model(model: dict[bytes, Any], prefix: bytes, after: bytes) -> list[tuple[bytes, Any]]:
    return sorted(
        (key, value)
        for key, value in model.items()
        if key.startswith(prefix) and (key > after or not after)
    )


class Layers(RuleBasedStateMachine):
    """A stack of layers beside a stack of dicts."""

    @initialize()
    def start(self) -> None:
        self.layers = [Layer(Nothing())]
        self.models: list[dict[bytes, Any]] = [{}]
        self.derived: list[dict[bytes, Any]] = [{}]
        self.count = 0

    @rule(key=keys)
    def put(self, key: bytes) -> None:
        self.count += 1
        before = self.layers[-1].get(key)
        record = self.layers[-1].put(key, self.count, self.count, 0)
        assert record.version == (before.version + 1 if before else 1)
        assert record.previous == (before.hash if before else b"")
        self.models[-1][key] = self.count

    @rule(key=keys, gone=st.booleans())
    def put_derived(self, key: bytes, gone: bool) -> None:
        self.count += 1
        self.layers[-1].put_derived(key, None if gone else self.count)
        if gone:
            self.derived[-1].pop(key, None)
        else:
            self.derived[-1][key] = self.count

    @rule()
    def open(self) -> None:
        self.layers.append(Layer(self.layers[-1]))
        self.models.append(dict(self.models[-1]))
        self.derived.append(dict(self.derived[-1]))

    @rule(keep=st.booleans())
    def close(self, keep: bool) -> None:
        if len(self.layers) == 1:
            return
        top, model, derived = self.layers.pop(), self.models.pop(), self.derived.pop()
        if keep:
            top.commit()
            self.models[-1], self.derived[-1] = model, derived

    @rule(prefix=prefixes, after=keys | st.just(b""))
    def scan(self, prefix: bytes, after: bytes) -> None:
        found = [(key, record.value) for key, record in self.layers[-1].scan(prefix, after)]
        assert found == scan_model(self.models[-1], prefix, after)
        derived = list(self.layers[-1].scan_derived(prefix, after))
        assert derived == scan_model(self.derived[-1], prefix, after)

    @rule(key=keys)
    def find_predecessor(self, key: bytes) -> None:
        below = [other for other in self.models[-1] if other < key]
        assert self.layers[-1].find_predecessor(key) == max(below, default=b"")

    @invariant()
    def every_key_is_as_in_the_model(self) -> None:
        if not hasattr(self, "layers"):
            return
        for key in self.models[0].keys() | self.models[-1].keys():
            record = self.layers[-1].get(key)
            assert (record.value if record else None) == self.models[-1].get(key)


Layers.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLayers = Layers.TestCase


def test_every_version_is_kept_the_dropped_ones_not() -> None:
    block = Layer(Nothing())
    first, second = Layer(block), Layer(block)
    first.put(b"a\x00", 1, 1, 0)
    first.put(b"a\x00", 2, 1, 0)
    second.put(b"a\x00", 3, 1, 1)
    first.commit()
    assert [(key, record.value) for key, record in block.versions] == [(b"a\x00", 1), (b"a\x00", 2)]


def test_a_scan_is_as_of_its_beginning_in_its_own_layer() -> None:
    layer = Layer(Nothing())
    layer.put(b"a\x00", 1, 1, 0)
    scan = layer.scan(b"")
    assert next(scan)[0] == b"a\x00"
    layer.put(b"b\x00", 1, 1, 0)
    assert list(scan) == []
    assert [key for key, _ in layer.scan(b"")] == [b"a\x00", b"b\x00"]


@given(
    st.lists(st.lists(keys, max_size=4, unique=True), max_size=4),
    prefixes,
    keys | st.just(b""),
)
@settings(max_examples=60, deadline=None)
def test_layers_on_the_final_state_answer_like_layers_on_nothing(
    writes: list[list[bytes]], prefix: bytes, after: bytes
) -> None:
    """The sentinel, which lies on disk and in sealed layers, is no record to anybody."""
    chain, twin = Chain(), Layer(Nothing())
    top: Reader = chain.store.state
    view: tree.View = chain.store.tree
    for height, block in enumerate(writes, start=1):
        layer = Layer(top)
        for key in block:
            layer.put(key, height, height, 0)
            twin.put(key, height, height, 0)
        view, top = tree.seal(view, layer), layer
    assert _values(top, prefix, after) == _values(twin, prefix, after)
    for key in (b"a\x00", b"b", b"zz"):
        assert top.find_predecessor(key) == twin.find_predecessor(key)


def _values(reader: Reader, prefix: bytes, after: bytes) -> list[tuple[bytes, Any]]:
    return [(key, record.value) for key, record in reader.scan(prefix, after)]


def test_the_final_state_stays_until_it_is_folded() -> None:
    chain = Chain(records=[(b"a\x00", 0)])
    sealed = chain.seal([chain.make_transaction([(b"a\x00", 1), (b"b\x00", 1)])])
    chain.store.commit([sealed], b"")
    state = chain.store.state
    assert _as_dict(state) == {b"a\x00": 0}
    chain.store.fold([sealed])
    assert _as_dict(state) == {b"a\x00": 1, b"b\x00": 1}
    assert _as_dict(FinalState(chain.disk)) == {b"a\x00": 1, b"b\x00": 1}


def _as_dict(state: FinalState) -> dict[bytes, Any]:
    found = {key: record.value for key, record in state.scan(b"")}
    one_by_one = {key: state.get(key) for key in found}
    assert all(isinstance(record, Record) for record in one_by_one.values())
    assert {key: record.value for key, record in one_by_one.items() if record} == found
    return found


def test_derived_values_lie_on_disk_and_can_be_deleted() -> None:
    chain = Chain()
    for value in (1, None):
        sealed = chain.seal()
        sealed.layer.put_derived(b"q\x00a", value)
        sealed.layer.put_derived(b"q\x00b", 2)
        chain.store.commit([sealed], b"")
        chain.store.fold([sealed])
        assert chain.store.state.get_derived(b"q\x00a") == value
    assert list(chain.store.state.scan_derived(b"q")) == [(b"q\x00b", 2)]
    assert list(chain.store.state.scan_derived(b"q", b"q\x00b")) == []
