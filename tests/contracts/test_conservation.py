"""Random lives: whatever happens, in whatever order, the invariants hold after every block."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contracts.agreement import LEASES, RUNNING
from contracts.demand import DEMANDS
from contracts.invariants import check_invariants, check_step
from contracts.offer import OFFERS
from contracts.quote import QUOTES
from contracts.voucher import VOUCHERS
from tests.contracts.trade import (
    CONSUMER,
    LOCAL_CONSUMER,
    PROVIDER,
    RESOURCE,
    UNITS,
    YUAN,
    Trade,
    find_object,
    make_descriptor,
    make_needs,
)
from tests.contracts.world import BANK, BEIJING, BUREAU, GUIZHOU, NATIONAL, MemoryState, make_world

CONSUMERS = (CONSUMER, LOCAL_CONSUMER)
EPOCH_MS = 60_000
consumers = st.sampled_from(CONSUMERS)
amounts = st.sampled_from([1, 999, YUAN, 20 * YUAN, 100 * YUAN, 10**12])


class Market(RuleBasedStateMachine):
    """Two consumers and a provider do what comes to their minds; many attempts fail, and may."""

    make_world = staticmethod(make_world)

    @initialize()
    def found(self) -> None:
        self.trade = Trade(
            self.make_world(
                meter_epoch_ms=EPOCH_MS,
                countersign_window_ms=2 * EPOCH_MS,
                activation_timeout_ms=2 * EPOCH_MS,
                settlement_window_ms=3 * EPOCH_MS,
                refusal_window_ms=EPOCH_MS,
                evidence_window_ms=EPOCH_MS,
                ruling_window_ms=EPOCH_MS,
                appeal_window_ms=EPOCH_MS,
                decision_window_ms=EPOCH_MS,
                refusal_answer_window_ms=2 * EPOCH_MS,
                challenge_window_ms=2 * EPOCH_MS,
            )
        )
        self.world = self.trade.world
        self.trade.set_up(funds=200 * YUAN)
        self.world.register(LOCAL_CONSUMER, GUIZHOU)
        self.world.deposit(LOCAL_CONSUMER, 50 * YUAN)
        self.before = MemoryState()
        self.trade.make_offer(ends_ms=self.world.time_ms + 100 * EPOCH_MS, notice_seconds=60)
        for consumer, hold in ((CONSUMER, 20 * YUAN), (LOCAL_CONSUMER, YUAN)):
            self.trade.consumer = consumer
            self.trade.take(units=2_000, seconds=600, hold_micro_yuan=hold)
            self.trade.dispatch()
            self.trade.activate()

    def attempt(self, kind: str, signers: Any, **data: Any) -> str:
        """One block of one call; it may fail, but its payload must be in order."""
        self.remember()
        code = self.world.run(kind, signers, **data).code
        assert code not in ("bad-data", "missing-signer", "unknown-kind"), (kind, code)
        return code

    def remember(self) -> None:
        self.before.records = dict(self.world.state.records)

    def pick(self, prefix: bytes, data: st.DataObject) -> tuple[str, Any]:
        """One of the objects of a table."""
        records = [(key, record.value) for key, record in self.world.state.scan(prefix)]
        ended = ("closed", "failed", "withdrawn", "expired", "spent", "met", "awarded")
        alive = [key for key, value in records if value["state"] not in ended]
        key = data.draw(st.sampled_from(alive or [key for key, _ in records]))
        return key.split(b"\x00")[2].decode(), self.world.value(key)

    def has(self, prefix: bytes) -> bool:
        return next(iter(self.world.state.scan(prefix)), None) is not None

    @rule(after_ms=st.sampled_from([1, 1_000, 30_000, 60_000, 60_001, 600_000]))
    def wait(self, after_ms: int) -> None:
        self.remember()
        self.world.block(after_ms=after_ms)

    @rule(who=consumers, amount=amounts, kind=st.sampled_from(["deposit", "withdraw", "pay"]))
    def move_money(self, who: str, amount: int, kind: str) -> None:
        data = {"amount_micro_yuan": amount, "reference": ""}
        if kind == "deposit":
            self.attempt("settlement.deposit", BANK, account=who, **data)
        elif kind == "withdraw":
            self.attempt("settlement.withdraw", (who, BANK), **data)
        else:
            self.attempt("settlement.pay", who, to=PROVIDER, **data)

    @rule(
        units=st.sampled_from([1, 3_000, UNITS]),
        price=st.sampled_from([1, 7_777_777, 600 * YUAN]),
        notice=st.sampled_from([0, 60]),
    )
    def offer(self, units: int, price: int, notice: int) -> None:
        data = self.trade.offer_data(
            units=units,
            price_micro_yuan=price,
            notice_seconds=notice,
            ends_ms=self.world.time_ms + 20 * EPOCH_MS,
        )
        self.attempt("market.offer", PROVIDER, **data)

    @rule(units=st.sampled_from([4_000, UNITS]), update=st.booleans())
    def attest(self, units: int, update: bool) -> None:
        until_ms = self.world.time_ms + 30 * EPOCH_MS
        if update:
            descriptor = make_descriptor(units)
            self.attempt("resource.update", PROVIDER, code=RESOURCE, descriptor=descriptor)
        self.attempt("resource.attest", GUIZHOU, code=RESOURCE, units=units, until_ms=until_ms)

    @rule(
        who=consumers,
        units=st.integers(1, UNITS),
        parts=st.sampled_from([1, 3]),
        ahead=st.booleans(),
        way=st.sampled_from(["selection", "quotes"]),
    )
    def demand(self, who: str, units: int, parts: int, ahead: bool, way: str) -> None:
        earliest_ms = self.world.time_ms + (5 * EPOCH_MS if ahead else 0)
        data = self.trade.demand_data(
            ceiling_micro_yuan=10 * YUAN,
            earliest_ms=earliest_ms,
            latest_ms=earliest_ms + 10 * EPOCH_MS,
            minimum_units=-(-units // parts),
            needs=make_needs(regions=[]),
            seconds=200,
            units=units,
            way=way,
        )
        self.attempt("market.demand", who, **data)

    @precondition(lambda self: self.has(DEMANDS.prefix))
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        name, demand = self.pick(DEMANDS.prefix, data)
        self.attempt("market.withdraw_demand", demand["consumer"], demand=name)

    @rule(
        who=consumers,
        amount=st.sampled_from([1, 7 * YUAN, 100 * YUAN]),
        share=st.sampled_from([1, 3_333, 10_000]),
        epochs=st.sampled_from([1, 3, 30]),
    )
    def issue_voucher(self, who: str, amount: int, share: int, epochs: int) -> None:
        self.trade.consumer = who
        data = self.trade.voucher_data(
            amount_micro_yuan=amount,
            expires_ms=self.world.time_ms + epochs * EPOCH_MS,
            share_bp=share,
        )
        self.attempt("voucher.issue", GUIZHOU, **data)

    @rule(amount=st.sampled_from([1, YUAN]))
    def cover(self, amount: int) -> None:
        self.world.deposit(GUIZHOU, 1)
        self.attempt("voucher.cover", GUIZHOU, amount_micro_yuan=amount, reference="")

    def pick_voucher(self, data: st.DataObject, amount: int) -> dict[str, Any]:
        if not amount or not self.has(VOUCHERS.prefix):
            return {"voucher": "", "voucher_micro_yuan": 0}
        name, _ = self.pick(VOUCHERS.prefix, data)
        return {"voucher": name, "voucher_micro_yuan": amount}

    @precondition(lambda self: self.has(DEMANDS.prefix))
    @rule(data=st.data(), units=st.sampled_from([1, 999, 2_500, UNITS]))
    def quote(self, data: st.DataObject, units: int) -> None:
        name, wanted = self.pick(DEMANDS.prefix, data)
        units = min(units, wanted["left_units"]) or units
        quote = self.trade.quote_data(
            name, units=units, valid_until_ms=self.world.time_ms + 3 * EPOCH_MS
        )
        self.attempt("market.quote", PROVIDER, **quote)

    @precondition(lambda self: self.has(QUOTES.prefix))
    @rule(data=st.data(), hold=amounts, share=st.sampled_from([1, 2]))
    def award(self, data: st.DataObject, hold: int, share: int) -> None:
        name, quote = self.pick(QUOTES.prefix, data)
        wanted = find_object(self.world, quote["demand"])
        units = min(-(-quote["units"] // share), wanted["left_units"]) or 1
        award = self.trade.award_data(name, units=units, hold_micro_yuan=hold)
        self.attempt("market.award", wanted["consumer"], **award)

    @precondition(lambda self: self.has(OFFERS.prefix))
    @rule(
        data=st.data(),
        who=consumers,
        units=st.sampled_from([1, 999, 2_500, UNITS]),
        seconds=st.sampled_from([60, 200, 3_600]),
        hold=amounts,
        named=st.booleans(),
        ahead=st.booleans(),
        voucher=st.sampled_from([0, 0, 1, YUAN, 20 * YUAN]),
    )
    def take(
        self,
        data: st.DataObject,
        who: str,
        units: int,
        seconds: int,
        hold: int,
        named: bool,
        ahead: bool,
        voucher: int,
    ) -> None:
        offer, _ = self.pick(OFFERS.prefix, data)
        demand = ""
        if named and self.has(DEMANDS.prefix):
            demand, wanted = self.pick(DEMANDS.prefix, data)
            who, units = wanted["consumer"], min(units, wanted["left_units"]) or units
        starts_ms = self.world.time_ms + 5 * EPOCH_MS if ahead else 0
        taking = {"demand": demand, "hold_micro_yuan": hold, "offer": offer}
        taking |= self.pick_voucher(data, voucher)
        self.attempt(
            "market.take", who, seconds=seconds, starts_ms=starts_ms, units=units, **taking
        )

    @precondition(lambda self: self.has(LEASES.prefix))
    @rule(data=st.data(), activate=st.booleans())
    def dispatch(self, data: st.DataObject, activate: bool) -> None:
        name, lease = self.pick(LEASES.prefix, data)
        signers = (GUIZHOU, BEIJING) if lease["consumer"] == CONSUMER else (GUIZHOU,)
        self.attempt("lease.dispatch", signers, lease=name, reference="")
        if activate:
            self.attempt("lease.activate", PROVIDER, lease=name)

    @precondition(lambda self: self.has(LEASES.prefix))
    @rule(data=st.data(), reason=st.sampled_from(["reclaimed", "fault", "finished", "refused"]))
    def close(self, data: st.DataObject, reason: str) -> None:
        name, lease = self.pick(LEASES.prefix, data)
        if reason == "refused":
            self.attempt("lease.refuse", lease["consumer"], lease=name, note="")
        else:
            actor = lease["consumer"] if reason == "finished" else PROVIDER
            self.attempt("lease.close", actor, lease=name, note="", reason=reason)

    @precondition(lambda self: self.has(LEASES.prefix))
    @rule(data=st.data(), amount=amounts, voucher=st.sampled_from([0, 1, YUAN]))
    def top_up(self, data: st.DataObject, amount: int, voucher: int) -> None:
        name, lease = self.pick(LEASES.prefix, data)
        more = {"amount_micro_yuan": amount, **self.pick_voucher(data, voucher)}
        self.attempt("lease.top_up", lease["consumer"], lease=name, **more)

    @precondition(lambda self: self.has(LEASES.prefix))
    @rule(
        data=st.data(),
        share=st.integers(0, 1_000),
        availability=st.sampled_from([10_000, 9_989, 0]),
        both=st.booleans(),
        waits=st.booleans(),
    )
    def meter(
        self, data: st.DataObject, share: int, availability: int, both: bool, waits: bool
    ) -> None:
        name, _ = self.pick(LEASES.prefix, data)
        if waits:
            self.world.block(after_ms=EPOCH_MS)
        lease = self.world.value(LEASES.make_key(PROVIDER, name))
        span_ms = EPOCH_MS
        if lease["state"] not in RUNNING:
            span_ms = max(0, min(EPOCH_MS, lease["ended_ms"] - lease["metered_ms"]))
        most = lease["units"] * span_ms // 1000
        signers = (PROVIDER, lease["consumer"]) if both else (PROVIDER,)
        self.attempt(
            "metering.receipt" if both else "metering.submit",
            signers,
            availability_bp=availability,
            epoch=lease["epoch"],
            lease=name,
            samples_count=1,
            samples_root=bytes(32),
            used_unit_seconds=most * share // 1_000,
        )

    @precondition(lambda self: self.has(LEASES.prefix))
    @rule(data=st.data(), share=st.integers(0, 1_000), agrees=st.booleans())
    def answer(self, data: st.DataObject, share: int, agrees: bool) -> None:
        name, lease = self.pick(LEASES.prefix, data)
        waiting = [claim for claim in lease["open"] if claim["state"] == "signed"]
        if not waiting:
            return
        receipt = data.draw(st.sampled_from(waiting))
        about = {"epoch": receipt["epoch"], "lease": name}
        if agrees:
            self.attempt("metering.countersign", lease["consumer"], **about)
            return
        self.attempt(
            "dispute.open",
            lease["consumer"],
            availability_bp=receipt["availability_bp"],
            evidence=bytes(32),
            note="",
            used_unit_seconds=receipt["used_unit_seconds"] * share // 1_000,
            **about,
        )

    @precondition(lambda self: self.has(LEASES.prefix))
    @rule(
        data=st.data(),
        share=st.integers(0, 1_000),
        way=st.sampled_from(["rule", "rule", "decide", "appeal", "agree", "concede", "evidence"]),
    )
    def decide(self, data: st.DataObject, share: int, way: str) -> None:
        name, lease = self.pick(LEASES.prefix, data)
        for claim in [claim for claim in lease["open"] if claim["dispute"] is not None]:
            self.step_dispute(name, lease, claim, share, way)

    def step_dispute(self, name: str, lease: Any, claim: Any, share: int, way: str) -> None:
        dispute, about = claim["dispute"], {"epoch": claim["epoch"], "lease": name}
        low, high = dispute["accepted_unit_seconds"], claim["used_unit_seconds"]
        figures = {
            **about,
            "availability_bp": claim["availability_bp"],
            "used_unit_seconds": low + (high - low) * share // 1_000,
        }
        side = (PROVIDER, lease["consumer"])[share % 2]
        arbiter = {"region": GUIZHOU, "nation": NATIONAL, "bureau": BUREAU}[dispute["instance"]]
        document = {**about, "evidence": bytes(32), "note": ""}
        if way == "agree":
            samples = {"samples_count": 1, "samples_root": bytes(32)}
            signers = (PROVIDER, lease["consumer"])
            assert self.attempt("metering.receipt", signers, **figures, **samples) == "ok"
        elif way == "concede":
            assert self.attempt("dispute.concede", side, **about) == "ok"
        elif way == "appeal":
            self.attempt("dispute.appeal", side, **document)
        elif way == "evidence":
            self.attempt("dispute.add_evidence", side, **document)
        elif arbiter != GUIZHOU or way == "rule":
            self.attempt(f"dispute.{way}", arbiter, note="", **figures)

    @invariant()
    def all_is_well(self) -> None:
        if not hasattr(self, "world"):
            return
        assert check_invariants(self.world.state) == []
        if self.before.records:
            assert check_step(self.before, self.world.layer) == []


Market.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestMarket = Market.TestCase
