"""Disputes: what a receipt is contested for, and what the instances find."""

from collections.abc import Sequence
from typing import Any

from contracts.agreement import find_waiting
from contracts.receipt import Receipt
from tests.contracts.chance import Chance, Data, fits
from tests.contracts.plausible.lease import pick_lease
from tests.contracts.plausible.metering import get_waiting
from tests.contracts.world import BUREAU, NATIONAL


@fits("dispute.open")
def dispute(chance: Chance, data: Data) -> None:
    """A receipt that waits, of which a part is accepted."""
    lease = pick_lease(chance, data, find_waiting)
    _take_figures(chance, data, get_waiting(lease))


@fits("dispute.add_evidence", "dispute.concede")
def go_on(chance: Chance, data: Data) -> None:
    """A dispute that is not over."""
    _pick_dispute(chance, data, ("evidence", "open", "ruled", "appealed"))


@fits("dispute.appeal")
def appeal(chance: Chance, data: Data) -> None:
    """A ruling that stands."""
    _pick_dispute(chance, data, ("ruled",))


@fits("dispute.rule")
def rule(chance: Chance, data: Data) -> Sequence[str] | None:
    """What the first instance finds."""
    return _decide(chance, data, "evidence")


@fits("dispute.decide")
def decide(chance: Chance, data: Data) -> Sequence[str] | None:
    """What the instance finds that a side appealed to."""
    return _decide(chance, data, "appealed")


def _decide(chance: Chance, data: Data, state: str) -> Sequence[str] | None:
    """By the instance that is asked, between the figures of both."""
    found = _pick_dispute(chance, data, (state,))
    lease, claim = found
    _take_figures(chance, data, claim)
    region = next(code for code in chance.codes if code[:3] == f"R{lease['resource'][1:3]}")
    return ({"region": region, "nation": NATIONAL, "bureau": BUREAU}[claim["dispute"]["instance"]],)


def _pick_dispute(chance: Chance, data: Data, states: Sequence[str]) -> tuple[Any, Any]:
    def list_claims(lease: Any) -> list[Any]:
        claims = [claim for claim in lease["open"] if claim["dispute"]]
        return [claim for claim in claims if claim["dispute"]["state"] in states]

    lease = pick_lease(chance, data, list_claims)
    claim = chance.one(list_claims(lease))
    data["epoch"] = claim["epoch"]
    return lease, claim


def _take_figures(chance: Chance, data: Data, claim: Receipt) -> None:
    data["epoch"] = claim["epoch"]
    least = claim["dispute"]["accepted_unit_seconds"] if claim["dispute"] else 0
    data["used_unit_seconds"] = chance.rng.randint(least, claim["used_unit_seconds"])
    data["availability_bp"] = claim["availability_bp"]
