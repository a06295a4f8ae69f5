"""How every scenario ends: the ledger is asked, its answer proved, and all peers compared."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from devnet import evidence
from devnet.evidence import Deed
from devnet.scene import Scene, require
from devnet.stage import Stage
from devnet.trade import Trade
from node.client.samples import load_samples, open_sample, verify_sample

FIRST_STEPS = ["market.take", "lease.dispatch", "lease.activate"]


@dataclass(slots=True)
class Finale:
    """The last part, about one lease; `teller` and `prover` are the peers that are asked."""

    stage: Stage
    scene: Scene
    trade: Trade
    teller: str = "national"
    prover: str = "region-11"
    deeds: Sequence[Deed] = field(default_factory=list)
    height: int = 0
    state_root: str = ""

    def run(self) -> None:
        """All of it; raises StepFailed."""
        self._audit()
        self._open_sample()
        self._prove()
        self._compare()

    def _audit(self) -> None:
        with self.stage.step("ask a peer who did what to the lease") as step:
            self.deeds = evidence.read_deeds(self.scene, self.teller, *self.trade.key)
            kinds = [deed.kind for deed in self.deeds]
            told = kinds[:3] == FIRST_STEPS and {"metering.receipt", "lease.close"} <= set(kinds)
            require(told, f"the ledger tells another story: {kinds}")
            step.note(f"{len(self.deeds)} versions, each with its transaction and its signers")

    def _open_sample(self) -> None:
        with self.stage.step("open one sample and check it against the root on the ledger") as step:
            receipt = next(
                deed.value["receipt"] for deed in self.deeds if deed.kind == "metering.receipt"
            )
            lines = load_samples(self.trade.find_samples(int(receipt["epoch"])))
            opened = open_sample(lines, len(lines) // 2)
            root = bytes.fromhex(receipt["samples_root"])
            verify_sample(opened, int(receipt["samples_count"]), root)
            path = " ".join(item.hex()[:8] for item in opened.path)
            step.note(f"leaf {opened.index} of {len(lines)}: {opened.line.decode()}")
            step.note(f"path {path} -> {root.hex()[:16]}")

    def _prove(self) -> None:
        path = self.scene.folder.path / "proofs" / f"{self.trade.lease}.json"
        genesis_hash = self.scene.folder.genesis_hash.hex()
        with self.stage.step("take the answer as a proof bundle from another peer") as step:
            data = evidence.save_bundle(self.scene, self.prover, path, "history", *self.trade.key)
            step.note(f"{len(data) / 1024:.0f} KiB, {path.name}")
        with self.stage.step("verify it offline: sockets blocked, only file and genesis hash") as s:
            report = evidence.verify_offline(path, genesis_hash)
            evidence.check_story(report, self.deeds)
            relied = report["relied_on"][-1]
            s.note(
                f"verified: anchored at block {report['height']}, signed by "
                f"{len(relied['signers'])} of {len(relied['validators'])} validators"
            )
        with self.stage.step("the same bundle with a bill one micro-yuan higher is refused") as s:
            s.note(evidence.check_forgery(path, data, genesis_hash, "billed_micro_yuan"))

    def _compare(self) -> None:
        with self.stage.step("compare every block of every peer") as step:
            self.height, self.state_root = evidence.compare_peers(self.scene)
            asked = evidence.check_everywhere(self.scene, self.scene.tally.acknowledged)
            count, sent = len(self.scene.launcher.running), self.scene.tally.sent
            step.note(f"{count} peers agree on blocks 0 to {self.height} and their state roots")
            step.note(
                f"none of {sent} acknowledged transactions is lost; each peer showed "
                f"{'all' if asked == sent else asked} of them"
            )
