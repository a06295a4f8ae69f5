"""Verifying a proof bundle with nothing but the hash of the genesis (docs/spec/proof.md).

1. The genesis document hashes to the hash that the verifier trusts; it names the first validators.
2. Each epoch's last block has a finalization by that epoch's validators and commits the next set.
3. The anchor has a *finalization* by the validators of its epoch. A notarization will not do: a
   notarized block can still lose.
4. Every other header is under the anchor's `history_root`.
5. Every claim leads to a root of the anchor or of one of these headers.
6. A transaction's signatures are checked against the keys that the bundle itself proves, and the
   report says which were. The others were checked by the validators, who would not have voted.

Nothing here opens a socket, reads a clock or asks a peer.
"""

from dataclasses import dataclass
from pathlib import Path

from consensus.certificate import Certificate, verify_certificate
from consensus.validators import ValidatorSet
from consensus.vote import VoteKind
from ledger import merkle
from ledger.block import Header, compute_header_hash, decode_header
from ledger.crypto import Domain, Purpose, sha256
from ledger.errors import LedgerError, ProofError
from ledger.genesis import Genesis, decode_genesis
from ledger.primitives import Digest
from node.client.bundle import (
    MAX_BUNDLE_BYTES,
    Bundle,
    BundleError,
    Certified,
    EpochLink,
    PastHeader,
    decode_bundle,
)
from node.client.claims import Ground, verify_claims
from node.client.verified import ReliedOn, Verified


def load_bundle(path: Path) -> bytes:
    """A file, but no more of it than one byte beyond what a bundle may have."""
    with path.open("rb") as file:
        return file.read(MAX_BUNDLE_BYTES + 1)


def verify_bundle(data: bytes, genesis_hash: Digest, now_ms: int | None = None) -> Verified:
    """What a bundle proves; raises BundleError, which names the part that broke.

    `now_ms` only serves to say how old the anchor is.
    """
    bundle, is_whole = decode_bundle(data)
    genesis = _verify_genesis(bundle, genesis_hash)
    line = _Line(genesis, genesis_hash)
    for link in bundle.epochs:
        line.follow(link)
    anchor = line.finalize(bundle.anchor, "anchor", "certificate")
    headers: dict[int, Header] = {anchor.height: anchor}
    for number, past in enumerate(bundle.headers):
        header = _verify_past(past, anchor, genesis.chain, f"header {number}")
        if header.height in headers:
            raise BundleError(f"header {number}", f"block {header.height} stands twice")
        headers[header.height] = header
    proved = verify_claims(Ground(genesis, genesis_hash, anchor, headers), bundle.claims)
    if not is_whole:
        raise BundleError(
            "digest", "every part holds, but the document was changed since it was made"
        )
    return Verified(
        chain=genesis.chain,
        genesis_hash=genesis_hash,
        height=anchor.height,
        block=compute_header_hash(bundle.anchor.header),
        time_ms=anchor.time_ms,
        relied_on=tuple(line.relied_on),
        proved=proved,
        age_ms=None if now_ms is None else now_ms - anchor.time_ms,
        times={height: header.time_ms for height, header in headers.items()},
    )


def _verify_genesis(bundle: Bundle, genesis_hash: Digest) -> Genesis:
    found = sha256(bundle.genesis)
    if found != genesis_hash:
        raise BundleError(
            "genesis", f"its hash is {found.hex()}, and the trusted one {genesis_hash.hex()}"
        )
    try:
        return decode_genesis(bundle.genesis)
    except LedgerError as error:
        raise BundleError("genesis", str(error)) from None


@dataclass(slots=True)
class _Epoch:
    number: int
    validators: ValidatorSet


class _Line:
    """The line of validator sets from the genesis on, as far as it was followed."""

    def __init__(self, genesis: Genesis, genesis_hash: Digest) -> None:
        self._chain = genesis.chain
        self._domain = Domain(Purpose.VOTE, genesis_hash)
        self._epoch = _Epoch(0, ValidatorSet(genesis.validators))
        self.relied_on: list[ReliedOn] = []

    def follow(self, link: EpochLink) -> None:
        """Go on to the epoch after one that has ended."""
        number = self._epoch.number
        part = f"epoch {number}"
        certified = Certified(link.header, link.certificate)
        header = self.finalize(certified, part, f"certificate of epoch {number}")
        try:
            following = ValidatorSet.decode(link.next_validators)
        except LedgerError as error:
            raise BundleError(f"validators of epoch {number + 1}", str(error)) from None
        if not header.is_last_of_epoch:
            raise BundleError(part, f"block {header.height} does not end the epoch")
        if following.hash != header.next_validators_hash:
            raise BundleError(
                f"validators of epoch {number + 1}", f"not those that block {header.height} commits"
            )
        self._epoch = _Epoch(number + 1, following)

    def finalize(self, certified: Certified, part: str, certificate_part: str) -> Header:
        """The header, if the validators of the running epoch made it final."""
        header, validators = _decode_header(certified.header, part), self._epoch.validators
        _check_chain(header, self._chain, part)
        if header.height == 0:
            raise BundleError(part, "the genesis has no certificate")
        if header.epoch != self._epoch.number or header.validators_hash != validators.hash:
            raise BundleError(
                part,
                f"block {header.height} is not of epoch {self._epoch.number}, to which the bundle "
                "leads, or not of its validators",
            )
        certificate = self._verify(certified, header, certificate_part)
        self.relied_on.append(
            ReliedOn(
                self._epoch.number,
                validators.codes,
                tuple(validators.codes[signer] for signer in certificate.signers),
                header.height,
            )
        )
        return header

    def _verify(self, certified: Certified, header: Header, part: str) -> Certificate:
        try:
            certificate = Certificate.decode(certified.certificate)
        except LedgerError as error:
            raise BundleError(part, str(error)) from None
        if certificate.kind is not VoteKind.FINALIZE:
            raise BundleError(part, "not a finalization; a block that has no more can still lose")
        if certificate.block != compute_header_hash(certified.header):
            raise BundleError(part, f"not of this block {header.height}, but of another")
        try:
            verify_certificate(certificate, self._epoch.validators, self._domain, header.epoch)
        except LedgerError as error:
            raise BundleError(part, str(error)) from None
        return certificate


def _verify_past(past: PastHeader, anchor: Header, chain: str, part: str) -> Header:
    header = _decode_header(past.header, part)
    _check_chain(header, chain, part)
    leaf = merkle.compute_leaf_hash(compute_header_hash(past.header))
    try:
        merkle.verify_inclusion(leaf, header.height, anchor.height, past.path, anchor.history_root)
    except ProofError as error:
        raise BundleError(part, f"block {header.height} is not below the anchor: {error}") from None
    return header


def _decode_header(data: bytes, part: str) -> Header:
    try:
        return decode_header(data)
    except LedgerError as error:
        raise BundleError(part, f"not a header: {error}") from None


def _check_chain(header: Header, chain: str, part: str) -> None:
    if header.chain != chain:
        raise BundleError(part, f"of chain {header.chain}, not {chain}")
