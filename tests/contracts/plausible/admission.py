"""Admission: drafts of nodes that could be, and every step on their way."""

from collections.abc import Callable, Sequence
from typing import Any

from ledger.code import compose_code
from ledger.transaction import key_signer
from tests.contracts.chance import Chance, Data, fits
from tests.contracts.newcomer import Newcomer, bar_data, draft_data, make_credit_code
from tests.contracts.plausible.identity import certify
from tests.contracts.world import BUREAU, HOUR_MS, make_keys


@fits("admission.open_window")
def open_window(chance: Chance, data: Data) -> None:
    """A round from now on."""
    data["opens_ms"] = chance.world.time_ms
    data["closes_ms"] = data["opens_ms"] + chance.one((300_000, HOUR_MS, HOUR_MS))


@fits("admission.draft")
def draft(chance: Chance, data: Data) -> Sequence[str] | None:
    """A region's node, or an industry node, by some applicant."""
    number = chance.rng.randrange(100)
    region = chance.one(("140000", "150000"))
    code = chance.one((_make_code("R", region, number), _make_code("I", "000000", number)))
    data.clear()
    data.update(draft_data(code))
    for side in ("construction", "operating"):
        data[side] = {**data[side], "credit_code": make_credit_code(chance.rng.randrange(40))}
    if code[0] == "I":
        data["route"] = chance.one(("unit", "recommended"))
    return (key_signer(make_keys(f"applicant {number}").public),)


def _make_code(class_: str, place: str, number: int) -> str:
    industry, serial = ("0", "0000001") if class_ == "R" else ("J", "0000000")
    return compose_code(class_, place, f"001{number:02}", industry, serial=serial)


@fits("admission.endorse")
def endorse(chance: Chance, data: Data) -> Sequence[str] | None:
    """An authority that has not endorsed a draft, of its region."""
    application = _pick(chance, data, lambda it: it["state"] == "draft")
    given = [role for _, role, _ in application["endorsements"]]
    region = application["place"][:2] if application["route"] == "regional" else ""
    able = [
        code
        for code, role in _list_authorities(chance)
        if role in ("communications", "industry") and role not in given and region in code[1:3]
    ]
    return (chance.one(able),)


@fits("admission.submit")
def submit(chance: Chance, data: Data) -> Sequence[str] | None:
    """What is endorsed, or needs no endorsement, by its applicant."""
    application = _pick(chance, data, lambda it: it["state"] == "endorsed" or it["route"] == "unit")
    return (application["applicant"],)


@fits("admission.withdraw")
def withdraw(chance: Chance, data: Data) -> Sequence[str] | None:
    """By its applicant, or by an authority."""
    application = _pick(chance, data, lambda it: it["state"] in ("draft", "submitted"))
    return (chance.one((application["applicant"], BUREAU)),)


@fits("admission.review")
def review(chance: Chance, data: Data) -> Sequence[str] | None:
    """What was handed in."""
    _pick(chance, data, lambda it: it["state"] == "submitted")
    return (BUREAU,)


@fits("admission.score")
def score(chance: Chance, data: Data) -> Sequence[str] | None:
    """By a reviewer; the points are good, mostly."""
    _pick(chance, data, lambda it: it["state"] == "under review")
    for name in data:
        if name != "application":
            data[name] = chance.one((60, 80, 100))
    return (BUREAU if chance.often(30) else chance.pick_code("M"),)


@fits("admission.decide")
def decide(chance: Chance, data: Data) -> Sequence[str] | None:
    """For what was reviewed, rather than against it."""
    _pick(chance, data, lambda it: it["state"] == "under review" and it["scores"])
    data["outcome"] = "admitted" if chance.often(80) else "rejected"
    return (BUREAU,)


@fits("admission.announce")
def announce(chance: Chance, data: Data) -> Sequence[str] | None:
    """What was decided."""
    _pick(chance, data, lambda it: it["state"] in ("admitted", "rejected", "barred"))
    return (BUREAU,)


@fits("admission.bar")
def bar(chance: Chance, data: Data) -> Sequence[str] | None:
    """One of those whom an application names."""
    application = _pick(chance, data, lambda it: it["state"] != "barred")
    sides = (application["construction"], application["operating"])
    data.update(bar_data(chance.one(sides)["credit_code"]))
    return (BUREAU,)


@fits("membership.admit")
def admit(chance: Chance, data: Data) -> Sequence[str] | None:
    """The node of an application that was admitted."""
    application = _pick(chance, data, lambda it: it["state"] == "admitted" and not it["node"])
    class_ = "R" if application["route"] == "regional" else "I"
    code = _make_code(class_, application["place"], chance.rng.randrange(100))
    signers, fitting = Newcomer(chance.world, code, application=data["application"]).admission()
    data.update(fitting)
    data["certificate"] = certify(chance, code, signers[0], make_keys(code))
    if class_ == "R":
        first = chance.rng.randint(21, 30) * 36**3
        data["number_block"] = [first, first + 36**3 - 1]
    return signers


def _pick(chance: Chance, data: Data, fits_: Callable[[Any], object]) -> Any:
    """Let the call be about an application that fits; its value."""
    data["application"] = chance.pick("application", fits_)
    return chance.find(data["application"])


def _list_authorities(chance: Chance) -> list[tuple[str, str]]:
    """Authorities and their roles."""
    return [
        (key.split(b"\x00")[1].decode(), record.value["role"])
        for key, record in chance.world.state.scan(b"identity\x00A")
    ]
