"""The budget: every authenticated key that a call changes costs each replica.

Accounts of signers count, neighbours of insertions do not.
"""

from contracts.rules import VERSION_1
from ledger.code import compose_code
from ledger.merkle import compute_leaf_hash
from tests.contracts.trade import (
    CONSUMER,
    LOCAL_CONSUMER,
    PROVIDER,
    RESOURCE,
    YUAN,
    Trade,
    make_descriptor,
)
from tests.contracts.world import BEIJING, END_MS, GUIZHOU, HOUR_MS, World

NEAR = compose_code("C", "520100", "0E001", "I", "20", "0000002")
FAR = compose_code("C", "110100", "0E001", "I", "20", "0000003")
# What no call may need more of.
BUDGET = {
    "registration": 2,
    "deposit": 2,
    "payment": 2,
    "resource described": 2,
    "resource attested": 2,
    "offer published": 2,
    "offer taken": 2,
    "dispatch": 2,
    "dispatch across regions": 3,
    "activation": 2,
    "co-signed receipt": 3,
    "receipt left": 2,
    "deemed settlement": 3,
    "dispute opened": 2,
    "undisputed part": 2,
    "close while active": 2,
    "close that gives back": 3,
    "offer withdrawn": 2,
    "revocation": 2,
}
# What stands beside a lease's ordinary course. A successor is a record of its own: so a move that
# needs one changes two leases and the accounts of all who sign.
BUDGET_BESIDE = {
    "sample asked for": 2,
    "sample shown": 2,
    "observation": 2,
    "amendment": 3,
    "move in place": 3,
    "move to a successor": 4,
    "refusal": 2,
    "refusal answered": 2,
}


class Ledger:
    """Counts the keys of named blocks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.counts: dict[str, int] = {}

    def note(self, name: str) -> None:
        """The last block was this, and nothing else."""
        assert all(result.code == "ok" for result in self._world.results)
        self.counts[name] = len(self._world.layer.records)


def test_no_call_changes_more_keys_than_it_may() -> None:
    trade = Trade()
    world, ledger = trade.world, Ledger(trade.world)
    world.register(CONSUMER, BEIJING)
    ledger.note("registration")
    world.register(PROVIDER, GUIZHOU)
    world.register(LOCAL_CONSUMER, GUIZHOU)
    world.deposit(LOCAL_CONSUMER, 10_000 * YUAN)
    world.deposit(CONSUMER, 10_000 * YUAN)
    ledger.note("deposit")
    world.do("settlement.pay", CONSUMER, amount_micro_yuan=1, reference="", to=PROVIDER)
    ledger.note("payment")
    world.do("resource.register", PROVIDER, code=RESOURCE, descriptor=make_descriptor())
    ledger.note("resource described")
    world.do("resource.attest", GUIZHOU, code=RESOURCE, units=8_000, until_ms=END_MS)
    ledger.note("resource attested")
    trade.make_offer()
    ledger.note("offer published")
    trade.take()
    ledger.note("offer taken")
    trade.dispatch()
    ledger.note("dispatch across regions")
    trade.activate()
    ledger.note("activation")
    _meter(trade, ledger)
    _close(trade, ledger)
    world.do("identity.revoke", GUIZHOU, code=PROVIDER, note="", reason="ceased")
    ledger.note("revocation")
    assert ledger.counts == BUDGET


def _meter(trade: Trade, ledger: Ledger) -> None:
    trade.world.wait(HOUR_MS)
    trade.agree(0)
    ledger.note("co-signed receipt")
    trade.world.wait(HOUR_MS)
    trade.submit(1)
    ledger.note("receipt left")
    trade.dispute(1, used=1_000)
    ledger.note("dispute opened")
    trade.world.block()
    ledger.note("undisputed part")


def _close(trade: Trade, ledger: Ledger) -> None:
    """One lease ends with a silent consumer, others before they began."""
    world = trade.world
    trade.consumer = LOCAL_CONSUMER
    trade.take(seconds=3_600)
    trade.dispatch()
    ledger.note("dispatch")
    trade.activate()
    world.wait(HOUR_MS // 2)
    world.do("lease.close", PROVIDER, lease=trade.lease, note="", reason="fault")
    ledger.note("close while active")
    rest_ms = trade.record["ended_ms"] - trade.record["metered_ms"]
    trade.submit(0, rest_ms * 2_000 // 1000)
    world.wait(VERSION_1["countersign_window_ms"] - 60_000)
    world.block(after_ms=60_000)
    assert trade.record["state"] == "closed"
    ledger.note("deemed settlement")
    trade.take()
    world.do("lease.close", PROVIDER, lease=trade.lease, note="", reason="maintenance")
    ledger.note("close that gives back")
    world.do("market.withdraw_offer", PROVIDER, offer=trade.offer)
    ledger.note("offer withdrawn")


def test_no_way_of_meeting_a_demand_changes_more_keys_than_it_may() -> None:
    """The demand pays, so it changes besides the lease and the consumer's account."""
    trade = Trade().set_up()
    ledger = Ledger(trade.world)
    trade.make_offer()
    demand = trade.demand(units=7_000)
    ledger.note("demand")
    trade.take(demand=demand)
    ledger.note("offer taken for a demand")
    quote = trade.quote(demand)
    ledger.note("quote")
    trade.award(quote)
    ledger.note("quote awarded")
    trade.world.do("market.withdraw_demand", CONSUMER, demand=demand)
    ledger.note("demand withdrawn")
    trade.demand(way="selection")
    trade.world.block()
    ledger.note("match by selection")
    trade.demand(way="selection")
    trade.world.block()
    ledger.note("turn without a match, while the offer steps aside")
    assert ledger.counts == {
        "demand": 2,
        "offer taken for a demand": 3,
        "quote": 2,
        "quote awarded": 4,
        "demand withdrawn": 2,
        "match by selection": 3,
        "turn without a match, while the offer steps aside": 2,
    }


def test_what_stands_beside_changes_no_more_than_it_may() -> None:
    trade = Trade().start()
    world, ledger = trade.world, Ledger(trade.world)
    for code, attestor in ((NEAR, GUIZHOU), (FAR, BEIJING)):
        world.do("resource.register", PROVIDER, code=code, descriptor=make_descriptor())
        world.do("resource.attest", attestor, code=code, units=8_000, until_ms=END_MS)
    world.wait(HOUR_MS)
    trade.submit(0, samples_count=1, samples_root=compute_leaf_hash(b"busy"))
    about = {"epoch": 0, "index": 0, "lease": trade.lease}
    world.do("metering.challenge", CONSUMER, **about)
    ledger.note("sample asked for")
    world.do("metering.answer", PROVIDER, leaf=b"busy", path=[], **about)
    ledger.note("sample shown")
    world.do("metering.observe", GUIZHOU, note="", **trade.usage(0))
    ledger.note("observation")
    world.do("metering.countersign", CONSUMER, epoch=0, lease=trade.lease)
    both = (PROVIDER, CONSUMER)
    figures = {"availability_bp": 10_000, "epoch": 0, "note": "", "used_unit_seconds": 1}
    world.do("metering.amend", both, lease=trade.lease, **figures)
    ledger.note("amendment")
    world.do("lease.move", both, lease=trade.lease, resource=NEAR)
    ledger.note("move in place")
    moved = world.do("lease.move", both, lease=trade.lease, resource=FAR)
    ledger.note("move to a successor")
    event = next(event for event in moved.events if event["type"] == "lease.matched")
    trade.lease = event["about"][0]
    world.do("lease.dispatch", BEIJING, lease=trade.lease, reference="")
    world.do("lease.refuse", CONSUMER, lease=trade.lease, note="")
    ledger.note("refusal")
    answer = {"evidence": bytes(32), "lease": trade.lease, "note": ""}
    world.do("lease.answer_refusal", PROVIDER, **answer)
    ledger.note("refusal answered")
    assert ledger.counts == BUDGET_BESIDE


def test_a_voucher_costs_no_key_but_at_the_beginning_and_the_end() -> None:
    """Its share of a bill is booked in the lease, and told to voucher and issuer at the end."""
    trade = Trade().set_up()
    ledger = Ledger(trade.world)
    trade.make_offer()
    trade.issue_voucher()
    ledger.note("voucher issued")
    part = {"voucher": trade.voucher, "voucher_micro_yuan": YUAN}
    trade.take(seconds=2 * 3_600, **part)
    ledger.note("offer taken with a voucher")
    trade.dispatch()
    trade.activate()
    trade.world.do("lease.top_up", CONSUMER, **trade.top_up_data(0, YUAN))
    ledger.note("top-up out of a voucher")
    trade.world.wait(HOUR_MS)
    trade.agree(0)
    ledger.note("co-signed receipt with a voucher's share")
    trade.world.wait(HOUR_MS)
    trade.agree(1)
    ledger.note("last receipt, after which the voucher's part is accounted for")
    assert trade.record["state"] == "closed"
    assert ledger.counts == {
        "voucher issued": 2,
        "offer taken with a voucher": 3,
        "top-up out of a voucher": 3,
        "co-signed receipt with a voucher's share": 3,
        "last receipt, after which the voucher's part is accounted for": 5,
    }
