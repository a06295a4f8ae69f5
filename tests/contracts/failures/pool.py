"""Failures of pools."""

from contracts.pool import MAX_MEMBERS, MAX_POOLS
from ledger.code import compose_code
from ledger.codec import Value
from tests.contracts.failures.cases import (
    MISSING_RESOURCE,
    SUSPENSION,
    Attempt,
    another,
    case,
)
from tests.contracts.public import make_pool, pool_data, register_industry
from tests.contracts.trade import (
    OTHER_PROVIDER,
    PROVIDER,
    RESOURCE,
    Trade,
    make_descriptor,
)
from tests.contracts.world import BEIJING, GUIZHOU, NATIONAL

NO_POOL = "pool-" + "0" * 32 + "-0"


def pooled(trade: Trade, **changes: Value) -> str:
    """A pool of Guizhou's, which the resource has joined."""
    trade.set_up()
    pool = make_pool(trade, **changes)
    trade.world.do("pool.join", PROVIDER, pool=pool, resource=RESOURCE)
    return pool


@case("pool.create", "too-many-pools")
def _(trade: Trade) -> Attempt:
    for _ in range(MAX_POOLS):
        make_pool(trade)
    return GUIZHOU, pool_data()


@case("pool.close", "unknown-pool")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"pool": NO_POOL}


@case("pool.close", "not-pool-node")
def _(trade: Trade) -> Attempt:
    return BEIJING, {"pool": make_pool(trade)}


@case("pool.close", "wrong-state")
def _(trade: Trade) -> Attempt:
    pool = make_pool(trade)
    trade.world.do("pool.close", GUIZHOU, pool=pool)
    return GUIZHOU, {"pool": pool}


@case("pool.close", "pool-not-empty")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"pool": pooled(trade)}


@case("pool.join", "unknown-pool")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"pool": NO_POOL, "resource": RESOURCE}


@case("pool.join", "unknown-resource")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"pool": make_pool(trade), "resource": MISSING_RESOURCE}


@case("pool.join", "not-owner")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    trade.world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, {"pool": make_pool(trade), "resource": RESOURCE}


@case("pool.join", "pool-closed")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    pool = make_pool(trade)
    trade.world.do("pool.close", GUIZHOU, pool=pool)
    return PROVIDER, {"pool": pool, "resource": RESOURCE}


@case("pool.join", "node-not-active")
def _(trade: Trade) -> Attempt:
    industry = register_industry(trade)
    trade.set_up()
    pool = make_pool(trade, industry)
    trade.world.do("identity.suspend", NATIONAL, code=industry, **SUSPENSION)
    return PROVIDER, {"pool": pool, "resource": RESOURCE}


@case("pool.join", "outside-pool")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"pool": make_pool(trade, BEIJING), "resource": RESOURCE}


@case("pool.join", "already-pooled")
def _(trade: Trade) -> Attempt:
    pooled(trade)
    return PROVIDER, {"pool": make_pool(trade), "resource": RESOURCE}


@case("pool.join", "pool-full")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    pool, world = make_pool(trade), trade.world
    codes = [
        compose_code("C", "520100", "0E001", "I", "20", f"{serial:07d}")
        for serial in range(100, 100 + MAX_MEMBERS)
    ]
    descriptor = make_descriptor()
    world.block(
        *(
            world.make("resource.register", PROVIDER, code=code, descriptor=descriptor)
            for code in codes
        )
    )
    world.block(*(world.make("pool.join", PROVIDER, pool=pool, resource=code) for code in codes))
    return PROVIDER, {"pool": pool, "resource": RESOURCE}


@case("pool.leave", "unknown-pool")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"pool": NO_POOL, "resource": RESOURCE}


@case("pool.leave", "unknown-resource")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return PROVIDER, {"pool": make_pool(trade), "resource": MISSING_RESOURCE}


@case("pool.leave", "not-owner")
def _(trade: Trade) -> Attempt:
    pool = pooled(trade)
    trade.world.register(OTHER_PROVIDER, GUIZHOU)
    return OTHER_PROVIDER, {"pool": pool, "resource": RESOURCE}


@case("pool.leave", "not-member")
def _(trade: Trade) -> Attempt:
    pool = pooled(trade)
    trade.world.do("pool.leave", PROVIDER, pool=pool, resource=RESOURCE)
    return PROVIDER, {"pool": pool, "resource": RESOURCE}


def removal(pool: str) -> dict[str, Value]:
    return {"note": "", "pool": pool, "reason": "unfit", "resource": RESOURCE}


@case("pool.remove", "unknown-pool")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, removal(NO_POOL)


@case("pool.remove", "not-pool-node")
def _(trade: Trade) -> Attempt:
    return BEIJING, removal(pooled(trade))


@case("pool.remove", "not-member")
def _(trade: Trade) -> Attempt:
    trade.set_up()
    return GUIZHOU, removal(make_pool(trade))


@another("pool.remove", "not-member")
def _(trade: Trade) -> Attempt:
    pool = pooled(trade)
    trade.world.do("pool.leave", PROVIDER, pool=pool, resource=RESOURCE)
    return GUIZHOU, removal(pool)
