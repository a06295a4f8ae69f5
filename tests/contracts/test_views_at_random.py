"""Views of random trading worlds: in the right order, of one mind, and as the calendars are."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant

from contracts.resource import RESOURCES
from contracts.views import compute_result
from tests.contracts.test_conservation import Market


class Viewed(Market):
    """The trading world with a look at it after every step."""

    def total(self, query: str, *columns: str) -> list[int]:
        """The sums of some columns over all rows."""
        world = self.trade.world
        result = compute_result(world.state, query, world.height, world.time_ms)
        rows = result["rows"]
        return [sum(int(row[column]) for row in rows) for column in columns]

    @invariant()
    def views_agree(self) -> None:
        world = self.trade.world
        columns = ("listed_units", "sold_units", "scheduled_units", "running_units", "idle_units")
        listed, sold, scheduled, running, idle = self.total("capacity-1", *columns)
        assert listed >= sold >= scheduled >= running >= 0
        # The calendar is derived, and kept by another hand than the view.
        codes = [key.split(b"\x00")[1].decode() for key, _ in world.state.scan(RESOURCES.prefix)]
        assert sold == sum(world.reserved(code) for code in codes)
        assert self.total("gap-1", "idle_units", "unmet_units") == [
            idle,
            *self.total("unmet-1", "unmet_units"),
        ]
        money = ("leases", "used_unit_seconds", "billed_micro_yuan")
        assert self.total("settled-1", *money) == self.total("flows-1", *money)
        assert self.total("settled-1", "closed", "failed") == self.total(
            "delivery-1", "closed", "failed"
        )
        assert self.total("prices-1", "sold_units") == [sold]


Viewed.TestCase.settings = settings(
    max_examples=8,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestViewed = Viewed.TestCase
