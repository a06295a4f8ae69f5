"""The machine: one block in, one layer of changes and its results out; nothing else.

1. Working time: a gap of more than a minute since the parent's block is recorded, and working time
   is block time less all gaps that ever were. The record changes only then.
2. Due work comes first, in the order of its queues, at most `MAX_DUE_ITEMS` of each queue a block
   and `DUE_ITEMS_OF_TRANSACTION` more for each of its transactions: so nobody makes what falls due
   faster than it is done, and no deadline of others waits for long behind it. What is left goes on
   in the next block. What becomes due meanwhile waits for the next block.
   At last the demands have their turns that wait for selection, in a queue of its own and within
   bounds of its own (see `contracts.selection`), so that neither holds up the other.
3. Then each transaction in its order, in a layer of its own: committed when it is ok, dropped with
   its failure code when not.
4. At the end each signer's account takes up what its party signed, failures included, in one write:
   into the version that the block wrote last, or else as a new version under the index of the last
   transaction signed. A `key:` signer has no account.
5. Results are those of the transactions in order, then those of the due items in the order of their
   execution; their indexes go on, and their id is the SHA-256 of the due key.
6. The guards look at what the block changed. Where that breaks what must always hold, the block is
   executed again with the guards behind each item: a transaction that breaks it fails with
   `broken-invariant` and changes nothing, so that a fault of a rule costs its call, not the chain.
   Due work that does so stops the peer: it would come again in every block.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from contracts.account import (
    Account,
    compute_head,
    make_account,
    make_account_key,
)
from contracts.context import Context, ReadEvidence, Scope, Trail
from contracts.errors import BrokenInvariant, CallError, Failure, require
from contracts.guards import check_changes
from contracts.nodes import (
    VALIDATORS_PREFIX,
    Node,
    check_active,
    compute_peers,
    compute_validators,
    get_node,
)
from contracts.payload import Payload
from contracts.registry import CALLS, DUE, rebuild_derived
from contracts.rules import load_current
from contracts.selection import CLOCK as SELECTION
from contracts.selection import is_spent
from contracts.standing import check_signer, resolve_key
from ledger.crypto import sha256
from ledger.primitives import Digest, Height
from ledger.record import make_key
from ledger.result import OK, Result
from ledger.state import Layer, Reader
from ledger.transaction import Transaction

__all__ = [
    "BROKEN",
    "MAX_DUE_ITEMS",
    "VALIDATORS_PREFIX",
    "BlockInput",
    "BlockOutput",
    "CallError",
    "Node",
    "check_call",
    "compute_peers",
    "compute_validators",
    "compute_working_ms",
    "execute_block",
    "find_due_ms",
    "get_node",
    "get_rules_version",
    "rebuild_derived",
    "resolve_key",
]

BROKEN: Final = "broken-invariant"
MAX_DUE_ITEMS: Final = 128  # of each queue in one block without transactions
DUE_ITEMS_OF_TRANSACTION: Final = 1  # of each queue, for each transaction in the block
MAX_GAP_MS: Final = 60_000
CLOCK_KEY: Final = make_key("clock")
CLOCKS: Final = ("time", "working", SELECTION)


@dataclass(frozen=True, slots=True)
class BlockInput:
    """What a block executes; times are milliseconds, the trail is that of its parent."""

    height: int
    time_ms: int
    parent_time_ms: int
    transactions: Sequence[Transaction]
    genesis_hash: Digest
    trail: Trail
    read_evidence: ReadEvidence


@dataclass(slots=True)
class BlockOutput:
    """The changes on the parent's state; the results of transactions, then of due items."""

    layer: Layer
    results: list[Result]


def check_call(transaction: Transaction) -> Payload:
    """The payload of a transaction that may enter a block; raises CallError. Needs no state.

    It follows from the transaction alone and is kept with it: parsed once, however often asked.
    """
    known = transaction.payload
    if isinstance(known, Payload):
        return known
    call = CALLS.get(transaction.kind)
    if call is None:
        raise CallError("unknown-kind", f"there is no transaction {transaction.kind}")
    payload = call.parse(transaction.data)
    call.check_signers(transaction.signers)
    object.__setattr__(transaction, "payload", payload)
    return payload


def execute_block(parent: Reader, block: BlockInput) -> BlockOutput:
    """Execute a block on its parent's state (rule 6)."""
    output = _execute_items(parent, block, is_guarded=False)
    if check_changes(parent, output.layer, block.time_ms):
        output = _execute_items(parent, block, is_guarded=True)
    return output


def _execute_items(parent: Reader, block: BlockInput, is_guarded: bool) -> BlockOutput:
    layer = Layer(parent)
    scope = Scope(
        height=block.height,
        time_ms=block.time_ms,
        working_ms=block.time_ms - _compute_lost_ms(parent, block),
        genesis_hash=block.genesis_hash,
        rules=load_current(parent, block.height),
        trail=block.trail,
        read_evidence=block.read_evidence,
    )
    due = _execute_due(scope, layer, block, is_guarded)
    results = [
        _execute_transaction(scope, layer, transaction, index, is_guarded)
        for index, transaction in enumerate(block.transactions)
    ]
    _fold_accounts(scope, layer, block.transactions, results)
    return BlockOutput(layer, results + due)


def get_rules_version(state: Reader, height: int) -> int:
    """The version of the rules in force at a height."""
    return load_current(state, height).version


def compute_working_ms(state: Reader, time_ms: int) -> int:
    """The working time at a block time in a state."""
    clock = state.get(CLOCK_KEY)
    return time_ms if clock is None else time_ms - int(clock.value["lost_ms"])


def find_due_ms(state: Reader, parent_time_ms: int, now_ms: int) -> int | None:
    """The earliest time, not before `now_ms`, at which a block on this state would do due work.

    None where nothing is due, or where only more blocks can bring it about: a gap of more than a
    minute is no working time.
    """
    times = []
    for clock in CLOCKS:
        first = next(state.scan_derived(make_key("due", clock)), None)
        if first is None:
            continue
        at = len(make_key("due", clock))
        due_ms = int.from_bytes(first[0][at : at + 8], "big")
        if clock == "working":
            due_ms += due_ms - compute_working_ms(state, due_ms)
            if max(due_ms, now_ms) - parent_time_ms > MAX_GAP_MS:
                continue
        times.append(max(due_ms, now_ms))
    return min(times, default=None)


def _execute_transaction(
    scope: Scope, layer: Layer, transaction: Transaction, index: int, is_guarded: bool
) -> Result:
    inner = Layer(layer)
    ctx = Context(scope, inner, index, transaction.id, transaction.signers)
    try:
        payload = check_call(transaction)
        call = CALLS[transaction.kind]
        for signer in transaction.signers:
            if signer[0] != "k":
                check_signer(ctx, signer, call.tolerates)
                check_active(ctx, signer, call.tolerates)
        call.handler(ctx, payload)
        require(not is_guarded or not check_changes(layer, inner, scope.time_ms), BROKEN)
    except (CallError, Failure) as error:
        return Result(Height(scope.height), index, transaction.id, error.code, (), ())
    inner.commit()
    return _make_result(ctx)


def _make_result(ctx: Context) -> Result:
    changes = tuple([(key, record.version) for key, record in ctx.layer.versions])
    return Result(Height(ctx.scope.height), ctx.index, ctx.id, OK, tuple(ctx.events), changes)


def _compute_lost_ms(parent: Reader, block: BlockInput) -> int:
    """All gaps up to this block, its own included."""
    clock = parent.get(CLOCK_KEY)
    lost_ms = 0 if clock is None else int(clock.value["lost_ms"])
    gap_ms = block.time_ms - block.parent_time_ms
    return lost_ms + gap_ms if gap_ms > MAX_GAP_MS else lost_ms


def _execute_due(scope: Scope, layer: Layer, block: BlockInput, is_guarded: bool) -> list[Result]:
    results: list[Result] = []

    def execute(key: bytes, handler: Callable[[Context], None]) -> None:
        index = len(block.transactions) + len(results)
        ctx = Context(scope, Layer(layer), index, sha256(key), ())
        handler(ctx)
        wrong = check_changes(layer, ctx.layer, scope.time_ms) if is_guarded else []
        if wrong:
            raise BrokenInvariant(scope.height, wrong)
        ctx.layer.commit()
        results.append(_make_result(ctx))

    if block.time_ms - block.parent_time_ms > MAX_GAP_MS:
        execute(make_key("due", "clock", block.height.to_bytes(8, "big")), _record_gap)

    def execute_due(key: bytes, action: str, record_key: bytes) -> None:
        # An earlier item may have done away with a later one.
        if layer.get_derived(key) is not None:
            execute(key, lambda ctx: DUE[action].handler(ctx, record_key))
            assert layer.get_derived(key) is None, "due work that stays due would never end"

    most = MAX_DUE_ITEMS + DUE_ITEMS_OF_TRANSACTION * len(block.transactions)
    for item in _list_due(scope, layer, most):
        execute_due(*item)
    turns = _list_queue(layer, SELECTION, scope.time_ms, scope.rules["selection_items"])
    for turn in list(turns):
        if is_spent(scope):
            break
        execute_due(*turn)
    return results


def _list_due(scope: Scope, layer: Layer, most: int) -> list[tuple[bytes, str, bytes]]:
    now = {"time": scope.time_ms, "working": scope.working_ms}
    return [item for clock in now for item in _list_queue(layer, clock, now[clock], most)]


def _list_queue(
    layer: Layer, clock: str, now_ms: int, most: int
) -> Iterator[tuple[bytes, str, bytes]]:
    prefix = make_key("due", clock)
    at = len(prefix)
    for key, record_key in islice(layer.scan_derived(prefix), most):
        if int.from_bytes(key[at : at + 8], "big") > now_ms:
            return
        yield key, key[at + 9 :].split(b"\x00")[0].decode("ascii"), record_key


def _record_gap(ctx: Context) -> None:
    lost_ms = ctx.time_ms - ctx.working_ms
    ctx.put(CLOCK_KEY, {"lost_ms": lost_ms})
    ctx.emit("clock.gap", (), lost_ms=lost_ms)


def _fold_accounts(
    scope: Scope, layer: Layer, transactions: Sequence[Transaction], results: Sequence[Result]
) -> None:
    """Write `count` and `head` of everybody who signed (rule 4)."""
    signed: dict[str, list[Result]] = {}
    for transaction, result in zip(transactions, results, strict=True):
        for signer in transaction.signers:
            if signer[0] != "k" and result.code != "signer-unknown":
                signed.setdefault(signer, []).append(result)
    last_versions = {key: place for place, (key, _) in enumerate(layer.versions)}
    for code, entries in signed.items():
        key = make_account_key(code)
        current = layer.get(key)
        value = _fold(code, make_account(code) if current is None else current.value, entries)
        place = last_versions.get(key)
        if place is None:
            layer.put(key, value, scope.height, entries[-1].index)
        else:
            written = layer.records[key]
            record = written.replaced(value, written.height, written.index)
            layer.records[key] = record
            layer.versions[place] = (key, record)


def _fold(code: str, account: Account, entries: Sequence[Result]) -> Account:
    head = account["head"]
    for result in entries:
        head = compute_head(head, code, result.height, result.index, result.id)
    return {**account, "count": account["count"] + len(entries), "head": head}
