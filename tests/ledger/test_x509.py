"""Certificates: what the profile takes, and that it takes nothing else."""

import datetime
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.crypto import SigningKey
from ledger.errors import CertificateError
from ledger.primitives import Code
from ledger.x509 import (
    MAX_NOT_AFTER_MS,
    MAX_SERIAL,
    Certificate,
    compute_dns_name,
    compute_key_id,
    issue_certificate,
    parse_certificate,
    verify_certificate,
    verify_root,
)

NATIONAL = Code("N0000000000000000000004Q")
REGION = Code("R520000000001000000001VO")
ROOT = SigningKey.from_seed(b"\x01" * 32)
KEY = SigningKey.from_seed(b"\x02" * 32)
BEGIN, END = 1_767_225_600_000, 2_082_758_400_000  # 2026-01-01 to 2036-01-01
CERTIFICATE = issue_certificate(REGION, NATIONAL, KEY.public, ROOT, 7, BEGIN, END, True)

codes = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=24, max_size=24).map(Code)
keys = st.binary(min_size=32, max_size=32).map(SigningKey.from_seed)
seconds = st.integers(0, MAX_NOT_AFTER_MS // 1000)


def check(data: bytes) -> Certificate:
    certificate = parse_certificate(data)
    verify_certificate(certificate, ROOT.public)
    return certificate


@settings(deadline=None)
@given(
    subject=codes,
    issuer=codes,
    key=keys,
    signer=keys,
    serial=st.integers(1, MAX_SERIAL),
    times=st.tuples(seconds, seconds).filter(lambda pair: pair[0] != pair[1]).map(sorted),
    is_authority=st.booleans(),
)
def test_what_is_issued_is_read_back(
    subject: Code,
    issuer: Code,
    key: SigningKey,
    signer: SigningKey,
    serial: int,
    times: list[int],
    is_authority: bool,
) -> None:
    begin, end = times[0] * 1000, times[1] * 1000
    data = issue_certificate(subject, issuer, key.public, signer, serial, begin, end, is_authority)
    certificate = parse_certificate(data)
    verify_certificate(certificate, signer.public)
    assert (certificate.subject, certificate.issuer) == (subject, issuer)
    assert (certificate.public_key, certificate.serial) == (key.public, serial)
    assert (certificate.not_before_ms, certificate.not_after_ms) == (begin, end)
    assert certificate.is_authority == is_authority
    assert certificate.der == data
    theirs = x509.load_der_x509_certificate(data)
    assert theirs.not_valid_before_utc.timestamp() * 1000 == begin
    assert theirs.not_valid_after_utc.timestamp() * 1000 == end
    assert theirs.serial_number == serial


@settings(deadline=None)
@given(at=st.integers(0, len(CERTIFICATE) - 1), change=st.integers(1, 255))
def test_any_changed_byte_is_refused(at: int, change: int) -> None:
    data = bytearray(CERTIFICATE)
    data[at] ^= change
    with pytest.raises(CertificateError):
        check(bytes(data))


@settings(deadline=None)
@given(st.integers(0, len(CERTIFICATE) - 1))
def test_a_shortened_certificate_is_refused(size: int) -> None:
    with pytest.raises(CertificateError):
        check(CERTIFICATE[:size])


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_noise_is_refused_with_its_own_error(data: bytes) -> None:
    with pytest.raises(CertificateError):
        parse_certificate(data)


@settings(deadline=None)
@given(at=st.integers(0, len(CERTIFICATE)), extra=st.binary(min_size=1, max_size=8))
def test_inserted_bytes_are_refused(at: int, extra: bytes) -> None:
    with pytest.raises(CertificateError):
        check(CERTIFICATE[:at] + extra + CERTIFICATE[at:])


def test_cryptography_reads_the_same_fields() -> None:
    theirs = x509.load_der_x509_certificate(CERTIFICATE)
    assert theirs.subject.rfc4514_string() == f"CN={REGION}"
    assert theirs.issuer.rfc4514_string() == f"CN={NATIONAL}"
    key = theirs.public_key()
    assert isinstance(key, Ed25519PublicKey)
    assert key.public_bytes_raw() == KEY.public
    constraints = theirs.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.ca
    usage = theirs.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.key_cert_sign
    names = theirs.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [compute_dns_name(REGION)]
    key_id = theirs.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert key_id.digest == compute_key_id(KEY.public)


def test_cryptography_agrees_who_signed() -> None:
    root = issue_certificate(NATIONAL, NATIONAL, ROOT.public, ROOT, 1, BEGIN, END, True)
    theirs = x509.load_der_x509_certificate(CERTIFICATE)
    theirs.verify_directly_issued_by(x509.load_der_x509_certificate(root))
    verify_root(parse_certificate(root))
    forged = issue_certificate(NATIONAL, NATIONAL, KEY.public, KEY, 1, BEGIN, END, True)
    with pytest.raises(InvalidSignature):
        theirs.verify_directly_issued_by(x509.load_der_x509_certificate(forged))
    with pytest.raises(CertificateError, match="another key"):
        verify_certificate(parse_certificate(CERTIFICATE), KEY.public)


def test_a_signature_by_another_key_is_refused_though_the_identifier_fits() -> None:
    other = issue_certificate(REGION, NATIONAL, KEY.public, ROOT, 8, BEGIN, END, True)
    mixed = CERTIFICATE[:-64] + other[-64:]
    with pytest.raises(CertificateError, match="did not sign"):
        check(mixed)


def test_a_root_signs_itself_and_is_an_authority() -> None:
    leaf = issue_certificate(NATIONAL, NATIONAL, ROOT.public, ROOT, 1, BEGIN, END, False)
    crossed = issue_certificate(NATIONAL, NATIONAL, KEY.public, ROOT, 1, BEGIN, END, True)
    for data in (leaf, crossed, CERTIFICATE):
        with pytest.raises(CertificateError):
            verify_root(parse_certificate(data))


def test_validity_includes_its_last_second() -> None:
    certificate = parse_certificate(CERTIFICATE)
    assert not certificate.is_valid_at(BEGIN - 1)
    assert certificate.is_valid_at(BEGIN)
    assert certificate.is_valid_at(END + 999)
    assert not certificate.is_valid_at(END + 1000)


@pytest.mark.parametrize(
    ("subject", "serial", "begin", "end"),
    [
        ("N0000", 1, BEGIN, END),
        (NATIONAL.lower(), 1, BEGIN, END),
        (REGION, 0, BEGIN, END),
        (REGION, MAX_SERIAL + 1, BEGIN, END),
        (REGION, 1, BEGIN + 1, END),
        (REGION, 1, BEGIN, END + 999),
        (REGION, 1, END, BEGIN),
        (REGION, 1, BEGIN, BEGIN),
        (REGION, 1, -1000, END),
        (REGION, 1, BEGIN, MAX_NOT_AFTER_MS + 1000),
    ],
)
def test_arguments_outside_the_profile_are_refused(
    subject: str, serial: int, begin: int, end: int
) -> None:
    with pytest.raises(CertificateError):
        issue_certificate(Code(subject), NATIONAL, KEY.public, ROOT, serial, begin, end, False)


Change = Callable[[x509.CertificateBuilder], x509.CertificateBuilder]


def build(*changes: Change, key: Ed25519PrivateKey | None = None) -> bytes:
    """A certificate by `cryptography` that is inside the profile but for the changes."""
    signer = Ed25519PrivateKey.from_private_bytes(ROOT.seed)
    subject_key = Ed25519PublicKey.from_public_bytes(KEY.public)
    usage = x509.KeyUsage(True, False, False, False, False, True, False, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(REGION))
        .issuer_name(name(NATIONAL))
        .public_key(subject_key)
        .serial_number(7)
        .not_valid_before(datetime.datetime.fromtimestamp(BEGIN / 1000, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(END / 1000, datetime.UTC))
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(usage, True)
        .add_extension(x509.SubjectKeyIdentifier(compute_key_id(KEY.public)), False)
        .add_extension(x509.AuthorityKeyIdentifier(compute_key_id(ROOT.public), None, None), False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(compute_dns_name(REGION))]), False)
    )
    for change in changes:
        builder = change(builder)
    return builder.sign(key or signer, None).public_bytes(Encoding.DER)


def name(code: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, code)])


def without(kind: type[x509.ExtensionType]) -> Change:
    def change(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
        kept = [item for item in builder._extensions if not isinstance(item.value, kind)]
        builder._extensions = kept
        return builder

    return change


def test_cryptography_builds_the_same_bytes() -> None:
    assert build() == CERTIFICATE


OUTSIDE: dict[str, list[Change]] = {
    "another extension": [
        lambda b: b.add_extension(
            x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), False
        )
    ],
    "no alternative name": [without(x509.SubjectAlternativeName)],
    "another alternative name": [
        without(x509.SubjectAlternativeName),
        lambda b: b.add_extension(
            x509.SubjectAlternativeName([x509.DNSName("elsewhere.suanlian")]), False
        ),
    ],
    "a path length": [
        without(x509.BasicConstraints),
        lambda b: b.add_extension(x509.BasicConstraints(True, 0), True),
    ],
    "extensions in another order": [
        without(x509.SubjectKeyIdentifier),
        lambda b: b.add_extension(x509.SubjectKeyIdentifier(compute_key_id(KEY.public)), False),
    ],
    "no key identifiers": [
        without(x509.SubjectKeyIdentifier),
        without(x509.AuthorityKeyIdentifier),
    ],
    "another key identifier": [
        without(x509.SubjectKeyIdentifier),
        without(x509.AuthorityKeyIdentifier),
        without(x509.SubjectAlternativeName),
        lambda b: b.add_extension(x509.SubjectKeyIdentifier(bytes(20)), False),
        lambda b: b.add_extension(
            x509.AuthorityKeyIdentifier(compute_key_id(ROOT.public), None, None), False
        ),
        lambda b: b.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(compute_dns_name(REGION))]), False
        ),
    ],
    "a second name": [
        lambda b: _set(
            b,
            "_subject_name",
            x509.Name(
                [
                    x509.NameAttribute(NameOID.COMMON_NAME, REGION),
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Guizhou"),
                ]
            ),
        )
    ],
    "another kind of name": [
        lambda b: _set(
            b,
            "_subject_name",
            x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, REGION)]),
        )
    ],
    "a name that is no code": [lambda b: _set(b, "_subject_name", name("guizhou.example"))],
}


def _set(builder: x509.CertificateBuilder, field: str, value: x509.Name) -> x509.CertificateBuilder:
    setattr(builder, field, value)
    return builder


@pytest.mark.parametrize("changes", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_certificates_outside_the_profile_are_refused(changes: list[Change]) -> None:
    with pytest.raises(CertificateError):
        parse_certificate(build(*changes))


def test_other_algorithms_are_refused() -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder().subject_name(name(REGION)).issuer_name(name(NATIONAL))
    data = (
        builder.public_key(curve.public_key())
        .serial_number(7)
        .not_valid_before(datetime.datetime.fromtimestamp(BEGIN / 1000, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(END / 1000, datetime.UTC))
        .sign(curve, SHA256())
        .public_bytes(Encoding.DER)
    )
    with pytest.raises(CertificateError):
        parse_certificate(data)
