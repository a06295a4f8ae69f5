"""What must hold in every state of a model, for all that the honest ones have said.

A certificate exists as soon as the votes for it do, whether or not anybody has put them together:
the Byzantine validator can.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final

from consensus.evidence import is_double_signing
from consensus.vote import VoteKind
from devnet.model.cast import QUORUM, make_vote
from devnet.model.choice import count_voters
from devnet.model.peer import Peer
from devnet.model.statement import Said, SaidVote, Statement, is_consistent, read_statement

AGREEMENT: Final = "agreement"
FINALITY: Final = "no nullification and finalization of one view"
CERTIFICATES: Final = "every certificate is valid"
CONSISTENCY: Final = "no honest vote contradicts another"
NOBODY_STOPS: Final = "nobody stops"
LIVENESS: Final = "progress is possible"
SAFETY: Final = (AGREEMENT, FINALITY, CERTIFICATES, CONSISTENCY, NOBODY_STOPS)


def find_violation(peers: Sequence[Peer], asked: Iterable[str] = SAFETY) -> str | None:
    """The first property that a state breaks, and how."""
    byzantine = peers[0].case.byzantine
    voters = count_voters([peer.sent | read_own(peer) for peer in peers], byzantine)
    certified = [statement for statement, who in voters.items() if len(who) >= QUORUM]
    checks = {
        AGREEMENT: lambda: _check_agreement(certified, peers),
        FINALITY: lambda: _check_finality(certified),
        CERTIFICATES: lambda: _check_certificates(certified, peers),
        CONSISTENCY: lambda: _check_votes(peers),
        NOBODY_STOPS: lambda: _check_fates(peers),
    }
    for name in asked:
        found = checks[name]()
        if found is not None:
            return f"{name}: {found}"
    return None


def read_own(peer: Peer) -> frozenset[Said]:
    """The votes that a validator knows it has said, sent or not."""
    return frozenset(
        SaidVote(peer.index, read_statement(own.signed.vote))
        for own in peer.core._voting.list_all()
    )


def _check_agreement(certified: Sequence[Statement], peers: Sequence[Peer]) -> str | None:
    final = {statement for statement in certified if statement.kind is VoteKind.FINALIZE}
    final.update(statement for peer in peers for statement in peer.finals)
    for one, other in combinations(sorted(final), 2):
        if not is_consistent(one.block, other.block):
            return f"{one} and {other} are both final"
    return None


def _check_finality(certified: Sequence[Statement]) -> str | None:
    nullified = {s.view for s in certified if s.kind is VoteKind.NULLIFY}
    for statement in certified:
        if statement.kind is VoteKind.FINALIZE and statement.view in nullified:
            return f"view {statement.view} is nullified, and {statement.block} final in it"
    return None


def _check_certificates(certified: Sequence[Statement], peers: Sequence[Peer]) -> str | None:
    for peer in peers:
        for certificate in peer.core._ancestry.list_all():
            statement = read_statement(certificate.vote)
            if statement.view <= peer.case.views and statement not in certified:
                return f"validator {peer.index} holds {statement}, for which no quorum voted"
    return None


def _check_votes(peers: Sequence[Peer]) -> str | None:
    for peer in peers:
        votes = [
            make_vote(said.statement)
            for said in peer.sent
            if isinstance(said, SaidVote) and said.signer == peer.index
        ]
        for one, other in combinations(votes, 2):
            if is_double_signing(one, other):
                both = sorted((read_statement(one), read_statement(other)))
                return f"validator {peer.index} said {both[0]} and {both[1]}"
    return None


def _check_fates(peers: Sequence[Peer]) -> str | None:
    for peer in peers:
        if peer.fate:
            return f"validator {peer.index} stopped: {peer.fate}"
    return None
