"""Makes the vectors of the consensus formats. Run as a program it writes them."""

import json
from pathlib import Path
from typing import Any

from consensus.certificate import Certificate, compute_certificate
from consensus.evidence import encode_evidence
from consensus.journal import Held, Opened, OwnVote, Silenced, encode_record
from consensus.message import (
    Ask,
    CertificateMessage,
    Inquiry,
    Proposal,
    Report,
    VoteMessage,
    encode_message,
)
from consensus.validators import ValidatorSet
from consensus.vote import SignedVote, Vote, VoteKind
from ledger.crypto import Domain, Purpose, SigningKey, sha256
from ledger.primitives import ZERO_DIGEST, Code, Digest, Epoch, View

PATH = Path(__file__).parent.parent / "vectors" / "consensus.json"
GENESIS_HASH = sha256(b"vectors of consensus: genesis")
BLOCK = sha256(b"vectors of consensus: block")
EPOCH = Epoch(3)
DOMAIN = Domain(Purpose.VOTE, GENESIS_HASH)
KEYS = [SigningKey.from_seed(sha256(b"vectors of consensus: %d" % number)) for number in range(4)]
CODES = [Code(f"validator-{number}") for number in range(4)]
VALIDATORS = ValidatorSet(zip(CODES, [key.public for key in KEYS], strict=True))


def sign(
    kind: VoteKind, signer: int, view: int = 7, parent: int = 5, block: Digest = BLOCK
) -> SignedVote:
    if kind is VoteKind.NULLIFY:
        parent, block = 0, ZERO_DIGEST
    vote = Vote(EPOCH, View(view), kind, View(parent), block, VALIDATORS.hash)
    return SignedVote(vote, signer, DOMAIN.sign(KEYS[signer], vote.encode()))


def certify(kind: VoteKind, view: int = 7, parent: int = 5) -> Certificate:
    return compute_certificate([sign(kind, signer, view, parent) for signer in (0, 1, 3)])


def build() -> dict[str, Any]:
    parent = certify(VoteKind.NOTARIZE, 5, 4)
    proposal = Proposal(sign(VoteKind.NOTARIZE, 3), parent, b"header and hashes")
    messages = {
        "proposal": proposal,
        "vote": VoteMessage(sign(VoteKind.FINALIZE, 2)),
        "certificate": CertificateMessage(certify(VoteKind.NULLIFY)),
        "ask": Ask(EPOCH, True, (View(4), View(300))),
        "inquiry": Inquiry(EPOCH, 1_700_000_000_000),
        "report": Report(EPOCH, 9, (sign(VoteKind.NULLIFY, 1),), (parent,)),
    }
    records = {
        "opened": Opened(EPOCH, VALIDATORS.hash),
        "own vote": OwnVote(sign(VoteKind.NULLIFY, 3)),
        "own proposal": OwnVote(proposal.signed, proposal),
        "held": Held(parent),
        "silenced": Silenced(sign(VoteKind.FINALIZE, 3)),
    }
    return {
        "genesis_hash": GENESIS_HASH.hex(),
        "seeds": [key.seed.hex() for key in KEYS],
        "validators": {"bytes": VALIDATORS.encode().hex(), "hash": VALIDATORS.hash.hex()},
        "votes": {
            kind.name.lower(): {
                "signed bytes": sign(kind, 0).vote.encode().hex(),
                "signature of 0": sign(kind, 0).signature.hex(),
            }
            for kind in VoteKind
        },
        "certificates": {
            kind.name.lower(): {
                "bytes": certify(kind).encode().hex(),
                "hash": certify(kind).hash.hex(),
            }
            for kind in VoteKind
        },
        "messages": {name: encode_message(message).hex() for name, message in messages.items()},
        "journal": {name: encode_record(record).hex() for name, record in records.items()},
        "evidence": encode_evidence(sign(VoteKind.NULLIFY, 2), sign(VoteKind.FINALIZE, 2)).hex(),
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(build(), indent=1) + "\n")
