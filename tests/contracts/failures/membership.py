"""What fails when an applicant is made a node, and when that node connects."""

from ledger.code import compose_code
from ledger.codec import Value
from ledger.crypto import SigningKey
from ledger.transaction import key_signer
from ledger.x509 import issue_certificate
from tests.contracts.failures.cases import SECOND_REGION, Attempt, another, case
from tests.contracts.newcomer import (
    HEBEI,
    INDUSTRY_NODE,
    NO_APPLICATION,
    OPERATOR,
    OTHER_APPLICANT,
    Newcomer,
    admit,
    bar_data,
    connection,
    declare,
)
from tests.contracts.trade import Trade
from tests.contracts.world import (
    BEGIN_MS,
    BEIJING,
    BUREAU,
    END_MS,
    NATIONAL,
    ROOT,
    START_MS,
    make_keys,
)


def ready(trade: Trade, code: str = HEBEI) -> Trade:
    admit(trade.world, code)
    declare(trade.world, code)
    return trade


def admission(newcomer: Newcomer, **changes: Value) -> Attempt:
    return newcomer.admission(**changes)


def admitted(trade: Trade, code: str = HEBEI) -> Newcomer:
    return Newcomer(trade.world, code).admitted()


@case("membership.admit", "unknown-application")
def _(trade: Trade) -> Attempt:
    return admission(admitted(trade), application=NO_APPLICATION)


@case("membership.admit", "wrong-state")
def _(trade: Trade) -> Attempt:
    return admission(Newcomer(trade.world).submitted())


@another("membership.admit", "wrong-state")
def _(trade: Trade) -> Attempt:
    """It has its node."""
    newcomer = admitted(trade, INDUSTRY_NODE)
    newcomer.admit()
    newcomer.code = compose_code("I", "000000", "00022", "J")
    return admission(newcomer)


@case("membership.admit", "entity-barred")
def _(trade: Trade) -> Attempt:
    newcomer = admitted(trade)
    other = Newcomer(trade.world, applicant=OTHER_APPLICANT).draft()
    other.do("admission.bar", BUREAU, **bar_data(OPERATOR))
    return admission(newcomer)


@case("membership.admit", "code-mismatch")
def _(trade: Trade) -> Attempt:
    newcomer = admitted(trade)
    newcomer.code = SECOND_REGION
    return admission(newcomer)


@another("membership.admit", "code-mismatch")
def _(trade: Trade) -> Attempt:
    newcomer = admitted(trade, INDUSTRY_NODE)
    newcomer.code = compose_code("I", "000000", "00021", "K")
    return admission(newcomer)


@case("membership.admit", "wrong-keys")
def _(trade: Trade) -> Attempt:
    signers, data = admission(admitted(trade))
    return signers[:3], data


@another("membership.admit", "wrong-keys")
def _(trade: Trade) -> Attempt:
    """The identity's key votes too."""
    signers, data = admission(admitted(trade))
    return [*signers[:3], signers[1]], data


@case("membership.admit", "bad-certificate")
def _(trade: Trade) -> Attempt:
    newcomer = admitted(trade)
    thief = make_keys("thief")
    return admission(newcomer, certificate=identity_certificate(signing=thief))


@case("membership.admit", "certificate-mismatch")
def _(trade: Trade) -> Attempt:
    newcomer = admitted(trade)
    return admission(newcomer, certificate=identity_certificate(is_authority=False))


@case("membership.admit", "certificate-not-valid")
def _(trade: Trade) -> Attempt:
    newcomer = admitted(trade)
    past = identity_certificate(not_after_ms=START_MS - 60_000)
    return admission(newcomer, certificate=past)


@case("membership.admit", "bad-peer-certificate")
def _(trade: Trade) -> Attempt:
    newcomer = admitted(trade)
    peer, thief = make_keys(HEBEI + "peer").public, make_keys("thief")
    forged = issue_certificate(HEBEI, HEBEI, peer, thief, 3, BEGIN_MS, END_MS, False)
    return admission(newcomer, peer_certificate=forged)


@case("membership.admit", "outside-number-block")
def _(trade: Trade) -> Attempt:
    newcomer = admitted(trade)
    newcomer.code = compose_code("R", "130000", "0Z001", serial="0000001")
    return admission(newcomer)


@case("membership.admit", "code-taken")
def _(trade: Trade) -> Attempt:
    newcomer = admitted(trade, INDUSTRY_NODE)
    trade.world.register(INDUSTRY_NODE, NATIONAL)
    return admission(newcomer)


@case("membership.admit", "region-taken")
def _(trade: Trade) -> Attempt:
    newcomer = admitted(trade)
    trade.world.register(compose_code("R", "130000", "00009", serial="0000001"), NATIONAL)
    return admission(newcomer)


@case("membership.admit", "block-taken")
def _(trade: Trade) -> Attempt:
    return admission(admitted(trade), number_block=[0, 10])


@case("membership.admit", "key-taken")
def _(trade: Trade) -> Attempt:
    signers, data = admission(admitted(trade))
    return [*signers[:3], key_signer(make_keys(BEIJING + "validator").public)], data


def identity_certificate(
    signing: SigningKey = ROOT, is_authority: bool = True, not_after_ms: int = END_MS
) -> bytes:
    return issue_certificate(
        HEBEI,
        NATIONAL,
        make_keys(HEBEI).public,
        signing,
        9,
        BEGIN_MS,
        not_after_ms,
        is_authority,
    )


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


@case("membership.reconnect", "unknown-node")
def _(trade: Trade) -> Attempt:
    trade.world.register(INDUSTRY_NODE, NATIONAL)
    return INDUSTRY_NODE, {"through": BEIJING}


@case("membership.reconnect", "wrong-gateway")
def _(trade: Trade) -> Attempt:
    """It is connected through this one."""
    signers, data = connection(ready(trade, INDUSTRY_NODE).world, INDUSTRY_NODE, through=BEIJING)
    trade.world.do("membership.connect", signers, **data)
    trade.world.block()
    return INDUSTRY_NODE, {"through": BEIJING}
