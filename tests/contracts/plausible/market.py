"""The market: offers, demands, quotes, vouchers, money, and what is taken."""

from collections.abc import Sequence
from typing import Any

from tests.contracts.chance import Chance, Data, fits
from tests.contracts.trade import YUAN, make_needs
from tests.contracts.world import BANK, GUIZHOU, HOUR_MS


@fits("market.offer")
def offer(chance: Chance, data: Data) -> None:
    """A window around now, and a price that consumers can pay."""
    data["starts_ms"] = chance.world.time_ms + chance.one((0, 0, HOUR_MS))
    data["ends_ms"] = data["starts_ms"] + chance.one((300_000, 30 * 24 * HOUR_MS))
    data["price_micro_yuan"] = chance.one((1, YUAN, 10 * YUAN))
    data["minimum_seconds"], data["minimum_units"] = 60, 1
    data["venue"] = data["venue"] if chance.often(20) else ""


@fits("market.demand")
def demand(chance: Chance, data: Data) -> None:
    """What an account can pay, of what there is."""
    data["needs"] = make_needs(regions=chance.one(([], ["52"], ["11"])))
    data["resource_class"], data["seconds"] = "20", chance.one((60, 600))
    data["units"], data["minimum_units"] = chance.one((1_000, 2_500)), chance.one((1, 1_000))
    data["earliest_ms"] = chance.world.time_ms + chance.one((0, 60_000))
    data["latest_ms"] = data["earliest_ms"] + chance.one((60_000, HOUR_MS, HOUR_MS))
    data["way"] = chance.one(("quotes", "quotes", "selection"))
    data["budget_micro_yuan"], data["ceiling_micro_yuan"] = 50 * YUAN, 20 * YUAN
    data["venue"] = data["venue"] if chance.often(20) else ""


@fits("market.take")
def take(chance: Chance, data: Data) -> Sequence[str] | None:
    """A part of an offer, from now or ahead, sometimes for a demand."""
    name = chance.pick("offer", lambda offer: offer["state"] == "open")
    offer = chance.find(name)
    data["offer"], data["demand"] = str(name), data["demand"] if chance.often(20) else ""
    data["starts_ms"] = chance.one((0, 0, chance.world.time_ms + 90_000))
    data["seconds"] = max(offer["minimum_seconds"], chance.one((60, 60, 300)))
    data["units"] = max(offer["minimum_units"], chance.one((500, 1_000)))
    data["hold_micro_yuan"] = chance.one((YUAN, 20 * YUAN))
    return use_voucher(chance, data, "")


def use_voucher(chance: Chance, data: Data, consumer: str) -> Sequence[str] | None:
    """Let a voucher pay a part, now and then; its holder signs."""
    data["voucher"], data["voucher_micro_yuan"] = "", 0
    if not chance.has("voucher") or chance.often(30):
        return None
    name = chance.pick("voucher", lambda voucher: voucher["state"] == "open")
    holders = [code for code in chance.list_owners(name) if code[0] == "U"]
    if consumer not in ("", *holders):
        return None
    data["voucher"] = name
    data["voucher_micro_yuan"] = chance.one((1, YUAN // 2, chance.find(name)["balance_micro_yuan"]))
    return holders


@fits("settlement.deposit", "settlement.withdraw")
def bank(chance: Chance, data: Data) -> Sequence[str] | None:
    """At the bank, with an account that can do with it."""
    data["amount_micro_yuan"] = chance.one((1, YUAN, 20 * YUAN))
    party = chance.pick_code("PU")
    if "account" in data:
        data["account"] = party
        return (BANK,)
    return (party, BANK)


@fits("market.quote")
def quote(chance: Chance, data: Data) -> Sequence[str] | None:
    """Of a demand that asks for quotes, by a provider, at its ceiling."""
    name = chance.pick("demand", lambda it: (it["state"], it["way"]) == ("open", "quotes"))
    wanted = chance.find(name)
    data["demand"], data["price_micro_yuan"] = name, chance.one((1, wanted["ceiling_micro_yuan"]))
    data["units"] = max(wanted["minimum_units"], chance.one((500, 1_000)))
    data["valid_until_ms"] = chance.world.time_ms + chance.one((60_000, HOUR_MS))
    return None


@fits("market.award")
def award(chance: Chance, data: Data) -> Sequence[str] | None:
    """All of a quote, out of the demand's budget."""

    def is_open(quote: Any) -> bool:
        wanted = chance.find(quote["demand"])
        return bool(quote["state"] == wanted["state"] == "open")

    name = chance.pick("quote", is_open)
    quoted = chance.find(name)
    wanted = chance.find(quoted["demand"])
    data["quote"], data["units"] = name, quoted["units"]
    data["hold_micro_yuan"] = max(1, chance.one((wanted["held_micro_yuan"], YUAN)))
    return use_voucher(chance, data, wanted["consumer"]) or (wanted["consumer"],)


@fits("policy.set")
def set_policy(_chance: Chance, data: Data) -> None:
    """One that keeps few away."""
    data["attestors"], data["sla_class"] = ["R", "M"], 0


@fits("voucher.cover")
def cover(chance: Chance, data: Data) -> Sequence[str] | None:
    """A part of what was paid by a region's vouchers."""
    accounts = [
        (key.split(b"\x00")[1].decode(), record.value)
        for key, record in chance.world.state.scan(b"account\x00R")
        if record.value["vouchers_spent"] and record.value["balance"]
    ]
    region, account = chance.one(accounts)
    most = min(account["vouchers_spent"], account["balance"])
    data["amount_micro_yuan"] = chance.rng.randint(1, most)
    return (region,)


@fits("voucher.issue")
def issue(chance: Chance, data: Data) -> Sequence[str] | None:
    """A few yuan, for a while."""
    data["amount_micro_yuan"] = chance.one((YUAN, 10 * YUAN))
    data["expires_ms"] = chance.world.time_ms + chance.one((60_000, HOUR_MS, HOUR_MS))
    data["region"] = chance.one(("", "52"))
    return (GUIZHOU if chance.often(60) else chance.pick_code("R"),)
