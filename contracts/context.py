"""What a contract sees of the world: state, the block's time, the rules, what it is itself called.

A transaction, or a due item, runs in a layer of its own; the machine commits or drops it. Records
are only ever put; derived tables may delete. Values are shared by every reader and never changed in
place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from ledger.codec import Value
from ledger.primitives import Digest
from ledger.state import Layer

BLOCK: Final = "block"  # the actor of what no party did


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the rules: integers by name."""

    version: int
    integers: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.integers[name]


class Trail(Protocol):
    """What the last blocks up to the parent showed (`ledger.trail`)."""

    def is_live(self, code: str, blocks: int) -> bool:
        """Whether one of the last `blocks` blocks shows that somebody is alive."""
        ...

    def get_state_root(self, height: int) -> Digest | None:
        """The state after one of the last blocks; None where it is none of them."""
        ...


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What two signed votes prove: one key said both in one view of one epoch."""

    epoch: int
    view: int
    kinds: tuple[str, str]


ReadEvidence: TypeAlias = Callable[[bytes, bytes], Contradiction | None]
"""What (key, evidence) proves against the key; None where it proves nothing.

Consensus alone knows which votes contradict each other, and contracts do not know consensus: so
whoever executes a block brings this with it.
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What all items of one block share. Times are milliseconds, of the block.

    `working_ms` is the block's time less the gaps of more than a minute that ever were: deadlines
    that punish silence count it. `shared` is what a contract keeps between the items of the block,
    under a name of its own; it ends with the block.
    """

    height: int
    time_ms: int
    working_ms: int
    genesis_hash: Digest
    rules: Rules
    trail: Trail
    read_evidence: ReadEvidence
    shared: dict[str, Any] = field(default_factory=dict)


class Context:
    """The view of one transaction or due item.

    `id` is the transaction's id or the SHA-256 of the due key, `index` its place in the block's
    results; both go into what it writes and makes.
    """

    __slots__ = ("_objects", "events", "id", "index", "layer", "scope", "signers")

    def __init__(
        self, scope: Scope, layer: Layer, index: int, id_: Digest, signers: Sequence[str]
    ) -> None:
        self.scope = scope
        self.layer = layer
        self.index = index
        self.id = id_
        self.signers = signers
        self.events: list[Value] = []
        self._objects = 0

    @property
    def actor(self) -> str:
        """The first signer, who acts; the others consent."""
        return self.signers[0]

    @property
    def height(self) -> int:
        """The height of the block."""
        return self.scope.height

    @property
    def time_ms(self) -> int:
        """The time of the block."""
        return self.scope.time_ms

    @property
    def working_ms(self) -> int:
        """The working time of the block."""
        return self.scope.working_ms

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self.scope.rules

    @property
    def trail(self) -> Trail:
        """What the last blocks showed."""
        return self.scope.trail

    def get(self, key: bytes) -> Value:
        """The value of a record, or None."""
        record = self.layer.get(key)
        return None if record is None else record.value

    def put(self, key: bytes, value: Value) -> None:
        """Write the next version of a record."""
        self.layer.put(key, value, self.scope.height, self.index)

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Value]]:
        """The records under a prefix in key order."""
        return ((key, record.value) for key, record in self.layer.scan(prefix, after))

    def get_derived(self, key: bytes) -> Value:
        """The value of a derived table, or None."""
        return self.layer.get_derived(key)

    def put_derived(self, key: bytes, value: Value) -> None:
        """Write a derived value; None deletes it."""
        self.layer.put_derived(key, value)

    def scan_derived(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Value]]:
        """The derived values under a prefix in key order."""
        return self.layer.scan_derived(prefix, after)

    def emit(self, type_: str, about: Sequence[str], **data: Value) -> None:
        """Record an event about the parties, resources and objects that it concerns."""
        subjects = [subject for subject in dict.fromkeys(about) if subject]
        self.events.append({"about": subjects, "data": data, "type": type_})

    def make_object_id(self, type_: str) -> str:
        """A new name: `<type>-<32 hex of the id>-<n>`."""
        name = f"{type_}-{self.id.hex()[:32]}-{self._objects}"
        self._objects += 1
        return name

    @contextmanager
    def checkpoint(self) -> Iterator[None]:
        """Run a part that leaves nothing behind when it raises."""
        outer, events, objects = self.layer, len(self.events), self._objects
        self.layer = Layer(outer)
        try:
            yield
            self.layer.commit()
        except BaseException:
            del self.events[events:]
            self._objects = objects
            raise
        finally:
            self.layer = outer
