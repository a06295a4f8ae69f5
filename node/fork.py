"""A fork taken apart: two finalizations that cannot both be, and the keys that made them.

1. Two blocks are final that are no ancestors of each other. Up to the block before they are one
   history, so both were voted for in one epoch, by one validator set.
2. Whoever signed both finalizations stands on both sides; more than f do. That alone convicts
   nobody: an honest validator may have been led to the second side by the nullification of a view
   in which others had finalized.
3. Two votes that contradict each other convict (`consensus.evidence`). They are looked for in all
   certificates of the epoch that are at hand: the finalizations, the parents' notarizations in the
   blocks above the last common one, and what the journals of validators still hold.

Certificates count once they verify; nothing else of what is compared is trusted.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from consensus import journal as core_journal
from consensus.certificate import Certificate, verify_certificate
from consensus.evidence import encode_evidence, find_guilty
from consensus.validators import ValidatorSet
from ledger.block import compute_header_hash, decode_header
from ledger.crypto import Domain
from ledger.errors import LedgerError
from ledger.genesis import Genesis, decode_genesis
from ledger.primitives import Code, Digest, Epoch, PublicKey
from ledger.store import Store
from node.client.bundle import Bundle, decode_bundle
from node.client.verify import verify_bundle
from node.epochs import find_validators
from node.errors import NodeError
from node.journal import Journal

MAX_BLOCKS: Final = 4096  # above the last common one, in which parents' certificates are looked for


class NoFork(NodeError):
    """What was compared does not contradict itself, or does not show that it does."""

    code = "no-fork"


@dataclass(frozen=True, slots=True)
class Side:
    """A final block and the certificate that made it so."""

    height: int
    block: Digest
    certificate: Certificate
    certificates: Sequence[Certificate] = field(default=())
    """Others of its side and epoch, not verified."""


@dataclass(frozen=True, slots=True)
class Convict:
    """A validator whose key signed two votes that contradict each other."""

    code: Code
    key: PublicKey
    evidence: bytes


@dataclass(frozen=True, slots=True)
class ForkProof:
    """Two finalizations by one validator set, who stands on both sides, and who is convicted."""

    epoch: int
    sides: tuple[Side, Side]
    both: tuple[Code, ...]
    convicts: tuple[Convict, ...]
    f: int


def examine_fork(one: Side, other: Side, validators: ValidatorSet, domain: Domain) -> ForkProof:
    """Who made two contradictory blocks final; raises LedgerError for a wrong finalization."""
    epoch = one.certificate.epoch
    for side in (one, other):
        verify_certificate(side.certificate, validators, domain, epoch)
    others = [*one.certificates, *other.certificates]
    held = [item for item in others if _is_verified(item, validators, domain, epoch)]
    guilty = find_guilty([one.certificate, other.certificate, *held])
    both = set(one.certificate.signers) & set(other.certificate.signers)
    return ForkProof(
        epoch=epoch,
        sides=(one, other),
        both=tuple(validators.codes[signer] for signer in sorted(both)),
        convicts=tuple(
            Convict(validators.codes[signer], validators.keys[signer], encode_evidence(*pair))
            for signer, pair in sorted(guilty.items())
        ),
        f=validators.f,
    )


def _is_verified(
    certificate: Certificate, validators: ValidatorSet, domain: Domain, epoch: Epoch
) -> bool:
    try:
        verify_certificate(certificate, validators, domain, epoch)
    except LedgerError:
        return False
    return True


# --- two stores


@dataclass(frozen=True, slots=True)
class Kept:
    """What a stopped peer kept; a peer without a vote has nothing in its journal."""

    store: Store
    journal: Journal | None = None


def compare_stores(one: Kept, other: Kept, genesis: Genesis, domain: Domain) -> ForkProof:
    """The fork between two peers of one chain; raises NoFork or LedgerError."""
    first = find_difference(one.store, other.store)
    if first is None:
        last = min(one.store.height, other.store.height)
        raise NoFork(f"both have the same blocks up to {last}, and one has no more")
    sides = (_find_side(one, first), _find_side(other, first))
    validators = find_validators(one.store, genesis, sides[0].certificate.epoch)
    return examine_fork(*sides, validators, domain)


def find_difference(one: Store, other: Store) -> int | None:
    """The first height at which two stores have different blocks; None where there is none.

    Each block commits to all before it, so that what differs once differs ever after.
    """
    low, high = 0, min(one.height, other.height) + 1
    while low < high:
        middle = (low + high) // 2
        if one.get_header_hash(middle) == other.get_header_hash(middle):
            low = middle + 1
        else:
            high = middle
    return low if low <= min(one.height, other.height) else None


def _find_side(kept: Kept, height: int) -> Side:
    found = kept.store.find_finalization(height)
    if found is None:
        raise NoFork(f"no finalization of block {height} or above is in this store")
    at, data = found
    certificate = Certificate.decode(data)
    return Side(at, certificate.block, certificate, tuple(_list_held(kept, height)))


def _list_held(kept: Kept, height: int) -> Iterator[Certificate]:
    """The certificates that a peer holds of its branch; what cannot be read is left out."""
    heights = range(height + 1, kept.store.height + 1)
    for block in map(kept.store.get_block, islice(heights, MAX_BLOCKS)):
        if block is not None:
            with suppress(LedgerError):
                yield Certificate.decode(block.parent_certificate)
    with suppress(LedgerError):
        records = () if kept.journal is None else kept.journal.list_records()
        replayed = core_journal.replay(records)
        yield from () if replayed is None else replayed.certificates


# --- two proof bundles


def compare_bundles(one: bytes, other: bytes, genesis_hash: Digest, domain: Domain) -> ForkProof:
    """The fork between what two bundles prove; raises NoFork, BundleError or LedgerError."""
    for data in (one, other):
        verify_bundle(data, genesis_hash)
    bundles = [decode_bundle(data)[0] for data in (one, other)]
    ones, others = (_list_sides(bundle) for bundle in bundles)
    for epoch, pair in enumerate(zip(ones, others, strict=False)):
        ends = [epoch < len(bundle.epochs) for bundle in bundles]
        if _is_contradiction(pair, ends, bundles):
            return examine_fork(*pair, _find_members(bundles[0], epoch), domain)
    raise NoFork(
        "these bundles do not show a fork: only what stands at one height, or above the end of an "
        "epoch, can be compared. Let both peers prove the same height, or compare their folders"
    )


def _list_sides(bundle: Bundle) -> list[Side]:
    """A final block of each epoch: its last one, and of the newest epoch the anchor."""
    pairs = [(link.header, link.certificate) for link in bundle.epochs]
    pairs.append((bundle.anchor.header, bundle.anchor.certificate))
    return [
        Side(decode_header(header).height, compute_header_hash(header), Certificate.decode(data))
        for header, data in pairs
    ]


def _is_contradiction(
    sides: tuple[Side, Side], ends: Sequence[bool], bundles: Sequence[Bundle]
) -> bool:
    """Whether final blocks of one epoch cannot both be; `ends` says which of them end it."""
    one, other = sides
    if one.block == other.block:
        return False
    if one.height == other.height or one.certificate.view == other.certificate.view:
        return True
    if ends[0 if one.height < other.height else 1]:
        return True
    heights, others = (_map_heights(bundle) for bundle in bundles)
    return any(others.get(height, block) != block for height, block in heights.items())


def _map_heights(bundle: Bundle) -> dict[int, Digest]:
    """All blocks that a bundle proves to be in its history."""
    headers = [past.header for past in bundle.headers]
    headers += [bundle.anchor.header, *(link.header for link in bundle.epochs)]
    return {decode_header(header).height: compute_header_hash(header) for header in headers}


def _find_members(bundle: Bundle, epoch: int) -> ValidatorSet:
    if epoch == 0:
        return ValidatorSet(decode_genesis(bundle.genesis).validators)
    return ValidatorSet.decode(bundle.epochs[epoch - 1].next_validators)
