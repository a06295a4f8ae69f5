"""Fetching what is missing: whom it asks, how often, and when it stops."""

from node.fetch import GRACE_MS, MAX_WANTED_BLOCKS, RETRY_MS, Fetch
from node.frames import WantBlock, WantTransactions
from tests.node.stage import Stage, digest


def make(*connected: str) -> tuple[Stage, Fetch]:
    stage = Stage()
    stage.ports.connected = list(connected)
    return stage, Fetch(stage.judge, stage.ports, lambda _: False)


def asked(stage: Stage) -> list[str]:
    found = [code for (code,), frame in stage.ports.sent if isinstance(frame, WantBlock)]
    stage.ports.sent.clear()
    return found


def test_signers_are_asked_one_after_another_until_it_comes() -> None:
    stage, fetch = make("A", "B", "C")
    fetch.want_block(digest(1), ["B", "C"], 5)
    assert asked(stage) == ["B"]
    stage.ports.advance(RETRY_MS)
    assert asked(stage) == ["C"]
    stage.ports.advance(RETRY_MS)
    assert asked(stage) == ["B"]
    assert fetch.wants(digest(1))
    fetch.got(digest(1))
    stage.ports.advance(RETRY_MS)
    assert asked(stage) == []
    assert stage.ports.timers == {}


def test_anybody_is_asked_where_no_signer_is_connected() -> None:
    stage, fetch = make("A")
    fetch.want_block(digest(1), ["B"], 5)
    assert asked(stage) == ["A"]
    stage.ports.connected = []
    stage.ports.advance(RETRY_MS)
    assert asked(stage) == []
    stage.ports.connected = ["B", "A"]
    stage.ports.advance(RETRY_MS)
    assert asked(stage) == ["B"]


def test_what_has_lost_is_no_longer_wanted() -> None:
    _, fetch = make("A")
    for view in (3, 4, 5):
        fetch.want_block(digest(view), ["A"], view)
    fetch.prune(4)
    assert [fetch.wants(digest(view)) for view in (3, 4, 5)] == [False, True, True]
    fetch.clear()
    assert len(fetch) == 0


def test_it_is_bounded() -> None:
    _, fetch = make("A")
    for number in range(MAX_WANTED_BLOCKS + 5):
        fetch.want_block(digest(number), ["A"], number)
    assert len(fetch) == MAX_WANTED_BLOCKS


def test_missing_transactions_are_asked_after_a_moments_grace() -> None:
    stage, fetch = make("A", "B")
    sealed = stage.make([stage.deposit(), stage.deposit()])
    stage.judge.park(sealed.block, (), "B", lambda *_: None, is_certified=False)
    # A retry that is far off does not hold up the first question.
    fetch.want_block(digest(1), ["A"], 1)
    fetch.want_transactions()
    stage.ports.sent.clear()
    stage.ports.advance(GRACE_MS)
    wanted = [frame for _, frame in stage.ports.sent if isinstance(frame, WantTransactions)]
    assert [frame.hashes for frame in wanted] == [sealed.block.transaction_hashes]
    assert (("B",), wanted[0]) in stage.ports.sent


def test_what_is_being_checked_is_not_asked_for() -> None:
    stage = Stage()
    stage.ports.connected = ["A"]
    items = [stage.deposit(), stage.deposit()]
    fetch = Fetch(stage.judge, stage.ports, lambda hash_: hash_ == items[0].hash)
    stage.judge.park(stage.make(items).block, (), "A", lambda *_: None, is_certified=False)
    fetch.want_transactions()
    stage.ports.advance(GRACE_MS)
    assert stage.ports.sent == [(("A",), WantTransactions((items[1].hash,)))]
