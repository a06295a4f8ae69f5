"""Every failure code of every call, each brought about once, and exactly it."""

import pytest

from contracts.registry import CALLS
from tests.contracts.failures import (
    admission,
    amendment,
    ballot,
    challenge,
    dispute,
    evidence,
    help,
    identity,
    lease,
    market,
    membership,
    metering,
    monitoring,
    move,
    observation,
    policy,
    pool,
    quote,
    resource,
    review,
    ruling,
    security,
    service,
    settlement,
    standards,
    statistics,
    voucher,
)
from tests.contracts.failures.cases import CASES
from tests.contracts.trade import Trade

# Importing a module declares its cases.
MODULES = (
    identity,
    admission,
    review,
    membership,
    standards,
    ballot,
    resource,
    pool,
    monitoring,
    policy,
    market,
    quote,
    lease,
    metering,
    dispute,
    ruling,
    settlement,
    observation,
    challenge,
    service,
    help,
    security,
    evidence,
    amendment,
    move,
    statistics,
    voucher,
)


def test_every_failure_has_its_case() -> None:
    declared = {(call.kind, code) for call in CALLS.values() for code in call.failures}
    assert set(CASES) == declared


@pytest.mark.parametrize(
    ("kind", "code", "place"),
    [(*key, place) for key, cases in sorted(CASES.items()) for place in range(len(cases))],
)
def test_failure(kind: str, code: str, place: int) -> None:
    trade = Trade()
    signers, data = CASES[kind, code][place](trade)
    result = trade.world.run(kind, signers, **data)
    assert result.code == code
    assert (result.events, result.changes) == ((), ())
    # Nothing but the accounts of those who signed has changed.
    signed = [signers] if isinstance(signers, str) else signers
    accounts = {f"account\x00{signer}\x00".encode() for signer in signed if signer[0] != "k"}
    assert set(trade.world.layer.records) == accounts
    assert not trade.world.layer.derived
