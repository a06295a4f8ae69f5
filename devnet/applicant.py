"""An applicant of a scenario: what it says of itself, and the node that it makes once admitted.

Its documents lie in `<dir>/applications/<label>/`; on the ledger stand their digests. Its node's
keys are made as an operator makes them: identity on the operator's desk, peer and validator key in
the folder of the peer. Until it is active its own peer only follows, so what its operator sends
goes through another's.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.application import MATERIALS
from devnet.folder import NodeEntry
from devnet.ports import HOST, find_ports
from devnet.scene import Scene, make_object_id
from ledger.crypto import SigningKey, sha256
from ledger.genesis import Genesis, decode_genesis
from ledger.primitives import Code
from node.ceremony import Member, MemberSpec, write_node
from node.client.composer import Signer
from node.client.outcome import Outcome
from node.enrolment import Profile, Validity, certify, make_keys, make_request
from node.keys import Role, load_key, make_key, save_certificates, save_key

CAPITAL_MICRO_YUAN = 80_000_000 * 10**6
MEDIA_TYPE = "text/plain"


@dataclass(frozen=True, slots=True)
class Entity:
    """A company, by its name and its Unified Social Credit Code."""

    name: str
    credit_code: str


@dataclass(slots=True)
class Applicant:
    """Somebody who applies to run a region's node; `label` is that of the node to come."""

    scene: Scene
    at: str
    label: str
    place: str
    builder: Entity
    operator: Entity
    key: SigningKey = field(default_factory=make_key)
    application: str = ""

    @property
    def signer(self) -> Signer:
        """The key that drafts and submits."""
        return Signer.bare(self.key)

    def draft(self, expect: str = "ok") -> Outcome:
        """Write the documents and draft the application."""
        data = {
            "construction": {
                "capital_micro_yuan": CAPITAL_MICRO_YUAN,
                "credit_code": self.builder.credit_code,
                "evidence": self._write("financial-capacity"),
                "name": self.builder.name,
            },
            "industry": "",
            "materials": [{**self._write(kind), "kind": kind} for kind in MATERIALS],
            "members": [],
            "operating": {
                "credit_code": self.operator.credit_code,
                "defaults": 0,
                "facilities": "two halls of 20 MW",
                "licence": "B1-20260001",
                "name": self.operator.name,
                "personnel": 60,
                "public_institution": False,
            },
            "place": self.place,
            "route": "regional",
            "sector": "",
        }
        outcome = self.scene.execute(self.at, "admission.draft", data, self.signer, expect=expect)
        if expect == "ok":
            self.application = make_object_id("application", outcome)
        return outcome

    def send(self, kind: str, *signers: Signer, expect: str = "ok", **data: Any) -> Outcome:
        """A transaction about the application."""
        about = {"application": self.application, **data}
        return self.scene.execute(self.at, kind, about, *signers, expect=expect)

    def endorse(self, authorities: Sequence[str]) -> None:
        """Let authorities endorse the draft."""
        for label in authorities:
            self.send("admission.endorse", self.scene.operator(label))

    def submit(self, expect: str = "ok") -> None:
        """Hand it in."""
        self.send("admission.submit", self.signer, expect=expect)

    @property
    def record(self) -> Mapping[str, Any]:
        """The application as it stands."""
        return self.scene.read(self.at, "application", self.application)

    def _write(self, kind: str) -> dict[str, Any]:
        text = f"{kind} of {self.operator.name} ({self.operator.credit_code})"
        return write_document(self.scene, self.label, kind, text)


def write_document(scene: Scene, label: str, name: str, text: str) -> dict[str, Any]:
    """Write a document about an application, and name it as the ledger does."""
    location = f"applications/{label}/{name}.txt"
    file, data = scene.folder.path / location, f"{text}\n".encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return {
        "location": location,
        "media_type": MEDIA_TYPE,
        "sha256": sha256(data),
        "size": len(data),
    }


@dataclass(frozen=True, slots=True)
class NewNode:
    """A node that an admitted applicant set up: its keys, certificates and folder."""

    scene: Scene
    member: Member
    label: str

    @property
    def code(self) -> Code:
        """Its code."""
        return self.member.code

    @property
    def signer(self) -> Signer:
        """Its identity."""
        return Signer(self.code, self.member.keys.identity)

    def admit(self, applicant: Applicant, first: int, last: int) -> None:
        """Let the national node make it one; its new keys sign beside."""
        request, keys = self.member.request, self.member.keys
        assert keys.peer is not None and keys.validator is not None
        national = self.scene.operator("national")
        signers = (national, *map(Signer.bare, (keys.identity, keys.peer, keys.validator)))
        applicant.send(
            "membership.admit",
            *signers,
            certificate=self.member.certificate,
            code=self.code,
            http_endpoint=request.profile.http_endpoint,
            number_block=[first, last],
            peer_certificate=request.peer_certificate,
            peer_endpoint=request.profile.peer_endpoint,
        )

    def start(self) -> None:
        """Start its peer, with nothing but the genesis document and its own keys."""
        profile = self.member.spec.profile
        entry = NodeEntry(
            self.label, self.code, "validator", profile.peer_endpoint, profile.http_endpoint
        )
        self.scene.launcher.add(entry)
        self.scene.names[self.code] = self.label
        self.scene.launcher.start([self.label])

    def declare(self, at: str) -> None:
        """Say which interface profile it speaks, and that its conformance run was passed."""
        run = write_document(self.scene, self.label, "conformance", f"run of {self.code}: passed")
        data = {"name": "kubernetes-1", "passed": True, "run": run, "version": 1}
        self.scene.execute(at, "standards.declare", data, self.signer)

    def connect(self, at: str) -> int:
        """Say that it runs, naming the last block that its own peer has; that block's height."""
        status = self.scene.status(self.label)
        height = int(status["height"])
        data = {
            "height": height,
            "state_root": bytes.fromhex(status["state_root"]),
            "through": "",
        }
        validator = self.member.keys.validator
        assert validator is not None
        signers = (self.signer, Signer.bare(validator))
        self.scene.execute(at, "membership.connect", data, *signers)
        return height


def set_up_node(scene: Scene, label: str, code: Code) -> NewNode:
    """Make a node's keys, have its identity certified by the root, and lay its folder out."""
    genesis = _load_genesis(scene)
    peer_port, http_port = find_ports(2)
    profile = Profile(code, f"{HOST}:{peer_port}", f"http://{HOST}:{http_port}")
    validity = Validity.from_days(time.time_ns() // 1_000_000)
    keys = make_keys(code)
    request = make_request(genesis.name, profile, keys, validity)
    root = load_key(scene.folder.path / "root" / "root.key", Role.ROOT).key
    certificate = certify(request, genesis.national.code, root, validity).certificate
    member = Member(MemberSpec(label, profile), keys, request, certificate)
    desk = scene.folder.path / "operators" / label
    save_key(desk / "identity.key", Role.IDENTITY, keys.identity, code)
    save_certificates(desk / "identity.pem", [certificate])
    write_node(scene.folder.path / "nodes" / label, member, genesis)
    return NewNode(scene, member, label)


def _load_genesis(scene: Scene) -> Genesis:
    return decode_genesis((scene.folder.path / "genesis.bin").read_bytes())
