"""The context: checkpoints, names, events; tables and what derives from them."""

import pytest

from contracts.context import Context, Rules, Scope
from contracts.errors import Failure, require
from contracts.life import compute_next, compute_terminal
from contracts.table import Projection, Table, rebuild_tables
from ledger.primitives import Digest
from ledger.state import Layer
from tests.contracts.world import GENESIS_HASH, FakeTrail, MemoryState, read_evidence


@pytest.fixture
def ctx() -> Context:
    scope = Scope(7, 1_000, 900, GENESIS_HASH, Rules(1, {"a": 1}), FakeTrail(6), read_evidence)
    return Context(scope, Layer(MemoryState()), 3, Digest(bytes(range(32))), ("P", "U"))


def test_it_says_where_it_is(ctx: Context) -> None:
    assert (ctx.height, ctx.time_ms, ctx.working_ms, ctx.actor) == (7, 1_000, 900, "P")
    assert ctx.rules["a"] == 1


def test_a_checkpoint_is_kept_or_leaves_nothing(ctx: Context) -> None:
    ctx.put(b"a", 1)
    with ctx.checkpoint():
        ctx.put(b"a", 2)
        ctx.put_derived(b"d", 2)
        with pytest.raises(Failure), ctx.checkpoint():
            ctx.put(b"a", 3)
            ctx.put_derived(b"d", None)
            ctx.emit("x", ())
            ctx.make_object_id("offer")
            require(False, "no")
        assert (ctx.get(b"a"), ctx.get_derived(b"d")) == (2, 2)
    assert (ctx.get(b"a"), ctx.get_derived(b"d"), ctx.events) == (2, 2, [])
    assert ctx.make_object_id("offer").endswith("-0")
    assert [record.version for _, record in ctx.layer.versions] == [1, 2]
    assert all((record.height, record.index) == (7, 3) for _, record in ctx.layer.versions)


def test_scans_see_what_was_written(ctx: Context) -> None:
    ctx.put(b"t\x00b\x00", 2)
    ctx.put(b"t\x00a\x00", 1)
    ctx.put_derived(b"t\x00z\x00", 9)
    assert list(ctx.scan(b"t\x00")) == [(b"t\x00a\x00", 1), (b"t\x00b\x00", 2)]
    assert list(ctx.scan(b"t\x00", b"t\x00a\x00")) == [(b"t\x00b\x00", 2)]
    assert list(ctx.scan_derived(b"t\x00")) == [(b"t\x00z\x00", 9)]


def test_names_follow_from_the_transaction(ctx: Context) -> None:
    names = [ctx.make_object_id("offer"), ctx.make_object_id("lease")]
    prefix = bytes(range(16)).hex()
    assert names == [f"offer-{prefix}-0", f"lease-{prefix}-1"]


def test_events_name_each_subject_once(ctx: Context) -> None:
    ctx.emit("x.done", ("b", "", "a", "b"), amount=1)
    assert ctx.events == [{"about": ["b", "a"], "data": {"amount": 1}, "type": "x.done"}]


def _project(_key: bytes, value: dict[str, int]) -> Projection:
    entries = {b"entry\x00%d" % value["entry"]: 1} if value["entry"] else {}
    return Projection(dict(entries), {b"sum\x00": value["share"]})


def test_derived_tables_follow_their_records(ctx: Context) -> None:
    table: Table[dict[str, int]] = Table("thing", dict, ("name",), _project)
    for name, entry, share in (("a", 1, 5), ("b", 2, 7), ("a", 3, 6), ("b", 0, 0)):
        table.put(ctx, table.make_key(name), {"entry": entry, "share": share})
        derived = {key: value for key, value in ctx.layer.derived.items() if value is not None}
        assert derived == rebuild_tables(ctx.layer, (table,))
    assert derived == {b"entry\x003": 1, b"sum\x00": 6}
    table.put(ctx, table.make_key("a"), {"entry": 0, "share": 0})
    assert rebuild_tables(ctx.layer, (table,)) == {}
    assert ctx.get_derived(b"sum\x00") is None


def test_lives() -> None:
    life = {("a", "go"): "b", ("b", "stop"): "c"}
    assert compute_next(life, "a", "go") == "b"
    assert compute_terminal(life) == ("c",)
    with pytest.raises(Failure) as caught:
        compute_next(life, "a", "stop")
    assert caught.value.code == "wrong-state"
