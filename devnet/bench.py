"""Measuring a network: throughput, latency, and what they are worth on this machine.

1. Four validators run as processes of their own, the load in this one; all share the machine's
   cores.
2. `v` is what one signature check costs with all cores busy, measured before and after the load.
   With four validators on c cores every transaction costs at least 4 v of processor time, so c /
   (4 v) a second is the bound; the ratio to it travels between machines.
3. Loads: batches over HTTP; one transaction a request; one client that waits for each.
4. A run counts only what is final and ok, and ends by comparing height and state root of all peers.
"""

import asyncio
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from devnet.errors import DevnetError
from devnet.founding import DevnetSpec, found_devnet
from devnet.inspection import examine_peer
from devnet.launcher import Launcher
from devnet.load import LoadResult, Registrar, make_parties, make_payments, run_load
from ledger.crypto import Domain, Purpose, SigningKey
from ledger.primitives import ZERO_DIGEST
from node.client.async_http import AsyncClient
from node.client.composer import Signer
from node.keys import load_key

VALIDATORS = 4
CHECKS = 4_000
SETTLE_S = 30.0
FIRST_NUMBER = 10 * 36**3  # of the first region's block


@dataclass(frozen=True, slots=True)
class BenchSpec:
    """How much to send, and how."""

    transactions: int = 20_000
    singles: int = 4_000
    lone: int = 100
    batch: int = 250
    in_flight: int = 1_500
    accounts: int = 500


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds."""

    median_ms: float
    p90_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Rate:
    """One load's outcome; `ratio` is to the bound."""

    transactions: int
    seconds: float
    per_second: float
    ratio: float
    latency: Latency


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Everything that was measured; `check_us` is v."""

    cores: int
    check_us: float
    check_us_before: float
    check_us_after: float
    bound_per_second: float
    batches: Rate
    singles: Rate
    lone: Latency
    blocks: int
    height: int
    state_root: str


def run_bench(path: Path, spec: BenchSpec, progress: Callable[[str], None]) -> BenchReport:
    """Found and start a network, load it, stop it; raises DevnetError."""
    cores = os.cpu_count() or 1
    progress("measuring the cost of a signature check")
    before_us = measure_check_us(cores)
    launcher = Launcher(found_devnet(path, DevnetSpec()))
    try:
        labels = [node.label for node in launcher.folder.validators]
        launcher.start(labels)
        launcher.wait_ready(labels, progress=progress)
        batches, singles, lone, end = asyncio.run(_load(launcher, spec, progress))
    finally:
        launcher.stop()
        launcher.close()
    progress("measuring the cost of a signature check again")
    after_us = measure_check_us(cores)
    check_us = (before_us + after_us) / 2
    bound = cores / (VALIDATORS * check_us / 1e6)
    return BenchReport(
        cores=cores,
        check_us=check_us,
        check_us_before=before_us,
        check_us_after=after_us,
        bound_per_second=bound,
        batches=_rate(batches, bound),
        singles=_rate(singles, bound),
        lone=_latency(lone.latencies),
        blocks=end.blocks,
        height=end.height,
        state_root=end.state_root,
    )


def measure_check_us(cores: int) -> float:
    """Processor time of one signature check while every core checks signatures, in microseconds."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, mp_context=context) as pool:
        return statistics.median(pool.map(_check_signatures, [CHECKS] * cores))


def _check_signatures(count: int) -> float:
    key = SigningKey.from_seed(bytes(32))
    domain = Domain(Purpose.TRANSACTION, ZERO_DIGEST)
    message = bytes(250)
    signature = domain.sign(key, message)
    started = time.thread_time()
    for _ in range(count):
        assert domain.is_valid(key.public, signature, message)
    return (time.thread_time() - started) / count * 1e6


@dataclass(frozen=True, slots=True)
class _End:
    blocks: int
    height: int
    state_root: str


async def _load(
    launcher: Launcher, spec: BenchSpec, progress: Callable[[str], None]
) -> tuple[LoadResult, LoadResult, LoadResult, _End]:
    clients = [AsyncClient(node.http) for node in launcher.folder.validators]
    try:
        progress(f"registering {spec.accounts} parties and giving them money")
        parties = await _make_parties(launcher, clients[0], spec.accounts)
        begin = await clients[0].get_height()

        async def pay(count: int, batch: int, in_flight: int, name: str) -> LoadResult:
            progress(f"{name}: signing {count} payments")
            payments = await make_payments(clients[0], parties, count)
            progress(f"{name}: sending {count} payments")
            used = clients if in_flight > 1 else clients[:1]
            result = await run_load(used, payments, batch, in_flight)
            if result.transactions != count:
                raise DevnetError(f"{name}: {result.refused} of {count} payments were refused")
            return result

        batches = await pay(spec.transactions, spec.batch, spec.in_flight, "batches")
        singles = await pay(spec.singles, 1, min(spec.in_flight, 64), "one a request")
        lone = await pay(spec.lone, 1, 1, "one client alone")
        progress("comparing the peers")
        sent = spec.transactions + spec.singles + spec.lone
        end = await _compare(clients, begin, sent)
        genesis_hash = launcher.folder.genesis_hash
        examined = await asyncio.to_thread(examine_peer, clients[0].url, genesis_hash)
        if examined.wrong:
            raise DevnetError(f"what must hold of the state does not: {examined.wrong[:3]}")
        return batches, singles, lone, end
    finally:
        for client in clients:
            await client.close()


async def _make_parties(launcher: Launcher, client: AsyncClient, count: int) -> list[Signer]:
    folder = launcher.folder
    region = folder.validators[0]
    bank = load_key(folder.path / "operators" / "bank" / "identity.key")
    registrar = Registrar(
        Signer(region.code, folder.load_operator_key(region.label)), region.code[1:3], FIRST_NUMBER
    )
    return await make_parties(client, registrar, Signer(bank.code, bank.key), count)


async def _compare(clients: Sequence[AsyncClient], begin: int, sent: int) -> _End:
    """Wait until all peers agree on height and state, and count what the chain holds."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        statuses = [await client.get_status() for client in clients]
        places = {(status["height"], status["state_root"]) for status in statuses}
        if len(places) == 1:
            break
        if time.monotonic() > deadline:
            raise DevnetError(f"the peers do not agree after {SETTLE_S:g} s: {sorted(places)}")
        await asyncio.sleep(0.05)
    height, state_root = places.pop()
    counted = 0
    for at in range(begin + 1, int(height) + 1):
        block = await clients[0].get_block(at)
        counted += int(block["header"]["transactions_count"])
    if counted != sent:
        raise DevnetError(f"{sent} payments were acknowledged, but the chain holds {counted}")
    return _End(int(height) - begin, int(height), state_root)


def _rate(result: LoadResult, bound: float) -> Rate:
    per_second = result.transactions / result.seconds
    return Rate(
        result.transactions,
        result.seconds,
        per_second,
        per_second / bound,
        _latency(result.latencies),
    )


def _latency(seconds: Sequence[float]) -> Latency:
    if len(seconds) < 2:
        only = seconds[0] * 1000 if seconds else 0.0
        return Latency(only, only, only)
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return Latency(cuts[49] * 1000, cuts[89] * 1000, cuts[98] * 1000)
