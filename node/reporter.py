"""Reporting double signing: from two votes that contradict each other to a record on the ledger.

1. Whoever sees it reports it by itself, in a transaction that its validator key signs: the identity
   key is never inside a running peer. It is kept and offered like any other that was accepted.
2. The validators take turns, the one behind the accused first, and each heartbeat the next: one
   report is enough, and whoever comes later finds the record. Beyond `MAX_PATIENCE` all do.
3. What is not recorded yet is tried again at each heartbeat, in whichever epoch, under whichever
   key this peer votes with by then.
4. What the ledger has, or has enough of, is not reported.
5. Of one validator at most `MAX_OF_VALIDATOR` cases wait at a time. They are not on the disk: what
   a crash loses is seen again, or was seen by others.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consensus.evidence import encode_evidence
from consensus.validators import ValidatorSet
from consensus.vote import SignedVote
from contracts import machine
from contracts.evidence import MAX_OF_KEY, make_count_key, make_evidence_key
from ledger.crypto import Domain, SigningKey, sha256
from ledger.primitives import NONCE_BYTES, Code, Digest, PublicKey
from ledger.store import Store
from ledger.transaction import compose_body, key_signer, sign_body
from node.errors import Refused
from node.intake import Answer, Intake
from node.port import Phase

_log = logging.getLogger("suanlian.evidence")
KIND: Final = "evidence.report"
MAX_PATIENCE: Final = 4  # heartbeats
MAX_OF_VALIDATOR: Final = 4
# Failures after which another report would fare no better; of the others the state tells.
_VAIN: Final = ("proves-nothing", "unknown-key")


@dataclass(slots=True)
class Case:
    """A double signing that is not on the ledger yet; `id` is that of its transaction."""

    key: PublicKey
    evidence: bytes
    patience: int
    id: Digest | None = None


class Reporter:
    """Brings what consensus proved before the ledger."""

    def __init__(
        self,
        code: str,
        voter_keys: Sequence[SigningKey],
        chain: str,
        window: int,
        domain: Domain,
        store: Store,
        intake: Intake,
    ) -> None:
        """`domain` is that of transactions on this chain, `window` how far ahead one may live."""
        self._code = Code(code)
        self._voter_keys = voter_keys
        self._chain = chain
        self._window = window
        self._domain = domain
        self._store = store
        self._intake = intake
        self._cases: dict[bytes, Case] = {}  # by the key of the record that is wanted

    def __len__(self) -> int:
        return len(self._cases)

    def saw(self, first: SignedVote, second: SignedVote, validators: ValidatorSet) -> None:
        """Two verified votes of a validator contradict each other."""
        accused, vote = first.signer, first.vote
        assert vote.validators_hash == validators.hash
        code, key = validators.codes[accused], validators.keys[accused]
        wanted = make_evidence_key(code, vote.epoch, vote.view)
        waiting = sum(case.key == key for case in self._cases.values())
        if wanted in self._cases or waiting >= MAX_OF_VALIDATOR:
            return
        me = validators.find_index(self._code)
        turn = MAX_PATIENCE if me is None else (me - accused - 1) % validators.n
        case = Case(key, encode_evidence(first, second), min(turn, MAX_PATIENCE))
        if self._is_over(wanted, case):
            return
        self._cases[wanted] = case
        if not case.patience:
            self._report(case)

    def retry(self) -> None:
        """A heartbeat has passed."""
        for wanted, case in list(self._cases.items()):
            case.patience = max(0, case.patience - 1)
            if self._is_over(wanted, case):
                del self._cases[wanted]
            elif not case.patience:
                self._report(case)

    def _is_over(self, wanted: bytes, case: Case) -> bool:
        """Whether it is recorded, or will never be."""
        state = self._store.state
        count = state.get_derived(make_count_key(case.key)) or 0
        if state.get(wanted) is not None or count >= MAX_OF_KEY:
            return True
        status = None if case.id is None else self._intake.get_status(case.id)
        return status is not None and status.phase is Phase.FINAL and status.code in _VAIN

    def _report(self, case: Case) -> None:
        status = None if case.id is None else self._intake.get_status(case.id)
        if status is not None and status.phase is Phase.ACCEPTED:
            return  # on its way
        node = machine.get_node(self._store.state, self._code)
        voice = None if node is None else node.validator_key
        key = next((key for key in self._voter_keys if key.public == voice), None)
        if key is None:
            return
        until = self._store.height + self._window
        # It need only be unlike those that this peer made of the same votes before.
        nonce = sha256(case.evidence + until.to_bytes(8, "big"))[:NONCE_BYTES]
        data = {"evidence": case.evidence, "key": case.key}
        body = compose_body(self._chain, KIND, data, [key_signer(key.public)], until, nonce)
        case.id = sha256(body)
        self._intake.submit([sign_body(body, self._domain, [key])], _hear)


def _hear(answers: Sequence[Answer]) -> None:
    for answer in answers:
        if isinstance(answer, Refused):
            _log.warning("a report of double signing waits for the next heartbeat: %s", answer)
