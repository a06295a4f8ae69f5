"""Evidence: validators that signed twice what no honest one signs both.

    key    double_signing 0x00 code 0x00 epoch 0x00 view 0x00    both integers of eight bytes
    value  {"evidence", "height", "key", "kinds", "reporter", "rules", "time_ms"}

1. Two votes of one key, in one epoch and view, that contradict each other: two different notarize,
   two different finalize, or nullify and finalize. `evidence` is both with their signatures, as
   docs/spec/consensus.md writes them: whoever reads the record can check it again.
2. It is reported by whoever runs into it: a peer signs with its validator key, for the identity key
   is never inside a running peer; nodes and auditors report under their code.
3. The key is a node's validator key, or once was: a signature accuses whose key it was.
4. One record stands of each code, epoch and view, however many report it or whatever else was
   signed there, and at most `MAX_OF_KEY` of one key: more of the same prove nothing new.
5. A report decides nothing. Evidence proves what a key signed, and not who had the key; so the
   other regional nodes decide, in a ballot that names it (`ballot.accuse`).
6. A report costs two checks of signatures; all else is looked at before, or costs a look-up or
   a walk over the regional nodes. So it is no dearer than a transaction of three signers.

Derived: `double_signings 0x00 key in hex 0x00` counts those of a key.
"""

from typing import Annotated, Final, TypedDict

from pydantic import Field

from contracts.call import Call, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.nodes import find_holder, find_voice
from contracts.payload import Hash, Payload
from contracts.table import Projection, Table
from ledger.record import make_key
from ledger.transaction import parse_key_signer

MAX_EVIDENCE: Final = 512
MAX_OF_KEY: Final = 16


class DoubleSigning(TypedDict):
    """The value of a double signing; `reporter` is the code of who reported it first."""

    evidence: bytes
    height: int
    key: bytes
    kinds: list[str]
    reporter: str
    rules: int
    time_ms: int


class Report(Payload):
    """Two votes that contradict each other."""

    evidence: Annotated[
        bytes,
        Field(
            min_length=1,
            max_length=MAX_EVIDENCE,
            description="both signed votes, the smaller encoding first",
        ),
    ]
    key: Annotated[Hash, Field(description="the validator key that signed both")]


def make_count_key(key: bytes) -> bytes:
    """Derived: how many double signings of a key stand."""
    return make_key("double_signings", key.hex())


def _project(_key: bytes, found: DoubleSigning) -> Projection:
    return Projection(sums={make_count_key(found["key"]): 1})


DOUBLE_SIGNINGS: Final[Table[DoubleSigning]] = Table(
    "double_signing",
    DoubleSigning,
    ("code", "epoch", "view"),
    _project,
    derives=("double_signings",),
)


def make_evidence_key(code: str, epoch: int, view: int) -> bytes:
    """The key of a double signing."""
    return DOUBLE_SIGNINGS.make_key(code, epoch.to_bytes(8, "big"), view.to_bytes(8, "big"))


def report(ctx: Context, call: Report) -> None:
    """Record that a validator signed twice."""
    # who may
    bare = parse_key_signer(ctx.actor)
    reporter = ctx.actor if bare is None else find_voice(ctx, bare)
    require(reporter, "not-a-validator")

    # what must hold
    code = find_holder(ctx, call.key)
    require(code, "unknown-key")
    count = ctx.get_derived(make_count_key(call.key)) or 0
    require(count < MAX_OF_KEY, "enough-evidence")
    found = ctx.scope.read_evidence(call.key, call.evidence)
    if found is None:
        raise Failure("proves-nothing")
    key = make_evidence_key(code, found.epoch, found.view)
    require(DOUBLE_SIGNINGS.get(ctx, key) is None, "already-recorded")

    # what changes
    double_signing: DoubleSigning = {
        "evidence": call.evidence,
        "height": ctx.height,
        "key": call.key,
        "kinds": list(found.kinds),
        "reporter": reporter,
        "rules": ctx.rules.version,
        "time_ms": ctx.time_ms,
    }
    DOUBLE_SIGNINGS.put(ctx, key, double_signing)
    about = {"epoch": found.epoch, "key": call.key, "view": found.view}
    ctx.emit("evidence.recorded", (code, reporter), **about)


CALLS = (
    Call(
        kind="evidence.report",
        title="Report a validator that signed twice",
        payload=Report,
        signers=(Role("node or auditor, or key: of a validator", "NRIMk"),),
        failures={
            "not-a-validator": "a key that signs for no code is a node's validator key",
            "unknown-key": "the key is or was a node's validator key",
            "enough-evidence": f"fewer than {MAX_OF_KEY} double signings of the key are recorded",
            "proves-nothing": "both votes are validly signed by the key and contradict each other",
            "already-recorded": "no double signing of the code in this epoch and view is recorded",
        },
        handler=report,
        changes="the double signing; the account of an actor that is a code",
        events=("evidence.recorded",),
    ),
)
TABLES = (DOUBLE_SIGNINGS,)
