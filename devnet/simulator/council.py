"""Regions that leave the set of validators and come back: ballots, step by step, as clients go.

One ballot at a time: somebody proposes that a region be suspended, or that the suspended one come
back; the others approve in any order, now and then twice or too late.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from ledger.codec import Value
from ledger.primitives import Code, Digest


@dataclass(slots=True)
class Council:
    """What is voted on, and by whom still; `find_code` is the result of a final transaction."""

    regions: Sequence[Code]
    random: Random
    suspended: Code | None = None
    _subject: Code | None = None
    _proposal: Digest | None = None
    _voters: list[Code] = field(default_factory=list)

    def next_step(self, outcome: str | None) -> tuple[str, dict[str, Value], Code]:
        """Kind, payload and signer of the next transaction; `outcome` of the proposal, if final."""
        if self._proposal is None or outcome not in (None, "ok") or not self._voters:
            return self._propose()
        ballot = f"ballot-{self._proposal.hex()[:32]}-0"
        voter = self.random.choice(self._voters)
        if self.random.random() < 0.9:
            self._voters.remove(voter)
        if not self._voters:
            self._close()
        return "ballot.approve", {"ballot": ballot}, voter

    @property
    def proposal(self) -> Digest | None:
        """The transaction that opened what is voted on."""
        return self._proposal

    def signed(self, kind: str, id_: Digest) -> None:
        """The last step is this transaction."""
        if kind == "ballot.propose":
            self._proposal = id_

    def _propose(self) -> tuple[str, dict[str, Value], Code]:
        subject = self.suspended or self.random.choice(self.regions)
        others = [code for code in self.regions if code != subject]
        proposer = self.random.choice(others)
        self._subject = subject
        self._voters = [code for code in others if code != proposer]
        data: dict[str, Value] = {
            "code": subject,
            "matter": "resumption" if self.suspended else "suspension",
            "note": "",
        }
        if not self.suspended:
            data["reason"] = "investigation"
        return "ballot.propose", data, proposer

    def _close(self) -> None:
        """All have been asked; whether it was carried shows in the set."""
        self.suspended = None if self.suspended else self._subject
        self._proposal = None
