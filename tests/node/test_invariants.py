"""Examining a whole state: of a live network's store all holds, and no change of it goes unseen."""

from collections.abc import Callable, Iterator

import pytest

from contracts.table import count_money
from devnet.simulator.disk import SimulatedDisk
from ledger import codec
from ledger.crypto import sha256
from ledger.genesis import Genesis
from ledger.primitives import Digest
from ledger.record import Record, decode_record, make_key
from ledger.store import Store
from node.client.bundle import BundleError
from node.client.errors import Unexpected
from node.client.state import Pair, StateParser, compose_frames
from node.invariants import Examined, StateError, examine_store, examine_stream
from node.prover import prove_anchor
from tests.node.network import run_network

Pairs = list[Pair]


@pytest.fixture(scope="module")
def peer() -> tuple[Store, Genesis]:
    network = run_network()
    return network.processes[0].replica.store, network.population.genesis


def read_pairs(store: Store) -> tuple[Pairs, Pairs]:
    return tuple(  # type: ignore[return-value]
        [(key[1:], value) for key, value in store.state.view.scan(table, bytes((table[0] + 1,)))]
        for table in (b"s", b"d")
    )


def examine(peer: tuple[Store, Genesis], records: Pairs, derived: Pairs) -> Examined:
    store, genesis = peer
    parser = StateParser()
    bundle = prove_anchor(store, genesis).encode()
    stream = b"".join(compose_frames(bundle, records, derived))
    # In odd pieces: a network cuts where it likes.
    frames = [
        frame for at in range(0, len(stream), 777) for frame in parser.feed(stream[at : at + 777])
    ]
    parser.finish()
    return examine_stream(frames, genesis.hash, SimulatedDisk())


def test_a_stream_is_the_state_of_a_final_block(peer: tuple[Store, Genesis]) -> None:
    store, genesis = peer
    examined = examine(peer, *read_pairs(store))
    assert examined == examine_store(store, genesis)
    assert examined.wrong == []
    assert (examined.height, examined.state_root) == (store.height, store.header.state_root)
    assert examined.records == sum(1 for _ in store.state.scan(b""))
    money = examined.checks[0]
    assert money.count > 0
    assert money.figures["issued"] > 0
    assert count_money(money.figures) == 0


def edit(pairs: Pairs, key: bytes, change: Callable[[Record], Record]) -> Pairs:
    return [
        (other, change(decode_record(value)).encode() if other == key else value)
        for other, value in pairs
    ]


def richer(record: Record) -> Record:
    value = {**record.value, "balance": record.value["balance"] + 1}
    return record.replaced(value, record.height, record.index)


def test_a_changed_record_gives_another_root(peer: tuple[Store, Genesis]) -> None:
    records, derived = read_pairs(peer[0])
    key = next(key for key, _ in records if key.startswith(b"account\x00"))
    with pytest.raises(StateError, match="they are not the network's state"):
        examine(peer, edit(records, key, richer), derived)


def list_forgeries(records: Pairs) -> Iterator[Pairs]:
    """A record left out, one put in, one twice, two that share a slot, and a slot out of range."""
    key, value = records[3]
    record = decode_record(value)
    yield records[:3] + records[4:]
    yield sorted([*records, (make_key("account", "somebody"), value)])
    yield [*records, records[3]]
    yield edit(records, key, lambda record: record.placed(1 << 40, record.next_key))
    yield edit(records, key, lambda record: record.placed(-1, record.next_key))
    yield edit(records, records[4][0], lambda other: other.placed(record.slot, other.next_key))
    yield edit(records, records[-1][0], lambda other: other.placed(other.slot, key))


@pytest.mark.parametrize("number", range(7))
def test_a_forged_line_is_refused(peer: tuple[Store, Genesis], number: int) -> None:
    records, derived = read_pairs(peer[0])
    forged = list(list_forgeries(records))[number]
    with pytest.raises(StateError):
        examine(peer, forged, derived)


def test_a_peer_with_wrong_derived_tables_is_found_out(peer: tuple[Store, Genesis]) -> None:
    records, derived = read_pairs(peer[0])
    (key, _), *rest = derived
    examined = examine(peer, records, rest)
    (wrong,) = examined.wrong
    assert repr(key) in wrong
    assert examine(peer, records, [*derived, (b"due\x00x", codec.encode(1))]).wrong


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\xcc\x01", codec.encode([1, b"", 0])])
def test_what_cannot_be_read_is_refused(peer: tuple[Store, Genesis], data: bytes) -> None:
    records, derived = read_pairs(peer[0])
    with pytest.raises(StateError, match="cannot be read"):
        examine(peer, [*records, (b"z", data)], derived)


def test_another_genesis_is_refused(peer: tuple[Store, Genesis]) -> None:
    store, genesis = peer
    parser = StateParser()
    stream = compose_frames(prove_anchor(store, genesis).encode(), *read_pairs(store))
    frames = [frame for piece in stream for frame in parser.feed(piece)]
    with pytest.raises(BundleError, match="genesis"):
        examine_stream(frames, Digest(sha256(b"another")), SimulatedDisk())


def frame_of(value: object) -> bytes:
    data = codec.encode(value)
    return len(data).to_bytes(4, "big") + data


@pytest.mark.parametrize(
    "stream",
    [
        frame_of(["records", []]),
        frame_of(["state", 2, b""]),
        frame_of(["state", 1, b""]) * 2,
        frame_of(["state", 1, b""]) + frame_of(["end", 0, 0]) * 2,
        frame_of(["state", 1, b""]) + frame_of(["records", [[b"k"]]]),
        frame_of({"state": 1}),
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\xc1",
    ],
)
def test_a_stream_that_is_none(stream: bytes) -> None:
    with pytest.raises(Unexpected):
        StateParser().feed(stream)


def test_a_stream_that_breaks_off(peer: tuple[Store, Genesis]) -> None:
    parser = StateParser()
    parser.feed(frame_of(["state", 1, b""]) + b"\x00")
    with pytest.raises(Unexpected, match="broke off"):
        parser.finish()
