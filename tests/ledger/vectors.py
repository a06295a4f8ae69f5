"""The pinned formats: `python -m tests.ledger.vectors` writes tests/vectors anew.

Each function computes one file from fixed inputs; the test of the same name compares. A difference
is a changed format: it is approved, with a line in the changelog, or it is a bug.
"""

import json
from pathlib import Path
from typing import Any

from ledger import codec, merkle, tree
from ledger.block import compute_validators_hash
from ledger.crypto import Domain, Purpose, SigningKey, sha256
from ledger.primitives import Digest, Height
from ledger.proof import make_version, prove_record
from ledger.record import make_key
from ledger.result import Result
from ledger.state import Layer
from ledger.transaction import compose_body, decode_transaction, key_signer, sign_body
from tests.ledger.chain import REGIONS, Nothing, make_header

FOLDER = Path(__file__).parent.parent / "vectors"
GENESIS_HASH = Digest(bytes(range(32)))
CHAIN = "vector-0001020304050607"
KEY = SigningKey.from_seed(b"\x07" * 32)
RFC_LEAVES = (
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)


def load(name: str) -> Any:
    """A pinned file."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def compute_codec() -> Any:
    """Values as Python literals, their bytes, and bytes that no value has."""
    values: list[Any] = [
        None,
        True,
        False,
        0,
        127,
        128,
        255,
        256,
        65535,
        65536,
        (1 << 32) - 1,
        1 << 32,
        (1 << 64) - 1,
        -1,
        -32,
        -33,
        -128,
        -129,
        -32769,
        -(1 << 31) - 1,
        -(1 << 63),
        "",
        "a" * 31,
        "a" * 32,
        "a" * 256,
        "算力",
        b"",
        b"\x00\xff",
        bytes(256),
        [],
        [1, [2, [3]]],
        list(range(16)),
        {},
        {"a": 1, "b": {"c": b"\x01"}},
        {"é": 1, "ﬀ": 2, "𐀀": 3},
    ]
    encoded = [{"bytes": codec.encode(value).hex(), "value": repr(value)} for value in values]
    return {"refused": _refused_encodings(), "values": encoded}


def _refused_encodings() -> dict[str, str]:
    return {
        "a byte after the value": "c0c0",
        "a float": "cb3ff0000000000000",
        "an extension": "d40100",
        "a timestamp": "d6ff00000000",
        "an integer not in its shortest form": "cc01",
        "a negative integer not in its shortest form": "d0ff",
        "text not in its shortest form": "d90161",
        "bytes not in their shortest form": "c5000101",
        "a list not in its shortest form": "dc000101",
        "a map not in its shortest form": "de0001a16101",
        "a key twice": "82a16101a16101",
        "keys out of order": "82a16201a16101",
        "a key that is no text": "810101",
        "a key of bytes": "81c4016101",
        "text that is not UTF-8": "a1ff",
        "a surrogate": "a3eda080",
        "nothing": "",
        "a cut value": "92c0",
        "a reserved byte": "c1",
        "nested too deep": "91" * 17 + "c0",
    }


def compute_crypto() -> Any:
    """One signature for every purpose, of one key over one message."""
    message = b"message"
    return {
        "genesis_hash": GENESIS_HASH.hex(),
        "message": message.hex(),
        "public_key": KEY.public.hex(),
        "seed": KEY.seed.hex(),
        "signatures": {
            purpose.value: Domain(purpose, GENESIS_HASH).sign(KEY, message).hex()
            for purpose in Purpose
        },
    }


def compute_merkle() -> Any:
    """The roots and proofs of the leaves that certificate-transparency tools use."""
    leaves = [bytes.fromhex(leaf) for leaf in RFC_LEAVES]
    hashes = [merkle.compute_leaf_hash(leaf) for leaf in leaves]
    return {
        "consistency": {
            f"{old}-{count}": [
                node.hex() for node in merkle.compute_consistency_proof(hashes[:count], old)
            ]
            for count in range(1, 9)
            for old in range(1, count + 1)
        },
        "inclusion": {
            f"{index}-{count}": [
                node.hex() for node in merkle.compute_inclusion_proof(hashes[:count], index)
            ]
            for count in range(1, 9)
            for index in range(count)
        },
        "leaves": list(RFC_LEAVES),
        "roots": [merkle.compute_root(hashes[:count]).hex() for count in range(9)],
    }


def compute_transaction() -> Any:
    """One transaction signed by a code and by a bare key."""
    signers = (REGIONS[0], key_signer(KEY.public))
    data = {"amount": 1_000_000, "lease": "lease-00", "proof": b"\x01\x02"}
    body = compose_body(CHAIN, "lease.take", data, signers, 100, bytes(16))
    raw = sign_body(body, Domain(Purpose.TRANSACTION, GENESIS_HASH), [KEY, KEY])
    transaction = decode_transaction(raw, CHAIN)
    return {
        "body": body.hex(),
        "chain": CHAIN,
        "genesis_hash": GENESIS_HASH.hex(),
        "hash": transaction.hash.hex(),
        "id": transaction.id.hex(),
        "seed": KEY.seed.hex(),
        "signatures": [signature.hex() for signature in transaction.signatures],
        "signed": raw.hex(),
        "signers": list(signers),
    }


def compute_block() -> Any:
    """A header, a result leaf and what they hash to."""
    header = make_header()
    result = Result(
        Height(1),
        0,
        sha256(b"id"),
        "ok",
        ({"about": ["lease-00"], "data": {"n": 1}, "type": "taken"},),
        ((make_key("lease", "lease-00"), 1),),
    )
    members = [(code, bytes([n]) * 32) for n, code in enumerate(REGIONS)]
    return {
        "hash": sha256(header.encode()).hex(),
        "header": header.encode().hex(),
        "result": result.encode().hex(),
        "result_leaf_hash": merkle.compute_leaf_hash(result.encode()).hex(),
        "validators": [[code, key.hex()] for code, key in members],
        "validators_hash": compute_validators_hash(members).hex(),
    }


def compute_tree() -> Any:
    """Two blocks of records, the root after each, and a path."""
    first = Layer(Nothing())
    for number in range(20):
        first.put(make_key("t", f"{number * 7 % 20:02}"), {"n": number}, 0, 0)
    below = tree.seal(tree.Tree(), first)
    second = Layer(first)
    second.put(make_key("t", "05"), {"n": 100}, 1, 0)
    second.put(make_key("t", "05a"), {"n": 101}, 1, 1)
    overlay = tree.seal(below, second)
    proof = prove_record(second, overlay, make_key("t", "05"))
    assert proof is not None
    return {
        "count": overlay.count,
        "key": proof.key.hex(),
        "leaf": tree.compute_leaf(proof.slot, proof.key, proof.next_key, proof.version.hash).hex(),
        "next_key": proof.next_key.hex(),
        "path": [level.hex() for level in proof.path.siblings],
        "record": proof.version.body.hex(),
        "root_after_block_0": below.root.hex(),
        "root_after_block_1": overlay.root.hex(),
        "slot": proof.slot,
        "value_hash": make_version(second.records[proof.key]).hash.hex(),
    }


FILES = {
    "block": compute_block,
    "codec": compute_codec,
    "crypto": compute_crypto,
    "merkle": compute_merkle,
    "transaction": compute_transaction,
    "tree": compute_tree,
}

if __name__ == "__main__":
    for name, compute in FILES.items():
        text = json.dumps(compute(), indent=1, sort_keys=True, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n")
