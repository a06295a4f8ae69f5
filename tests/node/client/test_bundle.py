"""The form of a bundle: one text, every field checked as it is read."""

import base64
import json
from typing import Any

import pytest

from node import prover
from node.client.bundle import (
    FORMAT,
    MAX_BUNDLE_BYTES,
    BundleError,
    compose_text,
    compute_digest,
    decode_bundle,
)
from tests.node.evidence import LEASE, make_evidence

EVIDENCE = make_evidence()
BUNDLE = prover.prove_object_history(EVIDENCE.chain.store, EVIDENCE.chain.genesis, LEASE)
TEXT = BUNDLE.encode()


def document() -> Any:
    return json.loads(TEXT)


def test_the_text_is_ascii_json_in_one_line() -> None:
    assert TEXT.isascii()
    assert TEXT.endswith(b"}\n")
    assert TEXT.count(b"\n") == 1
    assert compose_text(document()) == TEXT
    assert document()["format"] == FORMAT


def test_the_digest_is_of_the_text_without_it() -> None:
    text = document()
    assert compute_digest(text).hex() == text["digest"]
    assert compute_digest(text | {"digest": "anything"}) == compute_digest(text)
    assert decode_bundle(TEXT) == (BUNDLE, True)
    assert decode_bundle(compose_text(text | {"digest": "00" * 32})) == (BUNDLE, False)


BAD: list[tuple[tuple[Any, ...], Any, str]] = [
    (("format",), "suanlian-proof-2", "format: not a suanlian-proof-1"),
    (("digest",), "AB" * 32, "document: digest is not a digest"),
    (("digest",), 5, "document: digest is not a digest"),
    (("genesis",), "====", "genesis: the document is not base64"),
    (("genesis",), "AB==", "genesis: the document is not the one base64 of its bytes"),
    (("genesis",), None, "genesis: the document is not base64"),
    (("epochs",), {}, "document: epochs is not a list"),
    (("epochs", 0), [], "epoch 0: has not exactly the fields"),
    (("anchor", "header"), "AAA", "anchor: header is not base64"),
    (("anchor",), {"header": "AAAA"}, "anchor: has not exactly the fields"),
    (("headers", 0, "path", 0), "0g" * 32, "header 0: path is not a digest"),
    (("headers", 0, "path"), "", "header 0: path is not a list"),
    (("claims", 0, "type"), "gossip", "claim 0: the type of claim 'gossip' is not known"),
    (("claims", 0, "type"), [], "claim 0: the type of claim [] is not known"),
    (("claims", 0), "record", "claim 0: the type of claim None is not known"),
    (("claims", 0, "more"), "", "claim 0 (versions): has not exactly the fields"),
    (("claims", 0, "record", "slot"), "01", "claim 0 (versions): slot is not a number"),
    (("claims", 0, "record", "slot"), "-1", "claim 0 (versions): slot is not a number"),
    (("claims", 0, "record", "slot"), 1, "claim 0 (versions): slot is not text"),
    (("claims", 0, "record", "count"), "9" * 17, "claim 0 (versions): count is not a number"),
    (("claims", 0, "record", "record"), "wA==", "claim 0 (versions): not a record"),
    (("claims", 0, "older", 1), "wQ==", "claim 0 (versions) version 2 back: not a record"),
]


@pytest.mark.parametrize(("path", "value", "why"), BAD)
def test_a_field_of_other_form_is_named(path: tuple[Any, ...], value: Any, why: str) -> None:
    changed = document()
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    with pytest.raises(BundleError) as caught:
        decode_bundle(compose_text(changed))
    assert str(caught.value).startswith(why)
    assert caught.value.code == "bundle"


def test_size_is_bounded() -> None:
    with pytest.raises(BundleError, match="longer than"):
        decode_bundle(bytes(MAX_BUNDLE_BYTES + 1))


def test_blobs_are_standard_base64() -> None:
    assert base64.b64decode(document()["genesis"], validate=True) == BUNDLE.genesis
