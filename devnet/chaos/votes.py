"""What validators ever said, read from what they wrote before they said it.

Each time a peer is down its journal is copied and read, since later ones are shorter: its own
votes, and the certificates that it held. In the end the certificates of all stores are added.
Nothing of it may contradict anything else, under the same key (VoteConsistency).
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from consensus.certificate import Certificate
from consensus.journal import Held, OwnVote, Silenced, decode_record
from devnet.folder import Folder
from devnet.simulator.checkers import VoteConsistency
from devnet.simulator.violation import Violation
from ledger.errors import LedgerError
from ledger.keyvalue import LevelDb
from node.journal import Journal


class Votes:
    """All votes of a run, as far as they were found."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._said = VoteConsistency()
        self._seen: set[bytes] = set()
        self.journals = 0

    @property
    def count(self) -> int:
        """How many different votes were found."""
        return self._said.votes

    def read_journal(self, label: str) -> None:
        """Read the journal of a peer that is down; raises Violation."""
        source = self._folder.config(label).with_name("data") / "journal"
        if not source.is_dir():
            raise Violation("Journal", f"{label} has none")
        copy = self._folder.path / "run" / f"{label}.journal"
        shutil.copytree(source, copy)
        try:
            for record in _read_records(copy):
                if record not in self._seen:
                    self._seen.add(record)
                    self._take_record(label, record)
        finally:
            shutil.rmtree(copy)
        self.journals += 1

    def take_certificate(self, data: bytes) -> None:
        """A certificate that stands in a store."""
        if data not in self._seen:
            self._seen.add(data)
            self._said.take_certificate(Certificate.decode(data))

    def _take_record(self, label: str, data: bytes) -> None:
        try:
            record = decode_record(data)
        except LedgerError as error:
            raise Violation("Journal", f"{label} wrote what cannot be read: {error}") from None
        match record:
            case OwnVote(signed, proposal):
                self._said.take(signed.vote, signed.signer)
                if proposal is not None and proposal.parent_certificate is not None:
                    self._said.take_certificate(proposal.parent_certificate)
            case Held(certificate):
                self._said.take_certificate(certificate)
            case Silenced(evidence):
                raise Violation("Journal", f"{label} found a vote that it had not made: {evidence}")


def _read_records(path: Path) -> Iterator[bytes]:
    disk = LevelDb(path)
    try:
        yield from Journal(disk).list_records()
    finally:
        disk.close()
