"""Transactions of the market as a scenario sends them: payloads with everything but the point."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.billing import compute_bill, compute_charge, compute_cost, compute_credit_bp
from contracts.context import Rules
from devnet.scene import Order
from node.client.composer import Signer

YUAN = 1_000_000
WHOLE = 1000  # thousandths of a card or core
DAY_MS = 86_400_000
FULL_BP = 10_000


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a resource is made of; `count` accelerators or processors."""

    vendor: str
    model: str
    count: int
    card_memory_mib: int
    memory_mib: int
    gflops_fp16: int = 0
    domestic: bool = True


def make_descriptor(hardware: Hardware, zone: str, **changes: Any) -> dict[str, Any]:
    """The descriptor of a machine."""
    fp16 = hardware.gflops_fp16
    return {
        "accelerators": [
            {
                "count": hardware.count,
                "memory_mib": hardware.card_memory_mib,
                "model": hardware.model,
                "vendor": hardware.vendor,
            }
        ],
        "domestic": hardware.domestic,
        "gflops_bf16": fp16,
        "gflops_fp16": fp16,
        "gflops_fp32": fp16 // 4,
        "gflops_fp64": 0,
        "gops_int8": 2 * fp16,
        "green_bp": 5_500,
        "interconnect": "HCCS",
        "interface": "kubernetes-1",
        "latency_ms": 20,
        "memory_mib": hardware.memory_mib,
        "network_mbps": 200_000,
        "pue_thousandths": 1_150,
        "sla_class": 1,
        "storage_gib": {"nvme": 30_720},
        "units": hardware.count * WHOLE,
        "zone": zone,
        **changes,
    }


def make_offer(
    provider: Signer, resource: str, units: int, price_micro_yuan: int, now_ms: int, **changes: Any
) -> Order:
    """An offer of a resource for a month from now, for a second or more."""
    data = make_offer_data(resource, units, price_micro_yuan, now_ms, **changes)
    return Order("market.offer", data, (provider,))


def make_offer_data(
    resource: str, units: int, price_micro_yuan: int, now_ms: int, **changes: Any
) -> dict[str, Any]:
    """What such an offer says."""
    return {
        "ends_ms": now_ms + 30 * DAY_MS,
        "maximum_seconds": 30 * 86_400,
        "minimum_seconds": 1,
        "minimum_units": 1,
        "notice_seconds": 0,
        "price_micro_yuan": price_micro_yuan,
        "resource": resource,
        "sla_class": 1,
        "starts_ms": now_ms - DAY_MS,
        "units": units,
        "venue": "",
        **changes,
    }


def make_needs(**changes: Any) -> dict[str, Any]:
    """What a demand needs that is content with anything, anywhere."""
    floors = ("gflops_bf16", "gflops_fp16", "gflops_fp32", "gflops_fp64", "gops_int8")
    return {
        "accelerator_memory_mib": 0,
        "domestic": False,
        **dict.fromkeys(floors, 0),
        "green_bp": 0,
        "interface": "",
        "latency_ms": 20,
        "memory_mib": 0,
        "models": [],
        "regions": [],
        "sla_class": 0,
        **changes,
    }


def make_demand(
    consumer: Signer,
    resource_class: str,
    units: int,
    seconds: int,
    ceiling_micro_yuan: int,
    window_ms: tuple[int, int],
    **changes: Any,
) -> Order:
    """A demand whose budget pays all of it at its ceiling; any part of it will do."""
    data = make_demand_data(
        resource_class, units, seconds, ceiling_micro_yuan, window_ms, **changes
    )
    return Order("market.demand", data, (consumer,))


def make_demand_data(
    resource_class: str,
    units: int,
    seconds: int,
    ceiling_micro_yuan: int,
    window_ms: tuple[int, int],
    **changes: Any,
) -> dict[str, Any]:
    """What such a demand says."""
    return {
        "budget_micro_yuan": compute_cost(units, ceiling_micro_yuan, seconds * 1000),
        "ceiling_micro_yuan": ceiling_micro_yuan,
        "earliest_ms": window_ms[0],
        "latest_ms": window_ms[1],
        "minimum_units": 1,
        "needs": make_needs(),
        "resource_class": resource_class,
        "seconds": seconds,
        "units": units,
        "venue": "",
        "way": "quotes",
        **changes,
    }


def make_take(
    consumer: Signer, offer: str, units: int, seconds: int, hold_micro_yuan: int, demand: str = ""
) -> Order:
    """Take part of an offer."""
    data = make_take_data(offer, units, seconds, hold_micro_yuan, demand=demand)
    return Order("market.take", data, (consumer,))


def make_take_data(
    offer: str, units: int, seconds: int, hold_micro_yuan: int, **changes: Any
) -> dict[str, Any]:
    """What takes part of an offer, from now on and without a voucher."""
    return {
        "demand": "",
        "hold_micro_yuan": hold_micro_yuan,
        "offer": offer,
        "seconds": seconds,
        "starts_ms": 0,
        "units": units,
        "voucher": "",
        "voucher_micro_yuan": 0,
        **changes,
    }


def make_usage(
    lease: str, epoch: int, used: int, root: bytes, count: int, availability_bp: int = FULL_BP
) -> dict[str, Any]:
    """The payload of a receipt."""
    return {
        "availability_bp": availability_bp,
        "epoch": epoch,
        "lease": lease,
        "samples_count": count,
        "samples_root": root,
        "used_unit_seconds": used,
    }


def compute_bills(
    rules: Mapping[str, int], price_micro_yuan: int, receipts: Sequence[tuple[int, int]], held: int
) -> list[int]:
    """The exact bills of a lease's receipts, each (used unit-seconds, availability)."""
    bills, remainder = [], 0
    for used, availability_bp in receipts:
        credit_bp = compute_credit_bp(Rules(1, rules), 1, availability_bp)
        charge = compute_charge(used, price_micro_yuan, credit_bp)
        bill, remainder = compute_bill(charge, remainder, held)
        held -= bill
        bills.append(bill)
    return bills


def show_yuan(micro_yuan: int) -> str:
    """An amount for people, to the last micro-yuan that is not zero."""
    whole, part = divmod(abs(micro_yuan), YUAN)
    digits = f"{part:06}".rstrip("0").ljust(2, "0")
    return f"{'-' if micro_yuan < 0 else ''}¥{whole:,}.{digits}"
