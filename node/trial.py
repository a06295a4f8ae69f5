"""Rules on trial: the last blocks executed again under other rules, and what would have differed.

1. The state is that before the first of the blocks; on it stands one more version of the rules, in
   force from that block on. Leases that were made before keep their version, as they would have.
2. Each block's transactions are executed in their order at the block's own time; signatures are
   not looked at, and nothing is written.
3. A transaction ends otherwise when its code, its events or what it wrote is another. Due work is
   compared by what it did (its events) and when. Money is compared party by party at the end.
4. One difference leads to others: a lease that is not made is not metered. They are all listed, for
   they would all have happened.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts import machine
from contracts.account import ACCOUNTS
from contracts.rules import (
    RULES,
    RulesRecord,
    find_beyond_bounds,
    find_broken_relations,
    load_current,
    load_last,
    make_rules_key,
)
from contracts.table import Projection
from ledger.block import Header, decode_header
from ledger.codec import Value
from ledger.crypto import Domain, Purpose
from ledger.genesis import Genesis
from ledger.result import Result
from ledger.state import Layer, Reader
from ledger.store import Store, StoredBlock
from ledger.trail import MAX_STEPS
from ledger.transaction import Transaction, decode_transaction
from node.errors import NodeError
from node.evidence import make_reader
from node.past import read_past
from node.statistics import Pace, PacedState
from node.trail import extend_trail, find_members, load_trail

MAX_BLOCKS = 100_000


class TrialError(NodeError):
    """These rules cannot be tried, or not on these blocks."""

    code = "trial"


@dataclass(frozen=True, slots=True)
class Otherwise:
    """A transaction that would have ended otherwise; `why` is code, events or records."""

    height: int
    index: int
    time_ms: int
    id: bytes
    kind: str
    signers: tuple[str, ...]
    was: str
    would_be: str
    why: str


@dataclass(frozen=True, slots=True)
class Moved:
    """Due work at other heights than it was: what it did, to what."""

    events: tuple[str, ...]
    about: tuple[str, ...]
    was: tuple[int, ...]
    would_be: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Balance:
    """A party's balance at the end, in micro-yuan."""

    code: str
    was_micro_yuan: int
    would_be_micro_yuan: int


@dataclass(slots=True)
class Trial:
    """What a trial of rules over the blocks `first` to `last` has found."""

    first: int
    last: int
    changes: dict[str, tuple[int, int]]
    transactions: int = 0
    due_items: int = 0
    due_items_would_be: int = 0
    otherwise: list[Otherwise] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    balances: list[Balance] = field(default_factory=list)

    @property
    def codes(self) -> dict[tuple[str, str], int]:
        """How many transactions would have gone from one code to another."""
        return dict(Counter((item.was, item.would_be) for item in self.otherwise))


def try_rules(
    genesis: Genesis,
    store: Store,
    changes: Mapping[str, int],
    last: int,
    pace: Pace | None = None,
) -> Trial:
    """Execute the last blocks of a store under changed rules.

    With a pace it may go on in a thread of a running peer. Raises TrialError, PastError, or what
    the pace raises.
    """
    end = store.height
    first = max(1, end - min(last, MAX_BLOCKS) + 1)
    if end < first:
        raise TrialError("there is no block yet to try rules on")
    past, now = read_past(store, first - 1), read_past(store, end)
    base: Reader = past if pace is None else PacedState(past, pace)
    past.derive(base)
    layer = Layer(base)
    integers = load_current(past, first).integers
    check_changes(changes, integers)
    _put_version(layer, changes, first)
    named = {name: (integers[name], integer) for name, integer in sorted(changes.items())}
    run = _Run(genesis, store, layer, Trial(first, end, named))
    for height in range(first, end + 1):
        run.execute(height)
    run.trial.moved = run.due.list_moved()
    paced: Reader = now if pace is None else PacedState(now, pace)
    run.trial.balances = list(_compare_balances(paced, first - 1, layer))
    return run.trial


def check_changes(changes: Mapping[str, int], integers: Mapping[str, int]) -> None:
    """Raise TrialError unless rules can be so changed."""
    unknown = sorted(set(changes) - set(integers))
    if unknown:
        known = ", ".join(sorted(integers))
        raise TrialError(f"{', '.join(unknown)} is no rule: the rules are {known}")
    wrong = find_beyond_bounds(changes) or find_broken_relations({**integers, **changes})
    if wrong:
        raise TrialError(f"beyond the bounds of rules: {', '.join(wrong)}")


def _put_version(layer: Layer, changes: Mapping[str, int], first: int) -> None:
    """Put one more version behind that in force at `first`; those that wait move up by one."""
    last = load_last(layer)
    current = load_current(layer, first)
    waiting = [
        layer.get(make_rules_key(version))
        for version in range(current.version + 1, last["version"] + 1)
    ]
    records: list[RulesRecord] = [
        {
            "ballot": "",
            "from_height": first,
            "integers": {**current.integers, **changes},
            "version": current.version + 1,
        }
    ]
    for record in waiting:
        assert record is not None
        value: RulesRecord = record.value
        integers = {**value["integers"], **changes}
        records.append({**value, "integers": integers, "version": value["version"] + 1})
    for moved in records:
        layer.put(make_rules_key(moved["version"]), moved, first - 1, 0)
    for key, share in _project(records[-1]).sums.items():
        layer.put_derived(key, layer.get_derived(key) + share)


def _project(record: RulesRecord) -> Projection:
    return RULES.project(make_rules_key(record["version"]), record)


class _Run:
    """One execution of blocks in memory, block after block."""

    def __init__(self, genesis: Genesis, store: Store, layer: Layer, trial: Trial) -> None:
        self.trial = trial
        self.due = _DueWork()
        self._genesis = genesis
        self._store = store
        self._layer = layer
        if store.get_block(max(0, trial.first - 1 - MAX_STEPS)) is None:
            raise TrialError("this store lacks blocks before these: try fewer, or an archive")
        self._trail = load_trail(store, genesis, trial.first - 1)
        self._read_evidence = make_reader(Domain(Purpose.VOTE, genesis.hash))

    def execute(self, height: int) -> None:
        """Execute the block of a height, and compare."""
        stored, results = self._store.get_block(height), self._store.get_results(height)
        if stored is None or results is None:
            raise TrialError(f"block {height} is not in this store: try an archive")
        chain = self._genesis.chain
        transactions = [decode_transaction(raw, chain) for raw in stored.transactions]
        output = machine.execute_block(self._layer, self._make_input(stored, transactions))
        output.layer.commit()
        # What a layer remembers of the order of writing is for disks, and would only grow.
        self._layer.versions.clear()
        members = find_members(self._store, self._genesis, stored.header.epoch)
        self._trail = extend_trail(self._trail, stored.header, stored.parent_certificate, members)
        self._compare_results(stored.header, transactions, results, output.results)

    def _make_input(
        self, stored: StoredBlock, transactions: Sequence[Transaction]
    ) -> machine.BlockInput:
        header = stored.header
        parent = self._store.get_header_bytes(header.height - 1)
        assert parent is not None, "headers are never pruned"
        return machine.BlockInput(
            height=header.height,
            time_ms=header.time_ms,
            parent_time_ms=decode_header(parent).time_ms,
            transactions=transactions,
            genesis_hash=self._genesis.hash,
            trail=self._trail,
            read_evidence=self._read_evidence,
        )

    def _compare_results(
        self,
        header: Header,
        transactions: Sequence[Transaction],
        were: Sequence[Result],
        would_be: Sequence[Result],
    ) -> None:
        trial, count = self.trial, len(transactions)
        height, time_ms = header.height, header.time_ms
        for transaction, old, new in zip(transactions, were, would_be, strict=False):
            why = _compare(old, new)
            if why:
                trial.otherwise.append(_describe(transaction, old, new, time_ms, why))
        trial.transactions += count
        trial.due_items += len(were) - count
        trial.due_items_would_be += len(would_be) - count
        self.due.add(were[count:], height, is_trial=False)
        self.due.add(would_be[count:], height, is_trial=True)


def _compare(was: Result, would_be: Result) -> str:
    """What differs between two results of one transaction, the weightiest first."""
    if was.code != would_be.code:
        return "code"
    if was.events != would_be.events:
        return "events"
    return (
        "" if [key for key, _ in was.changes] == [key for key, _ in would_be.changes] else "records"
    )


def _describe(
    transaction: Transaction, was: Result, would_be: Result, time_ms: int, why: str
) -> Otherwise:
    return Otherwise(
        height=was.height,
        index=was.index,
        time_ms=time_ms,
        id=transaction.id,
        kind=transaction.kind,
        signers=tuple(transaction.signers),
        was=was.code,
        would_be=would_be.code,
        why=why,
    )


class _DueWork:
    """When due work of each sort was done, and when it would have been."""

    def __init__(self) -> None:
        self._heights: dict[tuple[Any, Any], tuple[list[int], list[int]]] = {}

    def add(self, results: Sequence[Result], height: int, is_trial: bool) -> None:
        for result in results:
            types = tuple(event["type"] for event in result.events)
            about = tuple(dict.fromkeys(name for event in result.events for name in event["about"]))
            both = self._heights.setdefault((types, about), ([], []))
            both[is_trial].append(height)

    def list_moved(self) -> list[Moved]:
        return [
            Moved(types, about, tuple(was), tuple(would_be))
            for (types, about), (was, would_be) in self._heights.items()
            if was != would_be
        ]


def _compare_balances(now: Reader, height: int, layer: Layer) -> Iterator[Balance]:
    """The accounts whose balance would be another, by code; `height` is where the trial began."""
    keys = {key for key in layer.records if key.startswith(ACCOUNTS.prefix)}
    keys.update(key for key, record in now.scan(ACCOUNTS.prefix) if record.height > height)
    for key in sorted(keys):
        was, would_be = _get_balance(now.get(key)), _get_balance(layer.get(key))
        if was != would_be:
            yield Balance(key.split(b"\x00")[1].decode("ascii"), was, would_be)


def _get_balance(record: Value) -> int:
    return 0 if record is None else int(record.value["balance"])


def show_trial(trial: Trial, most: int | None = None) -> dict[str, Any]:
    """A trial as JSON, numbers as text; at most so many rows of each list, whose `counts` stand."""
    otherwise, moved, balances = trial.otherwise, trial.moved, trial.balances
    return {
        "first": str(trial.first),
        "last": str(trial.last),
        "changes": {
            name: {"was": str(old), "would_be": str(new)}
            for name, (old, new) in trial.changes.items()
        },
        "transactions": str(trial.transactions),
        "due_items": str(trial.due_items),
        "due_items_would_be": str(trial.due_items_would_be),
        "counts": {
            "otherwise": str(len(otherwise)),
            "moved": str(len(moved)),
            "balances": str(len(balances)),
        },
        "codes": [
            {"was": was, "would_be": would_be, "count": str(count)}
            for (was, would_be), count in sorted(trial.codes.items())
        ],
        "otherwise": [_show_otherwise(item) for item in otherwise[:most]],
        "moved": [
            {
                "events": list(item.events),
                "about": list(item.about),
                "was": [str(height) for height in item.was],
                "would_be": [str(height) for height in item.would_be],
            }
            for item in moved[:most]
        ],
        "balances": [
            {
                "code": item.code,
                "was_micro_yuan": str(item.was_micro_yuan),
                "would_be_micro_yuan": str(item.would_be_micro_yuan),
                "difference_micro_yuan": str(item.would_be_micro_yuan - item.was_micro_yuan),
            }
            for item in balances[:most]
        ],
    }


def _show_otherwise(item: Otherwise) -> dict[str, Any]:
    return {
        "place": f"{item.height}/{item.index}",
        "time_ms": str(item.time_ms),
        "id": item.id.hex(),
        "kind": item.kind,
        "signers": list(item.signers),
        "was": item.was,
        "would_be": item.would_be,
        "why": item.why,
    }
