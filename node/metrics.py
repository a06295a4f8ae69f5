"""Metrics for Prometheus, read from the running parts when somebody asks."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ledger.sealed import SealedBlock
from node.disk import DiskState
from node.network import Network
from node.replica import Replica
from node.status import describe_peer
from node.worries import Worries

_SIZES = (0, 1, 10, 50, 100, 250, 500, 1000, 2000, 4000)
_SYNC_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

ReadDisk: TypeAlias = Callable[[], DiskState | None]
"""How the disk does; None where nobody watches it."""


class Metrics:
    """A registry of its own, so that several peers can live in one process."""

    def __init__(self, replica: Replica, network: Network, read_disk: ReadDisk) -> None:
        self._registry = CollectorRegistry()
        self._now_ms = replica.wall_ms
        self._blocks = Counter(
            "suanlian_blocks", "Final blocks since the start", registry=self._registry
        )
        self._transactions = Counter(
            "suanlian_transactions",
            "Final transactions since the start, by outcome",
            ["outcome"],
            registry=self._registry,
        )
        self._ok = self._transactions.labels("ok")
        self._failed = self._transactions.labels("failed")
        self._sizes = Histogram(
            "suanlian_block_transactions",
            "Transactions in a final block",
            buckets=_SIZES,
            registry=self._registry,
        )
        self._age = Gauge(
            "suanlian_block_age_seconds",
            "How old a block was by its own time when it became final here",
            registry=self._registry,
        )
        self._syncs = Histogram(
            "suanlian_fsync_seconds",
            "Synced writes to the disk, by how long each took",
            buckets=_SYNC_SECONDS,
            registry=self._registry,
        )
        self._registry.register(_Parts(replica, network))
        self._registry.register(Worries(lambda: describe_peer(replica, network, read_disk())))

    def observe_blocks(self, blocks: Sequence[SealedBlock]) -> None:
        """Blocks became final."""
        self._blocks.inc(len(blocks))
        for block in blocks:
            self._sizes.observe(len(block.transactions))
            failed = 0
            count = len(block.transactions)
            for result in block.results[:count]:
                failed += result.code != "ok"
            self._ok.inc(count - failed)
            self._failed.inc(failed)
        self._age.set((self._now_ms() - blocks[-1].block.header.time_ms) / 1000)

    def observe_sync(self, seconds: float) -> None:
        """A synced write has ended."""
        self._syncs.observe(seconds)

    def render(self) -> bytes:
        """The exposition."""
        return generate_latest(self._registry)


class _Parts(Collector):
    """Gauges that are read, not kept."""

    def __init__(self, replica: Replica, network: Network) -> None:
        self._replica = replica
        self._network = network

    def collect(self) -> list[Metric]:
        replica, network = self._replica, self._network
        core = replica.core.status()
        gauges = {
            "suanlian_height": ("The final height", replica.store.height),
            "suanlian_records": ("Records in the state", replica.store.tree.count - 1),
            "suanlian_epoch": ("The running epoch", core.epoch),
            "suanlian_view": ("The current view", core.view),
            "suanlian_votes": ("1 if this peer votes", int(core.votes)),
            "suanlian_mempool_transactions": ("Waiting transactions", len(replica.mempool)),
            "suanlian_mempool_bytes": ("Bytes of them", replica.mempool.size_bytes),
            "suanlian_unfinalized_blocks": ("Blocks not final yet", len(replica.chain)),
            "suanlian_parked_blocks": ("Blocks that wait for something", len(replica.judge)),
            "suanlian_connected_peers": ("Full channels", len(network.list_connected())),
            "suanlian_clock_offset_ms": (
                "Median offset of the other clocks",
                network.compute_offset_ms(),
            ),
        }
        metrics: list[Metric] = [
            GaugeMetricFamily(name, text, value) for name, (text, value) in gauges.items()
        ]
        metrics.append(self._count_frames())
        counters = replica.counters
        for name, text, value in (
            ("suanlian_refused", "Transactions refused", replica.intake.refused_count),
            ("suanlian_garbage", "Connections ended for garbage", network.garbage),
            ("suanlian_fetches", "Bodies of certified blocks fetched", counters.fetches),
            ("suanlian_nullified", "Views that this validator gave up", counters.nullifications),
            (
                "suanlian_double_signed",
                "Evidence of double signing",
                counters.double_signed.total(),
            ),
            (
                "suanlian_broken_invariants",
                "Transactions that would have broken an invariant",
                counters.broken_invariants,
            ),
            ("suanlian_received_bytes", "Bytes of other peers' frames", network.traffic.received),
            ("suanlian_sent_bytes", "Bytes of frames to others", network.traffic.sent),
            ("suanlian_epoch_changes", "Epochs begun", counters.epoch_changes),
        ):
            metrics.append(CounterMetricFamily(name, text, value))
        return metrics

    def _count_frames(self) -> Metric:
        family = CounterMetricFamily("suanlian_frames", "Frames received", labels=["kind"])
        for kind, count in sorted(self._replica.counters.frames.items()):
            family.add_metric([kind], count)
        return family
