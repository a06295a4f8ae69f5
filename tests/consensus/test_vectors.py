"""The formats are pinned: what is encoded today is what was encoded when they were fixed."""

import json
from typing import Any

import pytest
from vectors import DOMAIN, EPOCH, PATH, VALIDATORS, build

from consensus.certificate import Certificate, verify_certificate
from consensus.evidence import decode_evidence, encode_evidence, verify_evidence
from consensus.journal import decode_record, encode_record
from consensus.message import decode_message, encode_message
from consensus.validators import ValidatorSet

KNOWN: dict[str, Any] = json.loads(PATH.read_text())


def test_the_vectors_stand() -> None:
    assert build() == KNOWN


def test_the_set_decodes() -> None:
    validators = ValidatorSet.decode(bytes.fromhex(KNOWN["validators"]["bytes"]))
    assert validators == VALIDATORS
    assert validators.hash.hex() == KNOWN["validators"]["hash"]


@pytest.mark.parametrize("name", sorted(KNOWN["certificates"]))
def test_the_certificates_verify(name: str) -> None:
    certificate = Certificate.decode(bytes.fromhex(KNOWN["certificates"][name]["bytes"]))
    verify_certificate(certificate, VALIDATORS, DOMAIN, EPOCH)
    assert certificate.hash.hex() == KNOWN["certificates"][name]["hash"]


@pytest.mark.parametrize("name", sorted(KNOWN["messages"]))
def test_the_messages_decode(name: str) -> None:
    data = bytes.fromhex(KNOWN["messages"][name])
    assert encode_message(decode_message(data)) == data


@pytest.mark.parametrize("name", sorted(KNOWN["journal"]))
def test_the_records_decode(name: str) -> None:
    data = bytes.fromhex(KNOWN["journal"][name])
    assert encode_record(decode_record(data)) == data


def test_the_evidence_verifies() -> None:
    first, second = decode_evidence(bytes.fromhex(KNOWN["evidence"]))
    verify_evidence(first, second, VALIDATORS, DOMAIN.is_valid)
    assert encode_evidence(second, first).hex() == KNOWN["evidence"]
