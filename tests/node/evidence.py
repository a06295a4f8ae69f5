"""A chain with a little history of everything that a bundle can prove."""

from dataclasses import dataclass
from typing import Any

from consensus.vote import VoteKind
from ledger.codec import Value
from ledger.crypto import SigningKey
from ledger.record import make_key
from ledger.sealed import SealedBlock
from ledger.transaction import Transaction
from node.client.claims import make_identity_key
from tests.ledger.chain import NATIONAL, REGIONS, Chain, key_of

LEASE = make_key("lease", "P1", "lease-1")
OTHER = make_key("lease", "P2", "lease-2")
RULES = make_key("rules")
GUIYANG = REGIONS[3]
NEW_KEY = key_of("rotated")


@dataclass
class Evidence:
    """A chain, the transactions that made its lease, and where."""

    chain: Chain
    transactions: list[Transaction]


def identity(key: SigningKey, name: str = "") -> Value:
    return {"key": key.public, "name": name, "status": "active"}


def make_chain() -> Chain:
    records: list[tuple[bytes, Any]] = [
        (make_identity_key(code), identity(key_of(f"{code} identity"), code))
        for code in (NATIONAL, *REGIONS)
    ]
    return Chain(records=[*records, (RULES, {"meter.epoch_ms": 3_600_000})])


def make_evidence(epochs: int = 1) -> Evidence:
    """Blocks 1 to 7: a lease is made, changed, changed by its signers, closed by the block; a key
    is rotated in between and an epoch may end.
    """
    chain = make_chain()
    made = [chain.make_transaction([(LEASE, {"price": 5, "state": "matched"})], [GUIYANG])]
    chain.extend([*made, chain.make_transaction([(OTHER, {"price": 1})], [REGIONS[1]])])
    rotate = chain.make_transaction(
        [(make_identity_key(GUIYANG), identity(NEW_KEY))], [GUIYANG, NATIONAL], "identity.rotate"
    )
    chain.extend([rotate])
    chain.identities[GUIYANG] = NEW_KEY
    for epoch in range(epochs):
        members = dict(chain.members)
        members[REGIONS[epoch % 4]] = key_of(f"validator {epoch}")
        chain.extend([chain.make_transaction([], [REGIONS[2]])], next_members=members)
    made.append(chain.make_transaction([(LEASE, {"price": 5, "state": "active"})], [GUIYANG]))
    chain.extend([chain.make_transaction([(RULES, 1)], [NATIONAL]), made[1]])
    made.append(
        chain.make_transaction([(LEASE, {"price": 4, "state": "active"})], [GUIYANG, REGIONS[0]])
    )
    chain.extend([made[2]])
    chain.extend(due=[(LEASE, {"price": 4, "reason": "expired", "state": "closed"})])
    return Evidence(chain, made)


def certify_only(chain: Chain, sealed: SealedBlock) -> bytes:
    """A notarization where a finalization is wanted."""
    return chain.certify(sealed, VoteKind.NOTARIZE).encode()
