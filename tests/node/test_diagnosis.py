"""Each finding from the facts that make it, and from nothing else."""

from copy import deepcopy
from typing import Any

import pytest

from node.diagnosis import DAY_MS, diagnose

NOW_MS = 1_775_059_200_000
CODES = ["R-one", "R-two", "R-three", "R-four"]
WELL: dict[str, Any] = {
    "code": "R-one",
    "role": "validator",
    "stopping": False,
    "now_ms": str(NOW_MS),
    "height": "1000",
    "final_at_ms": str(NOW_MS - 4_000),
    "heartbeat_ms": "5000",
    "epoch": "3",
    "view": "77",
    "leader": "R-two",
    "votes": True,
    "recovering": False,
    "validators": CODES,
    "consensus": {
        "view_at_ms": str(NOW_MS - 3_000),
        "missing_votes": CODES,  # an idle view
        "missing_views": [],
        "missing_blocks": [],
        "blocks_unsigned": dict.fromkeys(CODES, "2"),
        "reports": "0",
        "reports_needed": "2",
        "silence": "",
        "silenced": False,
    },
    "reach": {"validators": "4", "quorum": "3", "of": "4", "missing": {}, "through_others": False},
    "clock_offset_ms": "3",
    "sync": {"running": False, "goal": "1000", "epoch": "3"},
    "joining": {},
    "certificates": {
        "expire_ms": {code: str(NOW_MS + 300 * DAY_MS) for code in CODES},
        "quorum_ms": str(NOW_MS + 300 * DAY_MS),
    },
    "disk": {
        "free_bytes": str(50 << 30),
        "total_bytes": str(100 << 30),
        "sync_last_ms": "1.2",
        "sync_median_ms": "0.9",
        "waiting_ms": "0",
    },
    "evidence": {"seen": "0", "unreported": "0"},
    "peers": {
        code: {"height": "1000", "channel": "full", "clock_offset_ms": "3"} for code in CODES[1:]
    },
}
DAYS_MS = {days: str(NOW_MS + days * DAY_MS) for days in (-2, 0, 10, 300)}


def change(status: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A status with other values at some paths, such as `disk/free_bytes`."""
    changed = deepcopy(status)
    for path, value in changes.items():
        *folders, name = path.split("/")
        at = changed
        for folder in folders:
            at = at[folder]
        at[name] = value
    return changed


MISSING = {"R-three": str(NOW_MS - 60_000), "R-four": str(NOW_MS - 90_000)}
SILENT = {"votes": False}
CASES: dict[str, tuple[dict[str, Any], bool, int | None, list[str]]] = {
    "stopping": ({"stopping": True}, True, None, []),
    "joining": (
        {
            "joining": {
                "phase": "fetching the state",
                "height": "640",
                "pieces": "90",
                "missing": "12",
                "dropped": {"R-two": "a wrong part"},
            }
        },
        True,
        None,
        ["R-two"],
    ),
    "quorum-out-of-reach": (
        {"reach/validators": "2", "reach/missing": MISSING},
        True,
        NOW_MS - 60_000,  # when the last of a quorum went
        ["R-three", "R-four"],
    ),
    "out-of-reach": (
        {"reach/validators": "3", "reach/missing": {"R-four": MISSING["R-four"]}},
        False,
        NOW_MS - 90_000,
        ["R-four"],
    ),
    "no-validator-connected": (
        {
            "role": "observer",
            "reach/validators": "0",
            "reach/missing": MISSING,
            "reach/through_others": True,
        },
        True,
        NOW_MS - 60_000,
        ["R-three", "R-four"],
    ),
    "key-missing": ({**SILENT, "consensus/silence": "key-missing"}, True, None, []),
    "key-barred": ({**SILENT, "consensus/silence": "key-barred"}, True, None, []),
    "store-old": ({**SILENT, "consensus/silence": "store-old"}, True, None, []),
    "journal-old": ({**SILENT, "consensus/silenced": True}, True, None, []),
    "recovering": ({**SILENT, "recovering": True}, True, None, []),
    "disk-stalled": ({"disk/waiting_ms": "7000"}, True, NOW_MS - 7_000, []),
    "disk-full": ({"disk/free_bytes": str(500 << 20)}, False, None, []),
    "disk-slow": ({"disk/sync_median_ms": "180.0"}, False, None, []),
    "clock-off": ({"clock_offset_ms": "1700"}, True, None, []),
    "clock-of-others": ({"peers/R-two/clock_offset_ms": "-4000"}, False, None, ["R-two"]),
    "catching-up": (
        {"sync/running": True, "sync/goal": "1500"},
        True,
        NOW_MS - 4_000,
        [],
    ),
    "epoch-behind": ({"sync/epoch": "5"}, False, NOW_MS - 4_000, []),
    "no-finality": (
        {"final_at_ms": str(NOW_MS - 25_000), "consensus/missing_votes": ["R-two"]},
        True,
        NOW_MS - 25_000,
        ["R-two"],
    ),
    "not-signing": ({"consensus/blocks_unsigned/R-four": "90"}, False, None, ["R-four"]),
    "quorum-expires": ({"certificates/quorum_ms": DAYS_MS[10]}, False, None, []),
    "certificate-expires": (
        {"certificates/expire_ms/R-two": DAYS_MS[10]},
        False,
        None,
        ["R-two"],
    ),
    "certificate-expired": (
        {"certificates/expire_ms/R-one": DAYS_MS[-2]},
        False,
        int(DAYS_MS[-2]),
        ["R-one"],
    ),
    "double-signing": ({"evidence/seen": "2", "evidence/unreported": "1"}, False, None, []),
}


def test_a_peer_that_is_well_has_no_findings() -> None:
    assert diagnose(WELL) == []
    assert diagnose(change(WELL, {"role": "observer", "votes": False})) == []
    assert diagnose(change(WELL, {"disk": {}})) == []


@pytest.mark.parametrize("code", sorted(CASES))
def test_each_finding(code: str) -> None:
    changes, is_stuck, since_ms, who = CASES[code]
    (finding,) = diagnose(change(WELL, changes))
    assert (finding.code, finding.is_stuck) == (code, is_stuck)
    assert finding.since_ms == since_ms
    assert list(finding.who) == who
    assert finding.what and finding.advice
    document = finding.to_document()
    assert document.get("since_ms") == (None if since_ms is None else str(since_ms))


def test_what_keeps_the_peer_from_its_work_comes_first() -> None:
    changes = {name: value for case in CASES.values() for name, value in case[0].items()}
    changes |= {"role": "validator", "reach/through_others": False, "disk/free_bytes": "1"}
    findings = diagnose(change(WELL, changes))
    weights = [finding.is_stuck for finding in findings]
    assert weights == sorted(weights, reverse=True)
    assert findings[0].code == "stopping"
    assert len(findings) > 12


def test_a_disk_without_room_keeps_a_peer_from_its_work() -> None:
    (finding,) = diagnose(change(WELL, {"disk/free_bytes": str(10 << 20)}))
    assert (finding.code, finding.is_stuck) == ("disk-full", True)


def test_nobody_is_missed_whose_votes_are_not_sent_here() -> None:
    changes = {"role": "observer", "votes": False, "final_at_ms": str(NOW_MS - 25_000)}
    (finding,) = diagnose(change(WELL, changes))
    assert (finding.code, finding.who) == ("no-finality", ())
    assert "voted" not in finding.what


def test_missing_parts_are_said_while_nothing_is_final() -> None:
    changes = {"consensus/missing_blocks": ["00"], "consensus/missing_views": ["76"]}
    assert diagnose(change(WELL, changes)) == []
    late = change(WELL, {**changes, "final_at_ms": str(NOW_MS - 25_000)})
    assert [finding.code for finding in diagnose(late)] == ["no-finality", "missing-parts"]


def test_ones_own_certificates_come_before_those_of_others() -> None:
    changes = {
        "certificates/expire_ms/R-two": DAYS_MS[0],
        "certificates/expire_ms/R-one": DAYS_MS[10],
        "certificates/quorum_ms": DAYS_MS[-2],
    }
    findings = diagnose(change(WELL, changes))
    assert [(finding.code, list(finding.who)) for finding in findings] == [
        ("quorum-expires", []),
        ("certificate-expires", ["R-one"]),
        ("certificate-expired", ["R-two"]),
    ]
    assert "in 10 days" in findings[1].what
