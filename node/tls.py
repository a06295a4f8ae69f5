"""TLS between peers: 1.3 only, certificates on both sides, judged by the ledger.

1. OpenSSL decides two things: the other side holds the key of the certificate it presents, and that
   certificate leads to a root that this ledger has recorded. A peer presents its own certificate
   and the identity certificate that signed it; the roots are the only trust anchors, so a node
   that is new to us, or to which we are new, can still be let in to sync.
2. Time is not OpenSSL's to judge (X509_V_FLAG_NO_CHECK_TIME): an expired certificate must never
   take a validator off the network. The ledger judges time and status after the handshake.
3. `identify_peer` reads the other side's certificate by our own profile and asks the ledger for the
   peer key that final state lists under its code. If it is this key, the peer *is listed* and gets
   the channels its status allows; any other peer gets the read-only sync channel only, whatever its
   certificate chain was. So the chain's inner certificates, which Python before 3.13 does not show,
   are never relied on for more than that.
4. No message binds the channel to the code beside this (the purpose `handshake` is not used here):
   TLS 1.3 has the other side sign the transcript with the very key that the ledger lists under the
   code, and the certificate carries both.
5. A client names the code that it means to reach (`server_hostname=compute_dns_name(code)`), and
   OpenSSL refuses another. Session tickets are off: every connection shows its certificate.

The contexts hold every root that the chain has recorded (`node.roots`), that of the genesis first;
`add_roots` takes further ones beside them, which open the sync channel and no more.
"""

import enum
import logging
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import CertificateError
from ledger.primitives import Code, PublicKey
from ledger.x509 import Certificate, parse_certificate
from node.errors import ConfigError, NetworkError

_log = logging.getLogger("suanlian.tls")

X509_V_FLAG_NO_CHECK_TIME = 0x200000

FindPeerKey = Callable[[Code], PublicKey | None]
"""The peer key that final state lists under a code, or None."""


class Standing(enum.Enum):
    """What the ledger says about the key of the other side."""

    LISTED = "listed"  # final state lists this key as the peer key of its code
    UNLISTED = "unlisted"  # an unknown code, or another key: sync channel only


@dataclass(frozen=True, slots=True)
class RemotePeer:
    """Who is at the other end of a connection."""

    code: Code
    certificate: Certificate
    standing: Standing


def make_server_context(certificate: Path, key: Path, roots: Iterable[bytes]) -> ssl.SSLContext:
    """The context of a listening peer.

    `certificate` is a PEM file of the peer certificate and the identity certificate behind it,
    `key` the peer key file, `roots` the DER of every root on record. Raises ConfigError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0
    return _prepare(context, certificate, key, roots)


def make_client_context(certificate: Path, key: Path, roots: Iterable[bytes]) -> ssl.SSLContext:
    """The context of a connecting peer; connect with `server_hostname=compute_dns_name(code)`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = True
    return _prepare(context, certificate, key, roots)


def add_roots(context: ssl.SSLContext, roots: Iterable[bytes]) -> None:
    """Trust further roots, in DER, in handshakes from now on."""
    data = b"".join(roots)
    if not data:
        raise ConfigError("a TLS context needs a root certificate")
    try:
        context.load_verify_locations(cadata=data)
    except ssl.SSLError as error:
        raise ConfigError(f"OpenSSL does not take the root certificate: {error}") from None


def get_peer_certificate(ssl_object: ssl.SSLObject | ssl.SSLSocket) -> bytes:
    """The DER of the certificate that the other side presented and proved to hold the key of."""
    data = ssl_object.getpeercert(binary_form=True)
    if not data:
        raise NetworkError("the other side presented no certificate")
    return data


def identify_peer(
    ssl_object: ssl.SSLObject | ssl.SSLSocket | None, find_peer_key: FindPeerKey
) -> RemotePeer:
    """Who is at the other end, after the handshake; raises NetworkError for no peer at all."""
    if ssl_object is None:
        raise NetworkError("the connection has no TLS, or none any more")
    return judge_certificate(get_peer_certificate(ssl_object), find_peer_key)


def judge_certificate(data: bytes, find_peer_key: FindPeerKey) -> RemotePeer:
    """Whose peer certificate this is, and whether the ledger lists its key (rule 3)."""
    try:
        certificate = parse_certificate(data)
    except CertificateError as error:
        raise NetworkError(
            f"the other side's certificate is outside the profile: {error}"
        ) from None
    except Exception as error:  # reading changes nothing here: no certificate may stop a peer
        _log.exception("a certificate that cannot be read")
        raise NetworkError("the other side's certificate cannot be read") from error
    if certificate.subject != certificate.issuer or certificate.is_authority:
        raise NetworkError(
            f"{certificate.subject} presents a certificate that is not a peer's (a peer's is "
            "issued by the node's own identity key and may not issue others)"
        )
    listed = find_peer_key(certificate.subject) == certificate.public_key
    standing = Standing.LISTED if listed else Standing.UNLISTED
    return RemotePeer(certificate.subject, certificate, standing)


def _prepare(
    context: ssl.SSLContext, certificate: Path, key: Path, roots: Iterable[bytes]
) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_TICKET
    # The flag has no name in Python's enumeration, which keeps bits it does not know.
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | X509_V_FLAG_NO_CHECK_TIME)
    add_roots(context, roots)
    try:
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise ConfigError(
            f"the peer key {key} does not fit the peer certificate {certificate} ({error.reason}): "
            "issue a certificate for this key with the node's identity key"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read {certificate} or {key}: {error.strerror}") from None
    return context
