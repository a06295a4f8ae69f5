"""What the ledger says happened, taken from it and checked without it.

1. The history of a lease: every version of its record with the transaction that made it.
2. The same as a proof bundle, verified in a process that has the file, the genesis hash and no
   network; and the same bundle with one digit changed, which must be refused.
3. All blocks of all peers, compared.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from devnet.errors import StepFailed
from devnet.outage import wait_for
from devnet.scene import Scene, require
from ledger import codec
from ledger.proof import decode_version
from node.client.bundle import VersionsClaim, compose_text, decode_bundle
from node.client.errors import ClientError

VERIFY_S = 60.0
LEVEL_S = 60.0
PAGE = 500
SAMPLE = 200  # acknowledged transactions that every peer is asked for
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Deed:
    """What made one version of a record: when, what, by whom, how it came out, the value after."""

    time_ms: int
    height: int
    id: str
    kind: str
    signers: tuple[str, ...]
    code: str
    value: dict[str, Any]


def read_deeds(scene: Scene, at: str, *key: str) -> list[Deed]:
    """Who did what to an object: the audit's entries with the version that each made.

    The key's last field is the object's id. Raises StepFailed where audit and history differ.
    """
    client = scene.client(at)
    try:
        versions = {item["made_by"]["id"]: item for item in client.iterate_history(*key)}
        about = list(client.iterate_audit(object=key[-1]))
    except (ClientError, TypeError) as error:
        raise StepFailed(f"{at} does not tell the history of {'/'.join(key)}: {error}") from None
    # What stands beside the record, an observation say, is about it and makes no version of it.
    entries = [entry for entry in about if entry["id"] in versions]
    done = [entry["id"] for entry in entries]
    require(done == list(versions), f"audit and history of {key[-1]} tell different stories")
    return [
        Deed(
            time_ms=int(entry["time_ms"]),
            height=int(entry["height"]),
            id=entry["id"],
            kind=entry["kind"],
            signers=tuple(entry["signers"]),
            code=entry["code"],
            value=versions[entry["id"]]["value"],
        )
        for entry in entries
    ]


def save_bundle(scene: Scene, at: str, path: Path, *segments: str) -> bytes:
    """A proof bundle as a file; raises StepFailed."""
    try:
        document = scene.client(at).get_proof(*segments)
    except ClientError as error:
        raise StepFailed(f"{at} gives no proof of {'/'.join(segments)}: {error}") from None
    data = compose_text(document)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return data


def verify_offline(path: Path, genesis_hash: str) -> dict[str, Any]:
    """The report of a process that has only the file and the hash; raises StepFailed."""
    report = run_verifier(path, genesis_hash)
    if not report["verified"]:
        raise StepFailed(f"the bundle {path} does not verify: {report['error']}")
    return report


def run_verifier(path: Path, genesis_hash: str) -> dict[str, Any]:
    """What the verifying process says, be it yes or no; raises StepFailed if it says neither."""
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "devnet.offline", str(path), genesis_hash],
        capture_output=True,
        text=True,
        timeout=VERIFY_S,
        check=False,
        cwd=path.parent,
        env=environment,
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise StepFailed(f"the verifier failed: {done.stderr.strip()[-2000:]}") from None
    if report["verified"] is not (done.returncode == 0):
        raise StepFailed("the verifier's exit code is not its report's")
    assert isinstance(report, dict)
    return report


def check_forgery(path: Path, data: bytes, genesis_hash: str, field: str) -> str:
    """Why the verifier refuses the bundle with one number of the record raised by one.

    The forger is no fool: the text is canonical again and its digest fits.
    """
    bundle, _ = decode_bundle(data)
    claim = bundle.claims[0]
    assert isinstance(claim, VersionsClaim)
    version = claim.record.version
    parts = codec.decode(version.body)
    parts[5] = {**version.value, field: version.value[field] + 1}
    record = replace(claim.record, version=decode_version(codec.encode(parts)))
    claims = (replace(claim, record=record), *bundle.claims[1:])
    forged = path.with_name(f"{path.stem}.forged.json")
    forged.write_bytes(replace(bundle, claims=claims).encode())
    report = run_verifier(forged, genesis_hash)
    require(not report["verified"], "a forged bundle was taken for a true one")
    return str(report["error"])


def check_story(report: dict[str, Any], deeds: Sequence[Deed]) -> None:
    """Raise StepFailed unless the bundle proves each deed that the audit told of."""
    items = [item for item in report["proved"] if item["type"] in ("transaction", "result")]
    told, proved = {deed.id for deed in deeds}, {item["subject"] for item in items}
    missing = sorted(told - proved)
    require(not missing, f"the bundle does not prove {', '.join(missing)}")
    for item in items:
        for signer in item.get("signers", ()):
            require(signer["key"], f"the key of {signer['signer']} is not proved in the bundle")


def compare_peers(scene: Scene) -> tuple[int, str]:
    """Compare every block of every peer; the last common height and its state root."""
    labels = scene.launcher.running
    goal = max(scene.client(label).get_height() for label in labels)
    for label in labels:
        wait_for(
            f"{label} is at block {goal}",
            lambda label=label: scene.client(label).get_height() >= goal,  # type: ignore[misc]
            LEVEL_S,
        )
    chains = {label: _read_chain(scene, label, goal) for label in labels}
    first = chains[labels[0]]
    for label, chain in chains.items():
        for height, (mine, other) in enumerate(zip(first, chain, strict=True)):
            if mine != other:
                raise StepFailed(f"{labels[0]} and {label} have different blocks {height}")
    return goal, first[goal][1]


def check_everywhere(scene: Scene, ids: Sequence[str]) -> int:
    """Raise StepFailed unless transactions are final on every peer; how many each was asked for.

    The first peer is asked for all of them. Its blocks are everybody's, so that the others are
    asked for a sample only where there are many.
    """
    wanted = list(dict.fromkeys(ids))
    labels = scene.launcher.running
    lost = set(wanted) - _read_ids(scene, labels[0])
    if lost:
        raise StepFailed(f"{labels[0]} lacks {len(lost)} acknowledged transactions: {min(lost)}")
    sample = wanted[:: max(1, len(wanted) // SAMPLE)]
    for label in labels[1:]:
        client = scene.client(label)
        for id_ in sample:
            if client.get_transaction(id_).status != "final":
                raise StepFailed(f"{label} lacks the acknowledged transaction {id_}")
    return len(sample)


def _read_chain(scene: Scene, label: str, top: int) -> list[tuple[str, str]]:
    """Hash and state root of every block up to a height."""
    found: dict[int, tuple[str, str]] = {}
    for block in scene.client(label).iterate_blocks(PAGE):
        header = block["header"]
        found[int(header["height"])] = block["hash"], header["state_root"]
    return [found[height] for height in range(top + 1)]


def _read_ids(scene: Scene, label: str) -> set[str]:
    client = scene.client(label)
    filled = [
        int(block["header"]["height"])
        for block in client.iterate_blocks(PAGE)
        if int(block["header"]["transactions_count"])
    ]
    return {
        item["id"]
        for height in filled
        for item in client.get_block(height, transactions=True)["transactions"]
    }
