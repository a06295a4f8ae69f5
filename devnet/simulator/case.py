"""A run written down: the seed and everything that was planned, as a JSON document.

Whoever has the file has the run, event by event, also where seeds draw other plans by now.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from devnet.errors import DevnetError
from devnet.simulator.adversaries.part import Part
from devnet.simulator.faults import CALM_DELAY_US, CALM_FSYNC_US, Faults
from devnet.simulator.kernel import MS
from devnet.simulator.plan import Plan
from devnet.simulator.script import Deed
from node.mempool import MempoolLimits
from node.snapshot_rules import SnapshotRules

_FORMAT = 2


@dataclass(frozen=True, slots=True)
class Case:
    """A seed with its plan."""

    seed: int
    plan: Plan

    def describe(self) -> list[str]:
        """Every fault and deed of it, a line each."""
        plan, calm = self.plan, Faults()
        lines = [f"{plan.n} validators, {plan.observers} observers, {plan.fire_us // MS} ms"]
        lines += _describe_history(plan)
        lines += [f"validator {part.place} is a {', '.join(part.habits)}" for part in plan.cast]
        noise = {
            name: value
            for name, value in asdict(plan.faults).items()
            if value != getattr(calm, name) and not name.endswith("every_us")
        }
        lines += [f"{name}: {value}" for name, value in noise.items() if name != "crash_rate"]
        return lines + [deed.describe() for deed in plan.script]

    def save(self, path: Path) -> None:
        """Write the document."""
        document = {"format": _FORMAT, "plan": asdict(self.plan), "seed": self.seed}
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _describe_history(plan: Plan) -> list[str]:
    most = (plan.n - 1) // 3
    parts = []
    if plan.rules.may_join:
        parts.append(f"validators above {most} join by a snapshot from {plan.rules.far} blocks on")
    if plan.keep_blocks:
        parts.append(f"validators above {most} keep {plan.keep_blocks} blocks")
    if plan.late_us:
        parts.append(f"observers start at {plan.late_us // MS} ms")
    return parts


def load_case(path: Path) -> Case:
    """Read a document; DevnetError where it is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != _FORMAT:
            raise DevnetError(f"{path} has format {document['format']}, not {_FORMAT}")
        return Case(int(document["seed"]), _read_plan(document["plan"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DevnetError(f"{path} holds no case of the simulator: {error!r}") from None


def _read_plan(data: dict[str, Any]) -> Plan:
    cast = tuple(Part(part["place"], tuple(part["habits"])) for part in data["cast"])
    script = tuple(Deed.from_json(deed) for deed in data["script"])
    limits = MempoolLimits(**data["limits"])
    return Plan(
        **{
            **data,
            "cast": cast,
            "faults": _read_faults(data["faults"]),
            "limits": limits,
            "rules": SnapshotRules(**data["rules"]),
            "script": script,
        }
    )


def _read_faults(data: dict[str, Any]) -> Faults:
    pairs = {"delay_us": CALM_DELAY_US, "fsync_us": CALM_FSYNC_US}
    return Faults(**{**data, **{name: tuple(data[name]) for name in pairs}})
