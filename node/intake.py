"""Transactions on their way in: checked once, remembered, offered on.

1. Decoded once, hashed once, each signature checked once; the result is kept with the transaction
   in the mempool. What became of it while its signatures were checked is asked again afterwards.
2. What a client handed in is *accepted* when it is synced in the journal. From then on this peer
   offers it until it is final, its `until` has passed, or a key that it was signed with is no
   longer its signer's. It is accepted under the keys of final state only: those of a block that
   may still lose could make a promise of it that nobody can keep.
3. What another peer sent is only kept in memory, and judged by the newest certified state.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from contracts import machine
from ledger.crypto import sha256
from ledger.errors import LedgerError
from ledger.primitives import Digest, PublicKey
from ledger.result import Result, decode_result
from ledger.sealed import SealedBlock
from ledger.state import Reader
from ledger.store import Store
from ledger.transaction import Transaction, decode_transaction
from node.errors import Refused
from node.journal import Journal
from node.judge import list_rekeyed, resolve_keys
from node.mempool import Mempool, Pending
from node.outline import check_inner_values
from node.port import Phase, Status
from node.ports import Job, Ports
from node.shares import Shares

Answer = Status | Refused
MAX_RECENT = 50_000
LARGE_BYTES = 4 * 1024  # of a transaction; those of trade have a tenth of it
MAX_VALUES = 4 * 1024  # in a large one
MAX_UNVERIFIED = 20_000


@dataclass(slots=True)
class _Submission:
    """Answers under way, each at its transaction's place."""

    answers: list[Answer | None]
    done: Callable[[list[Answer]], None]
    accepted: list[Transaction] = field(default_factory=list)
    must_sync: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """How much an intake holds, for whoever holds it to its bounds."""

    unverified: int  # MAX_UNVERIFIED
    most_of_peer: int  # of these; shares.MAX_UNCHECKED
    recent: int  # MAX_RECENT
    accepted: int  # that are in the mempool too


class Intake:
    """Takes transactions from clients and peers into the mempool."""

    def __init__(
        self,
        chain_name: str,
        window: int,
        store: Store,
        journal: Journal,
        mempool: Mempool,
        ports: Ports,
        best_state: Callable[[], Reader],
        on_added: Callable[[Sequence[Pending], str | None], None],
    ) -> None:
        self._chain_name = chain_name
        self._window = window
        self._store = store
        self._journal = journal
        self._mempool = mempool
        self._ports = ports
        self._best_state = best_state
        self._on_added = on_added
        self._accepted: dict[Digest, Transaction] = {}
        self._unjudged: dict[Digest, Transaction] = {}  # of these, not in the mempool
        self._crowded: dict[Digest, None] = {}  # of these, for want of room
        self._recent: OrderedDict[Digest, Status] = OrderedDict()
        self._waiters: dict[Digest, dict[object, Callable[[Status], None]]] = {}
        self._unverified: set[Digest] = set()  # ids
        self._checking: set[Digest] = set()  # hashes of the same
        self._shares = Shares()
        self._unsynced: set[Digest] = set()  # ids of what is accepted but not on the disk yet
        self.refused_count = 0

    @property
    def load(self) -> Load:
        """How much waits and is remembered here."""
        return Load(
            len(self._unverified),
            self._shares.most,
            len(self._recent),
            len(self._accepted) - len(self._unjudged),
        )

    # --- what clients hand in

    def submit(self, raws: Sequence[bytes], done: Callable[[list[Answer]], None]) -> None:
        """Take signed transactions; `done` gets an answer for each once the accepted are synced."""
        submission = _Submission([None] * len(raws), done)
        jobs: list[Job] = []
        places: list[int] = []
        for place, raw in enumerate(raws):
            try:
                known, job = self._admit(raw)
            except Refused as refusal:
                self.refused_count += 1
                submission.answers[place] = refusal
                continue
            if known is not None:
                submission.answers[place] = known
                submission.must_sync |= known.id in self._unsynced
            elif job is not None:
                jobs.append(job)
                places.append(place)
        self._ports.verify(jobs, lambda valid: self._verified(submission, jobs, places, valid))

    def _admit(self, raw: bytes) -> tuple[Status | None, Job | None]:
        transaction = self._decode(raw)
        known = self.get_status(transaction.id)
        if known is not None:
            return known, None
        if transaction.id in self._unverified:
            raise Refused("the same transaction is just being checked", "busy", retry=True)
        self._check_new(transaction)
        job = (transaction, self._resolve(transaction, self._store.state))
        self._begin_check(transaction)
        return None, job

    def _decode(self, raw: bytes) -> Transaction:
        try:
            if len(raw) > LARGE_BYTES:
                # Few bytes can hold very many values; what is large is looked through first.
                check_inner_values(raw, MAX_VALUES)
            transaction = decode_transaction(raw, self._chain_name)
            machine.check_call(transaction)
        except (LedgerError, machine.CallError) as error:
            raise Refused(str(error), error.code) from None
        return transaction

    def _check_new(self, transaction: Transaction) -> None:
        height = self._store.height
        if transaction.until <= height:
            raise Refused(
                f"until is {transaction.until}, and block {height} is final already: "
                "make it anew with a later one",
                "expired",
            )
        if transaction.until > height + self._window:
            raise Refused(
                f"until is {transaction.until}, more than {self._window} above block {height}",
                "until-too-far",
            )
        if len(self._unverified) >= MAX_UNVERIFIED:
            raise Refused("this peer has too many unchecked transactions", "busy", retry=True)
        if not self._mempool.has_id(transaction.id):
            self._mempool.check_room(transaction, len(self._unverified))

    def _resolve(self, transaction: Transaction, state: Reader) -> tuple[PublicKey, ...]:
        keys: list[PublicKey] = []
        for signer in transaction.signers:
            key = machine.resolve_key(state, signer)
            if key is None:
                raise Refused(f"{signer} is not registered on this chain", "unknown-signer")
            keys.append(key)
        return tuple(keys)

    def _take(self, pending: Pending) -> None:
        """Put a checked transaction into the mempool; raises Refused if it is too late for that."""
        transaction = pending.transaction
        if self._store.find_transaction(transaction.id) is not None:
            raise Refused("the transaction is just becoming final", "busy", retry=True)
        if transaction.until <= self._store.height:
            raise Refused("until passed while the signatures were checked", "expired")
        if not self._mempool.has_id(transaction.id):
            self._mempool.check_room(transaction)
            self._mempool.add(pending)

    def _verified(
        self, submission: _Submission, jobs: list[Job], places: list[int], valid: list[bool]
    ) -> None:
        added: list[Pending] = []
        for job, place, is_valid in zip(jobs, places, valid, strict=True):
            self._end_check(job[0])
            pending = Pending(*job)
            try:
                submission.answers[place] = self._accept(pending, is_valid)
            except Refused as refusal:
                self.refused_count += 1
                submission.answers[place] = refusal
                continue
            if job[0].id in self._accepted:
                submission.accepted.append(job[0])
                added.append(pending)
        if added:
            self._on_added(added, None)
        if not added and not submission.must_sync:
            self._answer(submission)
            return
        changes = [
            self._journal.compose_accepted(item.id, item.raw) for item in submission.accepted
        ]
        self._unsynced.update(item.id for item in submission.accepted)
        self._ports.write_journal(changes, True, lambda: self._answer(submission))

    def _accept(self, pending: Pending, is_valid: bool) -> Status:
        """What a client is told once its transaction is synced; raises Refused."""
        transaction, keys = pending.transaction, pending.keys
        if not is_valid or self._resolve(transaction, self._store.state) != keys:
            raise Refused("a signature is not that of the signer's key", "bad-signature")
        known = self.get_status(transaction.id)
        if known is not None:
            return known
        self._take(pending)
        self._accepted[transaction.id] = transaction
        return Status(transaction.id, Phase.ACCEPTED)

    def _answer(self, submission: _Submission) -> None:
        self._unsynced.difference_update(item.id for item in submission.accepted)
        answers: list[Answer] = []
        for answer in submission.answers:
            assert answer is not None
            if isinstance(answer, Status) and answer.phase is Phase.ACCEPTED:
                answer = self.get_status(answer.id) or answer
            answers.append(answer)
        submission.done(answers)

    # --- what peers send

    def receive(self, raws: Iterable[bytes], sender: str) -> None:
        """Take transactions that another peer offers; what cannot be used now is left."""
        jobs: list[Job] = []
        for raw in raws:
            hash_ = sha256(raw)
            if hash_ in self._checking or self._mempool.get(hash_) is not None:
                continue  # offered again; not worth decoding
            try:
                transaction = self._decode(raw)
                if self._is_known(transaction) or not self._shares.has_room(sender):
                    continue
                self._check_new(transaction)
                jobs.append((transaction, self._resolve(transaction, self._best_state())))
            except Refused:
                self.refused_count += 1
                continue
            self._begin_check(transaction)
            self._shares.begin(sender, 1)
        if jobs:
            self._ports.verify(jobs, lambda valid: self._received(jobs, valid, sender))

    def _is_known(self, transaction: Transaction) -> bool:
        return (
            self._mempool.has_id(transaction.id)
            or transaction.id in self._unverified
            or self._store.find_transaction(transaction.id) is not None
        )

    def _received(self, jobs: list[Job], valid: list[bool], sender: str) -> None:
        added: list[Pending] = []
        for job, is_valid in zip(jobs, valid, strict=True):
            self._end_check(job[0])
            pending = Pending(*job)
            try:
                if not is_valid:
                    raise Refused("a signature is not that of the signer's key", "bad-signature")
                self._take(pending)
            except Refused:
                self.refused_count += 1
            else:
                added.append(pending)
        if added:
            self._on_added(added, sender)
        wrong = valid.count(False)
        if self._shares.end(sender, len(jobs) - wrong, wrong):
            self._ports.drop(sender, "it offers transactions whose signatures are wrong")

    def _begin_check(self, transaction: Transaction) -> None:
        self._unverified.add(transaction.id)
        self._checking.add(transaction.hash)

    def _end_check(self, transaction: Transaction) -> None:
        self._unverified.discard(transaction.id)
        self._checking.discard(transaction.hash)

    # --- what becomes of them

    def get_status(self, id_: Digest) -> Status | None:
        """What became of a transaction, as far as this peer knows."""
        recent = self._recent.get(id_)
        if recent is not None:
            return recent
        if id_ in self._accepted:
            return Status(id_, Phase.ACCEPTED)
        place = self._store.find_transaction(id_)
        if place is None or place[0] > self._store.height:
            return None
        leaves = self._store.get_result_leaves(place[0])
        code = decode_result(leaves[place[1]]).code if leaves else ""
        return Status(id_, Phase.FINAL, code, *place)

    def wait(self, id_: Digest, notify: Callable[[Status], None]) -> Callable[[], None]:
        """Call `notify` once when the transaction is final or invalid; answers how to give up."""
        ticket = object()  # two may wait with one callback
        self._waiters.setdefault(id_, {})[ticket] = notify

        def give_up() -> None:
            waiting = self._waiters.get(id_, {})
            waiting.pop(ticket, None)
            if not waiting:
                self._waiters.pop(id_, None)

        return give_up

    def restore(self) -> None:
        """After a start: offer again what was accepted before and is not final yet."""
        gone: list[Digest] = []
        for id_, raw in self._journal.scan_accepted():
            transaction = self._restore_one(id_, raw)
            if transaction is None:
                gone.append(id_)
            else:
                self._accepted[id_] = self._unjudged[id_] = transaction
        self._forget(gone)
        self._judge(list(self._unjudged.values()))

    def _restore_one(self, id_: Digest, raw: bytes) -> Transaction | None:
        if self._store.find_transaction(id_) is not None:
            return None
        try:
            transaction = self._decode(raw)
            if transaction.until <= self._store.height:
                raise Refused("its time has passed", "expired")
            return transaction
        except Refused as refusal:
            self._remember(Status(id_, Phase.INVALID, refusal.code))
            return None

    def _judge(self, transactions: Iterable[Transaction]) -> None:
        """Offer those restored transactions whose signatures hold under the final state.

        Of the others nothing is known: a store that was lost or restored may be older than what was
        accepted. They are tried again when their signers change, and otherwise expire; those for
        which there is no room, with every block.
        """
        jobs: list[Job] = []
        for transaction in transactions:
            self._crowded.pop(transaction.id, None)
            if not self._has_room(transaction, len(jobs)):
                continue
            try:
                jobs.append((transaction, self._resolve(transaction, self._store.state)))
            except Refused:
                continue
        if jobs:
            self._ports.verify(jobs, lambda valid: self._restored(jobs, valid))

    def _has_room(self, transaction: Transaction, count: int = 0) -> bool:
        """Whether it fits in beside `count` others; if not, it is tried again with each block."""
        try:
            self._mempool.check_room(transaction, count)
        except Refused:
            self._crowded[transaction.id] = None
            return False
        return True

    def _restored(self, jobs: list[Job], valid: list[bool]) -> None:
        added: list[Pending] = []
        for (transaction, keys), is_valid in zip(jobs, valid, strict=True):
            if transaction.id not in self._accepted or self._mempool.has_id(transaction.id):
                continue
            is_unjudged = transaction.id in self._unjudged
            if transaction.until <= self._store.height:
                self._give_up(transaction.id, "expired")
            elif not is_valid or self._resolve(transaction, self._store.state) != keys:
                if not is_unjudged:
                    self._give_up(transaction.id, "key-rotated")
            elif not self._has_room(transaction):
                self._unjudged[transaction.id] = transaction
            else:
                self._unjudged.pop(transaction.id, None)
                pending = Pending(transaction, keys)
                self._mempool.add(pending)
                added.append(pending)
        if added:
            self._on_added(added, None)

    def is_checking(self, hash_: Digest) -> bool:
        """Whether this transaction's signatures are being checked just now."""
        return hash_ in self._checking

    def list_accepted(self) -> list[bytes]:
        """What is offered still, as bytes."""
        waiting = self._unjudged
        return [item.raw for id_, item in self._accepted.items() if id_ not in waiting]

    def fold(self, blocks: Sequence[SealedBlock]) -> None:
        """Blocks are final: their transactions leave the mempool, and waiters hear of them."""
        gone: list[Digest] = []
        for block in blocks:
            count = len(block.transactions)
            self._mempool.remove_ids(item.id for item in block.transactions)
            for result in block.results[:count]:
                if result.id in self._accepted or result.id in self._waiters:
                    gone.append(result.id)
                    self._finish(_status_of(result))
        self._forget(gone)
        height = self._store.height
        late = [item for item in self._unjudged.values() if item.until <= height]
        for transaction in (*self._mempool.expire(height), *late):
            self._give_up(transaction.id, "expired")
        rekeyed = {code for block in blocks for code in list_rekeyed(block.layer)}
        again = [
            item
            for item in self._unjudged.values()
            if item.id in self._crowded or not rekeyed.isdisjoint(item.signers)
        ]
        self._judge(again)
        if rekeyed:
            self.reject_rotated(
                [item for item in self._mempool if not rekeyed.isdisjoint(item.transaction.signers)]
            )

    def reject_rotated(self, suspects: Iterable[Pending]) -> None:
        """Forget waiting transactions whose signer has another key in final state by now."""
        state = self._store.state
        for pending in suspects:
            transaction = pending.transaction
            if resolve_keys(state, transaction) == pending.keys:
                continue
            self._mempool.remove_ids((transaction.id,))
            accepted = self._accepted.get(transaction.id)
            if accepted is None or accepted.hash == transaction.hash:
                self._give_up(transaction.id, "key-rotated")
            else:
                # Another copy of it came with signatures of an older key; ours may still hold.
                self._check_again(accepted)

    def _check_again(self, transaction: Transaction) -> None:
        try:
            jobs = [(transaction, self._resolve(transaction, self._store.state))]
        except Refused:
            self._give_up(transaction.id, "unknown-signer")
            return
        self._ports.verify(jobs, lambda valid: self._restored(jobs, valid))

    def _give_up(self, id_: Digest, reason: str) -> None:
        """A transaction will never be final."""
        if id_ in self._accepted:
            self._finish(Status(id_, Phase.INVALID, reason))
            self._forget([id_])

    def _forget(self, gone: Sequence[Digest]) -> None:
        if gone:
            changes = [self._journal.forget_accepted(id_) for id_ in gone]
            self._ports.write_journal(changes, False, lambda: None)

    def _finish(self, status: Status) -> None:
        self._accepted.pop(status.id, None)
        self._unjudged.pop(status.id, None)
        self._crowded.pop(status.id, None)
        self._remember(status)
        for notify in self._waiters.pop(status.id, {}).values():
            notify(status)

    def _remember(self, status: Status) -> None:
        self._recent[status.id] = status
        if len(self._recent) > MAX_RECENT:
            self._recent.popitem(last=False)


def _status_of(result: Result) -> Status:
    return Status(result.id, Phase.FINAL, result.code, result.height, result.index)
