"""Needs: what a demand wants of a resource, held against the resource's descriptor.

1. Every accelerator or processor of the resource is one of the models named, if any are.
2. Floors of speed and memory count for a whole unit: a card or a core. The descriptor's peaks and
   memory are of the whole resource, so each unit has its share of them.
3. The memory of an accelerator is that of the smallest of the resource.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from contracts.payload import BasisPoints, Count, Label, Payload, SlaClass
from ledger.code import PROVINCES

MAX_MODELS: Final = 16
WHOLE: Final = 1000  # thousandths of a unit
SHARED: Final = (
    "gflops_bf16",
    "gflops_fp16",
    "gflops_fp32",
    "gflops_fp64",
    "gops_int8",
    "memory_mib",
)


class Needs(Payload):
    """What is wanted of a resource; 0, an empty list and an empty text want nothing."""

    accelerator_memory_mib: Count
    domestic: bool = Field(description="whether the chips must be domestic")
    gflops_bf16: Count
    gflops_fp16: Count
    gflops_fp32: Count
    gflops_fp64: Count
    gops_int8: Count
    green_bp: BasisPoints
    interface: Label | Literal[""] = Field(description="interface profile, or empty for any")
    latency_ms: Annotated[Literal[1, 5, 20], Field(description="latency class of at most")]
    memory_mib: Count
    models: Annotated[list[Label], Field(max_length=MAX_MODELS, description="models; none for any")]
    regions: Annotated[
        list[Annotated[str, Field(pattern="^[0-9]{2}$")]],
        Field(max_length=len(PROVINCES), description="province prefixes; none for any"),
    ]
    sla_class: SlaClass


def is_region_fit(needs: Mapping[str, Any], resource: str) -> bool:
    """Whether a resource's code is of a region that will do."""
    return not needs["regions"] or resource[1:3] in needs["regions"]


def is_fit(needs: Mapping[str, Any], descriptor: Mapping[str, Any]) -> bool:
    """Whether a resource is as it is wanted (rules 1 to 3)."""
    machines, units = descriptor["accelerators"], descriptor["units"]
    smallest = min((machine["memory_mib"] for machine in machines), default=0)
    named = not needs["models"] or (
        machines and all(machine["model"] in needs["models"] for machine in machines)
    )
    return bool(
        named
        and descriptor["latency_ms"] <= needs["latency_ms"]
        and descriptor["green_bp"] >= needs["green_bp"]
        and (descriptor["domestic"] or not needs["domestic"])
        and needs["interface"] in ("", descriptor["interface"])
        and smallest >= needs["accelerator_memory_mib"]
        and all(descriptor[name] * WHOLE >= needs[name] * units for name in SHARED)
    )
