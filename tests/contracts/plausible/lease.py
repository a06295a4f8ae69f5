"""Leases from their dispatch to their end."""

from collections.abc import Callable, Sequence
from typing import Any

from contracts.agreement import RUNNING, WAITING
from tests.contracts.chance import Chance, Data, fits
from tests.contracts.plausible.market import use_voucher
from tests.contracts.trade import YUAN


@fits("lease.dispatch")
def dispatch(chance: Chance, data: Data) -> Sequence[str] | None:
    """Those who dispatch: of the resource's region, and of the consumer's."""
    lease = pick_lease(chance, data, lambda lease: lease["state"] == "matched")
    places = dict.fromkeys((lease["resource"][1:3], lease["consumer"][1:3]))
    return [code for place in places for code in chance.codes if code[:3] == f"R{place}"][:2]


@fits("lease.activate")
def activate(chance: Chance, data: Data) -> None:
    """A lease that waits for it."""
    pick_lease(chance, data, lambda lease: lease["state"] == "scheduled")


@fits("lease.refuse")
def refuse(chance: Chance, data: Data) -> None:
    """A lease of which nothing is metered yet."""
    pick_lease(
        chance,
        data,
        lambda lease: lease["state"] in ("scheduled", "active") and not lease["epoch"],
    )


@fits("lease.answer_refusal")
def answer_refusal(chance: Chance, data: Data) -> None:
    """A lease that was refused."""
    pick_lease(chance, data, lambda lease: lease["state"] == "refused")


@fits("lease.close")
def close(chance: Chance, data: Data) -> Sequence[str] | None:
    """By a side, with a reason of its own."""
    lease = pick_lease(chance, data, lambda lease: lease["state"] in RUNNING)
    reasons = {"provider": ("reclaimed", "maintenance", "fault"), "consumer": ("finished",)}
    side = chance.one(("provider", "consumer", "consumer"))
    data["reason"] = chance.one(reasons[side])
    return (lease[side],)


@fits("lease.top_up")
def top_up(chance: Chance, data: Data) -> Sequence[str] | None:
    """What an account can pay."""
    lease = pick_lease(chance, data, lambda lease: lease["state"] in RUNNING)
    data["amount_micro_yuan"] = chance.one((1, YUAN))
    return use_voucher(chance, data, lease["consumer"])


@fits("lease.move")
def move(chance: Chance, data: Data) -> Sequence[str] | None:
    """To another resource, in agreement of all."""
    lease = pick_lease(chance, data, lambda lease: lease["state"] in (*WAITING, *RUNNING))
    data["resource"] = chance.pick_code("C")
    resource = chance.world.value(b"resource\x00" + data["resource"].encode() + b"\x00")
    signers = (lease["provider"], lease["consumer"])
    other = resource["provider"]
    return signers if other == lease["provider"] else (*signers, other)


def pick_lease(chance: Chance, data: Data, fits_: Callable[[Any], object]) -> Any:
    """Let the call be about a lease that fits; its value."""
    data["lease"] = chance.pick("lease", fits_)
    return chance.find(data["lease"])
