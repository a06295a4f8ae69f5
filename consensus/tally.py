"""Votes on their way to a certificate.

Admission bounds what is stored: one slot per signer and view, with room for a contradiction. Where
views come and go and nothing becomes final, the oldest ones make room, but for the newest in which
somebody voted: a restarted validator is told of its votes in it (rule 10).
Signatures are checked lazily: when the votes for one statement reach a quorum, all at once, and
those that are wrong are thrown out; and where two votes of one signer contradict each other, for
evidence. A certificate accuses too those of its signers who said something else here: who says one
thing to some and another to others is heard by nobody twice.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from consensus.certificate import (
    Certificate,
    check_certificate,
    compute_certificate,
)
from consensus.evidence import is_double_signing, order_evidence
from consensus.validators import ValidatorSet
from consensus.vote import IsValid, SignedVote, Vote, VoteKind
from ledger.errors import SignatureError
from ledger.primitives import Digest, Epoch, View

VIEWS_AHEAD: Final = 10
VIEWS_BEHIND: Final = 128  # unfinalized views whose votes are kept; a later one finalizes them too
STATEMENTS_PER_SIGNER: Final = 4  # in one view; an honest one makes two
MAX_VIEWS: Final = VIEWS_BEHIND + 1 + VIEWS_AHEAD  # that are kept, and one more of each signer

Statement: TypeAlias = tuple[VoteKind, View, Digest]


Evidence: TypeAlias = tuple[SignedVote, SignedVote]


@dataclass(frozen=True, slots=True)
class Added:
    """What came of a vote."""

    is_new: bool
    certificate: Certificate | None = None
    evidence: Evidence | None = None


_IGNORED: Final = Added(False)
_STORED: Final = Added(True)


class _Round:
    """The votes of one view."""

    __slots__ = ("accused", "said", "verified", "votes")

    def __init__(self) -> None:
        self.votes: dict[Statement, dict[int, SignedVote]] = {}
        self.verified: dict[Statement, dict[int, SignedVote]] = {}
        self.said: dict[int, list[SignedVote]] = {}
        self.accused: set[int] = set()

    def put(self, signed: SignedVote, is_verified: bool) -> None:
        statement = _statement(signed.vote)
        self.votes.setdefault(statement, {})[signed.signer] = signed
        verified = self.verified.setdefault(statement, {})
        if is_verified:
            verified[signed.signer] = signed
        said = self.said.setdefault(signed.signer, [])
        for place, other in enumerate(said):
            if other.vote == signed.vote:
                said[place] = signed
                return
        said.append(signed)

    def drop(self, signed: SignedVote) -> None:
        del self.votes[_statement(signed.vote)][signed.signer]
        said = self.said[signed.signer]
        said.remove(signed)
        if not said:
            del self.said[signed.signer]


class Tally:
    """The votes of an epoch between the pruning floor and ten views ahead."""

    __slots__ = ("_epoch", "_is_valid", "_rounds", "_validators")

    def __init__(self, epoch: Epoch, validators: ValidatorSet, is_valid: IsValid) -> None:
        self._epoch = epoch
        self._validators = validators
        self._is_valid = is_valid
        self._rounds: dict[View, _Round] = {}

    def __len__(self) -> int:
        """How many views have votes here."""
        return len(self._rounds)

    def count_votes(self) -> int:
        """How many votes are here."""
        return sum(len(said) for round_ in self._rounds.values() for said in round_.said.values())

    def is_admitted(self, vote: Vote, final_view: View, view: View) -> bool:
        """Whether a vote is for this set and in the window around the current `view`."""
        return (
            max(final_view, view - VIEWS_BEHIND - 1) < vote.view <= view + VIEWS_AHEAD
            and vote.epoch == self._epoch
            and vote.validators_hash == self._validators.hash
        )

    def add(self, signed: SignedVote, is_wanted: bool, is_verified: bool = False) -> Added:
        """Store an admitted vote; a certificate comes of it only where it `is_wanted`."""
        assert signed.signer < self._validators.n
        assert signed.vote.epoch == self._epoch
        round_ = self._rounds.get(signed.vote.view)
        if round_ is None:
            round_ = self._rounds[signed.vote.view] = _Round()
        if self._is_ignored(round_, signed, is_verified):
            return _IGNORED
        evidence = None
        for rival in tuple(round_.said.get(signed.signer, ())):
            if not is_double_signing(rival.vote, signed.vote):
                continue
            if not (is_verified or self._is_valid_vote(signed)):
                return _IGNORED
            is_verified = True
            if not self._verify_stored(round_, rival):
                continue
            if signed.signer not in round_.accused:
                round_.accused.add(signed.signer)
                evidence = order_evidence(rival, signed)
        round_.put(signed, is_verified)
        self._make_room()
        certificate = self._certify(round_, signed.vote) if is_wanted else None
        if certificate is None and evidence is None:
            return _STORED
        return Added(True, certificate, evidence)

    def take(self, certificate: Certificate) -> list[Evidence]:
        """Count the votes of a verified certificate; what contradicts votes that are here.

        So a validator that tells each only half of what it says is found out as well.
        """
        found: list[Evidence] = []
        for signer, signature in zip(certificate.signers, certificate.signatures, strict=True):
            signed = SignedVote(certificate.vote, signer, signature)
            added = self.add(signed, is_wanted=False, is_verified=True)
            if added.evidence is not None:
                found.append(added.evidence)
        return found

    def is_verified(self, signed: SignedVote) -> bool:
        """Whether this very vote was verified, now or before."""
        round_ = self._rounds.get(signed.vote.view)
        if round_ is not None:
            known = round_.verified.get(_statement(signed.vote), {}).get(signed.signer)
            if known is not None and known.signature == signed.signature:
                return True
        return self._is_valid_vote(signed)

    def verify(self, certificate: Certificate) -> None:
        """As `verify_certificate`, without checking again the votes that were verified here."""
        check_certificate(certificate, self._validators, self._epoch)
        round_ = self._rounds.get(certificate.view)
        known = {} if round_ is None else round_.verified.get(_statement(certificate.vote), {})
        message = certificate.vote.encode()
        for signer, signature in zip(certificate.signers, certificate.signatures, strict=True):
            vote = known.get(signer)
            if vote is not None and vote.signature == signature:
                continue
            if not self._is_valid(self._validators.keys[signer], signature, message):
                raise SignatureError(f"the signature of {self._validators.codes[signer]} is wrong")

    def count_voters(self, view: View) -> int:
        """How many validators have voted in `view`, in whichever way."""
        round_ = self._rounds.get(view)
        return 0 if round_ is None else len(round_.said)

    def list_missing(self, view: View) -> list[int]:
        """The validators that have not voted in `view`."""
        round_ = self._rounds.get(view)
        return [
            index
            for index in range(self._validators.n)
            if round_ is None or index not in round_.said
        ]

    def has_notarized(self, view: View, signer: int) -> bool:
        """Whether this validator's notarize of `view` is here."""
        round_ = self._rounds.get(view)
        return round_ is not None and any(
            signed.vote.kind is VoteKind.NOTARIZE for signed in round_.said.get(signer, ())
        )

    def find_newest(self, signer: int) -> tuple[SignedVote, ...]:
        """This validator's votes in the newest view in which it voted."""
        views = [view for view, round_ in self._rounds.items() if signer in round_.said]
        return tuple(self._rounds[max(views)].said[signer]) if views else ()

    def prune(self, floor: View) -> None:
        """Forget the views below `floor`."""
        for view in [view for view in self._rounds if view < floor]:
            del self._rounds[view]

    def _make_room(self) -> None:
        """Forget the oldest view, but for the newest one of each signer."""
        if len(self._rounds) > MAX_VIEWS + self._validators.n:
            newest: dict[int, View] = {}
            for view in sorted(self._rounds):
                newest.update(dict.fromkeys(self._rounds[view].said, view))
            kept = newest.values()
            del self._rounds[min(view for view in self._rounds if view not in kept)]

    def _is_ignored(self, round_: _Round, signed: SignedVote, is_verified: bool) -> bool:
        statement = _statement(signed.vote)
        if signed.signer in round_.votes.get(statement, {}):
            return not is_verified or signed.signer in round_.verified[statement]
        return len(round_.said.get(signed.signer, ())) >= STATEMENTS_PER_SIGNER

    def _certify(self, round_: _Round, vote: Vote) -> Certificate | None:
        statement = _statement(vote)
        if len(round_.votes[statement]) < self._validators.quorum:
            return None
        for signed in tuple(round_.votes[statement].values()):
            self._verify_stored(round_, signed)
        verified = round_.verified[statement]
        if len(verified) < self._validators.quorum:
            return None
        return compute_certificate(tuple(verified.values()))

    def _verify_stored(self, round_: _Round, signed: SignedVote) -> bool:
        verified = round_.verified[_statement(signed.vote)]
        if signed.signer in verified:
            return True
        if self._is_valid_vote(signed):
            verified[signed.signer] = signed
            return True
        round_.drop(signed)
        return False

    def _is_valid_vote(self, signed: SignedVote) -> bool:
        return signed.is_valid(self._validators, self._is_valid)


def _statement(vote: Vote) -> Statement:
    return vote.kind, vote.parent_view, vote.block
