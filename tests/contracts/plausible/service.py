"""Help cases, directories, and payments between parties."""

from collections.abc import Sequence

from tests.contracts.chance import Chance, Data, fits
from tests.contracts.trade import YUAN


@fits("help.ask")
def ask(chance: Chance, data: Data) -> Sequence[str] | None:
    """A case that was answered, by who opened it."""
    data["case"] = chance.pick("case", lambda case: case["state"] == "answered")
    return (chance.find(data["case"])["opener"],)


@fits("help.answer")
def answer(chance: Chance, data: Data) -> Sequence[str] | None:
    """A case that is open, by its node."""
    data["case"] = chance.pick("case", lambda case: case["state"] in ("opened", "overdue"))
    return (chance.find(data["case"])["node"],)


@fits("service.delist")
def delist(chance: Chance, data: Data) -> Sequence[str] | None:
    """An entry that stands, by its node."""
    entries = [
        key.split(b"\x00")[1:3]
        for key, record in chance.world.state.scan(b"entry\x00")
        if record.value["state"] == "listed"
    ]
    node, data["name"] = (part.decode() for part in chance.one(entries))
    return (node,)


@fits("settlement.pay")
def pay(chance: Chance, data: Data) -> Sequence[str] | None:
    """What somebody has."""
    rich = [code for code in chance.codes if code[0] in "PU" and chance.world.balance(code)]
    data["amount_micro_yuan"] = chance.one((1, YUAN))
    return (chance.one(rich),)
