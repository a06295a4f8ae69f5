"""The scene of a scenario: a running devnet as its clients see it.

A scene holds the keys of the parties and operators and signs as clients do; what it sends are
signed transactions over HTTP, and what it learns it reads over HTTP. No party's key is ever inside
a peer.
"""

import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from devnet.errors import StepFailed
from devnet.folder import Folder
from devnet.launcher import Launcher
from node.client.composer import Signed, Signer
from node.client.errors import ClientError, Rejected
from node.client.http import Client
from node.client.outcome import Outcome

FINAL_S = 60.0
BATCH = 500
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Order:
    """A transaction to be made."""

    kind: str
    data: Mapping[str, Any]
    signers: tuple[Signer, ...]


@dataclass(slots=True)
class Tally:
    """What a scenario sent, and how long it took to be final."""

    sent: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, ids: Sequence[str], seconds: float) -> None:
        """Count transactions that became final together."""
        with self._lock:
            self.sent += len(ids)
            self.acknowledged.extend(ids)
            self.latencies_ms.extend([seconds * 1000] * len(ids))

    def compute_quantile_ms(self, share: float) -> float:
        """The latency that so large a share of transactions did not exceed."""
        if len(self.latencies_ms) < 2:
            return self.latencies_ms[0] if self.latencies_ms else 0.0
        cuts = statistics.quantiles(self.latencies_ms, n=1000, method="inclusive")
        return cuts[min(round(share * 1000) - 1, len(cuts) - 1)]


class Scene:
    """Clients of a running devnet, and what they sent."""

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher
        self.tally = Tally()
        self.names: dict[str, str] = {node.code: node.label for node in self.folder.nodes}
        self._clients: dict[str, Client] = {}
        self._operators: dict[str, Signer] = {}

    @property
    def folder(self) -> Folder:
        """The devnet's folder."""
        return self.launcher.folder

    def close(self) -> None:
        """Give the connections back."""
        for client in self._clients.values():
            client.close()

    def client(self, label: str) -> Client:
        """The client of one peer, which refuses a peer of another chain."""
        if label not in self._clients:
            url = self.folder.find(label).http
            self._clients[label] = Client(url, genesis_hash=self.folder.genesis_hash)
        return self._clients[label]

    def operator(self, label: str) -> Signer:
        """The identity of a founder, which signs on its operator's desk."""
        if label not in self._operators:
            key, code = self.folder.load_operator(label)
            self._operators[label] = Signer(code, key)
            self.names.setdefault(code, label)
        return self._operators[label]

    def name(self, code: str) -> str:
        """What people call a code."""
        return self.names.get(code, code)

    # --- transactions

    def execute(
        self, at: str, kind: str, data: Mapping[str, Any], *signers: Signer, expect: str = "ok"
    ) -> Outcome:
        """Send one transaction to a peer and wait until it is final; raises StepFailed."""
        return self.execute_many(at, [Order(kind, data, signers)], expect)[0]

    def execute_many(self, at: str, orders: Sequence[Order], expect: str = "ok") -> list[Outcome]:
        """Send transactions in batches and wait until all are final; raises StepFailed."""
        outcomes: list[Outcome] = []
        for start in range(0, len(orders), BATCH):
            outcomes += self._execute_batch(at, orders[start : start + BATCH], expect)
        return outcomes

    def _execute_batch(self, at: str, orders: Sequence[Order], expect: str) -> list[Outcome]:
        client = self.client(at)
        signed = [client.compose(order.kind, order.data, order.signers) for order in orders]
        begun = time.monotonic()
        outcomes = self._submit(at, signed)
        self.tally.add([item.id for item in signed], time.monotonic() - begun)
        for order, outcome in zip(orders, outcomes, strict=True):
            if (outcome.status, outcome.code) != ("final", expect):
                raise StepFailed(
                    f"{order.kind} sent to {at} came out as {outcome.status} {outcome.code!r}, "
                    f"not as {expect!r}: {outcome.problem or outcome.id}"
                )
        return outcomes

    def _submit(self, at: str, signed: Sequence[Signed]) -> list[Outcome]:
        """The settled outcomes; what a busy peer did not take now is sent again."""
        client = self.client(at)
        deadline = time.monotonic() + FINAL_S
        settled: dict[int, Outcome] = {}
        while len(settled) < len(signed):
            waiting = [place for place in range(len(signed)) if place not in settled]
            try:
                answers = client.submit_many([signed[place] for place in waiting], 10.0)
            except ClientError as error:
                raise StepFailed(f"{at} did not take transactions: {error}") from None
            for place, outcome in zip(waiting, answers, strict=True):
                if outcome.is_settled and not (outcome.problem and outcome.problem.retry):
                    settled[place] = outcome
            if len(settled) < len(signed):
                if time.monotonic() > deadline:
                    raise StepFailed(
                        f"{len(signed) - len(settled)} of {len(signed)} transactions sent to {at} "
                        f"are not final after {FINAL_S:g} s"
                    )
                time.sleep(POLL_S)
        return [settled[place] for place in range(len(signed))]

    # --- what is on the ledger

    def read(self, at: str, table: str, *fields: str) -> dict[str, Any]:
        """The value of a current record; raises StepFailed."""
        try:
            value = self.client(at).get_record(table, *fields)["value"]
        except ClientError as error:
            raise StepFailed(f"{at} has no {table} {'/'.join(fields)}: {error}") from None
        assert isinstance(value, dict)
        return value

    def balance(self, at: str, code: str) -> int:
        """What an account holds, in micro-yuan; who never signed nor was paid has none."""
        try:
            record = self.client(at).get_record("account", code)
        except Rejected as error:
            if error.code in ("not-found", "pruned"):
                return 0
            raise
        return int(record["value"]["balance"])

    def status(self, label: str) -> dict[str, Any]:
        """What a peer says of itself."""
        return self.client(label).get_status()


def make_object_id(type_: str, outcome: Outcome) -> str:
    """The id of the first object of a type that a transaction made."""
    return f"{type_}-{outcome.id[:32]}-0"


def require(holds: object, message: str) -> None:
    """Raise StepFailed unless a check holds."""
    if not holds:
        raise StepFailed(message)
