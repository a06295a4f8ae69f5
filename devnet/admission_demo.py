"""`suanlian devnet admission`: how nodes come and go, every step checked.

Sichuan applies to run the network's fifth regional node: endorsed by both of its authorities,
reviewed, admitted; its peer starts from nothing, follows the chain, connects, and its vote stands
in a certificate. Yunnan gives false information and is barred for ever, under whatever name it
comes again. Then Shanghai retires by a ballot, and the chain goes on without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from contracts.rules import VERSION_1
from devnet import evidence
from devnet.applicant import Applicant, Entity, NewNode, set_up_node, write_document
from devnet.demo import open_scene
from devnet.founding import DevnetSpec, make_short_rules
from devnet.outage import bring_back, wait_blocks, wait_for, wait_for_vote
from devnet.scene import Scene, make_object_id, require
from devnet.stage import Stage
from ledger.code import compose_code
from node.ceremony import MemberSpec
from node.client.errors import ClientError
from node.enrolment import Profile

HOME, LEAVING, RESTARTED = "region-52", "region-31", "region-44"
FIFTH, SIXTH = "region-51", "region-53"
EPOCH_MS = 10_000
WINDOW_MS = 86_400_000
BLOCK = (30 * 36**3, 31 * 36**3 - 1)
JOIN_S = 60.0
SICHUAN = Entity("四川算力建设", "91510100MA0000001L"), Entity("四川算力运营", "91510100MA0000002P")
YUNNAN = Entity("云南算力建设", "91530100MA00000033"), Entity("云南算力运营", "91530100MA00000046")
RENAMED = Entity("滇池智算", YUNNAN[1].credit_code)
POINTS: dict[str, Any] = {
    "financial_stability": 82,
    "operational_experience": 75,
    "policy_alignment": 88,
    "technical_capability": 80,
}


@dataclass(frozen=True, slots=True)
class AdmissionResult:
    """What the scenario showed."""

    height: int
    voted_at: int
    validators: int


def run_admission(path: Path | None, keep: bool, console: Console) -> AdmissionResult:
    """Run the scenario; raises DevnetError when a step does not come out as it must."""
    stage = Stage(console)
    stage.title("Suanlian: how nodes come and go")
    spec = DevnetSpec(rules=make_short_rules(EPOCH_MS), industries=(), others=make_authorities())
    with open_scene(stage, path, keep, spec) as scene:
        story = AdmissionStory(stage, scene)
        story.run()
        return story.finish()


def make_authorities() -> tuple[MemberSpec, ...]:
    """Both authorities of Sichuan and of Yunnan, and two auditors."""
    members = []
    for at, (label, kind, place, role) in enumerate(
        (
            ("communications-51", "A", "510000", "communications"),
            ("industry-authority-51", "A", "510000", "industry"),
            ("communications-53", "A", "530000", "communications"),
            ("industry-authority-53", "A", "530000", "industry"),
            ("auditor-1", "M", "000000", ""),
            ("auditor-2", "M", "000000", ""),
        )
    ):
        code = compose_code(kind, place, f"{100 + at:05}", serial="0000001")
        members.append(MemberSpec(label, Profile(code, name=label, role=role)))
    return tuple(members)


class AdmissionStory:
    """The scenario's steps."""

    def __init__(self, stage: Stage, scene: Scene) -> None:
        self.stage = stage
        self.scene = scene
        self.fifth = Applicant(scene, HOME, FIFTH, "510000", *SICHUAN)
        self.sixth = Applicant(scene, HOME, SIXTH, "530000", *YUNNAN)

    def run(self) -> None:
        """All of it, in order."""
        self.stage.title("Applications")
        self._open_window()
        self._apply()
        self._bar()
        self._review()
        self.stage.title("A node from nothing")
        self._admit()
        self._start()
        self._connect()
        self._restart()
        self.stage.title("A node retires")
        self._retire()

    def finish(self) -> AdmissionResult:
        """Compare all peers at the end."""
        with self.stage.step("every block of every peer is the same") as step:
            height, root = evidence.compare_peers(self.scene)
            step.note(f"block {height}, state root {root[:16]}")
        return AdmissionResult(height, self.voted_at, len(self._list_validators()))

    # --- applications

    def _open_window(self) -> None:
        with self.stage.step("the national node opens a round of applications"):
            now_ms = int(self.scene.status(HOME)["time_ms"])
            data = {"closes_ms": now_ms + WINDOW_MS, "opens_ms": now_ms}
            self._national("admission.open_window", data)

    def _apply(self) -> None:
        with self.stage.step("Sichuan drafts, both of its authorities endorse") as step:
            self.fifth.draft()
            self.fifth.endorse(["communications-51"])
            self.fifth.submit(expect="not-endorsed")
            step.note("with one endorsement it could not be handed in")
            other = self.scene.operator("communications-53")
            self.fifth.send("admission.endorse", other, expect="outside-region")
            self.fifth.endorse(["industry-authority-51"])
            self.fifth.submit()
            step.note(f"{self.fifth.application}: {self.fifth.record['state']}")
        with self.stage.step("Yunnan drafts, is endorsed and hands in as well") as step:
            self.sixth.draft()
            self.sixth.endorse(["communications-53", "industry-authority-53"])
            self.sixth.submit()
            step.note(f"{self.sixth.application}: {self.sixth.record['state']}")

    def _bar(self) -> None:
        bureau = self.scene.operator("bureau")
        with self.stage.step("what Yunnan's operator said was false: barred for ever") as step:
            self.sixth.send("admission.review", bureau)
            finding = write_document(self.scene, SIXTH, "finding", "there is no such licence")
            self.sixth.send(
                "admission.bar",
                bureau,
                at_fault=[YUNNAN[1].credit_code],
                evidence=finding,
                note="no such licence",
            )
            self._announce(self.sixth, "虚假材料处理公告")
            step.note(f"{YUNNAN[1].name} {YUNNAN[1].credit_code}: {self.sixth.record['state']}")
        with self.stage.step("the same operator comes again under another name: refused"):
            again = Applicant(self.scene, HOME, SIXTH, "530000", SICHUAN[0], RENAMED)
            again.draft(expect="entity-barred")

    def _review(self) -> None:
        bureau = self.scene.operator("bureau")
        with self.stage.step("the bureau and two auditors score Sichuan; it is admitted") as step:
            self.fifth.send("admission.review", bureau)
            decision: dict[str, Any] = {"note": "", "outcome": "admitted"}
            for label in ("bureau", "auditor-1", "auditor-2"):
                self.fifth.send("admission.score", self.scene.operator(label), **POINTS)
                if label == "auditor-1":
                    self.fifth.send(
                        "admission.decide", bureau, expect="too-few-reviewers", **decision
                    )
            self.fifth.send("admission.decide", bureau, **decision)
            self._announce(self.fifth, "第一批国家算力互联互通节点公告")
            total = sum(POINTS.values())
            step.note(f"{total} of 400, {VERSION_1['admission_score_minimum']} are needed")
        with self.stage.step("the national node closes the round"):
            self._national("admission.close_window", {"note": "the first round is complete"})

    # --- the fifth node

    def _admit(self) -> None:
        with self.stage.step("it makes its keys; the root certifies; it is admitted") as step:
            code = compose_code("R", "510000", "00090", serial="0000001")
            self.node: NewNode = set_up_node(self.scene, FIFTH, code)
            self.node.admit(self.fifth, *BLOCK)
            step.note(f"{code}: {self._read_node()['status']}, not a validator yet")
            require(code not in self._list_validators(), "it votes before it runs")

    def _start(self) -> None:
        with self.stage.step("its peer starts from nothing and follows the chain") as step:
            self.node.start()
            goal = self.scene.client(HOME).get_height()
            wait_for(f"{FIFTH} is at block {goal}", lambda: self._height(FIFTH) >= goal, JOIN_S)
            step.note(f"block {goal}, executed from the genesis on")

    def _connect(self) -> None:
        with self.stage.step("it declares its profile and connects; the next epoch is its") as step:
            signers = (self.node.signer,)
            root = {"height": 0, "state_root": bytes(32), "through": ""}
            self.scene.execute(HOME, "membership.connect", root, *signers, expect="wrong-key")
            self.node.declare(HOME)
            at = self.node.connect(HOME)
            wait_for(
                f"{FIFTH} is among the validators",
                lambda: self.node.code in self._list_validators(),
                JOIN_S,
            )
            step.note(f"it named the state root of block {at}")
            step.note(f"{len(self._list_validators())} validators, {self._read_node()['status']}")
        with self.stage.step("its vote stands in a certificate") as step:
            self.voted_at = wait_for_vote(self.scene, FIFTH, 0)
            step.note(f"under block {self.voted_at}, which a client verified")

    def _restart(self) -> None:
        """Who is alive is read from a peer's own disk when it starts: it must know the same."""
        with self.stage.step(f"{RESTARTED} is killed and restarted, and votes on") as step:
            self.scene.launcher.kill(RESTARTED)
            goal = bring_back(self.scene, RESTARTED, HOME, step.progress)
            step.note(f"back at block {goal}")

    # --- retirement

    def _retire(self) -> None:
        leaving = self.scene.operator(LEAVING)
        with self.stage.step(f"{LEAVING} asks to retire; four of five agree") as step:
            data = {
                "code": leaving.code,
                "matter": "retirement",
                "note": "merged",
                "reason": "ceased",
            }
            outcome = self.scene.execute(HOME, "ballot.propose", data, leaving)
            ballot = {"ballot": make_object_id("ballot", outcome)}
            for label in (HOME, "region-11", FIFTH):
                self.scene.execute(HOME, "ballot.approve", ballot, self.scene.operator(label))
            wait_for(
                f"{LEAVING} has left the validators",
                lambda: leaving.code not in self._list_validators(),
                JOIN_S,
            )
            status = self.scene.read(HOME, "node", leaving.code)["status"]
            require(status == "retired", f"{LEAVING} is {status}")
            step.note(f"{status}; its own vote and three more carried the ballot")
        with self.stage.step("its operator stops the peer; the chain goes on with four") as step:
            self.scene.launcher.stop([LEAVING])
            height = wait_blocks(self.scene, HOME, 1)
            voted = wait_for_vote(self.scene, FIFTH, height)
            require(len(self._list_validators()) == 4, "there are not four validators")
            step.note(f"block {height}; the newcomer signed block {voted}")

    # --- parts

    def _announce(self, applicant: Applicant, title: str) -> None:
        data: dict[str, Any] = {"documents": [], "note": "", "title": title}
        applicant.send("admission.announce", self.scene.operator("bureau"), **data)

    def _national(self, kind: str, data: dict[str, Any]) -> None:
        self.scene.execute(HOME, kind, data, self.scene.operator("national"))

    def _list_validators(self) -> Sequence[str]:
        validators: Sequence[str] = self.scene.status(HOME)["validators"]
        return validators

    def _read_node(self) -> dict[str, Any]:
        return self.scene.read(HOME, "node", self.node.code)

    def _height(self, label: str) -> int:
        try:
            return int(self.scene.status(label)["height"])
        except ClientError:
            return -1
