"""What nodes do in public in the small world: pools, readings, their service centre."""

from contracts.monitoring import HOUR_MS
from ledger.codec import Value
from tests.contracts.trade import INDUSTRY, RESOURCE, ROOT_OF_SAMPLES, UNITS, Trade
from tests.contracts.world import GUIZHOU, NATIONAL


def register_industry(trade: Trade) -> str:
    """An industry node of sector I."""
    trade.world.register(INDUSTRY, NATIONAL)
    return INDUSTRY


def pool_data(**changes: Value) -> dict[str, Value]:
    """A pool of whatever its node may gather."""
    return {"interface": "", "name": "Gui'an", "resource_class": "", **changes}


def make_pool(trade: Trade, node: str = GUIZHOU, **changes: Value) -> str:
    """An open pool of a node."""
    result = trade.world.do("pool.create", node, **pool_data(**changes))
    return str(result.events[0]["about"][0])


def reading(trade: Trade, **changes: Value) -> dict[str, Value]:
    """The last full hour of the resource, half used."""
    return {
        "availability_bp": 9_990,
        "capacity_units": UNITS,
        "energy_wh": 20_000,
        "peak_units": UNITS,
        "resource": RESOURCE,
        "samples_count": 60,
        "samples_root": ROOT_OF_SAMPLES,
        "starts_ms": trade.world.time_ms // HOUR_MS * HOUR_MS - HOUR_MS,
        "used_unit_seconds": UNITS * 1_800,
        **changes,
    }
