"""The service centre: entries are written anew, notices end by themselves."""

import pytest

from contracts.errors import CallError
from contracts.machine import check_call
from contracts.service import (
    ENTRIES,
    MAX_TEXT,
    make_entry_count_key,
    make_notice_count_key,
)
from ledger.codec import Value
from tests.contracts.public import announce, entry_data, notice_data
from tests.contracts.trade import Trade, find_object
from tests.contracts.world import BUREAU, GUIZHOU, HOUR_MS, list_events


def test_an_entry_is_listed_written_anew_delisted_and_listed_again() -> None:
    world = Trade().world
    key = ENTRIES.make_key(GUIZHOU, "help-desk")
    world.do("service.list", GUIZHOU, **entry_data())
    result = world.do("service.list", GUIZHOU, **entry_data(title="Hotline"))
    assert len(result.changes) == 1
    assert world.value(key)["title"] == "Hotline"
    assert world.state.get_derived(make_entry_count_key(GUIZHOU)) == 1
    world.do("service.delist", GUIZHOU, name="help-desk")
    assert world.state.get_derived(make_entry_count_key(GUIZHOU)) is None
    world.do("service.list", GUIZHOU, **entry_data())
    assert world.value(key)["state"] == "listed"


def test_a_notice_ends_by_itself() -> None:
    trade = Trade()
    notice = announce(trade, BUREAU)
    assert trade.world.state.get_derived(make_notice_count_key(BUREAU)) == 1
    results = trade.world.wait(HOUR_MS)
    assert list_events(*results) == ["service.notice_expired"]
    assert find_object(trade.world, notice)["state"] == "expired"
    assert trade.world.state.get_derived(make_notice_count_key(BUREAU)) is None


def test_a_withdrawn_notice_says_why_and_does_not_expire() -> None:
    trade = Trade()
    notice = announce(trade)
    trade.world.do("service.withdraw_notice", GUIZHOU, note="put off", notice=notice)
    record = find_object(trade.world, notice)
    assert (record["state"], record["reason"]) == ("withdrawn", "put off")
    assert trade.world.wait(HOUR_MS) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text": "x" * (MAX_TEXT + 1)}, "text"),
        ({"text": "a\x07b"}, "printed"),
        ({"topic": "advertisement"}, "topic"),
        ({"documents": [{}]}, "documents"),
    ],
)
def test_notices_have_bounds(changes: dict[str, Value], words: str) -> None:
    trade = Trade()
    with pytest.raises(CallError, match=words):
        check_call(trade.world.make("service.announce", GUIZHOU, **notice_data(trade, **changes)))
    call = trade.world.make("service.announce", GUIZHOU, **notice_data(trade, text="a\nb"))
    check_call(call)


def test_a_url_is_one_of_the_web_or_none() -> None:
    world = Trade().world
    check_call(world.make("service.list", GUIZHOU, **entry_data(url="")))
    with pytest.raises(CallError, match="url"):
        check_call(world.make("service.list", GUIZHOU, **entry_data(url="ftp://x")))
