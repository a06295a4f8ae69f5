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


DOCUMENT: dict[str, Value] = {
    "location": "https://files.example/1",
    "media_type": "application/pdf",
    "sha256": bytes(range(32)),
    "size": 1_000,
}
MESSAGE: dict[str, Value] = {"sha256": bytes(range(32)), "size": 100}


def entry_data(**changes: Value) -> dict[str, Value]:
    """What a node offers."""
    return {
        "contact": "help@guizhou.example",
        "duty": "help",
        "name": "help-desk",
        "summary": "Questions of trade.\nWeekdays.",
        "title": "Help desk",
        "url": "https://guizhou.example/help",
        **changes,
    }


def notice_data(trade: Trade, **changes: Value) -> dict[str, Value]:
    """A notice that stands for an hour."""
    return {
        "documents": [DOCUMENT],
        "ends_ms": trade.world.time_ms + HOUR_MS,
        "text": "",
        "title": "Maintenance",
        "topic": "maintenance",
        **changes,
    }


def announce(trade: Trade, node: str = GUIZHOU, **changes: Value) -> str:
    """A notice of a node."""
    result = trade.world.do("service.announce", node, **notice_data(trade, **changes))
    return str(result.events[0]["about"][0])


def case_data(**changes: Value) -> dict[str, Value]:
    """A question to Guizhou's node."""
    return {
        "about": "",
        "category": "trade",
        "message": MESSAGE,
        "node": GUIZHOU,
        "subject": "How is a lease moved?",
        **changes,
    }


def open_case(trade: Trade, opener: str, **changes: Value) -> str:
    """An open help case."""
    result = trade.world.do("help.open", opener, **case_data(**changes))
    return str(result.events[0]["about"][0])


def incident_data(trade: Trade, **changes: Value) -> dict[str, Value]:
    """An incident of now."""
    return {
        "affected": [],
        "category": "network",
        "document": DOCUMENT,
        "occurred_ms": trade.world.time_ms,
        "predecessor": "",
        "severity": 3,
        "title": "A line was cut",
        **changes,
    }


def report_incident(trade: Trade, node: str = GUIZHOU, **changes: Value) -> str:
    """A reported incident."""
    result = trade.world.do("security.report", node, **incident_data(trade, **changes))
    return str(result.events[0]["about"][0])


def statistic_data(trade: Trade, **changes: Value) -> dict[str, Value]:
    """What the last block left of capacity."""
    return {
        "figures": {"idle_units": 8_000},
        "height": trade.world.height,
        "query": "capacity-1",
        "replaces": "",
        "result_sha256": bytes(32),
        "title": "Idle capacity",
        **changes,
    }


def publish(trade: Trade, node: str = GUIZHOU, **changes: Value) -> str:
    """A published statistic."""
    result = trade.world.do("statistics.publish", node, **statistic_data(trade, **changes))
    return str(result.events[0]["about"][0])
