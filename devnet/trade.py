"""A lease from offer to close, step by step, each step sent to a peer and checked on the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.billing import compute_cost
from devnet.errors import StepFailed
from devnet.market import FULL_BP, compute_bills, make_demand, make_take, make_usage
from devnet.outage import wait_for
from devnet.parties import Party
from devnet.samples import Samples, take_samples
from devnet.scene import Scene, make_object_id, require
from node.client import Signer
from node.client.samples import Opened, load_samples, open_sample

EPOCH_WAIT_S = 120.0
SELECT_MS = 60_000
SHARES_BP = (9_800, 9_600, 9_900, 9_100, 8_700)  # of the units in use, sample by sample


@dataclass(slots=True)
class Trade:
    """One lease; `at` is the peer that its steps are sent to."""

    scene: Scene
    at: str
    provider: Party
    consumer: Party
    rules: Mapping[str, int]
    price_micro_yuan: int
    units: int
    lease: str = ""
    receipts: list[tuple[int, int]] = field(default_factory=list)

    # --- what the ledger says

    @property
    def record(self) -> dict[str, Any]:
        """The lease's record now."""
        return self.scene.read(self.at, "lease", self.provider.code, self.lease)

    @property
    def key(self) -> tuple[str, str, str]:
        """Where its record stands."""
        return "lease", self.provider.code, self.lease

    def require_state(self, state: str) -> dict[str, Any]:
        """The record, which must be in a state; raises StepFailed."""
        record = self.record
        require(record["state"] == state, f"{self.lease} is {record['state']}, not {state}")
        return record

    # --- the steps

    def take(self, offer: str, seconds: int, hold_micro_yuan: int, demand: str = "") -> None:
        """The consumer takes units, which makes the lease and its hold."""
        order = make_take(self.consumer.signer, offer, self.units, seconds, hold_micro_yuan, demand)
        (outcome,) = self.scene.execute_many(self.at, [order])
        self.lease = make_object_id("lease", outcome)
        record = self.require_state("matched")
        require(int(record["held_micro_yuan"]) == hold_micro_yuan, "the hold is not what was paid")

    def select(self, resource_class: str, seconds: int) -> str:
        """The consumer says what it wants, and the ledger itself makes the lease; the demand."""
        now_ms = self._read_time()
        order = make_demand(
            self.consumer.signer,
            resource_class,
            self.units,
            seconds,
            self.price_micro_yuan,
            (now_ms, now_ms + SELECT_MS),
            minimum_units=self.units,
            way="selection",
        )
        (outcome,) = self.scene.execute_many(self.at, [order])
        demand = make_object_id("demand", outcome)
        key = ("demand", self.consumer.code, demand)
        wait_for(
            f"{demand} is met",
            lambda: bool(self.scene.read(self.at, *key)["state"] == "met"),
            SELECT_MS / 1000,
        )
        for record in self.scene.client(self.at).iterate_records("lease", self.provider.code):
            if record["value"]["demand"] == demand:
                self.lease = str(record["key"][-1])
        record = self.require_state("matched")
        cost = compute_cost(self.units, self.price_micro_yuan, seconds * 1000)
        require(int(record["held_micro_yuan"]) == cost, "the hold is not what the lease costs")
        return demand

    def dispatch(self, *operators: str) -> None:
        """The nodes that must place it on its resource."""
        signers = [self.scene.operator(label) for label in operators]
        data = {"lease": self.lease, "reference": "job-1"}
        self.scene.execute(self.at, "lease.dispatch", data, *signers)
        record = self.require_state("scheduled")
        codes = [signer.code for signer in signers]
        require(record["dispatchers"] == codes, "other nodes stand as its dispatchers")

    def activate(self) -> None:
        """The provider says that it can be used."""
        self.scene.execute(self.at, "lease.activate", {"lease": self.lease}, self.provider.signer)
        self.require_state("active")

    def wait_epoch(self) -> tuple[int, int]:
        """Wait until the next meter epoch is over; the epoch and its length in ms."""
        record = self.record
        epoch, metered_ms = int(record["epoch"]), int(record["metered_ms"])
        if record["ended_ms"] != "0":
            return epoch, min(int(record["ended_ms"]) - metered_ms, self.rules["meter_epoch_ms"])
        goal_ms = metered_ms + self.rules["meter_epoch_ms"]
        wait_for(f"meter epoch {epoch} is over", lambda: self._read_time() >= goal_ms, EPOCH_WAIT_S)
        return epoch, self.rules["meter_epoch_ms"]

    def agree(self, samples: Samples, epoch: int, availability_bp: int = FULL_BP) -> int:
        """Both sides sign a receipt, which settles; the bill, checked to the micro-yuan."""
        data = self._make_usage(samples, epoch, availability_bp)
        signers = (self.provider.signer, self.consumer.signer)
        self.scene.execute(self.at, "metering.receipt", data, *signers)
        return self._check_bill(samples.used_unit_seconds, availability_bp)

    def submit(self, samples: Samples, epoch: int, availability_bp: int = FULL_BP) -> int:
        """The provider leaves a receipt, which the consumer countersigns; the bill."""
        data = self._make_usage(samples, epoch, availability_bp)
        self.scene.execute(self.at, "metering.submit", data, self.provider.signer)
        answer = {"epoch": epoch, "lease": self.lease}
        self.scene.execute(self.at, "metering.countersign", answer, self.consumer.signer)
        return self._check_bill(samples.used_unit_seconds, availability_bp)

    def dispute(self, samples: Samples, epoch: int, accepted_unit_seconds: int) -> tuple[int, int]:
        """The consumer accepts less than the provider claims, and the provider gives in.

        What the next block paid of itself, and the bill.
        """
        usage = self._make_usage(samples, epoch, FULL_BP)
        self.scene.execute(self.at, "metering.submit", usage, self.provider.signer)
        before = int(self.record["billed_micro_yuan"])
        about = {"epoch": epoch, "lease": self.lease}
        figures = {"availability_bp": FULL_BP, "used_unit_seconds": accepted_unit_seconds}
        grounds = {"evidence": samples.root, "note": "it stood idle"}
        data = {**about, **figures, **grounds}
        self.scene.execute(self.at, "dispute.open", data, self.consumer.signer)
        wait_for(f"what is accepted of epoch {epoch} is paid", self._is_paid_ahead, EPOCH_WAIT_S)
        ahead = int(self.record["billed_micro_yuan"]) - before
        self.scene.execute(self.at, "dispute.concede", about, self.provider.signer)
        return ahead, self._check_bill(accepted_unit_seconds, FULL_BP)

    def ask(self, asker: Signer, index: int) -> Opened:
        """Somebody asks for a sample of the last receipt; the provider shows it."""
        epoch = int(self.record["receipt"]["epoch"])
        opened = open_sample(load_samples(self.find_samples(epoch)), index)
        about = {"epoch": epoch, "index": index, "lease": self.lease}
        self.scene.execute(self.at, "metering.challenge", about, asker)
        require(len(self.record["challenges"]) == 1, "the question does not stand in the lease")
        shown = {**about, "leaf": opened.line, "path": list(opened.path)}
        wrong = {**shown, "leaf": opened.line + b" "}
        signer = self.provider.signer
        self.scene.execute(self.at, "metering.answer", wrong, signer, expect="wrong-path")
        self.scene.execute(self.at, "metering.answer", shown, signer)
        require(self.record["challenges"] == [], "the question still waits for its answer")
        return opened

    def observe(self, observer: Signer) -> None:
        """A monitor says what it saw of the epoch that was settled last."""
        receipt = self.record["receipt"]
        data = {
            "availability_bp": int(receipt["availability_bp"]),
            "epoch": int(receipt["epoch"]),
            "lease": self.lease,
            "note": "",
            "samples_count": int(receipt["samples_count"]),
            "samples_root": bytes.fromhex(receipt["samples_root"]),
            "used_unit_seconds": int(receipt["used_unit_seconds"]),
        }
        self.scene.execute(self.at, "metering.observe", data, observer)

    def close(self, reason: str = "finished") -> None:
        """The consumer ends it; what is not yet metered still waits for its receipt."""
        data = {"lease": self.lease, "note": "", "reason": reason}
        self.scene.execute(self.at, "lease.close", data, self.consumer.signer)
        record = self.record
        require(record["closed_by"] == self.consumer.code, "another one stands as its closer")

    def check_closed(self) -> dict[str, Any]:
        """The record of the closed lease, all of whose money is accounted for."""
        record = self.require_state("closed")
        funded, billed = int(record["funded_micro_yuan"]), int(record["billed_micro_yuan"])
        refunded, held = int(record["refunded_micro_yuan"]), int(record["held_micro_yuan"])
        require(
            held == 0 and funded == billed + refunded, "money of the lease is not accounted for"
        )
        return record

    def find_samples(self, epoch: int) -> Path:
        """Where its provider keeps the samples of an epoch."""
        return self.scene.folder.path / "samples" / self.lease / f"epoch-{epoch}.jsonl"

    def measure(self, epoch: int, duration_ms: int) -> Samples:
        """Samples of an epoch, kept as the provider would keep them."""
        samples = take_samples(self.units, duration_ms, SHARES_BP)
        samples.save(self.find_samples(epoch))
        return samples

    def _make_usage(self, samples: Samples, epoch: int, availability_bp: int) -> dict[str, Any]:
        used, count = samples.used_unit_seconds, len(samples.lines)
        return make_usage(self.lease, epoch, used, samples.root, count, availability_bp)

    def _is_paid_ahead(self) -> bool:
        disputes = [claim["dispute"] for claim in self.record["open"]]
        return all(dispute["state"] != "open" for dispute in disputes if dispute is not None)

    def _check_bill(self, used_unit_seconds: int, availability_bp: int) -> int:
        self.receipts.append((used_unit_seconds, availability_bp))
        record = self.record
        funded = int(record["funded_micro_yuan"])
        bills = compute_bills(self.rules, self.price_micro_yuan, self.receipts, funded)
        billed = int(record["billed_micro_yuan"])
        if billed != sum(bills):
            raise StepFailed(f"{self.lease} was billed {billed}, and the rules say {sum(bills)}")
        return bills[-1]

    def _read_time(self) -> int:
        """The time of the last final block."""
        return int(self.scene.status(self.at)["time_ms"])
