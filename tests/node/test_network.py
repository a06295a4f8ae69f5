"""The network of a peer, over real connections on the loopback."""

import asyncio
from pathlib import Path

import pytest

from ledger.code import compose_code
from ledger.errors import FormatError, StoreError
from node import contact, network
from node.config import Config
from node.frames import Consensus, Frame, Hello, Notice, Range, Transactions, WantBlock, WantRange
from node.snapshot_frames import Offer, PartKind, WantEpochs, WantPart, WantSnapshot
from tests.node.hall import WAIT_S, Caller, Hall, Place
from tests.node.stage import digest


@pytest.fixture
def hall(tmp_path: Path) -> Hall:
    return Hall(tmp_path)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "REFRESH_S", 0.01)
    monkeypatch.setattr(network, "FIRST_BACKOFF_S", 0.01)


def direct(config: Config, place: Place) -> None:
    """Let a peer know where another listens."""
    config.peers[place.code] = f"127.0.0.1:{place.network.port}"


async def enter(hall: Hall, caller: Caller, code: str) -> None:
    """Greet; the peer's own hello was read."""
    caller.send(hall.hello(code))
    assert isinstance(await caller.read(), Hello)


def codes(frames: list[Frame]) -> list[str]:
    return [frame.code for frame in frames if isinstance(frame, Notice)]


# --- dialling


async def test_two_validators_keep_one_channel(hall: Hall) -> None:
    low, high, *_ = hall.regions
    voters = [low, high]
    async with hall.running(hall.write(high), voters=voters) as dialled:
        config = hall.write(low)
        direct(config, dialled)
        async with hall.running(config, voters=voters) as dialler:
            await dialled.ear.wait_for(low, "connected")
            await dialler.ear.wait_for(high, "connected")
            assert dialler.network.list_connected() == [high]
            assert dialler.network.list_sync_sources() == [high]
            dialler.network.send([high], WantBlock(digest(1)))
            dialler.network.send_transactions([high], [b"one"])
            await dialled.ear.wait_for(low, WantBlock(digest(1)))
            await dialled.ear.wait_for(low, Transactions((b"one",)))
        await dialled.ear.wait_for(low, "disconnected")
        await dialled.ear.wait_for(low, Notice("stopping", "this peer stops"))
        assert not dialler.failures + dialled.failures


async def test_an_address_that_none_is_costs_an_attempt(
    hall: Hall, caplog: pytest.LogCaptureFixture
) -> None:
    low, high, *_ = hall.regions
    voters = [low, high]
    async with hall.running(hall.write(high), voters=voters) as dialled:
        config = hall.write(low)
        config.peers[high] = "no address at all"
        async with hall.running(config, voters=voters) as dialler:
            async with asyncio.timeout(WAIT_S):
                while "cannot be dialled" not in caplog.text:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            config.peers[high] = "label..empty:7000"
            direct(config, dialled)
            await dialler.ear.wait_for(high, "connected")
            assert not dialler.failures


async def test_a_dialler_that_ended_is_replaced(hall: Hall) -> None:
    low, high, *_ = hall.regions
    voters = [low, high]
    async with hall.running(hall.write(high), voters=voters) as dialled:
        config = hall.write(low)
        direct(config, dialled)
        async with hall.running(config, voters=voters) as dialler:
            await dialler.ear.wait_for(high, "connected")
            dialler.ear.news.clear()
            next(task for task in asyncio.all_tasks() if task.get_name() == f"dial {high}").cancel()
            await dialler.ear.wait_for(high, "disconnected")
            await dialler.ear.wait_for(high, "connected")


# --- whose fault it is


@pytest.mark.parametrize(
    ("error", "is_own"),
    [
        (FormatError("garbage"), False),
        (StoreError("damaged"), True),
        (AssertionError("wrong"), True),
        (RecursionError("deep"), True),
        (OSError("no disk"), True),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_the_replica_raises(hall: Hall, error: Exception, is_own: bool) -> None:
    code, other, *_ = hall.regions
    config = hall.write(other)

    def react(_: str, frame: Frame) -> None:
        if isinstance(frame, WantBlock):
            raise error

    async with hall.running(hall.write(code)) as place, hall.calling(config, place) as caller:
        place.ear.react = react
        await enter(hall, caller, other)
        caller.send(WantBlock(digest(1)))
        said = await caller.read_all()
        assert codes(said) == ([] if is_own else ["format"])
        assert place.failures == ([error] if is_own else [])
        await place.ear.wait_for(other, "disconnected")


async def test_a_store_that_fails_a_guest_stops_the_peer(hall: Hall) -> None:
    stranger = hall.make_stranger(compose_code("I", "000000", "00077"))

    async with hall.running(hall.write(hall.regions[0])) as place:
        place.ear.serve = None  # type: ignore[assignment,method-assign]
        async with hall.calling(stranger, place) as caller:
            await enter(hall, caller, stranger.code)
            caller.send(WantRange(1, 2))
            await caller.read_all()
        assert [type(error) for error in place.failures] == [TypeError]


# --- bounds


async def test_the_first_frame_is_small(hall: Hall) -> None:
    code, other, *_ = hall.regions
    async with (
        hall.running(hall.write(code)) as place,
        hall.calling(hall.write(other), place) as caller,
    ):
        caller.writer.write((8 << 20).to_bytes(4, "big"))
        assert codes(await caller.read_all()) == ["frame-too-large"]


async def test_buffered_frames_leave_turns_to_others(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact, "TURN_S", 0.0)
    code, other, *_ = hall.regions
    turns = [0]

    async def count() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    async with (
        hall.running(hall.write(code)) as place,
        hall.calling(hall.write(other), place) as caller,
    ):
        await enter(hall, caller, other)
        seen: list[int] = []
        place.ear.react = lambda *_: seen.append(turns[0])
        counting = asyncio.create_task(count())
        caller.send(*[Consensus(b"x")] * 500, Consensus(b"last"))
        await place.ear.wait_for(other, Consensus(b"last"))
        counting.cancel()
        assert len(set(seen)) == len(seen) == 501


async def test_requests_are_counted_over_connections(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "REQUESTS_PER_S", 0.001)
    monkeypatch.setattr(network, "REQUESTS_BURST", 6.0)
    code, other, *_ = hall.regions
    config = hall.write(other)
    async with hall.running(hall.write(code)) as place:
        async with hall.calling(config, place) as caller:
            await enter(hall, caller, other)
            caller.send(WantRange(1, 2), Consensus(b"x"), WantBlock(digest(1)))
            caller.send(*[WantBlock(digest(2))] * 2, Consensus(b"unheard"))
            assert codes(await caller.read_all()) == ["too-many-requests"]
        async with hall.calling(config, place) as caller:
            await enter(hall, caller, other)
            caller.send(WantBlock(digest(3)))
            assert codes(await caller.read_all()) == ["too-many-requests"]
        heard = [what for _, what in place.ear.news if not isinstance(what, str)]
        wanted = [WantBlock(digest(1)), WantBlock(digest(2))]
        assert heard == [WantRange(1, 2), Consensus(b"x"), *wanted]


async def test_who_is_dropped_is_told_and_not_let_in_again(hall: Hall) -> None:
    code, other, *_ = hall.regions
    config = hall.write(other)
    async with hall.running(hall.write(code)) as place:
        async with hall.calling(config, place) as caller:
            await enter(hall, caller, other)
            await place.ear.wait_for(other, "connected")
            place.ear.react = lambda *_: place.network.drop(other, "wrong signatures")
            caller.send(Consensus(b"x"), Consensus(b"unheard"))
            assert await caller.read_all() == [Notice("misbehaviour", "wrong signatures")]
        await place.ear.wait_for(other, "disconnected")
        assert (other, Consensus(b"unheard")) not in place.ear.news
        async with hall.calling(config, place) as caller:
            assert codes(await caller.read_all()) == ["misbehaviour"]


async def test_who_is_dropped_is_not_dialled_for_a_while(hall: Hall) -> None:
    low, high, *_ = hall.regions
    voters = [low, high]
    async with hall.running(hall.write(high), voters=voters) as dialled:
        config = hall.write(low)
        direct(config, dialled)
        async with hall.running(config, voters=voters) as dialler:
            await dialler.ear.wait_for(high, "connected")
            dialler.network.drop(high, "wrong signatures")
            assert dialler.network.list_connected() == []
            assert dialler.network.list_sync_sources() == []
            await dialler.ear.wait_for(high, "disconnected")
            dialled.ear.news.clear()
            dialler.network._shunned.clear()  # the while is over
            await dialled.ear.wait_for(low, "connected")


async def test_one_code_holds_one_guest_channel_and_nodes_come_first(hall: Hall) -> None:
    code, other, *_ = hall.regions
    stranger = hall.make_stranger(compose_code("I", "000000", "00077"))
    second = hall.make_stranger(compose_code("I", "000000", "00078"))
    node = hall.write(other)
    hall.rotate(node)  # a new key that the ledger does not know: a guest, but of a node on record
    config = hall.limit(hall.write(code), sync_connections=1, peer_connections=4)
    async with hall.running(config) as place, hall.calling(stranger, place) as first:
        await enter(hall, first, stranger.code)
        async with hall.calling(stranger, place) as newer:
            assert codes(await first.read_all()) in ([], ["sync-only"])
            await enter(hall, newer, stranger.code)
            async with hall.calling(second, place) as refused:
                assert codes(await refused.read_all()) == ["busy"]
            async with hall.calling(node, place) as known:
                await enter(hall, known, other)
                known.send(Transactions((bytes(3000),)), WantRange(1, 2))
                answers = [await known.read(), await known.read()]
                assert codes([item for item in answers if item]) == ["sync-only"]
                assert answers[1] == Range((), b"")
            assert codes(await newer.read_all()) in ([], ["sync-only"])


# --- peers that state here does not know any more


@pytest.mark.parametrize("is_dialler", [True, False], ids=["dials", "is dialled"])
async def test_a_peer_at_genesis_asks_validators_with_new_keys(
    hall: Hall, is_dialler: bool
) -> None:
    asleep, awake = hall.regions[:2] if is_dialler else reversed(hall.regions[:2])
    voters = [asleep, awake]
    rotated, config = hall.write(awake), hall.write(asleep)
    hall.extend(hall.rotate(rotated))
    answer = Range((), b"", (b"a header",))
    async with hall.running(rotated, hall.stage.store, voters) as new:
        new.ear.answer = answer
        direct(config, new)
        async with hall.running(config, voters=voters) as old:
            direct(rotated, old)
            new.ear.react = lambda code, frame: new.network.send([code], answer)
            await old.ear.wait_for(awake, Hello)
            assert old.network.list_connected() == []
            assert old.network.list_sync_sources() == [awake]
            old.network.send([awake], Consensus(b"unsaid"))
            old.network.send([awake], WantRange(1, 256))
            await new.ear.wait_for(asleep, WantRange(1, 256))
            new.network.send([asleep], Consensus(b"unheard"))
            new.network.send([asleep], answer)
            await old.ear.wait_for(awake, answer)
            kinds = {type(what) for _, what in old.ear.news}
            assert kinds <= {Hello, Range}
            assert (asleep, Consensus(b"unsaid")) not in new.ear.news
            # It caught up: final state is the same, and the channel becomes a full one.
            old.store.fold(hall.last)
            await old.ear.wait_for(awake, "connected")
            assert not old.failures + new.failures


async def test_who_is_only_served_ranges_says_nothing_else(hall: Hall) -> None:
    low, high, *_ = hall.regions
    voters = [low, high]
    async with hall.running(hall.write(high), voters=[low]) as served:
        config = hall.write(low)
        hall.rotate(config)  # not on the ledger yet
        direct(config, served)
        async with hall.running(config, voters=voters) as dialler:
            await dialler.ear.wait_for(high, Notice)
            assert dialler.network.list_connected() == []
            assert dialler.network.list_sync_sources() == [high]
            dialler.network.send([high], WantRange(1, 2))
            await served.ear.wait_for("", WantRange(1, 2))
            await dialler.ear.wait_for(high, Range((), b""))
            # Snapshots are asked for and given like ranges.
            served.ear.answer = Offer(None)
            for want in (WantSnapshot(), WantEpochs(0), WantPart(64, PartKind.STATE, 0, 0)):
                dialler.network.send([high], want)
                await served.ear.wait_for("", want)
            await dialler.ear.wait_for(high, Offer(None))
