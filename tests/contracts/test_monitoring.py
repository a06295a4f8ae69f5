"""Monitoring: hours by day, corrected but never taken back."""

import pytest

from contracts.errors import CallError
from contracts.machine import check_call
from contracts.monitoring import (
    DAY_MS,
    HOUR_MS,
    OFFSET_MS,
    REPORTS,
    compute_day,
)
from ledger.code import compose_code
from ledger.codec import Value
from tests.contracts.public import reading
from tests.contracts.trade import PROVIDER, RESOURCE, UNITS, Trade, make_descriptor
from tests.contracts.world import GUIZHOU


def day_of(trade: Trade, starts_ms: int) -> Value:
    return trade.world.value(REPORTS.make_key(RESOURCE, compute_day(starts_ms).to_bytes(8, "big")))


def test_the_hours_of_a_day_stand_in_one_record_in_their_order() -> None:
    trade = Trade().set_up()
    trade.world.wait(3 * HOUR_MS)
    hour = reading(trade)
    last = hour["starts_ms"]
    for starts_ms in (last, last - HOUR_MS):
        result = trade.world.do("monitoring.report", GUIZHOU, **{**hour, "starts_ms": starts_ms})
        assert result.events[0]["about"] == [RESOURCE, PROVIDER, GUIZHOU]
        assert len(result.changes) == 1
    hours = day_of(trade, last)["hours"]
    assert [item["starts_ms"] for item in hours] == [last - HOUR_MS, last]
    assert hours[1]["used_unit_seconds"] == UNITS * 1_800


def test_a_day_is_one_of_shanghai() -> None:
    midnight = 20_545 * DAY_MS - OFFSET_MS  # 2026-04-02T00:00+08:00
    assert compute_day(midnight) == 20_545
    assert compute_day(midnight - 1) == 20_544
    assert compute_day(1) == 0


def test_a_correction_counts_and_leaves_the_rest_of_the_day() -> None:
    trade = Trade().set_up()
    trade.world.wait(3 * HOUR_MS)
    hour = reading(trade)
    before = {**hour, "starts_ms": hour["starts_ms"] - HOUR_MS}
    trade.world.do("monitoring.report", GUIZHOU, **before)
    trade.world.do("monitoring.report", GUIZHOU, **hour)
    corrected = {**hour, "energy_wh": 1, "note": "meter", "reason": "wrong-reading"}
    result = trade.world.do("monitoring.correct", GUIZHOU, **corrected)
    assert result.events[0]["data"]["corrections"] == 1
    record = trade.world.state.get(result.changes[0][0])
    assert record is not None and record.version == 3
    first, second = record.value["hours"]
    assert (first["corrections"], second["corrections"], second["reason"]) == (
        0,
        1,
        "wrong-reading",
    )
    assert (first["energy_wh"], second["energy_wh"]) == (20_000, 1)


def test_nothing_is_seen_of_what_nobody_attested() -> None:
    trade = Trade().set_up()
    other = compose_code("C", "520100", "0E001", "I", "20", "0000009")
    trade.world.do("resource.register", PROVIDER, code=other, descriptor=make_descriptor())
    result = trade.world.run("monitoring.report", GUIZHOU, **reading(trade, resource=other))
    assert result.code == "over-attested"
    idle = {"capacity_units": 0, "peak_units": 0, "used_unit_seconds": 0, "energy_wh": 0}
    trade.world.do("monitoring.report", GUIZHOU, **reading(trade, resource=other, **idle))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"starts_ms": HOUR_MS + 1}, "on the hour"),
        ({"peak_units": UNITS + 1}, "than there was"),
        ({"used_unit_seconds": UNITS * 3_600 + 1}, "than the peak allows"),
        ({"samples_count": 0}, "samples_count"),
    ],
)
def test_an_hour_agrees_with_itself(changes: dict[str, Value], words: str) -> None:
    trade = Trade()
    data = reading(trade, **changes)
    with pytest.raises(CallError, match=words):
        check_call(trade.world.make("monitoring.report", GUIZHOU, **data))
