"""Deals: the lives of leases from a resource to a bill, so that blocks have due work of their own.

A deal goes from step to step as its transactions become final. A step that failed or was lost is
tried again, and after the last one the deal begins anew with another offer. The rules of these
networks are short: meter epochs of a second, windows of a few.
"""

from dataclasses import dataclass
from typing import Final

from contracts.rules import VERSION_1
from devnet.market import YUAN, make_demand_data, make_needs, make_offer_data, make_take_data
from ledger.code import compose_code
from ledger.codec import Value
from ledger.primitives import Code, Digest

UNITS: Final = 4_000
EPOCH_MS: Final = 1_000
RULES: Final = {
    **VERSION_1,
    "activation_timeout_ms": 4 * EPOCH_MS,
    "appeal_window_ms": EPOCH_MS,
    "countersign_window_ms": 2 * EPOCH_MS,
    "decision_window_ms": EPOCH_MS,
    "evidence_window_ms": EPOCH_MS,
    "meter_epoch_ms": EPOCH_MS,
    "refusal_window_ms": 1 * EPOCH_MS,
    "ruling_window_ms": EPOCH_MS,
    "selection_aside_ms": 5 * EPOCH_MS,
    "selection_retry_ms": 2 * EPOCH_MS,
    "settlement_window_ms": 4 * EPOCH_MS,
}
_DESCRIPTOR: Final[dict[str, Value]] = {
    "accelerators": [
        {"count": 4, "memory_mib": 65_536, "model": "Ascend 910B", "vendor": "Huawei"}
    ],
    "domestic": True,
    "gflops_bf16": 1_000_000,
    "gflops_fp16": 1_000_000,
    "gflops_fp32": 300_000,
    "gflops_fp64": 0,
    "gops_int8": 2_000_000,
    "green_bp": 5_500,
    "interconnect": "HCCS",
    "interface": "kubernetes-1",
    "latency_ms": 20,
    "memory_mib": 524_288,
    "network_mbps": 100_000,
    "pue_thousandths": 1_150,
    "sla_class": 1,
    "storage_gib": {"nvme": 15_360},
    "units": UNITS,
    "zone": "a",
}

_NEEDS: Final = make_needs(
    accelerator_memory_mib=65_536,
    domestic=True,
    gflops_fp16=250_000,
    green_bp=5_000,
    interface="kubernetes-1",
    models=["Ascend 910B"],
    sla_class=1,
)

Step = tuple[str, dict[str, Value], tuple[str, ...]]  # kind, data, codes of the signers


@dataclass(frozen=True, slots=True)
class Pair:
    """Who deals with whom, where, and who has the money."""

    provider: Code
    consumer: Code
    region: Code
    consumer_region: Code
    bank: Code


@dataclass(slots=True)
class Deal:
    """One resource and what becomes of it."""

    pair: Pair
    end_ms: int
    place: int = 0
    pending: Digest | None = None
    offer: str = ""
    lease: str = ""
    voucher: str = ""
    epoch: int = 0
    left: bool = False  # the receipt waits for the consumer's answer

    @property
    def resource(self) -> Code:
        """The code of the resource."""
        code = self.pair.provider
        return compose_code("C", code[1:7], code[8:13], code[7], "20", "0000001")

    def next_step(self, time_ms: int) -> Step:
        """What is to be done now."""
        return _STEPS[self.place](self, time_ms)

    def settle(self, code: str) -> None:
        """The pending step is final with this code; go on, or begin anew with another offer."""
        assert self.pending is not None
        name = self.pending.hex()[:32]
        self.pending = None
        if code == "epoch-open":
            return  # too early for the receipt
        if self.place == _OFFER:
            self.offer = f"offer-{name}-0"
        elif self.place == _ISSUE:
            self.voucher = f"voucher-{name}-0"
        elif self.place == _TAKE:
            self.lease, self.epoch = f"lease-{name}-0", 0
        elif self.place > _TAKE and code != "ok":
            self.place = _OFFER  # the lease went another way: over, or never made
            return
        if self.place == _METER and self.left and self.epoch == 1:
            return  # the consumer disputes it
        self.left = False
        if self.place == _METER and self.epoch < 2:
            self.epoch += 1
            return
        self.place = self.place + 1 if self.place + 1 < len(_STEPS) else _OFFER


def _deposit(deal: Deal, _: int) -> Step:
    pair = deal.pair
    data = {"account": pair.consumer, "amount_micro_yuan": 10_000 * YUAN, "reference": "deal"}
    return "settlement.deposit", data, (pair.bank,)


def _issue(deal: Deal, _: int) -> Step:
    data = {
        "amount_micro_yuan": 1_000_000 * YUAN,
        "expires_ms": deal.end_ms,
        "holder": deal.pair.consumer,
        "reference": "deal",
        "region": "",
        "resource_class": "20",
        "share_bp": 3_333,
    }
    return "voucher.issue", data, (deal.pair.consumer_region,)


def _register(deal: Deal, _: int) -> Step:
    data = {"code": deal.resource, "descriptor": _DESCRIPTOR}
    return "resource.register", data, (deal.pair.provider,)


def _attest(deal: Deal, _: int) -> Step:
    data = {"code": deal.resource, "units": UNITS, "until_ms": deal.end_ms}
    return "resource.attest", data, (deal.pair.region,)


def _offer(deal: Deal, time_ms: int) -> Step:
    data = make_offer_data(
        deal.resource,
        UNITS,
        10 * YUAN,
        time_ms,
        ends_ms=time_ms + 5 * EPOCH_MS,
        maximum_seconds=60,
        starts_ms=time_ms - EPOCH_MS,
    )
    return "market.offer", data, (deal.pair.provider,)


def _demand(deal: Deal, time_ms: int) -> Step:
    """What the block itself matches: a lease that nobody dispatches, which fails in time."""
    data = make_demand_data(
        "20",
        1_500,
        3,
        20 * YUAN,
        (1, time_ms + 5 * EPOCH_MS),
        budget_micro_yuan=YUAN,
        minimum_units=500,
        needs=_NEEDS,
        way="selection",
    )
    return "market.demand", data, (deal.pair.consumer,)


def _take(deal: Deal, _: int) -> Step:
    data = make_take_data(
        deal.offer, 1_000, 3, 100 * YUAN, voucher=deal.voucher, voucher_micro_yuan=3 * YUAN
    )
    return "market.take", data, (deal.pair.consumer,)


def _dispatch(deal: Deal, _: int) -> Step:
    pair = deal.pair
    both = (pair.region, pair.consumer_region)
    signers = both if both[0] != both[1] else both[:1]
    return "lease.dispatch", {"lease": deal.lease, "reference": "job"}, signers


def _activate(deal: Deal, _: int) -> Step:
    return "lease.activate", {"lease": deal.lease}, (deal.pair.provider,)


def _meter(deal: Deal, time_ms: int) -> Step:
    """Both sides sign, or the provider leaves a receipt, silent on or disputed by the consumer."""
    if deal.left:
        deal.left = False
        return "dispute.open", _make_dispute(deal), (deal.pair.consumer,)
    data: dict[str, Value] = {
        "availability_bp": 10_000,
        "epoch": deal.epoch,
        "lease": deal.lease,
        "samples_count": 1,
        "samples_root": bytes(32),
        "used_unit_seconds": 500,
    }
    if time_ms % 3 == 0:
        deal.left = True
        return "metering.submit", data, (deal.pair.provider,)
    return "metering.receipt", data, (deal.pair.provider, deal.pair.consumer)


def _make_dispute(deal: Deal) -> dict[str, Value]:
    """Half is accepted; nobody rules, so the block goes through all instances by itself."""
    return {
        "availability_bp": 10_000,
        "epoch": deal.epoch,
        "evidence": bytes(32),
        "lease": deal.lease,
        "note": "",
        "used_unit_seconds": 250,
    }


_STEPS: Final = (
    _deposit,
    _issue,
    _register,
    _attest,
    _offer,
    _demand,
    _take,
    _dispatch,
    _activate,
    _meter,
)
_ISSUE: Final = _STEPS.index(_issue)
_OFFER: Final = _STEPS.index(_offer)
_TAKE: Final = _STEPS.index(_take)
_METER: Final = _STEPS.index(_meter)
