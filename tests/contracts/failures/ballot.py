"""Failures of proposals and votes."""

from typing import Any

from contracts.ballot import MAX_OPEN
from contracts.proposal import MAX_NOTICE_BLOCKS
from ledger.crypto import SigningKey
from ledger.transaction import key_signer
from ledger.x509 import issue_certificate
from tests.contracts.failures.cases import SECOND_REGION, Attempt, another, case
from tests.contracts.trade import Trade
from tests.contracts.world import (
    BEGIN_MS,
    BEIJING,
    END_MS,
    GUANGDONG,
    GUIZHOU,
    NATIONAL,
    REGIONS,
    ROOT,
    SHANGHAI,
    SICHUAN,
    START_MS,
    World,
    make_keys,
)

NO_BALLOT = "ballot-" + "0" * 32 + "-0"
NEW_ROOT = make_keys("new root")
NEW_NATIONAL = make_keys("new national")


def proposal(matter: str = "suspension", code: str = SICHUAN, **changes: Any) -> dict[str, Any]:
    return {"code": code, "matter": matter, "note": "", "reason": "investigation", **changes}


def rules_proposal(world: World, ahead: int = 1_000, **changes: int) -> dict[str, Any]:
    """A proposal for the next block."""
    return {
        "changes": changes or {"hold_epochs": 3},
        "from_height": world.height + 1 + ahead,
        "note": "",
    }


def make_root(key: SigningKey = NEW_ROOT, **changes: Any) -> bytes:
    fields = {
        "subject": NATIONAL,
        "issuer": NATIONAL,
        "public_key": key.public,
        "issuer_signing_key": key,
        "serial": 1,
        "not_before_ms": BEGIN_MS,
        "not_after_ms": END_MS,
        "is_authority": True,
        **changes,
    }
    return issue_certificate(**fields)


def root_proposal(certificate: bytes = b"", key: SigningKey = NEW_ROOT) -> Attempt:
    signers = (NATIONAL, key_signer(key.public), key_signer(ROOT.public))
    return signers, {"certificate": certificate or make_root(key), "note": ""}


def recovery_proposal(certificate: bytes = b"", **changes: Any) -> Attempt:
    national = issue_certificate(
        NATIONAL, NATIONAL, NEW_NATIONAL.public, NEW_ROOT, 2, BEGIN_MS, END_MS, True
    )
    signers = (GUIZHOU, key_signer(NEW_ROOT.public), key_signer(NEW_NATIONAL.public))
    data = {"certificate": certificate or make_root(), "national_certificate": national, "note": ""}
    return signers, {**data, **changes}


def opened(world: World, kind: str, signers: Any, data: Any) -> str:
    """The id of a ballot that is opened by this."""
    name: str = world.do(kind, signers, **data).events[0]["about"][0]
    return name


def suspension(trade: Trade, code: str = SICHUAN) -> str:
    return opened(trade.world, "ballot.propose", NATIONAL, proposal(code=code))


# ballot.propose


@case("ballot.propose", "not-entitled")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, proposal("retirement")


@another("ballot.propose", "not-entitled")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, proposal("suspension", code=GUIZHOU)


@case("ballot.propose", "not-a-voter")
def _(trade: Trade) -> Attempt:
    trade.world.register(SECOND_REGION, NATIONAL)
    return NATIONAL, proposal(code=SECOND_REGION)


@case("ballot.propose", "wrong-state")
def _(trade: Trade) -> Attempt:
    return NATIONAL, proposal("resumption")


@case("ballot.propose", "matter-open")
def _(trade: Trade) -> Attempt:
    suspension(trade)
    return GUIZHOU, proposal()


@case("ballot.propose", "too-many-ballots")
def _(trade: Trade) -> Attempt:
    for code in REGIONS[:MAX_OPEN]:
        suspension(trade, code)
    return NATIONAL, proposal()


# ballot.propose_rules


@case("ballot.propose_rules", "unknown-rule")
def _(trade: Trade) -> Attempt:
    return NATIONAL, rules_proposal(trade.world, printing_press=1)


@case("ballot.propose_rules", "beyond-bounds")
def _(trade: Trade) -> Attempt:
    return NATIONAL, rules_proposal(trade.world, minimum_validators=3)


@case("ballot.propose_rules", "broken-relation")
def _(trade: Trade) -> Attempt:
    return NATIONAL, rules_proposal(trade.world, sla_floor_1_bp=9_899)


@case("ballot.propose_rules", "notice-too-short")
def _(trade: Trade) -> Attempt:
    return NATIONAL, rules_proposal(trade.world, ahead=999)


@case("ballot.propose_rules", "notice-too-long")
def _(trade: Trade) -> Attempt:
    return NATIONAL, rules_proposal(trade.world, ahead=MAX_NOTICE_BLOCKS + 1)


@case("ballot.propose_rules", "matter-open")
def _(trade: Trade) -> Attempt:
    opened(trade.world, "ballot.propose_rules", NATIONAL, rules_proposal(trade.world))
    return NATIONAL, rules_proposal(trade.world, hold_epochs=4)


@case("ballot.propose_rules", "too-many-ballots")
def _(trade: Trade) -> Attempt:
    for code in REGIONS[:MAX_OPEN]:
        suspension(trade, code)
    return NATIONAL, rules_proposal(trade.world)


# ballot.propose_root, ballot.propose_recovery


@case("ballot.propose_root", "not-the-root")
def _(trade: Trade) -> Attempt:
    signers, data = root_proposal()
    return (*signers[:2], key_signer(make_keys("thief").public)), data


@case("ballot.propose_root", "bad-certificate")
def _(trade: Trade) -> Attempt:
    return root_proposal(make_root(issuer_signing_key=make_keys("thief")))


@case("ballot.propose_root", "certificate-mismatch")
def _(trade: Trade) -> Attempt:
    return root_proposal(make_root(make_keys("another")))


@case("ballot.propose_root", "certificate-not-valid")
def _(trade: Trade) -> Attempt:
    return root_proposal(make_root(not_after_ms=START_MS - 60_000))


@case("ballot.propose_root", "key-taken")
def _(trade: Trade) -> Attempt:
    same = key_signer(ROOT.public)
    return (NATIONAL, same, same), {"certificate": make_root(ROOT), "note": ""}


@case("ballot.propose_root", "matter-open")
def _(trade: Trade) -> Attempt:
    opened(trade.world, "ballot.propose_root", *root_proposal())
    return root_proposal()


@case("ballot.propose_root", "too-many-ballots")
def _(trade: Trade) -> Attempt:
    for code in REGIONS[:MAX_OPEN]:
        suspension(trade, code)
    return root_proposal()


@case("ballot.propose_recovery", "not-entitled")
def _(trade: Trade) -> Attempt:
    trade.world.register(SECOND_REGION, NATIONAL)
    signers, data = recovery_proposal()
    return (SECOND_REGION, *signers[1:]), data


@case("ballot.propose_recovery", "bad-certificate")
def _(trade: Trade) -> Attempt:
    return recovery_proposal(national_certificate=b"\x30\x00")


@case("ballot.propose_recovery", "certificate-mismatch")
def _(trade: Trade) -> Attempt:
    signers, data = recovery_proposal()
    return (*signers[:2], key_signer(make_keys("another").public)), data


@case("ballot.propose_recovery", "certificate-not-valid")
def _(trade: Trade) -> Attempt:
    return recovery_proposal(make_root(not_after_ms=START_MS - 60_000))


@case("ballot.propose_recovery", "key-taken")
def _(trade: Trade) -> Attempt:
    signers, data = recovery_proposal(make_root(ROOT))
    return (signers[0], key_signer(ROOT.public), signers[2]), data


@case("ballot.propose_recovery", "matter-open")
def _(trade: Trade) -> Attempt:
    opened(trade.world, "ballot.propose_recovery", *recovery_proposal())
    return recovery_proposal()


@case("ballot.propose_recovery", "too-many-ballots")
def _(trade: Trade) -> Attempt:
    for code in (BEIJING, SHANGHAI, GUANGDONG, SICHUAN):
        opened(trade.world, "ballot.propose", GUIZHOU, proposal(code=code))
    return recovery_proposal()


# ballot.approve, ballot.reject, ballot.withdraw


def approved(trade: Trade, name: str, *voters: str) -> None:
    for voter in voters:
        trade.world.do("ballot.approve", voter, ballot=name)


@case("ballot.approve", "unknown-ballot")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"ballot": NO_BALLOT}


@case("ballot.approve", "ballot-closed")
def _(trade: Trade) -> Attempt:
    name = suspension(trade)
    trade.world.do("ballot.withdraw", NATIONAL, ballot=name, note="")
    return GUIZHOU, {"ballot": name}


@case("ballot.approve", "not-a-voter")
def _(trade: Trade) -> Attempt:
    trade.world.register(SECOND_REGION, NATIONAL)
    return SECOND_REGION, {"ballot": suspension(trade)}


@another("ballot.approve", "not-a-voter")
def _(trade: Trade) -> Attempt:
    """Nobody judges itself."""
    return SICHUAN, {"ballot": suspension(trade)}


@case("ballot.approve", "already-voted")
def _(trade: Trade) -> Attempt:
    name = opened(trade.world, "ballot.propose", GUIZHOU, proposal())
    return GUIZHOU, {"ballot": name}


@case("ballot.approve", "wrong-state")
def _(trade: Trade) -> Attempt:
    stays = opened(trade.world, "ballot.propose", NATIONAL, proposal("revocation"))
    again = opened(trade.world, "ballot.propose", SICHUAN, proposal("retirement"))
    approved(trade, again, *REGIONS[1:3])
    approved(trade, stays, *REGIONS[:3])
    # Three of the four that are left are a quorum, and there is nothing left to retire.
    return REGIONS[0], {"ballot": again}


@another("ballot.approve", "wrong-state")
def _(trade: Trade) -> Attempt:
    first = opened(trade.world, "ballot.propose_root", *root_proposal())
    second = opened(trade.world, "ballot.propose_root", *root_proposal(key=make_keys("other root")))
    approved(trade, second, *REGIONS[:3])
    approved(trade, first, *REGIONS[:4])
    return REGIONS[3], {"ballot": second}


@case("ballot.approve", "too-few-validators")
def _(trade: Trade) -> Attempt:
    approved(trade, suspension(trade), *REGIONS[:3])
    name = suspension(trade, GUANGDONG)
    approved(trade, name, *REGIONS[:2])
    return REGIONS[2], {"ballot": name}


@case("ballot.approve", "too-few-live")
def _(trade: Trade) -> Attempt:
    name = suspension(trade)
    approved(trade, name, *REGIONS[:2])
    trade.world.silent = [BEIJING, GUANGDONG]
    return REGIONS[2], {"ballot": name}


@case("ballot.reject", "unknown-ballot")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"ballot": NO_BALLOT, "note": ""}


@case("ballot.reject", "ballot-closed")
def _(trade: Trade) -> Attempt:
    name = suspension(trade)
    trade.world.do("ballot.withdraw", NATIONAL, ballot=name, note="")
    return GUIZHOU, {"ballot": name, "note": ""}


@case("ballot.reject", "not-a-voter")
def _(trade: Trade) -> Attempt:
    trade.world.register(SECOND_REGION, NATIONAL)
    return SECOND_REGION, {"ballot": suspension(trade), "note": ""}


@another("ballot.reject", "not-a-voter")
def _(trade: Trade) -> Attempt:
    """Nor keeps others from judging it."""
    return SICHUAN, {"ballot": suspension(trade), "note": ""}


@case("ballot.reject", "already-voted")
def _(trade: Trade) -> Attempt:
    name = suspension(trade)
    trade.world.do("ballot.reject", GUIZHOU, ballot=name, note="")
    return GUIZHOU, {"ballot": name, "note": ""}


@case("ballot.withdraw", "unknown-ballot")
def _(trade: Trade) -> Attempt:
    return NATIONAL, {"ballot": NO_BALLOT, "note": ""}


@case("ballot.withdraw", "ballot-closed")
def _(trade: Trade) -> Attempt:
    name = suspension(trade)
    trade.world.do("ballot.withdraw", NATIONAL, ballot=name, note="")
    return NATIONAL, {"ballot": name, "note": ""}


@case("ballot.withdraw", "approved-by-others")
def _(trade: Trade) -> Attempt:
    name = suspension(trade)
    trade.world.do("ballot.approve", GUIZHOU, ballot=name)
    return NATIONAL, {"ballot": name, "note": ""}


@case("ballot.withdraw", "not-proposer")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, {"ballot": suspension(trade), "note": ""}
