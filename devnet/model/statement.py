"""What can be said in a model, by name: votes, proposals, and what a restart asks and answers.

A block is known by a name that tells where it stands: `2a/1b` was proposed in view 2, is the
first (`a`) of what its leader made there, and stands on `1b`, which stands on the root.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, TypeAlias

from consensus.certificate import Certificate
from consensus.vote import Vote, VoteKind
from ledger.crypto import sha256
from ledger.primitives import ZERO_DIGEST, Digest

ROOT = "root"
NOTHING = "-"  # the block of a nullify
_names: dict[Digest, str] = {ZERO_DIGEST: NOTHING}


class Statement(NamedTuple):
    """A vote without its signer, or what a certificate says."""

    kind: VoteKind
    view: int
    parent_view: int
    block: str

    def __str__(self) -> str:
        about = "" if self.kind is VoteKind.NULLIFY else f", {self.block}"
        link = f" on {self.parent_view}" if about and self.parent_view else ""
        return f"{self.kind.name.lower()}({self.view}{link}{about})"


@dataclass(frozen=True, slots=True)
class SaidVote:
    """A vote on its way."""

    signer: int
    statement: Statement


@dataclass(frozen=True, slots=True)
class SaidProposal:
    """A proposal on its way; the certificate it carries says `parent`, None on the root."""

    signer: int
    statement: Statement
    parent: Statement | None


@dataclass(frozen=True, slots=True)
class SaidInquiry:
    """A restarted validator's question."""

    asker: int
    incarnation: int


@dataclass(frozen=True, slots=True)
class SaidReport:
    """An answer to it."""

    reporter: int
    asker: int
    incarnation: int
    votes: frozenset[Statement]
    certificates: frozenset[Statement]


@dataclass(frozen=True, slots=True)
class SaidRecovered:
    """Not a message: the restarted validator needs no more reports."""

    asker: int
    incarnation: int


Said: TypeAlias = SaidVote | SaidProposal | SaidInquiry | SaidReport | SaidRecovered


class Renaming:
    """Other names for validators and blocks under which everything else stays as it is."""

    def __init__(self, validators: Sequence[int], swapped: Sequence[int] = ()) -> None:
        """Where each validator goes, and the views whose blocks `a` and `b` change places."""
        self.validators = tuple(validators)
        self._swapped = frozenset(map(str, swapped))
        self._blocks: dict[str, str] = {}

    def block(self, name: str) -> str:
        """The block in the place of this one."""
        if not self._swapped:
            return name
        if name not in self._blocks:
            self._blocks[name] = "/".join(map(self._swap, name.split("/")))
        return self._blocks[name]

    def _swap(self, part: str) -> str:
        if part[:-1] not in self._swapped:
            return part
        return part[:-1] + {"a": "b", "b": "a"}[part[-1]]

    def statement(self, statement: Statement) -> Statement:
        """The statement in the place of this one."""
        if not self._swapped:
            return statement
        return statement._replace(block=self.block(statement.block))

    def maybe(self, statement: Statement | None) -> Statement | None:
        """The statement in the place of this one, if there is any."""
        return None if statement is None else self.statement(statement)

    def all(self, statements: Iterable[Statement]) -> frozenset[Statement]:
        """The statements in the places of these."""
        return frozenset(map(self.statement, statements))

    def said(self, said: Said) -> Said:
        """The same, said by and to those in whose places others are."""
        to = self.validators
        match said:
            case SaidVote(signer, statement):
                return SaidVote(to[signer], self.statement(statement))
            case SaidProposal(signer, statement, parent):
                return SaidProposal(to[signer], self.statement(statement), self.maybe(parent))
            case SaidInquiry(asker, incarnation):
                return SaidInquiry(to[asker], incarnation)
            case SaidReport(reporter, asker, incarnation, votes, certificates):
                return SaidReport(
                    to[reporter], to[asker], incarnation, self.all(votes), self.all(certificates)
                )
            case SaidRecovered(asker, incarnation):
                return SaidRecovered(to[asker], incarnation)


@cache
def make_digest(name: str) -> Digest:
    """The digest of a block."""
    digest = sha256(name.encode())
    _names[digest] = name
    return digest


def find_name(block: Digest) -> str:
    """The name of a digest that `make_digest` made."""
    return _names[block]


def make_name(view: int, label: str, parent: str) -> str:
    """The name of a block made in `view` on `parent`."""
    return f"{view}{label}" if parent == ROOT else f"{view}{label}/{parent}"


def list_ancestors(name: str) -> Sequence[str]:
    """The block itself, then its ancestors, ending with the root."""
    parts = [] if name == ROOT else name.split("/")
    return ["/".join(parts[at:]) for at in range(len(parts))] + [ROOT]


def is_consistent(one: str, other: str) -> bool:
    """Whether one of two blocks descends from the other."""
    return one in list_ancestors(other) or other in list_ancestors(one)


def read_first_view(name: str) -> int:
    """The view in which a block was made, 0 for the root."""
    return 0 if name == ROOT else int(name.split("/")[0][:-1])


@cache
def read_statement(vote: Vote) -> Statement:
    """What a vote says, by name."""
    return Statement(vote.kind, vote.view, vote.parent_view, find_name(vote.block))


def read_certificate(certificate: Certificate | None) -> Statement | None:
    """What a certificate says, by name."""
    return None if certificate is None else read_statement(certificate.vote)
