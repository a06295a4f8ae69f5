"""Standards: interface profiles by version, and which of them each node speaks.

    key    standard 0x00 name 0x00 <version, 4 bytes> 0x00
    value  {"actor", "document": {"location", "media_type", "sha256", "size"}, "height", "note",
            "rules", "state", "title"}
    key    declaration 0x00 code 0x00
    value  {"height", "name", "passed", "rules", "run": {...as document}, "version"}

1. An interface profile says how a job is handed over. Its name is what a resource's descriptor
   carries; its versions count from 1 without a gap. The document itself stays off the ledger.
2. The national node publishes a version and withdraws it; what is withdrawn stays on record and
   comes back only as a further version. A profile is published while one of its versions is.
3. Each node declares which version it speaks, and the record of its conformance run, passed or not;
   its last declaration stands.
4. A node is conformant while its run was passed and the version that it ran against is published.
5. The genesis publishes version 1 of `kubernetes-1`; nodes that found a chain are its members
   without a declaration, all others need one before they connect.
"""

from collections.abc import Iterator
from typing import Annotated, Final, TypedDict

from pydantic import Field

from contracts import nodes
from contracts.call import Call, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.life import STEP_FAILURES, compute_next
from contracts.payload import Document, DocumentRecord, Name, Note, Payload
from contracts.table import Table
from ledger.codec import Value

MAX_VERSIONS: Final = 256  # of one profile
MAX_PROFILES: Final = 64
LIFE: Final = {("published", "withdraw"): "withdrawn"}
# docs/spec/profiles/kubernetes-1.md; a test holds the file to it.
INITIAL_NAME: Final = "kubernetes-1"
INITIAL_VERSION: Final = 1
INITIAL_TITLE: Final = "Jobs handed over as Kubernetes objects"
INITIAL_DOCUMENT: Final[DocumentRecord] = {
    "location": "docs/spec/profiles/kubernetes-1.md",
    "media_type": "text/markdown",
    "sha256": bytes.fromhex("12fd6662741467b8ffaa946390585f14535ca1d64eed0fb3ce71c397a5404420"),
    "size": 3045,
}

ProfileName = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9-]{0,47}-[1-9][0-9]{0,3}$",
        description="name of an interface profile",
    ),
]
Version = Annotated[int, Field(ge=1, le=MAX_VERSIONS, description="version, from 1")]


class StandardRecord(TypedDict):
    """The value of a version of a profile."""

    actor: str
    document: DocumentRecord
    height: int
    note: str
    rules: int
    state: str
    title: str


class DeclarationRecord(TypedDict):
    """The value of a node's declaration."""

    height: int
    name: str
    passed: bool
    rules: int
    run: DocumentRecord
    version: int


STANDARDS: Final[Table[StandardRecord]] = Table(
    "standard", StandardRecord, ("name", "version"), life=LIFE
)
DECLARATIONS: Final[Table[DeclarationRecord]] = Table("declaration", DeclarationRecord, ("code",))


class Publish(Payload):
    """A further version of an interface profile."""

    document: Annotated[Document, Field(description="the text of the profile")]
    name: ProfileName
    title: Name
    version: Version


class Withdraw(Payload):
    """The end of a version."""

    name: ProfileName
    note: Note
    version: Version


class Declare(Payload):
    """The profile that a node speaks."""

    name: ProfileName
    passed: Annotated[bool, Field(description="whether the conformance run was passed")]
    run: Annotated[Document, Field(description="the record of the conformance run")]
    version: Version


def make_standard_key(name: str, version: int) -> bytes:
    """The key of a version of a profile."""
    return STANDARDS.make_key(name, version.to_bytes(4, "big"))


def is_published(ctx: Context, name: str) -> bool:
    """Whether a version of an interface profile is published."""
    return any(value["state"] == "published" for _, value in _scan_versions(ctx, name))


def is_conformant(ctx: Context, code: str) -> bool:
    """Whether a node's declared version is published and its conformance run was passed."""
    declared = DECLARATIONS.get(ctx, DECLARATIONS.make_key(code))
    if declared is None or not declared["passed"]:
        return False
    standard = STANDARDS.get(ctx, make_standard_key(declared["name"], declared["version"]))
    return standard is not None and standard["state"] == "published"


def make_initial_record() -> tuple[bytes, Value]:
    """The profile that stands in the genesis."""
    value: StandardRecord = {
        "actor": "",
        "document": {**INITIAL_DOCUMENT},
        "height": 0,
        "note": "",
        "rules": 1,
        "state": "published",
        "title": INITIAL_TITLE,
    }
    return make_standard_key(INITIAL_NAME, INITIAL_VERSION), value


def publish(ctx: Context, call: Publish) -> None:
    """Publish the next version of a profile."""
    # who may: the national node, which the declaration demands

    # what must hold
    count = sum(1 for _ in _scan_versions(ctx, call.name))
    require(count or _count_profiles(ctx) < MAX_PROFILES, "too-many-profiles")
    require(call.version == count + 1, "wrong-version")

    # what changes
    value: StandardRecord = {
        "actor": ctx.actor,
        "document": call.document.make_record(),
        "height": ctx.height,
        "note": "",
        "rules": ctx.rules.version,
        "state": "published",
        "title": call.title,
    }
    STANDARDS.put(ctx, make_standard_key(call.name, call.version), value)
    about = (ctx.actor, call.name)
    ctx.emit("standards.published", about, sha256=call.document.sha256, version=call.version)


def withdraw(ctx: Context, call: Withdraw) -> None:
    """Withdraw a version of a profile."""
    # who may: the national node, which the declaration demands

    # what must hold
    key = make_standard_key(call.name, call.version)
    standard = STANDARDS.get(ctx, key)
    if standard is None:
        raise Failure("unknown-standard")
    state = compute_next(LIFE, standard["state"], "withdraw")

    # what changes
    changed: StandardRecord = {**standard, "actor": ctx.actor, "note": call.note, "state": state}
    STANDARDS.put(ctx, key, changed)
    about = (ctx.actor, call.name)
    ctx.emit("standards.withdrawn", about, note=call.note, version=call.version)


def declare(ctx: Context, call: Declare) -> None:
    """Say which version of a profile a node speaks."""
    # who may
    nodes.load_own(ctx)

    # what must hold
    standard = STANDARDS.get(ctx, make_standard_key(call.name, call.version))
    if standard is None:
        raise Failure("unknown-standard")
    require(standard["state"] == "published", "wrong-state")

    # what changes
    value: DeclarationRecord = {
        "height": ctx.height,
        "name": call.name,
        "passed": call.passed,
        "rules": ctx.rules.version,
        "run": call.run.make_record(),
        "version": call.version,
    }
    DECLARATIONS.put(ctx, DECLARATIONS.make_key(ctx.actor), value)
    about = (ctx.actor, call.name)
    ctx.emit("standards.declared", about, passed=call.passed, version=call.version)


def _scan_versions(ctx: Context, name: str) -> Iterator[tuple[bytes, Value]]:
    return ctx.scan(STANDARDS.make_key(name))


def _count_profiles(ctx: Context) -> int:
    """How many names there are; each has a version 1."""
    first = INITIAL_VERSION.to_bytes(4, "big") + b"\x00"
    return sum(key.endswith(first) for key, _ in ctx.scan(STANDARDS.prefix))


_NATIONAL = Role("national node", "N")
CALLS = (
    Call(
        kind="standards.publish",
        title="Publish a version of an interface profile",
        payload=Publish,
        signers=(_NATIONAL,),
        failures={
            "too-many-profiles": f"a new name is not beyond the {MAX_PROFILES} that there may be",
            "wrong-version": "the version is the one after the last of this name",
        },
        handler=publish,
        changes="the version; the national node's account",
        events=("standards.published",),
    ),
    Call(
        kind="standards.withdraw",
        title="Withdraw a version of an interface profile",
        payload=Withdraw,
        signers=(_NATIONAL,),
        failures={
            "unknown-standard": "the version was published once",
            **STEP_FAILURES,
        },
        handler=withdraw,
        changes="the version; the national node's account",
        events=("standards.withdrawn",),
    ),
    Call(
        kind="standards.declare",
        title="Say which interface profile a node speaks",
        payload=Declare,
        signers=(Role("node", "NRI"),),
        failures={
            "unknown-node": "the actor is a node",
            "unknown-standard": "the version was published once",
            "wrong-state": "the version is not withdrawn",
        },
        handler=declare,
        changes="the node's declaration; its account",
        events=("standards.declared",),
        tolerates=("inactive",),
    ),
)
TABLES = (STANDARDS, DECLARATIONS)
