"""A peer as a process: the one place where its parts are wired.

Order of a start: genesis and keys checked, disks opened and compared, replica, network, API. A
stop goes the other way: no new requests, no peers, everything written, disks closed.
"""

import asyncio
import gc
import logging
import os
import secrets
import signal
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from ledger import install
from ledger.errors import DiskError
from ledger.genesis import Genesis
from ledger.keyvalue import LevelDb
from ledger.memory import Memory
from ledger.sealed import SealedBlock
from ledger.store import Store
from node.api.limits import Limits as ApiLimits
from node.api.server import ApiServer
from node.clock import WallClock, read_wall_ms
from node.config import Config, Credentials, load_credentials, load_genesis, parse_address
from node.control import Control
from node.disk import DiskState, DiskThread
from node.driver import AsyncPorts
from node.errors import NodeError, Restart
from node.failstop import Fail, watch_loop
from node.genesis_block import compute_genesis_block
from node.identity import Identity
from node.journal import Journal, adopt
from node.link import Traffic
from node.mempool import MempoolLimits
from node.metrics import Metrics
from node.network import Network
from node.peer import RunningPeer
from node.pruning import Pruning
from node.replica import Replica
from node.snapshot_rules import SnapshotRules
from node.verifier import Verifier

_log = logging.getLogger("suanlian")

STOP_TIMEOUT_S = 20.0  # of a peer that failed, whose parts may not end by themselves


def run_peer(config: Config, wall_ms: WallClock = read_wall_ms) -> int:
    """Run a peer until SIGTERM or SIGINT; the exit code: 1 if it had to stop by itself, 3 if it
    had to and no start helps before somebody has looked."""
    genesis = load_genesis(config)
    credentials = load_credentials(config)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(config, genesis, credentials, wall_ms))


async def _run(
    config: Config, genesis: Genesis, credentials: Credentials, wall_ms: WallClock
) -> int:
    """Run a peer, anew whenever it wants to go on in another way."""
    ended = _End()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.by_signal)
    way, traffic = Way(may_join=config.store.snapshot), Traffic()
    while True:
        watch_loop(asyncio.get_running_loop(), ended.fail)
        process = PeerProcess(config, genesis, credentials, ended.fail, wall_ms, way, traffic)
        await process.start()
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 50)
        error = await ended.wait()
        if not isinstance(error, Restart):
            break
        _log.info("%s", error)
        await process.stop()
        way = Way(joins=error.joins)
        ended.error = None
    if error is None:
        await process.stop()
    else:
        _log.error("stopping: %s", describe_failure(error))
        await _stop_failed(process)
        # The last line says why, whatever the stop had to say.
        _log.critical("stopped: %s", describe_failure(error))
    if error is None:
        return 0
    return error.exit_code if isinstance(error, NodeError) else 1


@dataclass(frozen=True, slots=True)
class Way:
    """How a peer begins: whether it joins by a snapshot, or may come to do so."""

    joins: bool = False
    may_join: bool = False


class _End:
    """Why a peer is to end: an error, or a signal."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self._has_signal = False
        self._changed = asyncio.Event()

    def fail(self, error: Exception) -> None:
        """Something failed; the first failure counts, and more than a wish to begin anew."""
        if self.error is None or isinstance(self.error, Restart):
            self.error = error
        self._changed.set()

    def by_signal(self) -> None:
        """The operator wants it."""
        self._has_signal = True
        self._changed.set()

    async def wait(self) -> Exception | None:
        """Until one of both; None for a signal."""
        while self.error is None and not self._has_signal:
            self._changed.clear()
            await self._changed.wait()
        return None if self._has_signal and isinstance(self.error, Restart | None) else self.error


async def _stop_failed(process: "PeerProcess") -> None:
    """Stop what can be stopped; nothing acknowledged hangs on it."""
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.stop()
    except Exception:  # noqa: BLE001 - it has failed already
        _log.exception("the failed peer did not stop in order")


def describe_failure(error: Exception) -> str:
    """An error for the log of an operator; those without words by their name."""
    has_words = isinstance(error, NodeError | DiskError)
    return str(error) if has_words else f"{type(error).__name__}: {error}"


class PeerProcess:
    """The parts of a running peer."""

    def __init__(
        self,
        config: Config,
        genesis: Genesis,
        credentials: Credentials,
        fail: Fail,
        wall_ms: WallClock,
        way: Way,
        traffic: Traffic,
    ) -> None:
        self._config = config
        self._wall_ms = wall_ms
        self._genesis = genesis
        self._on_failure = fail
        self._store_disk = LevelDb(config.data_dir / "store")
        self._journal_disk = LevelDb(config.data_dir / "journal")
        joins = self._find_way(way)
        # While a snapshot is on its way to the disk, all that this peer knows is the genesis.
        disk = Memory() if joins else self._store_disk
        self.store = Store(disk, compute_genesis_block(genesis))
        held = [key.public for key in credentials.validator_keys]
        if not adopt(self._journal_disk, self._store_disk, secrets.token_bytes(16), held):
            _log.error(
                "the journal is not the one that belongs to this store: this peer's validator keys "
                "vote no more. Make a new one, register it (identity.rotate_validator) and add it "
                "to keys.validator_keys."
            )
        self._disk = DiskThread(self._journal_disk, self._fail)
        self._verifier = Verifier(genesis.hash, self._fail, config.verify_workers)
        self._ports = AsyncPorts(self.store, self._disk, self._verifier, self._fail, wall_ms)
        self.replica = Replica(
            Identity(config.code, credentials.validator_keys),
            genesis,
            self.store,
            Journal(self._journal_disk),
            self._ports,
            MempoolLimits(
                config.limits.mempool_transactions,
                config.limits.mempool_bytes,
                config.limits.signer_transactions,
            ),
            on_final=self._blocks_are_final,
            rules=SnapshotRules(may_join=way.may_join),
            installing=self._store_disk if joins else None,
        )
        self.network = Network(
            config, genesis, self.store, self.replica, self._fail, wall_ms, traffic
        )
        self._ports.network = self.network
        self._pruning = Pruning(self.store, self._ports, config.store.keep_blocks)

        def read_disk() -> DiskState:
            return self._disk.read_state(config.data_dir)

        metrics = Metrics(self.replica, self.network, read_disk)
        self._disk.on_sync = metrics.observe_sync
        self.peer = RunningPeer(self.replica, self.network, metrics, read_disk)
        self.api = self._make_api()
        self._control = Control(config.data_dir, genesis, self._store_disk.snapshot)

    def _find_way(self, way: Way) -> bool:
        """Whether this peer joins by a snapshot; one that is not wanted any more is forgotten."""
        has_begun = install.is_installing(self._store_disk)
        if has_begun and not self._config.store.snapshot:
            _log.warning("a snapshot is here in part, and store.snapshot is false: forgetting it")
            install.wipe(self._store_disk)
            return False
        return way.joins or has_begun

    def _fail(self, error: Exception) -> None:
        """The replica hears, says and decides nothing any more; then the process ends."""
        self.replica.has_stopped = True
        self._ports.close()
        self.peer.end_waits()
        self._on_failure(error)

    def _blocks_are_final(self, blocks: Sequence[SealedBlock]) -> None:
        self.peer.blocks_are_final(blocks)
        self._pruning.advance()

    def _watch_disks(self) -> None:
        """A read that fails ends the peer, in whatever thread and for whomever it was made."""
        loop = asyncio.get_running_loop()

        def failed(error: DiskError) -> None:
            loop.call_soon_threadsafe(self._fail, error)

        for name, disk in (("store", self._store_disk), ("journal", self._journal_disk)):
            disk.watch(failed)
            if disk.torn_bytes:
                _log.warning(
                    "%d bytes at the end of the log of the %s were never synced, and were cut off",
                    disk.torn_bytes,
                    name,
                )

    def _make_api(self) -> ApiServer:
        config = self._config
        host, port = parse_address(config.listen.http)
        limits, tls = _api_limits(config), _make_tls(config)
        return ApiServer(self.peer, host, port, limits, tls, config.http.plain)

    async def start(self) -> None:
        """Start network, replica and API, and say where they are."""
        self._watch_disks()
        await self.network.start()
        self.replica.start()
        await self.api.start()
        await self._control.start()
        self._say_what_is_kept()
        started_ms = self._wall_ms()
        write_endpoints(self._config.data_dir, self.network.port, self.api.port, started_ms)
        _log.info(
            "%s on %s: peers at port %d, API at port %d, block %d",
            self._config.code,
            self._genesis.chain,
            self.network.port,
            self.api.port,
            self.store.height,
        )

    def _say_what_is_kept(self) -> None:
        keep = self._config.store.keep_blocks
        if keep and self._config.code == self._genesis.national.code:
            _log.warning("this national node forgets all but %d blocks: nobody keeps them", keep)
        elif keep:
            _log.info("blocks and states older than %d blocks are forgotten", keep)

    async def stop(self) -> None:
        """Stop in the other order; everything that was begun is written."""
        self.peer.end_waits()
        await self._control.stop()
        await self.api.stop()
        await self.network.stop()
        self._ports.close()
        await self._verifier.close()
        await self._disk.close()
        self._journal_disk.close()
        self._store_disk.close()
        _log.info("stopped at block %d", self.store.height)


def write_endpoints(folder: Path, peer_port: int, http_port: int, started_ms: int) -> None:
    """Leave the process id and the ports where the launcher and operators find them."""
    text = f"pid={os.getpid()}\npeer_port={peer_port}\nhttp_port={http_port}\n"
    text += f"started_ms={started_ms}\n"
    temporary = folder / "endpoints.tmp"
    temporary.write_text(text, encoding="ascii")
    temporary.replace(folder / "endpoints")


def _api_limits(config: Config) -> ApiLimits:
    limits = config.limits
    return ApiLimits(
        max_body_bytes=limits.http_body_bytes,
        requests_per_s=float(limits.http_requests_per_s),
        requests_burst=2 * limits.http_requests_per_s,
        streams=limits.event_streams,
        streams_per_client=min(32, limits.event_streams),
        connections=limits.http_connections,
    )


def _make_tls(config: Config) -> ssl.SSLContext | None:
    http = config.http
    if http.certificate is None or http.key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(http.certificate, http.key)
    return context
