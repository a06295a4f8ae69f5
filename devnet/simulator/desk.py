"""The desk: everybody who trades the jobs of a trace, from the demand to the settled bill.

1. At its creation a job becomes a demand whose budget is held; the ledger itself finds the offer.
2. On a match the regional nodes dispatch, then the provider activates.
3. Every meter epoch both sides sign the receipt of full use.
4. At its deletion the consumer closes the lease, if its time is not over before; what is not
   metered yet is, and the rest of the hold goes back.

Each step answers an event of the ledger; nobody keeps a book of free capacity beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from contracts.rules import VERSION_1
from devnet.market import (
    DAY_MS,
    FULL_BP,
    YUAN,
    make_demand_data,
    make_needs,
    make_offer_data,
)
from devnet.placement import compute_ceiling
from devnet.simulator.exchange import Exchange, Signer
from devnet.simulator.fleet import CARDS_CLASS, CORES_CLASS, Fleet, Machine, Trader
from devnet.trace import TraceJob

RULES: Final = {**VERSION_1, "meter_epoch_ms": DAY_MS}
DEPOSIT: Final = 100_000_000 * YUAN
_RACE: Final = ("wrong-state",)  # the block ended the lease while the consumer closed it


@dataclass(slots=True)
class Run:
    """A job on the ledger; times are the ledger's, money micro-yuan. `state` is that of its life:
    wanted, matched, scheduled, active, ended, closed, expired."""

    job: TraceJob
    consumer: Trader
    begin_ms: int
    deleted_ms: int
    state: str = "wanted"
    demand: str = ""
    lease: str = ""
    machine: Machine | None = None
    activated_ms: int = 0
    ends_ms: int = 0
    ended_ms: int = 0
    metered_ms: int = 0
    epoch: int = 0
    price_micro_yuan: int = 0
    billed_micro_yuan: int = 0
    used_unit_seconds: int = 0

    @property
    def is_across(self) -> bool:
        """Whether consumer and machine are of different regions."""
        assert self.machine is not None
        return self.machine.resource[1:3] != self.consumer.code[1:3]


@dataclass(slots=True)
class Desk:
    """All traders of a fleet; `hear` is the exchange's."""

    fleet: Fleet
    start_ms: int = 0
    runs: list[Run] = field(default_factory=list)
    _exchange: Exchange | None = None
    _by_resource: dict[str, Machine] = field(init=False)
    _by_demand: dict[str, Run] = field(default_factory=dict)
    _by_lease: dict[str, Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_resource = {machine.resource: machine for machine in self.fleet.machines}

    def open_at(self, exchange: Exchange) -> None:
        """Trade on this exchange."""
        self._exchange = exchange

    @property
    def exchange(self) -> Exchange:
        """Where this desk trades."""
        assert self._exchange is not None
        return self._exchange

    # --- before the first job

    def open_market(self) -> None:
        """Register everybody, describe, attest and offer every machine; all of it final."""
        exchange, population = self.exchange, self.exchange.population
        exchange.run_until(exchange.time_ms + 2_000)
        for trader in self.fleet.traders.values():
            self._register(trader)
        exchange.settle()
        bank = (population.bank, population.identity_key(population.bank))
        for consumer in self.fleet.consumers:
            data = {"account": consumer.code, "amount_micro_yuan": DEPOSIT, "reference": "trace"}
            exchange.submit("settlement.deposit", data, [bank])
        for step in (self._describe, self._attest, self._offer):
            for machine in self.fleet.machines:
                step(machine)
            exchange.settle()

    def _register(self, trader: Trader) -> None:
        data = {
            "certificate": trader.certificate,
            "code": trader.code,
            "credit_code": "",
            "name": "a trader of the trace",
            "role": "",
        }
        bare = (f"key:{trader.key.public.hex()}", trader.key)
        self.exchange.submit("identity.register", data, [self._region(trader.code), bare])

    def _describe(self, machine: Machine) -> None:
        data = {"code": machine.resource, "descriptor": machine.descriptor}
        self.exchange.submit("resource.register", data, [_sign(machine.provider)])

    def _attest(self, machine: Machine) -> None:
        until_ms = self.exchange.time_ms + 1_000 * DAY_MS
        data = {"code": machine.resource, "units": machine.units, "until_ms": until_ms}
        self.exchange.submit("resource.attest", data, [self._region(machine.resource)])

    def _offer(self, machine: Machine) -> None:
        data = _make_offer(machine, self.exchange.time_ms)
        self.exchange.submit("market.offer", data, [_sign(machine.provider)])

    # --- jobs

    def schedule(self, jobs: list[TraceJob]) -> None:
        """Let every job begin at its time; the creation of the first is now."""
        self.start_ms = self.exchange.time_ms
        zero_ms = self.start_ms - jobs[0].created_s * 1000
        consumers = self.fleet.consumers
        for number, job in enumerate(jobs):
            run = Run(
                job,
                consumers[number % len(consumers)],
                zero_ms + job.created_s * 1000,
                zero_ms + max(job.deleted_s, job.created_s + 1) * 1000,
            )
            self.runs.append(run)
            self.exchange.at(run.begin_ms, f"job {job.name}", partial(self._demand, run))

    def _demand(self, run: Run) -> None:
        seconds = (run.deleted_ms - run.begin_ms) // 1000
        data = _make_demand(run.job, seconds, self.exchange.time_ms)
        id_ = self.exchange.submit("market.demand", data, [_sign(run.consumer)])
        run.demand = f"demand-{id_.hex()[:32]}-0"
        self._by_demand[run.demand] = run

    def hear(self, event: dict[str, Any], time_ms: int) -> None:
        """Answer an event of the ledger, of a block of this time."""
        answer = _ANSWERS.get(event["type"])
        if answer is None:
            return
        about = event["about"]
        run = self._by_lease.get(about[0]) or next(
            (self._by_demand[name] for name in about if name in self._by_demand), None
        )
        if run is not None:
            answer(self, run, about, {**event["data"], "time_ms": time_ms})

    def _matched(self, run: Run, about: list[str], data: Mapping[str, Any]) -> None:
        run.lease, run.state = about[0], "matched"
        run.price_micro_yuan = data["price_micro_yuan"]
        run.machine = next(filter(None, map(self._by_resource.get, about)))
        self._by_lease[run.lease] = run
        signers = [self._region(run.machine.resource)]
        if run.is_across:
            signers.append(self._region(run.consumer.code))
        data = {"lease": run.lease, "reference": run.job.name[:64]}
        self.exchange.submit("lease.dispatch", data, signers)

    def _scheduled(self, run: Run, _about: list[str], _data: Mapping[str, Any]) -> None:
        assert run.machine is not None
        run.state = "scheduled"
        signers = [_sign(run.machine.provider)]
        self.exchange.submit("lease.activate", {"lease": run.lease}, signers)

    def _active(self, run: Run, _about: list[str], data: Mapping[str, Any]) -> None:
        run.state, run.ends_ms = "active", data["ends_ms"]
        run.activated_ms = run.metered_ms = data["time_ms"]
        self.exchange.at(run.deleted_ms, f"{run.job.name} ends", partial(self._close, run))
        self._set_meter(run)

    def _set_meter(self, run: Run) -> None:
        at_ms = run.metered_ms + RULES["meter_epoch_ms"]
        if at_ms < run.ends_ms:
            # A moment later, so that the epoch has ended by the clock of the next block too.
            act = partial(self._meter_epoch, run, run.epoch)
            self.exchange.at(at_ms + 2_000, f"{run.job.name} is metered", act)

    def _meter_epoch(self, run: Run, epoch: int) -> None:
        if run.state == "active" and run.epoch == epoch:
            self._meter(run, run.metered_ms + RULES["meter_epoch_ms"])

    def _close(self, run: Run) -> None:
        if run.state == "active":
            data = {"lease": run.lease, "note": "", "reason": "finished"}
            self.exchange.submit("lease.close", data, [_sign(run.consumer)], _RACE)

    def _ended(self, run: Run, _about: list[str], data: Mapping[str, Any]) -> None:
        run.state, run.ended_ms = "ended", data["ended_ms"]
        self._meter_rest(run)

    def _meter_rest(self, run: Run) -> None:
        if run.metered_ms < run.ended_ms:
            self._meter(run, min(run.ended_ms, run.metered_ms + RULES["meter_epoch_ms"]))

    def _meter(self, run: Run, until_ms: int) -> None:
        """Rule 3."""
        assert run.machine is not None
        used = run.job.units * (until_ms - run.metered_ms) // 1000
        data = {
            "availability_bp": FULL_BP,
            "epoch": run.epoch,
            "lease": run.lease,
            "samples_count": 1,
            "samples_root": bytes(32),
            "used_unit_seconds": used,
        }
        run.metered_ms = until_ms
        signers = [_sign(run.machine.provider), _sign(run.consumer)]
        self.exchange.submit("metering.receipt", data, signers)

    def _agreed(self, run: Run, _about: list[str], data: Mapping[str, Any]) -> None:
        run.billed_micro_yuan += data["billed_micro_yuan"]
        run.used_unit_seconds += data["used_unit_seconds"]
        run.epoch += 1
        if run.state == "ended":
            self._meter_rest(run)
        elif run.state == "active":
            self._set_meter(run)

    def _closed(self, run: Run, _about: list[str], _data: Mapping[str, Any]) -> None:
        run.state = "closed"

    def _expired(self, run: Run, _about: list[str], _data: Mapping[str, Any]) -> None:
        run.state = "expired"

    # --- who

    def _region(self, code: str) -> Signer:
        population = self.exchange.population
        region = next(item for item in population.regions if item[1:3] == code[1:3])
        return region, population.identity_key(region)


_ANSWERS: Final[dict[str, Callable[[Desk, Run, list[str], Mapping[str, Any]], None]]] = {
    "lease.matched": Desk._matched,
    "lease.scheduled": Desk._scheduled,
    "lease.active": Desk._active,
    "lease.ended": Desk._ended,
    "lease.closed": Desk._closed,
    "metering.agreed": Desk._agreed,
    "market.demand_expired": Desk._expired,
}


def _sign(trader: Trader) -> Signer:
    return trader.code, trader.key


def _make_offer(machine: Machine, now_ms: int) -> dict[str, Any]:
    """An offer of a whole machine for as long as the trace goes on."""
    return make_offer_data(
        machine.resource,
        machine.units,
        machine.price_micro_yuan,
        now_ms,
        ends_ms=now_ms + 400 * DAY_MS,
        maximum_seconds=400 * 86_400,
    )


def _make_demand(job: TraceJob, seconds: int, now_ms: int) -> dict[str, Any]:
    """The demand of a job: whole, anywhere, up to its ceiling, from now on."""
    return make_demand_data(
        CARDS_CLASS if job.gpus else CORES_CLASS,
        job.units,
        seconds,
        compute_ceiling(job),
        (now_ms, now_ms + seconds * 1000),
        minimum_units=job.units,
        needs=make_needs(models=list(job.models)),
        way="selection",
    )
