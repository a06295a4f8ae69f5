"""The status document as gauges: who is missing, what lapses, what is stuck."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from node.diagnosis import DAY_MS, Finding, diagnose

_FINDING: Final = "What is not well, by code; 1 where it keeps the peer from its work, else 0"


class Worries(Collector):
    """Reads a status document (`node.status`) whenever somebody asks for metrics."""

    def __init__(self, describe: Callable[[], dict[str, Any]]) -> None:
        self._describe = describe

    def collect(self) -> list[Metric]:
        status = self._describe()
        findings = diagnose(status)
        return [*_list_gauges(status, findings), *_list_families(status, findings)]


def _list_gauges(status: Mapping[str, Any], findings: Sequence[Finding]) -> list[Metric]:
    sync, disk = status["sync"], status["disk"]
    behind = int(sync["goal"]) - int(status["height"]) if sync["running"] else 0
    gauges: dict[str, tuple[str, float]] = {
        "suanlian_catching_up_blocks": ("Blocks behind while catching up", max(0, behind)),
        "suanlian_stuck": (
            "1 if something keeps the peer from its work",
            any(finding.is_stuck for finding in findings),
        ),
    }
    if disk:
        gauges["suanlian_disk_free_bytes"] = ("Free bytes on the disk", int(disk["free_bytes"]))
    quorum_ms = status["certificates"].get("quorum_ms")
    if quorum_ms is not None:
        gauges["suanlian_certificates_quorum_days"] = (
            "Days until the validators whose certificates have not expired are no quorum",
            _count_days(quorum_ms, status),
        )
    return [GaugeMetricFamily(name, text, value) for name, (text, value) in gauges.items()]


def _list_families(status: Mapping[str, Any], findings: Sequence[Finding]) -> list[Metric]:
    consensus = status["consensus"]
    hears_votes = status["role"] == "validator"
    missing = {
        code: int(code in consensus["missing_votes"])
        for code in (status["validators"] if hears_votes else ())
    }
    unsigned = {code: int(blocks) for code, blocks in consensus["blocks_unsigned"].items()}
    offsets = {code: int(peer["clock_offset_ms"]) for code, peer in status["peers"].items()}
    days = {
        code: _count_days(at_ms, status)
        for code, at_ms in status["certificates"]["expire_ms"].items()
    }
    stuck = {finding.code: int(finding.is_stuck) for finding in reversed(findings)}
    name, who = "suanlian_missing_vote", "validator"
    return [
        _label(name, "1 for who has not voted in the current view", who, missing),
        _label("suanlian_unsigned_blocks", "Last blocks that show nothing of it", who, unsigned),
        _label("suanlian_peer_clock_offset_ms", "How far its clock is ahead", "peer", offsets),
        _label("suanlian_certificate_days", "Days until one of it expires", "node", days),
        _label("suanlian_finding", _FINDING, "code", stuck),
    ]


def _label(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _count_days(at_ms: str, status: Mapping[str, Any]) -> float:
    return round((int(at_ms) - int(status["now_ms"])) / DAY_MS, 2)
