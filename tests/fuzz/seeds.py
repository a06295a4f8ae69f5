"""Real valid objects, made once: what mutations begin from."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from consensus.certificate import Certificate
from consensus.vote import VoteKind
from ledger.code import compose_code
from ledger.primitives import Digest
from ledger.sealed import SealedBlock
from node import prover
from node.client.bundle import Bundle
from node.frames import (
    BlockBody,
    Consensus,
    Frame,
    Hello,
    Notice,
    Range,
    Transactions,
    WantBlock,
    WantRange,
    WantTransactions,
    encode_frame,
)
from node.serving import body_of_sealed
from tests.node.evidence import LEASE, Evidence, make_evidence
from tests.node.stage import Stage

MEMBER = compose_code("R", "520000", "00001")
VECTORS = Path(__file__).parent.parent / "vectors"


@cache
def load_vector(name: str) -> Any:
    """A file of vectors."""
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


@cache
def get_stage() -> Stage:
    """A store with a genesis, and what makes blocks on it."""
    return Stage()


@cache
def get_sealed() -> SealedBlock:
    """An executed block of two transactions."""
    stage = get_stage()
    return stage.make([stage.deposit(), stage.deposit(reference="a reference")])


def list_geneses() -> tuple[bytes, ...]:
    """Genesis documents."""
    return (get_stage().genesis.data, bytes.fromhex(load_vector("genesis")["document"]))


@cache
def get_certificate() -> Certificate:
    """Its finalization."""
    return get_stage().certify(get_sealed().block, VoteKind.FINALIZE)


def get_body() -> BlockBody:
    """It as it is sent."""
    return body_of_sealed(get_sealed())


@cache
def list_messages() -> tuple[bytes, ...]:
    """Messages of consensus of every kind."""
    return tuple(map(bytes.fromhex, load_vector("consensus")["messages"].values()))


@cache
def list_records() -> tuple[bytes, ...]:
    """Records of the journal of every kind."""
    return tuple(map(bytes.fromhex, load_vector("consensus")["journal"].values()))


@cache
def list_certificates() -> tuple[bytes, ...]:
    """Certificates of every kind."""
    found = load_vector("consensus")["certificates"].values()
    return tuple(bytes.fromhex(item["bytes"]) for item in found)


@cache
def list_frames() -> tuple[bytes, ...]:
    """Frames of every kind but of snapshots."""
    body = get_body()
    finalization = get_certificate().encode()
    hash_ = get_sealed().block.hash
    frames: tuple[Frame, ...] = (
        Hello(1, get_stage().genesis.hash, MEMBER, 7, 1_700_000_000_000),
        Consensus(list_messages()[0]),
        Transactions(body.raws),
        WantTransactions((hash_,)),
        WantBlock(hash_),
        body,
        WantRange(1, 9),
        Range((body,), finalization, (body.header,)),
        Notice("busy", "too many"),
    )
    return tuple(map(encode_frame, frames))


@cache
def _get_evidence() -> Evidence:
    return make_evidence()


@cache
def get_bundle() -> Bundle:
    """A proof bundle of an object's history, over the end of an epoch."""
    chain = _get_evidence().chain
    return prover.prove_object_history(chain.store, chain.genesis, LEASE)


def get_bundle_hash() -> Digest:
    """The genesis that it stands on."""
    return _get_evidence().chain.genesis.hash
