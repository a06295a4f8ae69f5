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

from pathlib import Path

from ledger import merkle
from ledger.block import Header, compute_header_hash
from ledger.crypto import sha256
from ledger.errors import LedgerError, ProofError
from ledger.genesis import Genesis, decode_genesis
from ledger.primitives import Digest
from node.client.bundle import (
    MAX_BUNDLE_BYTES,
    Bundle,
    BundleError,
    PastHeader,
    decode_bundle,
)
from node.client.claims import Ground, verify_claims
from node.client.line import Line, check_chain, read_header
from node.client.verified import Verified


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
    line = Line(genesis, genesis_hash)
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


def _verify_past(past: PastHeader, anchor: Header, chain: str, part: str) -> Header:
    header = read_header(past.header, part)
    check_chain(header, chain, part)
    leaf = merkle.compute_leaf_hash(compute_header_hash(past.header))
    try:
        merkle.verify_inclusion(leaf, header.height, anchor.height, past.path, anchor.history_root)
    except ProofError as error:
        raise BundleError(part, f"block {header.height} is not below the anchor: {error}") from None
    return header
