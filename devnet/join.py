"""Two new peers join a chain that is long already: one by a snapshot, one by executing it.

1. Four validators make a chain of so many payments, sent in batches.
2. Two industry nodes that have never run start one after the other, the first with
   `store.snapshot`, the second without. What each takes until it has caught up is measured: time,
   bytes of frames received, blocks executed.
3. At the end all peers have the same height and state root.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from devnet.errors import DevnetError
from devnet.folder import NodeEntry
from devnet.founding import DevnetSpec, found_devnet
from devnet.launcher import Launcher
from devnet.load import Registrar, make_parties, make_payments, run_load
from node.client.async_http import AsyncClient
from node.client.composer import Signer
from node.config import FILE_NAME, Storage, compose_config, load_config
from node.keys import load_key

FIRST_NUMBER = 10 * 36**3  # of the first region's block
PIECE = 10_000  # payments signed at a time
POLL_S = 0.05
WAYS = {"industry-i": "snapshot", "industry-j": "replay"}
RECEIVED, EXECUTED = "suanlian_received_bytes", "suanlian_blocks"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class JoinSpec:
    """How long a chain, sent how, and how long a peer may take to join."""

    transactions: int = 100_000
    batch: int = 250
    in_flight: int = 1_500
    accounts: int = 500
    patience_s: float = 3_600.0


@dataclass(frozen=True, slots=True)
class Joined:
    """What one peer took until it had the chain."""

    way: str
    seconds: float
    received_bytes: int
    blocks: int
    height: int
    state_root: str


@dataclass(frozen=True, slots=True)
class JoinReport:
    """The chain, and how both peers came to it."""

    transactions: int
    height: int
    records: int
    load_seconds: float
    peers: tuple[Joined, ...]
    state_root: str


def run_join(path: Path, spec: JoinSpec, progress: Progress) -> JoinReport:
    """Found a network, make the chain, let both join, compare; raises DevnetError."""
    launcher = Launcher(found_devnet(path, DevnetSpec(industries=("I", "J"))))
    try:
        labels = [node.label for node in launcher.folder.validators]
        for label, way in WAYS.items():
            _configure(launcher, label, way)
        launcher.start(labels)
        launcher.wait_ready(labels, progress=progress)
        load_seconds = asyncio.run(_make_chain(launcher, spec, progress))
        first = launcher.folder.validators[0]
        peers = []
        for label, way in WAYS.items():
            peers.append(_join(launcher, label, way, first, spec, progress))
        root = _compare(launcher, [*labels, *WAYS], progress)
        status = _ask(first)
        return JoinReport(
            spec.transactions,
            int(status["height"]),
            int(status["records"]),
            load_seconds,
            tuple(peers),
            root,
        )
    finally:
        launcher.stop()
        launcher.close()


def _configure(launcher: Launcher, label: str, way: str) -> None:
    """A peer that dials every validator, and joins in this way."""
    file = launcher.folder.path / "nodes" / label / FILE_NAME
    changed = {"connect": (), "store": Storage(snapshot=way == "snapshot")}
    file.write_text(compose_config(load_config(file).model_copy(update=changed)), "utf-8")


async def _make_chain(launcher: Launcher, spec: JoinSpec, progress: Progress) -> float:
    folder = launcher.folder
    region = folder.validators[0]
    bank = load_key(folder.path / "operators" / "bank" / "identity.key")
    signer = Signer(region.code, folder.load_operator_key(region.label))
    clients = [AsyncClient(node.http) for node in folder.validators]
    seconds = 0.0
    try:
        progress(f"registering {spec.accounts} parties and giving them money")
        registrar = Registrar(signer, region.code[1:3], FIRST_NUMBER)
        payer = Signer(bank.code, bank.key)
        parties = await make_parties(clients[0], registrar, payer, spec.accounts)
        for done in range(0, spec.transactions, PIECE):
            count = min(PIECE, spec.transactions - done)
            progress(f"making the chain: {done} of {spec.transactions} payments are final")
            payments = await make_payments(clients[0], parties, count)
            result = await run_load(clients, payments, spec.batch, spec.in_flight)
            if result.transactions != count:
                raise DevnetError(f"{result.refused} of {count} payments were refused")
            seconds += result.seconds
    finally:
        for client in clients:
            await client.close()
    return seconds


def _join(
    launcher: Launcher,
    label: str,
    way: str,
    first: NodeEntry,
    spec: JoinSpec,
    progress: Progress,
) -> Joined:
    """Start a peer and wait until it has what the validators have now."""
    goal = int(_ask(first)["height"])
    node = launcher.folder.find(label)
    begun = time.monotonic()
    launcher.start([label])
    while True:
        seconds = time.monotonic() - begun
        status = _ask_starting(node)
        height = 0 if status is None else int(status["height"])
        progress(f"{label} joins by {way}: block {height} of {goal}, {seconds:.0f} s")
        if status is not None and height >= goal and not status["joining"]:
            break
        if not launcher.process(label).is_running or seconds > spec.patience_s:
            tail = launcher.read_tail(label)
            raise DevnetError(f"{label} did not join by {way} in {seconds:.0f} s:\n{tail}")
        time.sleep(POLL_S)
    metrics = _read_metrics(node)
    return Joined(
        way,
        seconds,
        int(metrics[RECEIVED]),
        int(metrics[EXECUTED]),
        height,
        str(status["state_root"]),
    )


def _compare(launcher: Launcher, labels: Sequence[str], progress: Progress) -> str:
    """The state root of all peers at one height; raises DevnetError where they do not agree."""
    progress("comparing the peers")
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        statuses = [_ask(launcher.folder.find(label)) for label in labels]
        places = {(status["height"], status["state_root"]) for status in statuses}
        if len(places) == 1:
            return str(places.pop()[1])
        heights = {height for height, _ in places}
        if len(heights) == 1:
            raise DevnetError(f"the peers have different states of block {heights.pop()}: {places}")
        time.sleep(POLL_S)
    raise DevnetError(f"the peers are not at one height after a minute: {sorted(places)}")


def _ask(node: NodeEntry) -> dict[str, str]:
    status = _ask_starting(node)
    if status is None:
        raise DevnetError(f"{node.label} does not answer")
    return status


def _ask_starting(node: NodeEntry) -> dict[str, str] | None:
    """The status of a peer, None while it does not answer: it may be about to begin anew."""
    try:
        response = httpx.get(f"{node.http}/v1/status", timeout=5.0, trust_env=False)
        found: dict[str, str] = response.json()
    except (httpx.HTTPError, ValueError):
        return None
    return found


def _read_metrics(node: NodeEntry) -> dict[str, float]:
    text = httpx.get(f"{node.http}/metrics", timeout=5.0, trust_env=False).text
    return {
        family.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"{family.name}_total" and not sample.labels
    }
