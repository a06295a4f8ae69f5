"""Every way in for bytes from outside, and the functions that look like one and are not."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.fuzz import (
    answer_targets,
    consensus_targets,
    file_targets,
    ledger_targets,
    peer_targets,
    request_targets,
)
from tests.fuzz.target import Target

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for module in (
        ledger_targets,
        consensus_targets,
        peer_targets,
        request_targets,
        file_targets,
        answer_targets,
    )
    for target in module.TARGETS
}

ROOT: Final = Path(__file__).parent.parent.parent
PACKAGES: Final = ("ledger", "consensus", "node")
_ENTRY: Final = re.compile(r"(decode|parse|read|load)(_|$)|from_value$|from_payload$")
_FIELD: Final = "reads one field of a value that a target has decoded"
_OWN: Final = "reads this peer's own store or database, behind checksums"
_REQUEST: Final = "takes apart a request that tests/node/api/test_fuzz.py sends"
_HELD: Final = "reads what a target reads too"
_BYTES: Final = "takes the bytes of a file as they are"
_SIZE: Final = "says how full it is"
_OPERATOR: Final = "reads what the operator types"

EXEMPT: Final[dict[str, str]] = {
    "ledger.codec:decode_trusted": _OWN,
    "ledger.final_state:read_envelope": _OWN,
    "ledger.floor:read_floor": _OWN,
    "ledger.install:read_height": _OWN,
    "ledger.install:read_known": _OWN,
    "ledger.install:read_roots": _OWN,
    "ledger.result:read_result": "reads a leaf that is proved to be of a certified block",
    "ledger.schema:parse_place": _OWN,
    "ledger.store:read_height": _OWN,
    "ledger.snapshot:Snapshot.read_state": _OWN,
    "ledger.snapshot:Snapshot.read_headers": _OWN,
    "ledger.snapshot:Snapshot.read_results": _OWN,
    "ledger.snapshot:Snapshot.read_bodies": _OWN,
    "ledger.transaction:parse_key_signer": _FIELD,
    "consensus.field:read_list": _FIELD,
    "consensus.field:read_int": _FIELD,
    "consensus.field:read_bool": _FIELD,
    "consensus.field:read_text": _FIELD,
    "consensus.field:read_bytes": _FIELD,
    "consensus.field:read_digest": _FIELD,
    "consensus.field:read_view": _FIELD,
    "consensus.field:read_epoch": _FIELD,
    "ledger.der:Reader.read": _FIELD,
    "node.api.parameters:Parameter.read": _FIELD,
    "node.api.chain:Chain.load_entries": _OWN,
    "node.api.chain:Chain.read_entry": _OWN,
    "node.api.chain:read_kind": _OWN,
    "node.check.scope:Scope.read_header": _OWN,
    "node.disk:DiskThread.read_state": _OWN,
    "node.past:read_past": _OWN,
    "node.prover:load_items": _OWN,
    "node.statement:_Past.read_buckets": _OWN,
    "node.trail:load_trail": _OWN,
    "node.api.context:read_limit": _REQUEST,
    "node.api.tails:read_fields": _REQUEST,
    "node.api.tails:read_key": _REQUEST,
    "node.api.transactions:read_body": _REQUEST,
    "node.client.line:read_header": _HELD,
    "node.config:load_credentials": _HELD,
    "node.config:load_genesis": _HELD,
    "node.client.verify:load_bundle": _BYTES,
    "node.client.document:read_fingerprint": _BYTES,
    "node.client.samples:load_samples": _BYTES,
    "node.backup:read_chunks": _BYTES,
    "node.intake:Intake.load": _SIZE,
    "node.joiner:Joiner.load": _SIZE,
    "node.clock:read_wall_ms": "reads a clock",
    "node.cli.keys:read_code": _OPERATOR,
    "node.cli.remote:read_genesis_hash": _OPERATOR,
    "node.cli.remote:read_signers": _OPERATOR,
    "node.cli.times:read_time": _OPERATOR,
    "node.cli.values:read_data": _OPERATOR,
}


def list_entries() -> Iterator[str]:
    """All public functions and methods that are named like a way in, as `module:name`."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            tree = ast.parse(path.read_text("utf-8"))
            for name, function in _list_functions(tree):
                if _ENTRY.match(function.name):
                    yield f"{module}:{name}"


def _list_functions(
    tree: ast.Module,
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{inner.name}", inner
