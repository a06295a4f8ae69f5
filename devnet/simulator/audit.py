"""What is checked when a run is over and healed; each checker raises `Violation`.

Durability     what was acknowledged is final on every peer, or can never be: expired, or signed
               with a key that was rotated away; whoever was told `final` or `invalid` was told
               the truth; restarted peers still know
StateRoots     equal stores; the tree kept block by block is the one that the records give; derived
               tables are what the records say; the chain replayed from the genesis is the same
Evidence       nobody honest is on record as double signing
Conservation   the invariants of the contracts hold, after every block
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from contracts import invariants
from contracts.evidence import DOUBLE_SIGNINGS
from devnet.simulator.checkers import Chain
from devnet.simulator.disk import SimulatedDisk
from devnet.simulator.process import Process
from devnet.simulator.violation import Violation
from ledger import schema, tree
from ledger.crypto import Domain
from ledger.primitives import Digest
from ledger.sealed import SealedBlock
from ledger.snapshot import find_first_results
from ledger.store import Store, StoredBlock
from ledger.transaction import Transaction, decode_transaction
from node.execution import Frame, compute_validator_set, execute_block, parent_of_store
from node.judge import resolve_keys
from node.port import Phase, Status
from node.trail import load_trail

SHARED_TABLES = b"bdhiklnrstv"  # all but certificates, of which each peer has its own
_KEPT_TABLES = b"dhiklnst"  # and what is never forgotten
_PARTIAL_TABLES = b"it"  # of these a peer that joined by a snapshot has the end only


@dataclass(frozen=True, slots=True)
class Promise:
    """An acknowledged transaction, and who acknowledged it."""

    transaction: Transaction
    code: str

    @property
    def id(self) -> Digest:
        """Of the transaction."""
        return self.transaction.id

    @property
    def until(self) -> int:
        """The last height that it may have."""
        return self.transaction.until


@dataclass(slots=True)
class Durability:
    """What peers promised to clients, and what they told them later."""

    domain: Domain
    promises: dict[Digest, Promise] = field(default_factory=dict)
    told: list[tuple[str, Status]] = field(default_factory=list)
    emptied: set[str] = field(default_factory=set)  # who lost a store, and what it knew to be final
    lost: set[Digest] = field(default_factory=set)  # with a journal, and final elsewhere

    def promise(self, code: str, transaction: Transaction) -> None:
        """A peer acknowledged a transaction."""
        self.promises.setdefault(transaction.id, Promise(transaction, code))

    def lose(self, code: str, chain: Chain) -> None:
        """The journal of a peer is gone: what it promised and is not final may be gone with it.

        What is final elsewhere stays so; this peer knows nothing of it until it has the block.
        """
        own = [promise.id for promise in self.promises.values() if promise.code == code]
        self.lost.update(id_ for id_ in own if id_ in chain.places)
        self.promises = {
            id_: promise
            for id_, promise in self.promises.items()
            if promise.code != code or id_ in chain.places
        }

    def tell(self, code: str, status: Status) -> None:
        """A peer told a client what became of a transaction."""
        self.told.append((code, status))

    def check_start(self, process: Process, chain: Chain) -> None:
        """A restarted peer knows what it acknowledged, unless that was over in a store it lost."""
        replica = process.replica
        for promise in self.promises.values():
            is_emptied = process.code in self.emptied
            is_over = promise.until <= (chain.height if is_emptied else replica.store.height)
            if promise.code != process.code or is_over:
                continue
            if is_emptied and promise.id in chain.places:
                continue
            if promise.id in self.lost and chain.places[promise.id][0] > replica.store.height:
                continue
            is_known = replica.intake.get_status(promise.id) is not None
            if not is_known and self._may_be_final(process, promise):
                raise Violation(
                    "Durability", f"{process.code} forgot {promise.id.hex()[:16]} in a restart"
                )

    def count_over(self, chain: Chain) -> int:
        """How many of the promises ended otherwise than in the chain: expired, or their key did."""
        return sum(id_ not in chain.places for id_ in self.promises)

    def is_settled(self, process: Process) -> bool:
        """Whether all that was promised is final or expired on a peer."""
        store = process.replica.store
        return all(
            promise.until <= store.height
            or store.find_transaction(promise.id) is not None
            or not self._may_be_final(process, promise)
            for promise in self.promises.values()
        )

    def _may_be_final(self, process: Process, promise: Promise) -> bool:
        """Whether its signatures hold under the keys of a peer's final state."""
        transaction = promise.transaction
        keys = resolve_keys(process.replica.store.state, transaction)
        return keys is not None and all(
            self.domain.is_valid(key, signature, transaction.body)
            for key, signature in zip(keys, transaction.signatures, strict=True)
        )

    def check(self, processes: Sequence[Process], chain: Chain) -> None:
        """At the end: every promise was kept, and nobody was told a lie."""
        for process in processes:
            for promise in self.promises.values():
                self._check_promise(process, promise, chain)
        for code, status in self.told:
            place = chain.places.get(status.id)
            is_true = (
                place == (status.height, status.index)
                if status.phase is Phase.FINAL
                else place is None
            )
            if not is_true:
                raise Violation("Durability", f"{code} told {status}, but it stands at {place}")

    def _check_promise(self, process: Process, promise: Promise, chain: Chain) -> None:
        replica = process.replica
        known = chain.places.get(promise.id)
        if known is not None and known[0] < find_first_kept(process, chain):
            return  # a snapshot does not go back so far
        place = replica.store.find_transaction(promise.id)
        status = replica.intake.get_status(promise.id)
        name = f"{promise.id.hex()[:16]}, acknowledged by {promise.code}, on {process.code}"
        if place != known:
            raise Violation("Durability", f"{name}: at {place}, not {known}")
        is_over = promise.until <= replica.store.height
        if place is None and not is_over and self._may_be_final(process, promise):
            raise Violation("Durability", f"{name}: neither final nor expired; {status}")
        if place is not None and (status is None or (status.height, status.index) != place):
            raise Violation("Durability", f"{name}: final at {place}, but the peer says {status}")
        # A restarted peer does not judge a key that does not fit its state: it may be behind.
        if place is None and is_over and status is not None and status.phase is not Phase.INVALID:
            raise Violation("Durability", f"{name}: invalid, but the peer says {status}")


def check_store(process: Process, first: SealedBlock) -> None:
    """StateRoots, for one peer: memory, disk and a start from the disk say the same."""
    store = process.replica.store
    rebuilt = tree.rebuild(store.state.scan_all())
    if not rebuilt.root == store.tree.root == store.header.state_root:
        raise Violation("StateRoots", f"{process.code}: the tree is not that of the records")
    again = Store(process.store_disk.copy(), first)
    if (again.hash, again.tree.root) != (store.hash, store.tree.root):
        raise Violation("StateRoots", f"{process.code}: the store opens as another")
    broken = invariants.check_invariants(store.state)
    if broken:
        raise Violation("Conservation", f"{process.code}: {broken[:3]}")


def find_first_kept(process: Process, chain: Chain) -> int:
    """The lowest block whose results a peer has."""
    height = chain.joined.get(process.code)
    window = process.replica.genesis.consensus.transaction_window
    return 0 if height is None else find_first_results(height, window)


def list_recorded(process: Process) -> Counter[str]:
    """How often whom the ledger has as double signing, as a peer holds it."""
    records = process.replica.store.state.scan(DOUBLE_SIGNINGS.prefix)
    return Counter(key.split(b"\x00")[1].decode("ascii") for key, _ in records)


def check_evidence(process: Process, liars: Collection[str]) -> int:
    """Evidence: nobody honest stands on the ledger as double signing; how often liars do."""
    recorded = list_recorded(process)
    for code in recorded:
        if code not in liars:
            raise Violation("Evidence", f"{code} is honest, and recorded as double signing")
    return recorded.total()


def compare_stores(processes: Sequence[Process], chain: Chain) -> None:
    """StateRoots: all peers hold the same bytes, but for certificates and what one forgot.

    Who joined by a snapshot lacks the index of old blocks.
    """
    floors = [process.replica.store.floor for process in processes]
    floor = max(item.body for item in floors)
    tables = _KEPT_TABLES if any(item.state for item in floors) else _KEPT_TABLES + b"v"
    whole = [process for process in processes if process.code not in chain.joined]
    first = _read_shared(whole[0].store_disk, tables, floor)
    for process in processes:
        other = _read_shared(process.store_disk, tables, floor)
        keys = [key for key in {**first, **other} if first.get(key) != other.get(key)]
        if process.code in chain.joined:
            keys = [key for key in keys if key in other or key[0] not in _PARTIAL_TABLES]
        if keys:
            raise Violation(
                "StateRoots", f"{process.code} and {whole[0].code} differ in {keys[:3]}"
            )


def _read_shared(disk: SimulatedDisk, tables: bytes, floor: int) -> dict[bytes, bytes]:
    """The tables that all have, and bodies and results from where all have them."""
    shared = {
        key: value
        for table in tables
        for key, value in disk.scan(bytes((table,)), bytes((table + 1,)))
    }
    for make_key in (schema.body_key, schema.results_key):
        shared.update(disk.scan(make_key(floor), make_key(1 << 48)))
    return shared


def check_replay(process: Process, first: SealedBlock) -> None:
    """StateRoots and Conservation: the chain of a peer that has all of it, executed anew from the
    genesis, is the same."""
    source = process.replica.store
    genesis = process.replica.genesis
    target = Store(SimulatedDisk(), first)
    validators, trail = compute_validator_set(target.state), first.trail
    for height in range(1, source.height + 1):
        stored = source.get_block(height)
        if stored is None:
            raise Violation("StateRoots", f"{process.code} lacks block {height}")
        header = stored.header
        frame = Frame(
            header.epoch, header.view, header.time_ms, header.proposer, stored.parent_certificate
        )
        items = [decode_transaction(raw, genesis.chain) for raw in stored.transactions]
        sealed = execute_block(
            parent_of_store(target, trail), frame, items, validators, process.replica.domain
        )
        _compare(process.code, stored, sealed)
        broken = invariants.check_step(target.state, sealed.layer)
        if broken:
            raise Violation("Conservation", f"block {height}: {broken[:3]}")
        if header.is_last_of_epoch:
            validators = compute_validator_set(sealed.layer)
        members = list(zip(validators.codes, validators.keys, strict=True))
        target.commit([sealed], b"replayed", members if header.is_last_of_epoch else ())
        target.fold([sealed])
        trail = sealed.trail
    if trail != load_trail(source, genesis):
        raise Violation("StateRoots", f"the trail of {process.code} is another when replayed")


def _compare(code: str, stored: StoredBlock, sealed: SealedBlock) -> None:
    if stored.header_bytes != sealed.block.header_bytes:
        height = stored.header.height
        raise Violation("StateRoots", f"block {height} of {code} is another when replayed")
