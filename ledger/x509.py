"""Certificates: a narrow profile of X.509 v3 with Ed25519 (RFC 5280, RFC 8410; docs/spec/x509.md).

    version        v3
    serialNumber   1 to 2^159 - 1
    signature      Ed25519, no parameters, in both places
    issuer         one RDN: commonName = the issuer's code, UTF8String
    validity       whole seconds from 1970 to 9999; UTCTime through 2049, GeneralizedTime after
    subject        one RDN: commonName = the subject's code, UTF8String
    subjectPublicKeyInfo  Ed25519, 32 bytes
    extensions     exactly these, in this order:
      basicConstraints        critical; CA:TRUE without a path length, or empty
      keyUsage                critical; digitalSignature, and keyCertSign for an authority
      subjectKeyIdentifier    the first 20 bytes of SHA-256(subject's key) (RFC 7093, method 1)
      authorityKeyIdentifier  keyIdentifier only, the same of the issuer's key
      subjectAltName          one dNSName: <subject's code in lowercase>.suanlian

1. A certificate is what these fields encode to: `parse_certificate` takes the fields, encodes them
   again and requires the same bytes. So no library's leniency decides what is valid.
2. The signature covers the DER of the TBSCertificate, untagged as X.509 demands, and is checked by
   libsodium. It begins with 0x30 and our own signatures cover `suanlian/...`, so that neither can
   be taken for the other.
3. The same profile serves the national root (issuer and subject are the national code), identities,
   and the TLS certificates of peers (issuer and subject are the node's code, signed by its identity
   key). Where one code names several keys, the key identifiers tell them apart.
4. Validity is carried, not judged: this module has no clock. Who may issue to whom is for the
   contracts to ask.
"""

import re
from dataclasses import dataclass
from typing import Final

import nacl.bindings
import nacl.exceptions

from ledger import der
from ledger.crypto import SigningKey, sha256
from ledger.errors import CertificateError
from ledger.primitives import KEY_BYTES, SIGNATURE_BYTES, Code, PublicKey, Signature

MAX_CERTIFICATE_BYTES = 1024
MAX_SERIAL = (1 << 159) - 1
MAX_NOT_AFTER_MS = 253_402_300_799_000  # 9999-12-31T23:59:59Z, RFC 5280's "no expiry"
DNS_SUFFIX = ".suanlian"

_CODE = re.compile(r"[0-9A-Z]{24}")
_KEY_ID_BYTES = 20
_FIRST_GENERALIZED_YEAR = 2050
_DAY_S = 86_400

_VERSION_TAG: Final = 0xA0
_EXTENSIONS_TAG: Final = 0xA3
_KEY_ID_TAG: Final = 0x80
_DNS_TAG: Final = 0x82

_COMMON_NAME = der.encode_object("2.5.4.3")
_ED25519 = der.encode(der.SEQUENCE, der.encode_object("1.3.101.112"))
_V3 = der.encode(_VERSION_TAG, der.encode_integer(2))
_SUBJECT_KEY_ID = der.encode_object("2.5.29.14")
_KEY_USAGE = der.encode_object("2.5.29.15")
_ALT_NAME = der.encode_object("2.5.29.17")
_BASIC_CONSTRAINTS = der.encode_object("2.5.29.19")
_AUTHORITY_KEY_ID = der.encode_object("2.5.29.35")
_TRUE = der.encode(der.BOOLEAN, b"\xff")
_IS_AUTHORITY = der.encode(der.SEQUENCE, _TRUE)
_IS_END = der.encode(der.SEQUENCE)
# Named bits lose their trailing zeros: bit 0 is digitalSignature, bit 5 keyCertSign.
_USAGE_AUTHORITY = der.encode(der.BIT_STRING, b"\x02\x84")
_USAGE_END = der.encode(der.BIT_STRING, b"\x07\x80")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate inside the profile; its signature is not checked yet.

    `issuer_key_id` is the 20-byte identifier of the key that is said to have signed it, `tbs` the
    DER that `signature` covers, `der` the whole. Times are whole seconds in milliseconds.
    """

    subject: Code
    issuer: Code
    public_key: PublicKey
    serial: int
    not_before_ms: int
    not_after_ms: int
    is_authority: bool
    issuer_key_id: bytes
    tbs: bytes
    signature: Signature
    der: bytes

    def is_valid_at(self, time_ms: int) -> bool:
        """Whether a time lies within the validity, both ends included (RFC 5280, 4.1.2.5)."""
        return self.not_before_ms <= time_ms < self.not_after_ms + 1000


@dataclass(frozen=True, slots=True)
class _Fields:
    """What a TBSCertificate says."""

    subject: Code
    issuer: Code
    public_key: PublicKey
    serial: int
    not_before_ms: int
    not_after_ms: int
    is_authority: bool
    issuer_key_id: bytes


def parse_certificate(data: bytes) -> Certificate:
    """The certificate of its DER; raises CertificateError for anything outside the profile."""
    if type(data) is not bytes or len(data) > MAX_CERTIFICATE_BYTES:
        raise CertificateError(f"a certificate has at most {MAX_CERTIFICATE_BYTES} bytes of DER")
    reader = der.Reader(data)
    outer = reader.enter(der.SEQUENCE, "outermost sequence")
    reader.finish("outermost sequence")
    fields = _read_fields(outer.enter(der.SEQUENCE, "body"))
    outer.read(der.SEQUENCE, "signature algorithm")
    signature = outer.read(der.BIT_STRING, "signature")[1:]
    outer.finish("signature")
    if len(signature) != SIGNATURE_BYTES:
        raise CertificateError(f"an Ed25519 signature has {SIGNATURE_BYTES} bytes")
    _check_fields(fields)
    tbs = _encode_tbs(fields)
    if _join(tbs, signature) != data:
        raise CertificateError(
            "the certificate is not encoded as the profile says: another version, algorithm, "
            "extension or name than docs/spec/x509.md lists, or not DER"
        )
    return _make(fields, tbs, Signature(signature), data)


def verify_certificate(certificate: Certificate, issuer_key: PublicKey) -> None:
    """Raise CertificateError unless `issuer_key` signed the certificate."""
    if certificate.issuer_key_id != compute_key_id(issuer_key):
        raise CertificateError(
            f"the certificate of {certificate.subject} names another key of its issuer "
            f"{certificate.issuer}"
        )
    try:
        nacl.bindings.crypto_sign_open(certificate.signature + certificate.tbs, issuer_key)
    except nacl.exceptions.BadSignatureError:
        raise CertificateError(
            f"{certificate.issuer} did not sign the certificate of {certificate.subject}"
        ) from None


def verify_root(certificate: Certificate) -> None:
    """Raise CertificateError unless this is a root: an authority that signed itself."""
    if certificate.subject != certificate.issuer or not certificate.is_authority:
        raise CertificateError(f"the certificate of {certificate.subject} is not a root")
    verify_certificate(certificate, certificate.public_key)


def issue_certificate(
    subject: Code,
    issuer: Code,
    public_key: PublicKey,
    issuer_signing_key: SigningKey,
    serial: int,
    not_before_ms: int,
    not_after_ms: int,
    is_authority: bool,
) -> bytes:
    """The DER of a certificate of `public_key` for `subject`; the same arguments, the same bytes.

    Raises CertificateError where an argument does not fit the profile.
    """
    key_id = compute_key_id(issuer_signing_key.public)
    fields = _Fields(
        subject, issuer, public_key, serial, not_before_ms, not_after_ms, is_authority, key_id
    )
    _check_fields(fields)
    tbs = _encode_tbs(fields)
    secret = issuer_signing_key.seed + issuer_signing_key.public
    return _join(tbs, nacl.bindings.crypto_sign(tbs, secret)[:SIGNATURE_BYTES])


def compute_key_id(key: PublicKey) -> bytes:
    """The 20-byte identifier of a key (RFC 7093, method 1, over the raw key)."""
    return sha256(key)[:_KEY_ID_BYTES]


def compute_dns_name(code: Code) -> str:
    """The name by which TLS knows a code."""
    return code.lower() + DNS_SUFFIX


def _make(fields: _Fields, tbs: bytes, signature: Signature, data: bytes) -> Certificate:
    return Certificate(
        subject=fields.subject,
        issuer=fields.issuer,
        public_key=fields.public_key,
        serial=fields.serial,
        not_before_ms=fields.not_before_ms,
        not_after_ms=fields.not_after_ms,
        is_authority=fields.is_authority,
        issuer_key_id=fields.issuer_key_id,
        tbs=tbs,
        signature=signature,
        der=data,
    )


def _check_fields(fields: _Fields) -> None:
    for name, code in (("subject", fields.subject), ("issuer", fields.issuer)):
        if type(code) is not str or not _CODE.fullmatch(code):
            raise CertificateError(f"the {name} of a certificate is a code of 24 characters 0-9A-Z")
    if len(fields.public_key) != KEY_BYTES or len(fields.issuer_key_id) != _KEY_ID_BYTES:
        raise CertificateError(f"a key has {KEY_BYTES} bytes, its identifier {_KEY_ID_BYTES}")
    if not 1 <= fields.serial <= MAX_SERIAL:
        raise CertificateError("a serial number lies within 1 and 2^159 - 1")
    if fields.not_before_ms % 1000 or fields.not_after_ms % 1000:
        raise CertificateError("the validity of a certificate is in whole seconds")
    if not 0 <= fields.not_before_ms < fields.not_after_ms <= MAX_NOT_AFTER_MS:
        raise CertificateError("the validity of a certificate ends after it begins, 1970 to 9999")


def _join(tbs: bytes, signature: bytes) -> bytes:
    return der.encode(der.SEQUENCE, tbs, _ED25519, der.encode(der.BIT_STRING, b"\x00", signature))


def _encode_tbs(fields: _Fields) -> bytes:
    return der.encode(
        der.SEQUENCE,
        _V3,
        der.encode_integer(fields.serial),
        _ED25519,
        _encode_name(fields.issuer),
        der.encode(
            der.SEQUENCE, _encode_time(fields.not_before_ms), _encode_time(fields.not_after_ms)
        ),
        _encode_name(fields.subject),
        der.encode(der.SEQUENCE, _ED25519, der.encode(der.BIT_STRING, b"\x00", fields.public_key)),
        der.encode(_EXTENSIONS_TAG, _encode_extensions(fields)),
    )


def _encode_extensions(fields: _Fields) -> bytes:
    authority = fields.is_authority
    key_id = der.encode(der.OCTET_STRING, compute_key_id(fields.public_key))
    issuer_key_id = der.encode(der.SEQUENCE, der.encode(_KEY_ID_TAG, fields.issuer_key_id))
    name = compute_dns_name(fields.subject).encode()
    return der.encode(
        der.SEQUENCE,
        _extension(_BASIC_CONSTRAINTS, _IS_AUTHORITY if authority else _IS_END, critical=True),
        _extension(_KEY_USAGE, _USAGE_AUTHORITY if authority else _USAGE_END, critical=True),
        _extension(_SUBJECT_KEY_ID, key_id),
        _extension(_AUTHORITY_KEY_ID, issuer_key_id),
        _extension(_ALT_NAME, der.encode(der.SEQUENCE, der.encode(_DNS_TAG, name))),
    )


def _extension(name: bytes, value: bytes, critical: bool = False) -> bytes:
    flag = _TRUE if critical else b""
    return der.encode(der.SEQUENCE, name, flag, der.encode(der.OCTET_STRING, value))


def _encode_name(code: Code) -> bytes:
    value = der.encode(der.UTF8_STRING, code.encode())
    attribute = der.encode(der.SEQUENCE, _COMMON_NAME, value)
    return der.encode(der.SEQUENCE, der.encode(der.SET, attribute))


def _encode_time(time_ms: int) -> bytes:
    days, second = divmod(time_ms // 1000, _DAY_S)
    year, month, day = _civil_from_days(days)
    rest = f"{month:02}{day:02}{second // 3600:02}{second // 60 % 60:02}{second % 60:02}Z"
    if year < _FIRST_GENERALIZED_YEAR:
        return der.encode(der.UTC_TIME, f"{year % 100:02}{rest}".encode())
    return der.encode(der.GENERALIZED_TIME, f"{year:04}{rest}".encode())


def _read_fields(reader: der.Reader) -> _Fields:
    reader.read(_VERSION_TAG, "version")
    serial = int.from_bytes(reader.read(der.INTEGER, "serial number"), "big")
    reader.read(der.SEQUENCE, "inner signature algorithm")
    issuer = _read_name(reader, "issuer")
    validity = reader.enter(der.SEQUENCE, "validity")
    not_before_ms = _read_time(validity, "start of validity")
    not_after_ms = _read_time(validity, "end of validity")
    subject = _read_name(reader, "subject")
    key_info = reader.enter(der.SEQUENCE, "public key")
    key_info.read(der.SEQUENCE, "key algorithm")
    key = key_info.read(der.BIT_STRING, "public key")[1:]
    outer = reader.enter(_EXTENSIONS_TAG, "extensions")
    is_authority, issuer_key_id = _read_extensions(outer.enter(der.SEQUENCE, "extensions"))
    reader.finish("body")
    return _Fields(
        subject,
        issuer,
        PublicKey(key),
        serial,
        not_before_ms,
        not_after_ms,
        is_authority,
        issuer_key_id,
    )


def _read_extensions(reader: der.Reader) -> tuple[bool, bytes]:
    """The two fields that extensions carry; the rest of them follows from other fields."""
    constraints = reader.enter(der.SEQUENCE, "basicConstraints extension")
    constraints.read(der.OBJECT, "basicConstraints name")
    constraints.read(der.BOOLEAN, "basicConstraints critical flag")
    is_authority = constraints.read(der.OCTET_STRING, "basicConstraints") != _IS_END
    reader.read(der.SEQUENCE, "keyUsage extension")
    reader.read(der.SEQUENCE, "subjectKeyIdentifier extension")
    authority = reader.enter(der.SEQUENCE, "authorityKeyIdentifier extension")
    authority.read(der.OBJECT, "authorityKeyIdentifier name")
    wrapped = authority.enter(der.OCTET_STRING, "authorityKeyIdentifier")
    inner = wrapped.enter(der.SEQUENCE, "authorityKeyIdentifier")
    return is_authority, inner.read(_KEY_ID_TAG, "authorityKeyIdentifier")


def _read_name(reader: der.Reader, name: str) -> Code:
    names = reader.enter(der.SEQUENCE, name).enter(der.SET, name)
    attribute = names.enter(der.SEQUENCE, name)
    attribute.read(der.OBJECT, name)
    value = attribute.read(der.UTF8_STRING, name)
    return Code(value.decode("ascii", "replace"))


def _read_time(reader: der.Reader, name: str) -> int:
    """Milliseconds since 1970; what is not a date encodes to other bytes than it came from."""
    tag = der.UTC_TIME if reader.peek() == der.UTC_TIME else der.GENERALIZED_TIME
    text = reader.read(tag, name)
    digits = 12 if tag == der.UTC_TIME else 14
    if len(text) != digits + 1 or not text[:digits].isdigit():
        raise CertificateError(f"the {name} of the certificate is not a time in UTC")
    year = int(text[: digits - 10])
    if tag == der.UTC_TIME:
        year += 1900 if year >= 50 else 2000
    month, day, hour, minute, second = (
        int(text[at : at + 2]) for at in range(digits - 10, digits, 2)
    )
    if not 1 <= month <= 12:
        raise CertificateError(f"the {name} of the certificate is not a time in UTC")
    seconds = _days_from_civil(year, month, day) * _DAY_S + hour * 3600 + minute * 60 + second
    return seconds * 1000


def _days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar, years counted from March."""
    if month <= 2:
        year, month = year - 1, month + 12
    days_before_month = (153 * (month - 3) + 2) // 5
    return 365 * year + year // 4 - year // 100 + year // 400 + days_before_month + day - 719_469


def _civil_from_days(days: int) -> tuple[int, int, int]:
    """The year, month and day of a count of days since 1970-01-01."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day
