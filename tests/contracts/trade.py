"""Trading in the small world: two parties, a resource, and every step of a lease."""

from dataclasses import dataclass, field
from typing import Any

from contracts.account import make_account_key
from contracts.agreement import LEASES
from contracts.billing import compute_cost
from contracts.registry import rebuild_derived
from contracts.rules import VERSION_1
from contracts.table import make_object_key
from ledger.code import compose_code
from ledger.codec import Value
from ledger.result import Result
from tests.contracts.world import BEIJING, END_MS, GUIZHOU, HOUR_MS, NATIONAL, World, make_world

PROVIDER = compose_code("P", "520100", "0E001", "I")
OTHER_PROVIDER = compose_code("P", "520100", "0E002", "I")
CONSUMER = compose_code("U", "110100", "0A001", "I")
LOCAL_CONSUMER = compose_code("U", "520100", "0E003", "I")
RESOURCE = compose_code("C", "520100", "0E001", "I", "20", "0000001")
INDUSTRY = compose_code("I", "000000", "00020", "I")
AUDITOR = compose_code("M", "000000", "00030")
YUAN = 1_000_000
UNITS = 8_000  # eight cards
PRICE = 10 * YUAN
ROOT_OF_SAMPLES = bytes(range(32))


def make_descriptor(units: int = UNITS, **changes: Value) -> dict[str, Value]:
    """What a machine of eight accelerators says of itself."""
    return {
        "accelerators": [
            {"count": 8, "memory_mib": 65_536, "model": "Ascend 910B", "vendor": "Huawei"}
        ],
        "domestic": True,
        "gflops_bf16": 2_500_000,
        "gflops_fp16": 2_500_000,
        "gflops_fp32": 600_000,
        "gflops_fp64": 0,
        "gops_int8": 5_000_000,
        "green_bp": 5_500,
        "interconnect": "HCCS",
        "interface": "kubernetes-1",
        "latency_ms": 20,
        "memory_mib": 1_048_576,
        "network_mbps": 200_000,
        "pue_thousandths": 1_150,
        "sla_class": 1,
        "storage_gib": {"nvme": 30_720},
        "units": units,
        "zone": "guian-1",
        **changes,
    }


def make_needs(**changes: Value) -> dict[str, Value]:
    """What a demand that is content with anything in Guizhou needs."""
    return {
        "accelerator_memory_mib": 0,
        "domestic": False,
        "gflops_bf16": 0,
        "gflops_fp16": 0,
        "gflops_fp32": 0,
        "gflops_fp64": 0,
        "gops_int8": 0,
        "green_bp": 0,
        "interface": "",
        "latency_ms": 20,
        "memory_mib": 0,
        "models": [],
        "regions": ["52"],
        "sla_class": 0,
        **changes,
    }


@dataclass
class Trade:
    """A provider in Guizhou, a consumer in Beijing, and what they do."""

    world: World = field(default_factory=make_world)
    offer: str = ""
    lease: str = ""
    consumer: str = CONSUMER
    voucher: str = ""

    def set_up(self, *, consumer: str = CONSUMER, funds: int = 10_000 * YUAN) -> "Trade":
        """Both parties, money, and an attested resource."""
        world, self.consumer = self.world, consumer
        world.register(PROVIDER, GUIZHOU)
        world.register(consumer, GUIZHOU if consumer == LOCAL_CONSUMER else BEIJING)
        if funds:
            world.deposit(consumer, funds)
        world.do("resource.register", PROVIDER, code=RESOURCE, descriptor=make_descriptor())
        world.do("resource.attest", GUIZHOU, code=RESOURCE, units=UNITS, until_ms=END_MS)
        return self

    def make_offer(self, **changes: Value) -> str:
        """An offer of the whole resource for a month."""
        data = self.offer_data(**changes)
        result = self.world.do("market.offer", PROVIDER, **data)
        self.offer = result.events[0]["about"][0]
        return self.offer

    def offer_data(self, **changes: Value) -> dict[str, Value]:
        return {
            "ends_ms": self.world.time_ms + 30 * 24 * HOUR_MS,
            "maximum_seconds": 30 * 86_400,
            "minimum_seconds": 60,
            "minimum_units": 1,
            "notice_seconds": 600,
            "price_micro_yuan": PRICE,
            "resource": RESOURCE,
            "sla_class": 1,
            "starts_ms": self.world.time_ms,
            "units": UNITS,
            "venue": "",
            **changes,
        }

    def demand_data(self, **changes: Value) -> dict[str, Value]:
        """Three cards in Guizhou for four hours, from now or within an hour."""
        data: dict[str, Value] = {
            "ceiling_micro_yuan": PRICE,
            "earliest_ms": self.world.time_ms,
            "latest_ms": self.world.time_ms + HOUR_MS,
            "minimum_units": 1,
            "needs": make_needs(),
            "resource_class": "20",
            "seconds": 4 * 3600,
            "units": 3_000,
            "venue": "",
            "way": "quotes",
            **changes,
        }
        cost = compute_cost(data["units"], data["ceiling_micro_yuan"], data["seconds"] * 1000)
        return {"budget_micro_yuan": cost, **data}

    def demand(self, consumer: str = "", **changes: Value) -> str:
        """A demand; its id."""
        data = self.demand_data(**changes)
        result = self.world.do("market.demand", consumer or self.consumer, **data)
        return str(result.events[0]["about"][0])

    def open_venue(self, *admitted: str, **changes: Value) -> str:
        """An industry node of the resource's sector that admits anyone, and these; its code."""
        self.world.register(INDUSTRY, NATIONAL)
        self.set_policy(**changes)
        for code in admitted:
            self.world.do("policy.permit", INDUSTRY, code=code, note="")
        return INDUSTRY

    def set_policy(self, **changes: Value) -> None:
        """The policy of the industry node, which admits anyone and anything but for changes."""
        policy = {"attestors": ["R", "M"], "consumers": "anyone", "providers": "anyone"}
        self.world.do("policy.set", INDUSTRY, **{**policy, "sla_class": 0, **changes})

    def quote_data(self, demand: str, **changes: Value) -> dict[str, Value]:
        """A quote of three cards, valid for an hour."""
        return {
            "demand": demand,
            "notice_seconds": 600,
            "price_micro_yuan": PRICE,
            "resource": RESOURCE,
            "sla_class": 1,
            "units": 3_000,
            "valid_until_ms": self.world.time_ms + HOUR_MS,
            **changes,
        }

    def quote(self, demand: str, **changes: Value) -> str:
        """A quote; its id."""
        result = self.world.do("market.quote", PROVIDER, **self.quote_data(demand, **changes))
        return str(result.events[0]["about"][0])

    def award_data(self, quote: str, **changes: Value) -> dict[str, Value]:
        return {
            "hold_micro_yuan": 6 * PRICE,
            "quote": quote,
            "units": 3_000,
            "voucher": "",
            "voucher_micro_yuan": 0,
            **changes,
        }

    def award(self, quote: str, **changes: Value) -> str:
        """Award a quote; the lease that it makes."""
        data = self.award_data(quote, **changes)
        self.lease = self.world.do("market.award", self.consumer, **data).events[0]["about"][0]
        return self.lease

    def take_data(self, **changes: Value) -> dict[str, Value]:
        return {
            "demand": "",
            "hold_micro_yuan": 100 * YUAN,
            "offer": self.offer,
            "seconds": 4 * 3600,
            "starts_ms": 0,
            "units": 2_000,
            "voucher": "",
            "voucher_micro_yuan": 0,
            **changes,
        }

    def take(self, **changes: Value) -> str:
        """Take two cards for four hours, holding the money of five."""
        result = self.world.do("market.take", self.consumer, **self.take_data(**changes))
        self.lease = result.events[0]["about"][0]
        return self.lease

    def edit(self, **changes: Value) -> None:
        """Let the lease be as it is not, and what is derived from it."""
        key = LEASES.make_key(PROVIDER, self.lease)
        record = self.world.state.records[key]
        changed = {**record.value, **changes}
        self.world.state.records[key] = record.replaced(changed, record.height, record.index)
        self.world.state.derived = rebuild_derived(self.world.state)

    def dispatch(self) -> Result:
        signers = (GUIZHOU,) if self.consumer[1:3] == "52" else (GUIZHOU, BEIJING)
        return self.world.do("lease.dispatch", signers, lease=self.lease, reference="job-1")

    def activate(self) -> Result:
        return self.world.do("lease.activate", PROVIDER, lease=self.lease)

    def start(self, **changes: Value) -> "Trade":
        """Everything up to an active lease."""
        self.set_up()
        self.make_offer()
        self.take(**changes)
        self.dispatch()
        self.activate()
        return self

    def usage(self, epoch: int, used: int | None = None, **changes: Value) -> dict[str, Value]:
        full = self.record["units"] * VERSION_1["meter_epoch_ms"] // 1000
        return {
            "availability_bp": 10_000,
            "epoch": epoch,
            "lease": self.lease,
            "samples_count": 60,
            "samples_root": ROOT_OF_SAMPLES,
            "used_unit_seconds": full if used is None else used,
            **changes,
        }

    def agree(self, epoch: int, used: int | None = None, **changes: Value) -> Result:
        signers = (PROVIDER, self.consumer)
        return self.world.do("metering.receipt", signers, **self.usage(epoch, used, **changes))

    def submit(self, epoch: int, used: int | None = None, **changes: Value) -> Result:
        return self.world.do("metering.submit", PROVIDER, **self.usage(epoch, used, **changes))

    def voucher_data(self, **changes: Value) -> dict[str, Value]:
        return {
            "amount_micro_yuan": 50 * YUAN,
            "expires_ms": self.world.time_ms + 30 * 24 * HOUR_MS,
            "holder": self.consumer,
            "reference": "2026-17",
            "region": "52",
            "resource_class": "20",
            "share_bp": 4_000,
            **changes,
        }

    def issue_voucher(self, **changes: Value) -> str:
        """A voucher of fifty yuan that pays two fifths of a bill for intelligent computing."""
        result = self.world.do("voucher.issue", GUIZHOU, **self.voucher_data(**changes))
        self.voucher = result.events[0]["about"][0]
        return self.voucher

    def top_up_data(self, micro_yuan: int = 0, voucher: int = 0) -> dict[str, Value]:
        return {
            "amount_micro_yuan": micro_yuan,
            "lease": self.lease,
            "voucher": self.voucher if voucher else "",
            "voucher_micro_yuan": voucher,
        }

    def dispute_data(self, epoch: int = 0, used: int = 0, **changes: Value) -> dict[str, Value]:
        return {
            "availability_bp": 10_000,
            "epoch": epoch,
            "evidence": bytes(32),
            "lease": self.lease,
            "note": "idle",
            "used_unit_seconds": used,
            **changes,
        }

    def dispute(self, epoch: int = 0, used: int = 0, **changes: Value) -> Result:
        """Contest a receipt that waits, accepting what is given; the next block pays for that."""
        data = self.dispute_data(epoch, used, **changes)
        return self.world.do("dispute.open", self.consumer, **data)

    @property
    def record(self) -> Any:
        """The lease's record."""
        return self.world.value(LEASES.make_key(PROVIDER, self.lease))

    @property
    def delivery(self) -> tuple[int, int]:
        """What is counted of the provider: delivered, faults."""
        account = self.world.value(make_account_key(PROVIDER))
        return account["delivered"], account["faults"]

    @property
    def allocated(self) -> int:
        """What leases hold of the resource."""
        return self.world.reserved(RESOURCE)

    @property
    def money(self) -> tuple[int, int, int]:
        """Consumer's balance, provider's balance, held in the lease."""
        balance = self.world.balance
        return balance(self.consumer), balance(PROVIDER), self.record["held_micro_yuan"]


def find_object(world: World, name: str) -> Any:
    """The record of an object id."""
    return world.value(world.state.get_derived(make_object_key(name)))
