"""Judging blocks: from a header and hashes to an executed block whose every root agrees, or not.

A block is *parked* until its parent is executed, its transactions are here, and their signatures
are checked under the keys of the parent's state. Then it is executed at once. Three parties park
blocks: a proposal to be voted on, a certified block whose body was missing, and block sync; one
block may be all three, and is executed once.

Rules of a block (docs/spec/block.md): height, parent, epoch, validators and chain follow from the
parent; time is above the parent's; count and bytes are within the limits; every transaction is well
formed, of a known kind, alive at this height, seen nowhere before, signed by the keys that the
parent's state names.
"""

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from consensus.validators import ValidatorSet
from contracts import machine
from contracts.standing import IDENTITIES
from ledger.block import Block
from ledger.crypto import Domain, sha256
from ledger.errors import LedgerError
from ledger.primitives import Digest, PublicKey
from ledger.sealed import SealedBlock
from ledger.state import Layer, Reader
from ledger.transaction import Transaction, decode_transaction
from node.chain import Chain
from node.execution import Frame, Parent, execute_block
from node.limits import BlockLimits
from node.mempool import Mempool
from node.ports import Job, Ports

MAX_PARKED = 64
CLOCK_TOLERANCE_MS = 2_000


class Outcome(enum.Enum):
    """How a parked block ended."""

    EXECUTED = "executed"  # every root agrees; the block stands in the chain
    INVALID = "invalid"  # proven wrong, for ever


Heard = Callable[[Outcome, str], None]


@dataclass(slots=True)
class Parked:
    """A block that waits; `checked` holds the keys that a transaction's signatures hold under."""

    block: Block
    transactions: list[Transaction | None]
    checked: dict[Digest, tuple[PublicKey, ...]]
    heard: list[Heard] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    is_certified: bool = False
    is_verifying: bool = False
    turn: int = 0  # which source is asked next

    @property
    def missing(self) -> list[Digest]:
        """The hashes of the transactions that are not here."""
        pairs = zip(self.block.transaction_hashes, self.transactions, strict=True)
        return [hash_ for hash_, transaction in pairs if transaction is None]


class Judge:
    """Parks blocks and executes them as soon as it can."""

    def __init__(
        self,
        chain: Chain,
        mempool: Mempool,
        ports: Ports,
        limits: BlockLimits,
        chain_name: str,
        domain: Domain,
        on_executed: Callable[[SealedBlock], None],
        is_checking: Callable[[Digest], bool],
    ) -> None:
        self._chain = chain
        self._mempool = mempool
        self._ports = ports
        self._limits = limits
        self._chain_name = chain_name
        self._domain = domain
        self._on_executed = on_executed
        self._is_checking = is_checking
        self._parked: dict[Digest, Parked] = {}
        self._wanted: dict[Digest, set[Digest]] = {}  # transaction hash -> blocks that lack it
        self.validators: ValidatorSet | None = None

    def __len__(self) -> int:
        return len(self._parked)

    def __contains__(self, hash_: object) -> bool:
        return hash_ in self._parked

    def get(self, hash_: Digest) -> Parked | None:
        """A block that waits."""
        return self._parked.get(hash_)

    def park(
        self,
        block: Block,
        raws: Sequence[bytes],
        source: str,
        heard: Heard,
        is_certified: bool,
    ) -> None:
        """Judge a block; `heard` is called once it is executed or proven wrong, maybe never.

        `raws` are the transactions that came with it, if they did. A certified block's time is not
        held against this peer's clock.
        """
        parked = self._parked.get(block.hash)
        if parked is None:
            reason = self._find_fault(block)
            if reason:
                heard(Outcome.INVALID, reason)
                return
            self._make_room()
            parked = Parked(block, [None] * len(block.transaction_hashes), {})
            self._parked[block.hash] = parked
            self._fill_from_mempool(parked)
        parked.heard.append(heard)
        parked.is_certified |= is_certified
        if source and source not in parked.sources:
            parked.sources.append(source)
        self._fill(parked, raws)
        self._advance(parked)

    def take(self, raws: Iterable[bytes]) -> None:
        """Transactions came; those that a parked block lacks are filled in.

        But for those which are being checked on their way into the mempool: these are noticed when
        they are there, and need no second check.
        """
        found: dict[Digest, list[bytes]] = {}
        for raw in raws:
            hash_ = sha256(raw)
            if not self._is_checking(hash_):
                for block_hash in sorted(self._wanted.get(hash_, ())):
                    found.setdefault(block_hash, []).append(raw)
        for block_hash, lacking in found.items():
            parked = self._parked.get(block_hash)
            if parked is not None:
                self._fill(parked, lacking)
                self._advance(parked)

    @property
    def wanted(self) -> int:
        """How many transactions the parked blocks lack, at most a full block's each."""
        return len(self._wanted)

    @property
    def is_wanting(self) -> bool:
        """Whether a parked block lacks a transaction."""
        return bool(self._wanted)

    def notice(self, added: Iterable[Transaction]) -> None:
        """Transactions entered the mempool, checked."""
        touched: dict[Digest, Parked] = {}
        for transaction in added:
            for block_hash in sorted(self._wanted.get(transaction.hash, ())):
                parked = self._parked.get(block_hash)
                if parked is not None:
                    touched[block_hash] = parked
        for parked in touched.values():
            self._fill_from_mempool(parked)
            self._advance(parked)

    def advance_children(self, parent: Digest) -> None:
        """A block was executed or became final: whoever waited for it may go on."""
        for parked in list(self._parked.values()):
            if parked.block.header.parent == parent:
                self._advance(parked)

    def list_incomplete(self) -> list[Parked]:
        """Parked blocks that lack transactions."""
        return [parked for parked in self._parked.values() if parked.missing]

    def leave(self, view: int) -> None:
        """The views before this one are over: what was proposed in them can get no vote any more.

        A block of them that is certified after all is fetched then.
        """
        for hash_, parked in list(self._parked.items()):
            if not parked.is_certified and parked.block.header.view < view:
                self._forget(hash_)

    def prune(self, height: int) -> None:
        """Forget blocks at or below a final height."""
        for hash_, parked in list(self._parked.items()):
            if parked.block.header.height <= height:
                self._forget(hash_)

    def wants(self, hash_: Digest) -> bool:
        """Whether a parked block lacks this transaction."""
        return hash_ in self._wanted

    # --- filling

    def _make_room(self) -> None:
        if len(self._parked) >= MAX_PARKED:
            # What is certified is waited for; of the rest the farthest comes into its turn last.
            farthest = max(
                self._parked.values(),
                key=lambda item: (not item.is_certified, item.block.header.height),
            )
            self._forget(farthest.block.hash)

    def _fill_from_mempool(self, parked: Parked) -> None:
        for place, hash_ in enumerate(parked.block.transaction_hashes):
            if parked.transactions[place] is not None:
                continue
            pending = self._mempool.get(hash_)
            if pending is None:
                self._wanted.setdefault(hash_, set()).add(parked.block.hash)
            else:
                parked.transactions[place] = pending.transaction
                parked.checked[hash_] = pending.keys
                self._unwant(hash_, parked.block.hash)

    def _fill(self, parked: Parked, raws: Sequence[bytes]) -> None:
        if not raws:
            return
        places = {
            hash_: at
            for at, hash_ in enumerate(parked.block.transaction_hashes)
            if parked.transactions[at] is None
        }
        for raw in raws:
            place = places.get(sha256(raw))
            if place is None:
                continue
            try:
                transaction = decode_transaction(raw, self._chain_name)
            except LedgerError:
                continue
            parked.transactions[place] = transaction
            self._unwant(transaction.hash, parked.block.hash)

    def _unwant(self, hash_: Digest, block_hash: Digest) -> None:
        waiting = self._wanted.get(hash_)
        if waiting is not None:
            waiting.discard(block_hash)
            if not waiting:
                del self._wanted[hash_]

    def _forget(self, hash_: Digest) -> None:
        parked = self._parked.pop(hash_)
        self._ports.cancel_timer(f"ahead {hash_.hex()}")
        for missing in parked.missing:
            self._unwant(missing, hash_)

    # --- judging

    def _advance(self, parked: Parked) -> None:
        hash_ = parked.block.hash
        if self._parked.get(hash_) is not parked or parked.is_verifying:
            return
        if self._chain.get(hash_) is not None:
            self._end(parked, Outcome.EXECUTED, "")
            return
        parent = self._chain.find_parent(parked.block.header.parent)
        if parent is None:
            return
        try:
            # First of all: nothing is fetched for a block that is wrong by its header.
            self._check_header(parked.block, parent)
        except InvalidBlock as error:
            self._end(parked, Outcome.INVALID, str(error))
            return
        if parked.missing or self._is_ahead(parked):
            return
        transactions = [item for item in parked.transactions if item is not None]
        try:
            self._check_transactions(parked, transactions, parent)
            jobs = self._list_unchecked(parked, transactions, parent.state)
        except (InvalidBlock, machine.CallError) as error:
            self._end(parked, Outcome.INVALID, str(error))
            return
        if jobs:
            parked.is_verifying = True
            self._ports.verify(jobs, lambda valid: self._verified(parked, jobs, valid))
        else:
            self._execute(parked, transactions, parent)

    def _is_ahead(self, parked: Parked) -> bool:
        """Undecided, not invalid: a time more than 2 s above this clock is looked at again."""
        ahead = parked.block.header.time_ms - self._ports.wall_ms() - CLOCK_TOLERANCE_MS
        if parked.is_certified or ahead <= 0:
            return False
        name = f"ahead {parked.block.hash.hex()}"
        at_ms = self._ports.monotonic_ms() + ahead
        self._ports.set_timer(name, at_ms, lambda: self._advance(parked))
        return True

    def _check_header(self, block: Block, parent: Parent) -> None:
        header, above = block.header, parent.header
        if header.height != above.height + 1 or header.chain != above.chain:
            raise InvalidBlock("height or chain does not follow from the parent")
        if header.time_ms <= above.time_ms:
            raise InvalidBlock("the time is not above the parent's")
        assert self.validators is not None
        if header.validators_hash != self.validators.hash:
            raise InvalidBlock("the block is of another validator set")

    def _find_fault(self, block: Block) -> str:
        """What is wrong with a block whatever its parent; not worth waiting for anything."""
        hashes = block.transaction_hashes
        if len(hashes) > self._limits.transactions:
            return f"more than {self._limits.transactions} transactions"
        return "a transaction stands twice" if len(set(hashes)) < len(hashes) else ""

    def _check_transactions(
        self, parked: Parked, transactions: Sequence[Transaction], parent: Parent
    ) -> None:
        height = parent.header.height + 1
        seen = self._chain.list_branch_ids(parent.hash)
        if len({item.id for item in transactions}) != len(transactions):
            raise InvalidBlock("a transaction stands twice")
        if sum(len(item.raw) for item in transactions) > self._limits.size_bytes:
            raise InvalidBlock(f"more than {self._limits.size_bytes} bytes of transactions")
        for item in transactions:
            if not height <= item.until <= height + self._limits.window:
                raise InvalidBlock("a transaction is not alive at this height")
            if item.id in seen:
                raise InvalidBlock("a transaction stands in an ancestor already")
            # What waits in the mempool was looked up when it came, and leaves it when it is final.
            if item.hash not in parked.checked or self._mempool.get(item.hash) is None:
                machine.check_call(item)
                if self._is_final(item, parent):
                    raise InvalidBlock("a transaction is final already")

    def _is_final(self, item: Transaction, parent: Parent) -> bool:
        place = self._chain.store.find_transaction(item.id)
        return place is not None and place[0] <= parent.header.height

    def _list_unchecked(
        self, parked: Parked, transactions: Sequence[Transaction], state: Reader
    ) -> list[Job]:
        jobs: list[Job] = []
        for item in transactions:
            keys = resolve_keys(state, item)
            if keys is None:
                raise InvalidBlock("a signer is not registered in the parent's state")
            if parked.checked.get(item.hash) != keys:
                jobs.append((item, keys))
        return jobs

    def _verified(self, parked: Parked, jobs: Sequence[Job], valid: Sequence[bool]) -> None:
        parked.is_verifying = False
        if self._parked.get(parked.block.hash) is not parked:
            return
        if not all(valid):
            self._end(parked, Outcome.INVALID, "a signature is wrong")
            return
        for transaction, keys in jobs:
            parked.checked[transaction.hash] = keys
        self._advance(parked)

    def _execute(self, parked: Parked, transactions: Sequence[Transaction], parent: Parent) -> None:
        block = parked.block
        header = block.header
        assert self.validators is not None
        frame = Frame(
            header.epoch, header.view, header.time_ms, header.proposer, block.parent_certificate
        )
        sealed = execute_block(parent, frame, transactions, self.validators, self._domain)
        if sealed.block.header_bytes != block.header_bytes:
            names = [
                name
                for name in type(header).__dataclass_fields__
                if getattr(header, name) != getattr(sealed.block.header, name)
            ]
            self._end(parked, Outcome.INVALID, f"other {', '.join(names)} than executed here")
            return
        self._chain.add(sealed)
        self._end(parked, Outcome.EXECUTED, "")
        self._on_executed(sealed)

    def _end(self, parked: Parked, outcome: Outcome, reason: str) -> None:
        self._forget(parked.block.hash)
        for heard in parked.heard:
            heard(outcome, reason)


class InvalidBlock(Exception):
    """The block is provably wrong."""


def resolve_keys(state: Reader, transaction: Transaction) -> tuple[PublicKey, ...] | None:
    """The keys of a transaction's signers in a state; None where one is not registered."""
    keys: list[PublicKey] = []
    for signer in transaction.signers:
        key = machine.resolve_key(state, signer)
        if key is None:
            return None
        keys.append(key)
    return tuple(keys)


def list_rekeyed(layer: Layer) -> Iterator[str]:
    """The codes whose identity a block wrote: their keys may be others now."""
    prefix = IDENTITIES.prefix
    for key in layer.records:
        if key.startswith(prefix):
            yield key[len(prefix) : -1].decode("ascii")
