"""What fails when an admitted node connects."""

from ledger.transaction import key_signer
from tests.contracts.failures.cases import Attempt, case
from tests.contracts.newcomer import HEBEI, INDUSTRY_NODE, admit, connection, declare
from tests.contracts.trade import Trade
from tests.contracts.world import BEIJING, NATIONAL, make_keys


def ready(trade: Trade, code: str = HEBEI) -> Trade:
    admit(trade.world, code)
    declare(trade.world, code)
    return trade


@case("membership.connect", "unknown-node")
def _(trade: Trade) -> Attempt:
    trade.world.register(HEBEI, NATIONAL)
    return connection(trade.world)


@case("membership.connect", "wrong-state")
def _(trade: Trade) -> Attempt:
    return connection(trade.world, BEIJING)


@case("membership.connect", "wrong-key")
def _(trade: Trade) -> Attempt:
    _, data = connection(ready(trade).world)
    return (HEBEI, key_signer(make_keys("another").public)), data


@case("membership.connect", "wrong-gateway")
def _(trade: Trade) -> Attempt:
    return connection(ready(trade, INDUSTRY_NODE).world, INDUSTRY_NODE, through=HEBEI)


@case("membership.connect", "not-conformant")
def _(trade: Trade) -> Attempt:
    admit(trade.world)
    declare(trade.world, passed=False)
    return connection(trade.world)


@case("membership.connect", "unknown-root")
def _(trade: Trade) -> Attempt:
    return connection(ready(trade).world, state_root=bytes(32))
