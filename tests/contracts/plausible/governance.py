"""Ballots, standards, statistics and incidents."""

from collections.abc import Sequence

from contracts.rules import VERSION_1
from contracts.views import QUERIES
from ledger.crypto import SigningKey
from ledger.transaction import key_signer
from ledger.x509 import issue_certificate
from tests.contracts.chance import Chance, Data, fits
from tests.contracts.world import BEGIN_MS, END_MS, HOUR_MS, NATIONAL, make_evidence, make_keys


@fits("standards.publish")
def publish_standard(chance: Chance, data: Data) -> None:
    """The next version of a profile."""
    data["name"] = chance.one(("kubernetes-1", "slurm-1"))
    data["version"] = 1 + len(list(chance.world.state.scan(_standard(data["name"]))))


def _standard(name: str) -> bytes:
    return b"standard\x00" + name.encode() + b"\x00"


@fits("standards.withdraw", "standards.declare")
def about_standard(chance: Chance, data: Data) -> None:
    """One of the versions that there are."""
    data["name"] = chance.one(("kubernetes-1", "kubernetes-1", "slurm-1"))
    there = len(list(chance.world.state.scan(_standard(data["name"]))))
    data["version"] = chance.rng.randint(1, max(1, there))
    if "passed" in data:
        data["passed"] = chance.often(90)


@fits("security.report")
def report_incident(chance: Chance, data: Data) -> None:
    """Something that has happened."""
    data["occurred_ms"] = chance.world.time_ms - chance.one((0, HOUR_MS))
    data["predecessor"] = data["predecessor"] if chance.often(30) else ""


@fits("ballot.propose_rules")
def propose_rules(chance: Chance, data: Data) -> None:
    """A rule that is a little more than it was, not to be in force for a long while."""
    name = chance.one(sorted(VERSION_1))
    data["changes"] = {name: VERSION_1[name] + chance.one((0, 0, 1))}
    data["from_height"] = chance.world.height + chance.one((1, 1_000, 1_100))


@fits("ballot.propose_root")
def propose_root(chance: Chance, data: Data) -> Sequence[str] | None:
    """A new root, with the signature of the old one."""
    old = chance.world.value(b"root\x00")["key"]
    new = chance.find_new_key(NATIONAL, old)
    data["certificate"] = _certify_root(new)
    return NATIONAL, key_signer(new.public), key_signer(old)


@fits("ballot.propose_recovery")
def propose_recovery(chance: Chance, data: Data) -> Sequence[str] | None:
    """A new root and a new identity of the national node."""
    new = chance.find_new_key(NATIONAL, chance.world.value(b"root\x00")["key"])
    identity = make_keys(f"{NATIONAL} 3")
    data["certificate"] = _certify_root(new)
    data["national_certificate"] = issue_certificate(
        NATIONAL, NATIONAL, identity.public, new, 9, BEGIN_MS, END_MS, True
    )
    return chance.pick_code("R"), key_signer(new.public), key_signer(identity.public)


def _certify_root(new: SigningKey) -> bytes:
    return issue_certificate(NATIONAL, NATIONAL, new.public, new, 9, BEGIN_MS, END_MS, True)


@fits("ballot.propose")
def propose(chance: Chance, data: Data) -> Sequence[str] | None:
    """A regional node suspended or retired, now and then; or back again."""
    regions = [
        (key.split(b"\x00")[1].decode(), record.value["status"])
        for key, record in chance.world.state.scan(b"identity\x00R")
    ]
    suspended = [code for code, status in regions if status == "suspended"]
    if suspended and chance.often(70):
        data["matter"], data["code"] = "resumption", chance.one(suspended)
        return (NATIONAL,)
    data["code"] = chance.one([code for code, status in regions if status == "active"])
    data["matter"] = chance.one(("suspension", "suspension", "retirement"))
    return (data["code"] if data["matter"] == "retirement" else NATIONAL,)


@fits("evidence.report")
def report_double_signing(chance: Chance, data: Data) -> Sequence[str] | None:
    """By a peer, under its validator key, of another."""
    holders = [key.split(b"\x00")[1].decode() for key, _ in chance.world.state.scan(b"node\x00R")]
    accused = make_keys(chance.one(holders) + "validator")
    data["key"] = accused.public
    data["evidence"] = make_evidence(accused, 0, chance.rng.randint(1, 40))
    return (key_signer(make_keys(chance.one(holders) + "validator").public),)


@fits("ballot.accuse")
def accuse(chance: Chance, data: Data) -> Sequence[str] | None:
    """Who signed twice, by another."""
    found = [key.split(b"\x00", 2) for key, _ in chance.world.state.scan(b"double_signing\x00")]
    _, code, rest = chance.one(found)
    data["code"] = code.decode()
    data["epoch"] = int.from_bytes(rest[:8], "big")
    data["view"] = int.from_bytes(rest[9:17], "big")
    return (NATIONAL,)


@fits("ballot.approve")
def approve(chance: Chance, data: Data) -> Sequence[str] | None:
    """What most have approved, by one who has not."""
    ballots = [item for item in chance.objects.get("ballot", ()) if not item.ended]
    ballots.sort(key=lambda item: len(item.value["approvals"]))
    data["ballot"] = chance.one(ballots[-2:]).name
    voted = [code for code, _ in chance.find(data["ballot"])["approvals"]]
    return (chance.one([code for code in chance.codes if code[0] == "R" and code not in voted]),)


@fits("ballot.withdraw")
def withdraw_ballot(chance: Chance, data: Data) -> Sequence[str] | None:
    """By who proposed it."""
    name = chance.pick("ballot", lambda ballot: ballot["state"] == "open")
    data["ballot"] = name
    return (chance.find(name)["proposer"],)


@fits("statistics.publish")
def publish_statistic(chance: Chance, data: Data) -> None:
    """A query that there is, of a block that is final."""
    data["query"] = chance.one(sorted(QUERIES))
    data["height"] = chance.rng.randint(0, chance.world.height)
    data["replaces"] = data["replaces"] if chance.often(20) else ""
