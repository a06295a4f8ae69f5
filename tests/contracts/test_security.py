"""Incidents: contained in time or overdue, resolved once, graded as they turn out."""

from contracts.rules import VERSION_1
from contracts.security import make_count_key
from tests.contracts.failures.security import grade, resolved, step
from tests.contracts.public import report_incident
from tests.contracts.trade import Trade, find_object
from tests.contracts.world import GUIZHOU, list_events

WINDOW_MS = VERSION_1["incident_window_ms"]


def test_an_incident_is_graded_contained_and_resolved() -> None:
    trade = Trade()
    name, world = report_incident(trade), trade.world
    world.do("security.grade", GUIZHOU, **grade(name))
    contained = world.do("security.contain", GUIZHOU, **step(name))
    assert (len(contained.changes), contained.events[0]["data"]["severity"]) == (1, 1)
    assert world.state.get_derived(make_count_key(GUIZHOU)) == 1
    world.do("security.resolve", GUIZHOU, **step(name))
    incident = find_object(world, name)
    assert (incident["state"], incident["resolved_ms"]) == ("resolved", world.time_ms)
    assert world.state.get_derived(make_count_key(GUIZHOU)) is None


def test_what_is_not_contained_in_time_is_overdue_once() -> None:
    trade = Trade()
    name, world = report_incident(trade), trade.world
    assert list_events(*world.wait(WINDOW_MS)) == ["security.overdue"]
    assert world.wait(WINDOW_MS) == []
    world.do("security.contain", GUIZHOU, **step(name))
    assert find_object(world, name)["overdue"] == 1


def test_what_comes_back_names_the_earlier_one() -> None:
    trade = Trade()
    earlier = resolved(trade)
    again = report_incident(trade, predecessor=earlier)
    assert find_object(trade.world, again)["predecessor"] == earlier
