"""No bytes of another peer raise anything but what is named: else they would stop this peer."""

from collections.abc import Callable
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.certificate import Certificate
from consensus.message import CertificateMessage, decode_message, encode_message
from consensus.vote import VoteKind
from ledger import codec
from ledger.block import decode_header
from ledger.errors import LedgerError
from ledger.transaction import decode_transaction
from ledger.x509 import parse_certificate
from node.frames import BlockBody, decode_frame, encode_frame
from node.serving import body_of_sealed
from node.sync import block_of_body
from tests.node.stage import Stage


@lru_cache(maxsize=1)
def make_samples() -> dict[str, tuple[bytes, Callable[[bytes], object]]]:
    stage = Stage()
    sealed = stage.make([stage.deposit()])
    certificate = stage.certify(sealed.block, VoteKind.FINALIZE)
    body = body_of_sealed(sealed)
    chain = stage.genesis.chain
    return {
        "frame": (encode_frame(body), decode_frame),
        "message": (encode_message(CertificateMessage(certificate)), decode_message),
        "certificate": (certificate.encode(), Certificate.decode),
        "header": (body.header, decode_header),
        "transaction": (body.raws[0], lambda data: decode_transaction(data, chain)),
        "x509": (stage.genesis.national.peer_certificate, parse_certificate),
        "block": (body.header, lambda data: block_of_body(BlockBody(data, body.raws, b""))),
    }


KINDS = ["frame", "message", "certificate", "header", "transaction", "x509", "block"]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 1 << 64) | st.binary(max_size=64) | st.text(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_changed_bytes(kind: str, data: st.DataObject) -> None:
    sample, decode = make_samples()[kind]
    at = data.draw(st.integers(0, len(sample) - 1))
    until = data.draw(st.integers(at, min(len(sample), at + 8)))
    changed = sample[:at] + data.draw(st.binary(max_size=8)) + sample[until:]
    try:
        decode(changed)
    except LedgerError:
        return


@pytest.mark.parametrize("kind", ["frame", "message", "certificate", "header", "transaction"])
@given(data=st.data())
def test_changed_values(kind: str, data: st.DataObject) -> None:
    sample, decode = make_samples()[kind]
    value = codec.decode(sample)
    place = value
    while True:  # any depth, any entry
        if type(place) is dict:
            key: object = data.draw(st.sampled_from(sorted(place)))
        else:
            key = data.draw(st.integers(0, len(place) - 1))
        if type(place[key]) in (dict, list) and place[key] and data.draw(st.booleans()):
            place = place[key]
        else:
            break
    place[key] = data.draw(ODD)
    try:
        changed = codec.encode(value)
    except LedgerError:
        return
    try:
        decode(changed)
    except LedgerError:
        return
