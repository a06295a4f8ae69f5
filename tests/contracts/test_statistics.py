"""Statistics: published, withdrawn, replaced; and computed again to the same digest."""

import pytest

from contracts.errors import CallError
from contracts.machine import check_call
from contracts.views import compute_digest, compute_result
from tests.contracts.failures.statistics import withdrawn
from tests.contracts.public import publish, statistic_data
from tests.contracts.trade import Trade, find_object
from tests.contracts.world import GUIZHOU


def test_whoever_has_the_records_has_the_digest() -> None:
    trade = Trade().start()
    world = trade.world
    result = compute_result(world.state, "capacity-1", world.height, world.time_ms)
    name = publish(trade, result_sha256=compute_digest(result))
    record = find_object(world, name)
    assert record["height"] == result["height"]
    again = compute_result(world.state, record["query"], result["height"], result["time_ms"])
    assert compute_digest(again) == record["result_sha256"]


def test_what_is_withdrawn_may_be_replaced() -> None:
    trade = Trade()
    earlier = withdrawn(trade)
    later = publish(trade, replaces=earlier)
    assert find_object(trade.world, later)["replaces"] == earlier
    assert find_object(trade.world, earlier)["state"] == "withdrawn"


def test_a_publication_changes_one_record() -> None:
    trade = Trade()
    result = trade.world.do("statistics.publish", GUIZHOU, **statistic_data(trade))
    assert len(result.changes) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"figures": {f"figure_{place}": 1 for place in range(17)}},
        {"figures": {"Idle": 1}},
        {"figures": {"idle": -1}},
        {"query": "capacity"},
        {"result_sha256": b"short"},
    ],
)
def test_publications_have_bounds(changes: dict[str, object]) -> None:
    trade = Trade()
    data = statistic_data(trade, **changes)
    with pytest.raises(CallError, match=next(iter(changes))):
        check_call(trade.world.make("statistics.publish", GUIZHOU, **data))
