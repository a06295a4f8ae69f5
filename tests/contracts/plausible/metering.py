"""Receipts, observations, questions for samples, and amendments."""

from typing import Any

from contracts.agreement import METERED, find_waiting
from contracts.receipt import Receipt
from ledger.merkle import compute_inclusion_proof, compute_leaf_hash, compute_root
from tests.contracts.chance import Chance, Data, fits
from tests.contracts.plausible.lease import pick_lease

SAMPLES = [b"%d: busy" % number for number in range(60)]
HASHES = [compute_leaf_hash(sample) for sample in SAMPLES]
ROOT_OF_SAMPLES = compute_root(HASHES)


@fits("metering.submit", "metering.receipt")
def meter(chance: Chance, data: Data) -> None:
    """The next epoch of a lease; sometimes one that waits, for both to agree on."""
    lease = pick_lease(chance, data, lambda lease: lease["state"] in METERED)
    data["epoch"], data["used_unit_seconds"] = lease["epoch"], 0
    waiting = find_waiting(lease)
    if waiting is not None and "index" not in data and chance.often(20):
        data["epoch"] = waiting["epoch"]
    else:
        seconds = chance.one((60, 60, 30, 1))
        data["used_unit_seconds"] = lease["units"] * seconds * chance.rng.randint(1, 10) // 10
    data["samples_root"], data["samples_count"] = ROOT_OF_SAMPLES, len(SAMPLES)


@fits("metering.observe")
def observe(chance: Chance, data: Data) -> None:
    """An epoch that is over, not above what the lease has."""
    lease = pick_lease(chance, data, lambda lease: lease["activated_ms"])
    data["epoch"] = max(0, lease["epoch"] - chance.rng.randrange(2))
    data["used_unit_seconds"] = lease["units"] * chance.rng.randint(0, 10)


@fits("metering.countersign")
def countersign(chance: Chance, data: Data) -> None:
    """A receipt that waits."""
    lease = pick_lease(chance, data, find_waiting)
    data["epoch"] = get_waiting(lease)["epoch"]


@fits("metering.challenge")
def challenge(chance: Chance, data: Data) -> None:
    """A sample of a receipt that waits, or of the last."""
    lease = pick_lease(
        chance,
        data,
        lambda lease: lease["state"] in METERED and (lease["open"] or lease["receipt"]),
    )
    receipts = [*lease["open"], *filter(None, [lease["receipt"]])]
    receipt = chance.one(receipts)
    data["epoch"], data["index"] = receipt["epoch"], chance.rng.randrange(60)


@fits("metering.answer")
def answer(chance: Chance, data: Data) -> None:
    """The sample that was asked for; sometimes another."""
    lease = pick_lease(chance, data, lambda lease: lease["challenges"])
    asked = chance.one(lease["challenges"])
    data["epoch"], data["index"] = asked["epoch"], asked["index"]
    place = asked["index"] if chance.often(90) else 0
    data["leaf"] = SAMPLES[place % 60]
    data["path"] = compute_inclusion_proof(HASHES, place % 60)


@fits("metering.amend")
def amend(chance: Chance, data: Data) -> None:
    """One of the settled epochs, within what the lease has."""
    lease = pick_lease(chance, data, lambda lease: lease["settled"])
    data["epoch"] = chance.one(lease["settled"])[0]
    data["used_unit_seconds"] = lease["units"] * chance.rng.randint(0, 60)


def get_waiting(lease: Any) -> Receipt:
    """The receipt of a lease that waits."""
    waiting = find_waiting(lease)
    assert waiting is not None
    return waiting
