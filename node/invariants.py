"""A whole state under examination: is it the one that the network agreed on, and does it hold?

1. The block is final: its proof bundle is verified against the genesis hash, offline.
2. The records are those of its state, all and no others: their slots are dense and each stands
   once, each names the next key in byte order, and the tree over them has the root that the block
   commits.
3. Then everything that must hold of a state is checked (`contracts.invariants`); among it, that the
   derived tables, which no root covers, are what the records say.

So of a live peer nothing is taken on trust. What it sent lies in a store of its own meanwhile, so
that a large state needs little memory.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contracts.invariants import Check, run_checks
from ledger import codec, schema, tree
from ledger.block import decode_header
from ledger.errors import LedgerError
from ledger.final_state import FinalState
from ledger.genesis import Genesis
from ledger.keyvalue import Change, KeyValue
from ledger.primitives import Digest
from ledger.record import SENTINEL_KEY, Record, decode_record
from ledger.store import Store
from node.client.bundle import decode_bundle
from node.client.state import End, Frame, Head, Pairs
from node.client.verified import ReliedOn
from node.client.verify import verify_bundle
from node.errors import NodeError
from node.prover import prove_anchor


class StateError(NodeError):
    """What was given is not the state that the network agreed on."""

    code = "state"


@dataclass(frozen=True, slots=True)
class Examined:
    """A state that is the network's, and what was found of it."""

    chain: str
    height: int
    time_ms: int
    block: Digest
    state_root: Digest
    records: int
    derived: int
    vouched: ReliedOn
    checks: tuple[Check, ...]

    @property
    def wrong(self) -> list[str]:
        """What does not hold; nothing, if all is well."""
        return [wrong for check in self.checks for wrong in check.wrong]


def examine_store(store: Store, genesis: Genesis) -> Examined:
    """Examine the state of a stopped peer; raises StateError, ProverError or BundleError."""
    bundle = prove_anchor(store, genesis).encode()
    derived = sum(1 for _ in store.state.scan_derived(b""))
    return _examine(store.state, bundle, genesis.hash, store.tree.count, derived)


def examine_stream(frames: Iterable[Frame], genesis_hash: Digest, scratch: KeyValue) -> Examined:
    """Examine a state as it comes from a peer; raises StateError, BundleError or ClientError."""
    bundle = b""
    came = {"records": 0, "derived": 0}
    for frame in frames:
        match frame:
            case Head(text):
                bundle = text
            case Pairs(table, pairs):
                scratch.write(list(_list_changes(frame)), sync=False)
                came[table] += len(pairs)
            case End(records, derived):
                if came != {"records": records, "derived": derived}:
                    raise StateError(f"{came} came, but {records} and {derived} were said to")
    state = FinalState(scratch)
    return _examine(state, bundle, genesis_hash, came["records"], came["derived"])


def _list_changes(frame: Pairs) -> Iterator[Change]:
    """What a frame brings, in the places where a store has it; all of it canonical."""
    try:
        for key, value in frame.pairs:
            if frame.table == "records":
                decode_record(value)
                yield schema.record_key(key), value
            else:
                codec.decode(value)
                yield schema.derived_key(key), value
    except LedgerError as error:
        raise StateError(f"the peer sends {frame.table} that cannot be read: {error}") from None


def _examine(
    state: FinalState, bundle: bytes, genesis_hash: Digest, count: int, derived: int
) -> Examined:
    verified = verify_bundle(bundle, genesis_hash)
    header = decode_header(decode_bundle(bundle)[0].anchor.header)
    root = tree.rebuild(_check_line(state.scan_all(), count)).root
    if root != header.state_root:
        raise StateError(
            f"the records give the state root {root.hex()}, and block {header.height}, which is "
            f"final, commits {header.state_root.hex()}: they are not the network's state"
        )
    return Examined(
        chain=verified.chain,
        height=header.height,
        time_ms=header.time_ms,
        block=verified.block,
        state_root=root,
        records=count - 1,
        derived=derived,
        vouched=verified.relied_on[-1],
        checks=tuple(run_checks(state, header.time_ms)),
    )


def _check_line(
    records: Iterable[tuple[bytes, Record]], count: int
) -> Iterator[tuple[bytes, Record]]:
    """The records, once it is sure that they stand in one line and have a slot each (rule 2)."""
    taken = bytearray(count)
    expected = SENTINEL_KEY
    found = 0
    for key, record in records:
        slot = record.slot
        if key != expected or (found and key == SENTINEL_KEY):
            raise StateError(f"after the key {expected!r} that must follow comes {key!r}")
        if type(slot) is not int or not 0 <= slot < count or taken[slot]:
            raise StateError(f"the record {key!r} has the slot {slot!r} of {count}, or shares it")
        taken[slot] = 1
        expected = record.next_key
        found += 1
        yield key, record
    if found != count or expected != SENTINEL_KEY:
        raise StateError(f"{found} records came, and {count} were said to")
