"""Help cases: whose turn it is, and what silence does."""

from contracts.help import BLOCK, make_count_key
from contracts.rules import VERSION_1
from tests.contracts.failures.help import answered, opened
from tests.contracts.public import MESSAGE
from tests.contracts.trade import CONSUMER, Trade, find_object
from tests.contracts.world import GUIZHOU, list_events

ANSWER_MS = VERSION_1["help_answer_window_ms"]
CLOSE_MS = VERSION_1["help_close_window_ms"]


def test_a_case_goes_to_and_fro_until_its_opener_closes_it() -> None:
    trade = Trade()
    name, world = answered(trade), trade.world
    asked = world.do("help.ask", CONSUMER, case=name, message={**MESSAGE, "size": 7})
    assert len(asked.changes) == 1
    assert find_object(world, name)["question"]["size"] == 7
    world.do("help.answer", GUIZHOU, case=name, message=MESSAGE)
    world.do("help.close", CONSUMER, case=name, reason="solved")
    case = find_object(world, name)
    assert (case["state"], case["closed_by"], case["answers"]) == ("closed", CONSUMER, 2)
    assert world.state.get_derived(make_count_key(CONSUMER)) is None


def test_a_silent_node_is_late_and_may_still_answer() -> None:
    trade = Trade()
    name, world = opened(trade), trade.world
    assert list_events(*world.wait(ANSWER_MS)) == ["help.overdue"]
    case = find_object(world, name)
    assert (case["state"], case["late"]) == ("overdue", 1)
    world.do("help.answer", GUIZHOU, case=name, message=MESSAGE)
    assert find_object(world, name)["state"] == "answered"


def test_an_outage_makes_nobody_late() -> None:
    trade = Trade()
    name = opened(trade)
    assert list_events(*trade.world.outage(ANSWER_MS)) == ["clock.gap"]
    assert find_object(trade.world, name)["state"] == "opened"


def test_the_block_closes_what_nobody_asks_on() -> None:
    trade = Trade()
    name = answered(trade)
    assert list_events(*trade.world.wait(CLOSE_MS)) == ["help.closed"]
    case = find_object(trade.world, name)
    assert (case["closed_by"], case["reason"]) == (BLOCK, "silence")


def test_a_node_closes_what_it_has_answered() -> None:
    trade = Trade()
    name = answered(trade)
    trade.world.do("help.close", GUIZHOU, case=name, reason="not-responsible")
    assert find_object(trade.world, name)["closed_by"] == GUIZHOU
