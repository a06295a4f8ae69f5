"""Founding a devnet: the ceremony of operators, on free ports, with rules for short trades.

The industry node connects through a regional node, and through a second that stands by; all others
dial every validator.
"""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from contracts.rules import VERSION_1
from devnet.errors import DevnetError
from devnet.folder import ROLES, Folder, NodeEntry
from devnet.ports import HOST, find_ports
from ledger.genesis import ConsensusLimits
from node.ceremony import (
    Founded,
    MemberSpec,
    NetworkSpec,
    compose_members,
    found_network,
    make_config,
)
from node.config import FILE_NAME, compose_config

NAME = "suanlian-devnet"
PROVINCES = ("11", "31", "44", "52")
HEARTBEAT_MS = 2_000


@dataclass(frozen=True, slots=True)
class DevnetSpec:
    """What to found: regions by province, rules that differ from version 1, limits.

    `others` are authorities and auditors beside the bank and the bureau.
    """

    name: str = NAME
    provinces: Sequence[str] = PROVINCES
    industries: Sequence[str] = ("I",)
    rules: Mapping[str, int] = field(default_factory=dict)
    consensus: ConsensusLimits = field(
        default_factory=lambda: ConsensusLimits(heartbeat_ms=HEARTBEAT_MS)
    )
    seed: bytes | None = None
    others: tuple[MemberSpec, ...] = ()


def make_short_rules(meter_epoch_ms: int, **others: int) -> dict[str, int]:
    """Rules with meter epochs of so many milliseconds, and windows that follow from it."""
    rules = {
        "meter_epoch_ms": meter_epoch_ms,
        "activation_timeout_ms": 20 * meter_epoch_ms,
        "refusal_window_ms": 2 * meter_epoch_ms,
        "countersign_window_ms": 10 * meter_epoch_ms,
        "settlement_window_ms": 20 * meter_epoch_ms,
        "evidence_window_ms": 2 * meter_epoch_ms,
        "ruling_window_ms": 10 * meter_epoch_ms,
        "appeal_window_ms": 2 * meter_epoch_ms,
        "decision_window_ms": 10 * meter_epoch_ms,
    }
    return {**rules, **others}


def found_devnet(path: Path, spec: DevnetSpec) -> Folder:
    """Found a network and lay it out in a folder that is not there yet; raises DevnetError."""
    if path.exists() and any(path.iterdir()):
        raise DevnetError(f"{path} is not empty: remove it, or choose another folder with --dir")
    draft = path.with_name(f".{path.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        founded = found_network(draft, make_network_spec(spec))
        _connect_industries(draft, founded)
        folder = _describe(draft, founded)
        for name in ("logs", "run"):
            (draft / name).mkdir()
        folder.save()
        if path.exists():
            path.rmdir()
        draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return replace(folder, path=path.absolute())


def make_network_spec(spec: DevnetSpec) -> NetworkSpec:
    """The network of a specification, its nodes on free ports."""
    members = (*compose_members(spec.provinces, spec.industries), *spec.others)
    nodes = sum(bool(member.profile.peer_endpoint) for member in members)
    ports = iter(find_ports(2 * nodes))
    return NetworkSpec(
        name=spec.name,
        time_ms=time.time_ns() // 1_000_000,
        members=tuple(_place(member, ports) for member in members),
        consensus=spec.consensus,
        rules={**VERSION_1, **spec.rules},
        seed=spec.seed,
    )


def _place(member: MemberSpec, ports: Iterator[int]) -> MemberSpec:
    """The member on the next two ports, if it is a node."""
    if not member.profile.peer_endpoint:
        return member
    profile = replace(
        member.profile,
        peer_endpoint=f"{HOST}:{next(ports)}",
        http_endpoint=f"http://{HOST}:{next(ports)}",
    )
    return replace(member, profile=profile)


def _connect_industries(path: Path, founded: Founded) -> None:
    """Let every industry node connect through the last regional node, with one more to stand by."""
    through = tuple(member.code for member in founded.select("R")[-2:])
    for member in founded.select("I"):
        config = make_config(member, founded.genesis.hash)
        connected = config.model_copy(update={"connect": through})
        file = path / "nodes" / member.spec.label / FILE_NAME
        file.write_text(compose_config(connected), "utf-8")


def _describe(path: Path, founded: Founded) -> Folder:
    nodes = tuple(
        NodeEntry(
            label=member.spec.label,
            code=member.code,
            role=ROLES[member.code[0]],
            peer=member.spec.profile.peer_endpoint,
            http=member.spec.profile.http_endpoint,
        )
        for member in founded.members
        if member.is_node
    )
    genesis = founded.genesis
    return Folder(path, genesis.name, genesis.chain, genesis.hash, nodes)
