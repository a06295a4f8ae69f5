"""Certificates as contracts judge them: of the profile, for this code, this key, now."""

from typing import Final

from contracts.context import Context
from contracts.errors import Failure, require
from ledger.errors import CertificateError
from ledger.primitives import PublicKey
from ledger.transaction import parse_key_signer
from ledger.x509 import Certificate, parse_certificate, verify_certificate

CERTIFICATE_FAILURES: Final = {
    "bad-certificate": "the certificate is of the profile and signed by the issuer's key",
    "certificate-mismatch": "it names this code, its issuer and the key that signs",
    "certificate-not-valid": "it is valid at the block's time",
}


def check_certificate(
    ctx: Context,
    data: bytes,
    subject: str,
    issuer: str,
    issuer_key: PublicKey,
    is_authority: bool,
    bearer: int = 1,
) -> Certificate:
    """The certificate that a signer bears, the second if nothing else is said.

    Fails with `CERTIFICATE_FAILURES` in order.
    """
    try:
        certificate = parse_certificate(data)
        verify_certificate(certificate, issuer_key)
    except CertificateError as error:
        raise Failure("bad-certificate", str(error)) from None
    names = (certificate.subject, certificate.issuer, certificate.is_authority)
    require(names == (subject, issuer, is_authority), "certificate-mismatch")
    require(certificate.public_key == parse_key_signer(ctx.signers[bearer]), "certificate-mismatch")
    require(certificate.is_valid_at(ctx.time_ms), "certificate-not-valid")
    return certificate
