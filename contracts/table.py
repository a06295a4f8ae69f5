"""Tables of records, and the derived tables that follow from them.

1. A table's `project` says what one record contributes to derived tables: entries of its own (an
   index, a place in a due queue) and shares in sums (what a lease takes of a resource). It reads
   nothing but the key and the value.
2. Putting a record applies the difference between what it contributed and what it contributes. A
   sum of zero is deleted.
3. So derived tables are pure functions of the records, and `rebuild_tables` makes them anew.
4. A table says what its records look like, which life they have, what money they hold, and what
   derives from them: the document, the checkers and the audit read it from there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from contracts.context import Context
from contracts.life import Life
from ledger.codec import Value
from ledger.record import make_key
from ledger.state import Reader

V = TypeVar("V")


@dataclass(slots=True)
class Projection:
    """What one record contributes to derived tables."""

    entries: dict[bytes, Value] = field(default_factory=dict)
    sums: dict[bytes, int] = field(default_factory=dict)


NOTHING = Projection()
ISSUED = "issued"  # begins the name of a bucket that counts what came in from outside


def project_nothing(_key: bytes, _value: Any) -> Projection:
    """The projection of a table that nothing is derived from."""
    return NOTHING


@dataclass(frozen=True, slots=True)
class Table(Generic[V]):
    """Records of one layout under keys `name 0x00 field 0x00 ...`.

    `layout` is the record's TypedDict, `fields` what its key is made of. `life` is the table of its
    steps, `state` the field that holds where it stands; a record that `grows` may still change in
    other fields after its end. `derives` names the derived tables that `project` writes into.

    What the guards of a block and the checkers of a state read of each record:

    - `money`: its buckets in micro-yuan, by name. What all records have together, buckets whose
      names begin with `issued` counted as negative, is zero. `owner` is whose money that is.
    - `capacity`: how many units of its subject, which the last field of its key names, may be
      reserved at one instant.
    - `check`: what is wrong with it as it stands.
    """

    name: str
    layout: type[V]
    fields: tuple[str, ...]
    project: Callable[[bytes, V], Projection] = project_nothing
    derives: tuple[str, ...] = ()
    life: Life | None = None
    state: str = "state"
    grows: bool = False
    money: Callable[[bytes, V], Mapping[str, int]] | None = None
    owner: Callable[[bytes, V], str] | None = None
    capacity: Callable[[V], int] | None = None
    check: Callable[[bytes, V], Iterator[str]] | None = None

    @property
    def prefix(self) -> bytes:
        """What every key of the table begins with."""
        return make_key(self.name)

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name.replace("_", " ").capitalize()

    def make_key(self, *fields: str | bytes) -> bytes:
        """The key of a record."""
        return make_key(self.name, *fields)

    def get(self, ctx: Context, key: bytes) -> V | None:
        """The current value under a key, or None."""
        return cast("V | None", ctx.get(key))

    def find(self, ctx: Context, name: str) -> tuple[bytes, V] | None:
        """The key and current value of an object by its id, or None."""
        key = ctx.get_derived(make_object_key(name))
        value = None if key is None else self.get(ctx, key)
        return None if value is None else (key, value)

    def put(self, ctx: Context, key: bytes, value: V) -> None:
        """Write a record and what derives from it."""
        before = self.get(ctx, key)
        ctx.put(key, value)
        _apply_difference(
            ctx,
            NOTHING if before is None else self.project(key, before),
            self.project(key, value),
        )


def _apply_difference(ctx: Context, before: Projection, after: Projection) -> None:
    for key in before.entries:
        if key not in after.entries:
            ctx.put_derived(key, None)
    for key, value in after.entries.items():
        if before.entries.get(key) != value:
            ctx.put_derived(key, value)
    for key in dict.fromkeys([*before.sums, *after.sums]):
        change = after.sums.get(key, 0) - before.sums.get(key, 0)
        if change:
            ctx.put_derived(key, ((ctx.get_derived(key) or 0) + change) or None)


def rebuild_tables(state: Reader, tables: Iterable[Table[Any]]) -> dict[bytes, Value]:
    """The derived tables of a state, from its records alone, in key order."""
    derived: dict[bytes, Value] = {}
    for table in tables:
        for key, record in state.scan(table.prefix):
            projection = table.project(key, record.value)
            derived.update(projection.entries)
            for name, share in projection.sums.items():
                derived[name] = derived.get(name, 0) + share
    return {key: derived[key] for key in sorted(derived) if derived[key] != 0}


def count_money(buckets: Mapping[str, int]) -> int:
    """What a record adds to the sum over all records that is always zero."""
    return sum(
        -micro_yuan if name.startswith(ISSUED) else micro_yuan
        for name, micro_yuan in buckets.items()
    )


def get_table_name(key: bytes) -> str:
    """The table that a key belongs to."""
    return key.split(b"\x00", 1)[0].decode("ascii")


def get_owner(key: bytes, _value: object) -> str:
    """The party that the first field of a key names."""
    return key.split(b"\x00", 2)[1].decode("ascii")


def get_last_field(key: bytes) -> str:
    """The last field of a key, in text."""
    return key.split(b"\x00")[-2].decode("ascii")


def make_due_key(clock: str, due_ms: int, action: str, name: str) -> bytes:
    """The place in a due queue: by time, then action, then the name of what is due."""
    return make_key("due", clock, due_ms.to_bytes(8, "big"), action, name)


def make_object_key(name: str) -> bytes:
    """Derived: the key of the record of an object id."""
    return make_key("object", name)
