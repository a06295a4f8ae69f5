"""The index: under each subject, the transactions and due items that concerned it.

A transaction's subjects are its signers, `kind:` with its kind, and whatever its events are about;
a due item's the same without signers, its kind being `due`.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from ledger import codec, schema
from ledger.result import Result


class Called(Protocol):
    """What the index says of a transaction."""

    @property
    def kind(self) -> str:
        """The contract and the verb."""
        ...

    @property
    def signers(self) -> Sequence[str]:
        """Who signed it."""
        ...


def compose_index(
    height: int, results: Sequence[Result], transactions: Sequence[Called]
) -> Iterator[tuple[bytes, bytes]]:
    """The entries of one block: where each lies in the store, and what it says."""
    for result in results:
        transaction: Called | None = None
        if result.index < len(transactions):
            transaction = transactions[result.index]
        kind = transaction.kind if transaction else "due"
        signers = transaction.signers if transaction else ()
        where = schema.place(height, result.index)
        entry = codec.encode([result.id, kind, result.code, list(signers)])
        subjects = dict.fromkeys(signers)
        subjects[f"kind:{kind}"] = None
        for event in result.events:
            subjects.update(dict.fromkeys(event["about"]))
        for subject in subjects:
            yield schema.subject_prefix(subject) + where, entry
