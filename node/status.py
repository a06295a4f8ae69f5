"""The status document of a peer (`/v1/status`): what it is, how far, and what it waits for.

Facts only; what they mean is for `node.diagnosis`. Numbers are text, times milliseconds of the
wall clock; what is not known is left out.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from consensus.core import Status
from node.contact import Contact
from node.disk import DiskState
from node.expiry import compute_expiries, compute_quorum_expiry
from node.replica import Replica


class Surroundings(Protocol):
    """What a status needs to know of the network."""

    @property
    def contacts(self) -> dict[str, Contact]:
        """Who is connected."""
        ...

    @property
    def connects_through_others(self) -> bool:
        """Whether this peer reaches the validators through those that its configuration names."""
        ...

    def compute_offset_ms(self) -> int:
        """How far the other peers' clocks are ahead of this one, in the median."""
        ...


def describe_peer(
    replica: Replica, network: Surroundings, disk: DiskState | None, is_stopping: bool = False
) -> dict[str, Any]:
    """What `/v1/status` shows, but for its findings."""
    now_ms = replica.wall_ms()
    core = replica.core.status()
    store = replica.store
    role = "validator" if replica.is_validator else "observer"
    return {
        "code": replica.identity.code,
        "role": role,
        "stopping": is_stopping or replica.has_stopped,
        "now_ms": str(now_ms),
        "height": str(store.height),
        "time_ms": str(store.header.time_ms),
        "final_at_ms": str(now_ms - replica.quiet_ms()),
        "heartbeat_ms": str(replica.genesis.consensus.heartbeat_ms),
        "state_root": store.header.state_root.hex(),
        "records": str(store.tree.count - 1),
        "oldest_block": str(store.floor.body if store.floor.body > 1 else 0),
        "oldest_state": str(store.floor.state),
        "epoch": str(core.epoch),
        "view": str(core.view),
        "leader": core.leader,
        "votes": core.votes,
        "recovering": core.recovering,
        "validators": list(replica.voters),
        "pending": str(len(replica.mempool)),
        "unfinalized": str(len(replica.chain)),
        "consensus": _describe_consensus(replica, core, now_ms),
        "reach": _describe_reach(replica, network, now_ms),
        "clock_offset_ms": str(network.compute_offset_ms()),
        "sync": {
            "running": replica.sync.is_running,
            "goal": str(_find_goal(replica, network)),
            "epoch": str(replica.attendance.find_epoch(replica.voters, replica.validators.f)),
        },
        "joining": {} if replica.joiner is None else replica.joiner.describe(),
        "certificates": _describe_certificates(replica),
        "disk": {} if disk is None else _describe_disk(disk),
        "evidence": {
            "seen": str(replica.counters.double_signed.total()),
            "unreported": str(len(replica.reporter)),
        },
        "peers": {
            code: {
                "height": str(contact.height),
                "channel": "full" if contact.is_full else "sync",
                "clock_offset_ms": str(contact.offset_ms),
            }
            for code, contact in sorted(network.contacts.items())
        },
    }


def _describe_consensus(replica: Replica, core: Status, now_ms: int) -> dict[str, Any]:
    return {
        "view_at_ms": str(now_ms - replica.view_ms()),
        "final_view": str(core.final_view),
        "certified_view": str(core.certified_view),
        "voted": [kind.name.lower() for kind in core.voted],
        "reasons": list(core.reasons),
        "missing_votes": list(core.missing_votes),
        "missing_views": [str(view) for view in core.missing_views],
        "missing_blocks": [block.hex() for block in core.unexecuted],
        "silent": list(core.silent),
        "blocks_unsigned": {
            code: str(count) for code, count in count_unsigned(replica, replica.voters).items()
        },
        "reports": str(core.reports),
        "reports_needed": str(replica.validators.f + 1),
        "silence": "" if replica.silence is None else replica.silence.value,
        "silenced": core.silenced,
    }


def count_unsigned(replica: Replica, codes: Sequence[str]) -> dict[str, int]:
    """For how many of the last final blocks nothing has shown that a validator is alive."""
    steps = replica.chain.trail.steps
    return {
        code: next(
            (count for count, step in enumerate(reversed(steps)) if code in step.shown), len(steps)
        )
        for code in codes
    }


def _describe_reach(replica: Replica, network: Surroundings, now_ms: int) -> dict[str, Any]:
    here = replica.list_voters()
    if replica.is_validator:
        here = [*here, replica.identity.code]
    elapsed_ms = replica.elapsed_ms
    return {
        "validators": str(len(here)),
        "quorum": str(replica.validators.quorum),
        "of": str(replica.validators.n),
        "missing": {
            code: str(now_ms - elapsed_ms(replica.attendance.find_gone_ms(code)))
            for code in replica.voters
            if code not in here
        },
        "through_others": not replica.is_validator and network.connects_through_others,
    }


def _find_goal(replica: Replica, network: Surroundings) -> int:
    """The height that f + 1 validators say they have reached: one of them is honest."""
    contacts, f = network.contacts, replica.validators.f
    claims = [contacts[code].height for code in replica.list_voters() if code in contacts]
    return sorted(claims, reverse=True)[f] if len(claims) > f else 0


def _describe_certificates(replica: Replica) -> dict[str, Any]:
    state, own = replica.store.state, replica.identity.code
    expiries = compute_expiries(state, dict.fromkeys([*replica.voters, own]))
    validators = [expiries[code] for code in replica.voters if code in expiries]
    quorum_ms = compute_quorum_expiry(validators, replica.validators.quorum)
    return {
        "expire_ms": {code: str(at_ms) for code, at_ms in expiries.items()},
        **({} if quorum_ms is None else {"quorum_ms": str(quorum_ms)}),
    }


def _describe_disk(disk: DiskState) -> dict[str, str]:
    return {
        "free_bytes": str(disk.free_bytes),
        "total_bytes": str(disk.total_bytes),
        "sync_last_ms": f"{disk.last_ms:.1f}",
        "sync_median_ms": f"{disk.median_ms:.1f}",
        "waiting_ms": f"{disk.waiting_ms:.0f}",
    }
