"""The genesis document: its format is pinned, and each rule has a document that breaks it."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import codec
from ledger.code import compose_code
from ledger.crypto import SigningKey
from ledger.errors import CertificateError, FormatError, LedgerError, SignatureError
from ledger.genesis import (
    ConsensusLimits,
    Founder,
    Genesis,
    NumberBlock,
    Possession,
    check_genesis,
    compute_chain_name,
    compute_genesis_hash,
    decode_genesis,
    prove_possession,
)
from ledger.primitives import Code, TimeMs
from ledger.x509 import issue_certificate

VECTOR = Path(__file__).parent.parent / "vectors" / "genesis.json"
NATIONAL = Code("N0000000000000000000004Q")
REGIONS = tuple(compose_code("R", f"{place}0000", "00001") for place in (11, 31, 44, 52))
BEGIN, END = 1_767_225_600_000, 2_082_758_400_000
NAME = "vector"


def key(label: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(label.encode()).digest())


def make_founder(code: Code, name: str = NAME) -> Founder:
    identity, peer, validator = (
        key(f"{code} {role}") for role in ("identity", "peer", "validator")
    )
    votes = code.startswith("R")
    issued = issue_certificate(code, NATIONAL, identity.public, key("root"), 2, BEGIN, END, True)
    peered = issue_certificate(code, code, peer.public, identity, 1, BEGIN, END, False)
    proof = prove_possession(name, code, "validator", validator) if votes else None
    return Founder(
        code=code,
        certificate=issued,
        peer_certificate=peered,
        validator_key=validator.public if votes else None,
        possession=Possession(
            prove_possession(name, code, "identity", identity),
            prove_possession(name, code, "peer", peer),
            proof,
        ),
        http_endpoint=f"http://{code.lower()}.example:8080",
        peer_endpoint=f"{code.lower()}.example:7000",
    )


def make_genesis() -> Genesis:
    root = key("root")
    return Genesis(
        name=NAME,
        time_ms=TimeMs(1_775_059_200_000),
        root_certificate=issue_certificate(
            NATIONAL, NATIONAL, root.public, root, 1, BEGIN, END, True
        ),
        national=make_founder(NATIONAL),
        regions=tuple(make_founder(code) for code in REGIONS),
        number_blocks=tuple(
            NumberBlock(code, n * 1000 + 1, n * 1000 + 1000) for n, code in enumerate(REGIONS)
        ),
        rules={"meter.epoch_ms": 3_600_000, "selection.weight_price": 50},
        consensus=ConsensusLimits(),
        records=((b"rules\x00", {"version": 1}), (b"time\x00", [1, b"x"])),
    )


GENESIS = make_genesis()


def test_the_format_is_pinned() -> None:
    vector = json.loads(VECTOR.read_text())
    digest = compute_genesis_hash(GENESIS.data)
    assert GENESIS.data.hex() == vector["document"]
    assert digest.hex() == vector["hash"]
    assert compute_chain_name(NAME, digest) == vector["chain"]
    assert (GENESIS.hash, GENESIS.chain) == (digest, vector["chain"])
    assert [[code, key.hex()] for code, key in GENESIS.validators] == vector["validators"]


def test_a_document_is_read_back_and_holds() -> None:
    data = GENESIS.data
    genesis = decode_genesis(data)
    check_genesis(genesis)
    assert genesis == GENESIS
    assert genesis.data == data
    assert [code for code, _ in genesis.validators] == sorted(REGIONS)
    assert genesis.founders[0].code == NATIONAL


@settings(deadline=None)
@given(at=st.integers(0, len(GENESIS.data) - 1), change=st.integers(1, 255))
def test_a_changed_byte_gives_another_chain_or_none(at: int, change: int) -> None:
    data = bytearray(GENESIS.data)
    data[at] ^= change
    try:
        genesis = decode_genesis(bytes(data))
    except LedgerError:
        return
    assert compute_genesis_hash(genesis.data) != compute_genesis_hash(GENESIS.data)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_refused_with_its_own_errors(data: bytes) -> None:
    with pytest.raises(LedgerError):
        decode_genesis(data)


def with_region(at: int, **changes: Any) -> Genesis:
    regions = list(GENESIS.regions)
    regions[at] = replace(regions[at], **changes)
    return replace(GENESIS, regions=tuple(regions))


def with_proofs(at: int, **changes: Any) -> Genesis:
    return with_region(at, possession=replace(GENESIS.regions[at].possession, **changes))


def reissued(**changes: Any) -> bytes:
    """The identity certificate of the first region with other fields."""
    fields: dict[str, Any] = {
        "subject": REGIONS[0],
        "issuer": NATIONAL,
        "public_key": key(f"{REGIONS[0]} identity").public,
        "issuer_signing_key": key("root"),
        "serial": 2,
        "not_before_ms": BEGIN,
        "not_after_ms": END,
        "is_authority": True,
    }
    return issue_certificate(**(fields | changes))


def repeered(**changes: Any) -> bytes:
    """The peer certificate of the first region with other fields."""
    fields: dict[str, Any] = {
        "issuer": REGIONS[0],
        "public_key": key(f"{REGIONS[0]} peer").public,
        "issuer_signing_key": key(f"{REGIONS[0]} identity"),
        "is_authority": False,
    }
    return reissued(**(fields | changes))


STRANGER = key("stranger")
SHARED = key(f"{REGIONS[1]} validator")

BROKEN: dict[str, tuple[Callable[[], Genesis], type[LedgerError]]] = {
    "an unknown suite": (lambda: replace(GENESIS, suites=("sm2-sm3-v1",)), FormatError),
    "later rules": (lambda: replace(GENESIS, rules_version=2), FormatError),
    "regions out of order": (
        lambda: replace(GENESIS, regions=GENESIS.regions[::-1]),
        FormatError,
    ),
    "a region twice": (
        lambda: replace(GENESIS, regions=(GENESIS.regions[0], *GENESIS.regions)),
        FormatError,
    ),
    "two nodes of a region": (
        lambda: replace(
            GENESIS,
            regions=tuple(
                sorted(
                    (*GENESIS.regions, make_founder(compose_code("R", "110000", "00002"))),
                    key=lambda region: region.code,
                )
            ),
        ),
        FormatError,
    ),
    "a region as the national node": (
        lambda: replace(GENESIS, national=GENESIS.regions[0]),
        FormatError,
    ),
    "a root of another code": (
        lambda: replace(
            GENESIS,
            root_certificate=issue_certificate(
                REGIONS[0], REGIONS[0], key("root").public, key("root"), 1, BEGIN, END, True
            ),
        ),
        CertificateError,
    ),
    "another root": (
        lambda: replace(
            GENESIS,
            root_certificate=issue_certificate(
                NATIONAL, NATIONAL, STRANGER.public, STRANGER, 1, BEGIN, END, True
            ),
        ),
        CertificateError,
    ),
    "an identity by a stranger": (
        lambda: with_region(0, certificate=reissued(issuer_signing_key=STRANGER)),
        CertificateError,
    ),
    "an identity of another": (
        lambda: with_region(0, certificate=reissued(subject=REGIONS[1])),
        CertificateError,
    ),
    "an identity that may not issue": (
        lambda: with_region(0, certificate=reissued(is_authority=False)),
        CertificateError,
    ),
    "an identity that begins later": (
        lambda: with_region(0, certificate=reissued(not_before_ms=END - 1000)),
        CertificateError,
    ),
    "a peer certificate by a stranger": (
        lambda: with_region(0, peer_certificate=repeered(issuer_signing_key=STRANGER)),
        CertificateError,
    ),
    "a peer certificate of another": (
        lambda: with_region(0, peer_certificate=repeered(subject=REGIONS[1])),
        CertificateError,
    ),
    "a peer certificate that may issue": (
        lambda: with_region(0, peer_certificate=repeered(is_authority=True)),
        CertificateError,
    ),
    "a possession proof of another role": (
        lambda: with_proofs(0, peer=GENESIS.regions[0].possession.identity),
        SignatureError,
    ),
    "a possession proof for another network": (
        lambda: with_region(0, possession=make_founder(REGIONS[0], "other").possession),
        SignatureError,
    ),
    "a validator key of another": (
        lambda: with_region(0, validator_key=SHARED.public),
        SignatureError,
    ),
    "a key that stands twice": (
        lambda: with_region(
            0,
            validator_key=key(f"{REGIONS[0]} peer").public,
            possession=replace(
                GENESIS.regions[0].possession,
                validator=prove_possession(
                    NAME, REGIONS[0], "validator", key(f"{REGIONS[0]} peer")
                ),
            ),
        ),
        FormatError,
    ),
    "a region without a validator key": (
        lambda: with_region(0, validator_key=None),
        FormatError,
    ),
    "a national node that votes": (
        lambda: replace(GENESIS, national=replace(GENESIS.national, validator_key=STRANGER.public)),
        FormatError,
    ),
    "numbers for a stranger": (
        lambda: replace(
            GENESIS, number_blocks=(NumberBlock(compose_code("R", "500000", "00001"), 1, 2),)
        ),
        FormatError,
    ),
    "numbers that overlap": (
        lambda: replace(
            GENESIS,
            number_blocks=(NumberBlock(REGIONS[0], 1, 9), NumberBlock(REGIONS[1], 9, 20)),
        ),
        FormatError,
    ),
    "a heartbeat within the leader timer": (
        lambda: replace(GENESIS, consensus=ConsensusLimits(heartbeat_ms=1_999)),
        FormatError,
    ),
    "blocks slower than the network": (
        lambda: replace(GENESIS, consensus=ConsensusLimits(block_interval_ms=500)),
        FormatError,
    ),
}


@pytest.mark.parametrize(("make", "error"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_rule_is_refused(make: Callable[[], Genesis], error: type[LedgerError]) -> None:
    genesis = decode_genesis(make().data)
    with pytest.raises(error):
        check_genesis(genesis)


def edited(edit: Callable[[dict[str, Any]], object]) -> bytes:
    value = codec.decode(GENESIS.data)
    edit(value)
    return codec.encode(value)


MISSHAPEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "another version": lambda v: v.update(v=2),
    "a missing field": lambda v: v.pop("rules"),
    "an extra field": lambda v: v.update(extra=1),
    "three regions": lambda v: v.update(regions=v["regions"][:3]),
    "a name with capitals": lambda v: v.update(name="Vector"),
    "a code whose check is wrong": lambda v: v["national"].update(code=NATIONAL[:-1] + "R"),
    "a short code": lambda v: v["national"].update(code="N0"),
    "records out of order": lambda v: v["records"].reverse(),
    "an empty record key": lambda v: v["records"].insert(0, [b"", 1]),
    "a rule that is text": lambda v: v["rules"].update(x="1"),
    "a block limit of zero": lambda v: v["consensus"].update(max_block_transactions=0),
    "a block too small for a transaction": lambda v: v["consensus"].update(max_block_bytes=1024),
    "a truth as a number": lambda v: v["consensus"].update(delta_ms=True),
    "an endpoint without a port": lambda v: v["national"]["endpoints"].update(peer="host"),
    "an endpoint that is no URL": lambda v: v["national"]["endpoints"].update(http="host:80"),
    "a proof of 63 bytes": lambda v: v["national"]["possession"].update(peer=bytes(63)),
    "a validator key of 31 bytes": lambda v: v["regions"][0].update(validator_key=bytes(31)),
    "a number beyond five digits": lambda v: v["number_blocks"][0].__setitem__(2, 36**5),
    "no suite": lambda v: v.update(suites=[]),
}


@pytest.mark.parametrize("edit", MISSHAPEN.values(), ids=MISSHAPEN.keys())
def test_a_wrong_shape_is_refused(edit: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(FormatError):
        decode_genesis(edited(edit))


def test_the_document_names_every_limit() -> None:
    value = codec.decode(GENESIS.data)
    names = {field.name for field in dataclasses.fields(ConsensusLimits)}
    assert set(value["consensus"]) == names
