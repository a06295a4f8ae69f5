"""Resources, their pools, and what regional nodes see of them."""

from collections.abc import Sequence

from ledger.code import compose_code, parse_code
from tests.contracts.chance import Chance, Data, fits
from tests.contracts.trade import UNITS, make_descriptor
from tests.contracts.world import HOUR_MS


@fits("resource.register")
def register_resource(chance: Chance, data: Data) -> Sequence[str] | None:
    """One more resource of a provider."""
    provider = chance.pick_code("P")
    fields = parse_code(provider)
    serial = f"{chance.rng.randrange(10**6):07}"
    class_ = chance.one(("20", "20", "20", "10"))
    data["code"] = compose_code("C", fields.place, fields.registrant, "I", class_, serial)
    data["descriptor"] = make_descriptor(chance.one((1_000, UNITS)))
    return (provider,)


@fits("resource.update")
def update_resource(chance: Chance, data: Data) -> None:
    """The same machine, smaller or greater, and perhaps not as before."""
    units = chance.one((1_000, UNITS, 2 * UNITS))
    data["descriptor"] = make_descriptor(units, latency_ms=chance.one((5, 20)))


@fits("resource.attest")
def attest(chance: Chance, data: Data) -> None:
    """All that it has, mostly, for a year."""
    resource = chance.world.value(b"resource\x00" + data["code"].encode() + b"\x00")
    if resource and chance.often(70):
        data["units"] = resource["descriptor"]["units"]
        data["until_ms"] = chance.world.time_ms + 366 * 24 * HOUR_MS


@fits("pool.create")
def create_pool(chance: Chance, data: Data) -> None:
    """A pool that somebody can join."""
    data["interface"] = chance.one(("", "", "kubernetes-1"))
    data["resource_class"] = chance.one(("", "", "20"))


@fits("pool.join")
def join_pool(chance: Chance, data: Data) -> None:
    """A pool of the resource's region, if there is one."""
    place = data["resource"][1:3]
    data["pool"] = chance.pick(
        "pool", lambda pool: place == pool["node"][1:3] and pool["state"] == "open"
    )


@fits("pool.leave", "pool.remove")
def leave_pool(chance: Chance, data: Data) -> Sequence[str] | None:
    """A resource that is in a pool."""
    members = [
        (key, record.value)
        for key, record in chance.world.state.scan(b"pool_member\x00")
        if record.value["state"] == "joined"
    ]
    key, member = chance.one(members)
    data["pool"], data["resource"] = (part.decode() for part in key.split(b"\x00")[1:3])
    pool = chance.find(data["pool"])
    return (pool["node"],) if "reason" in data else (member["provider"],)


@fits("monitoring.report", "monitoring.correct")
def report(chance: Chance, data: Data) -> None:
    """An hour of yesterday, with figures that go together."""
    hour = chance.world.time_ms // HOUR_MS - 1 - chance.rng.randrange(3)
    resource = chance.world.value(b"resource\x00" + data["resource"].encode() + b"\x00")
    reported = [
        hour["starts_ms"]
        for _, record in chance.world.state.scan(b"report\x00" + data["resource"].encode())
        for hour in record.value["hours"]
    ]
    data["starts_ms"] = hour * HOUR_MS
    if reported and "reason" in data:
        data["starts_ms"] = chance.one(reported)
    data["capacity_units"] = resource["attested_units"] if resource else 0
    data["peak_units"] = data["capacity_units"] // 2
    data["used_unit_seconds"] = data["peak_units"] * chance.rng.randint(0, 3_600)
