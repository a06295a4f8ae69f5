"""The outbox: nothing leaves before what it rests on is on the disk."""

from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from ledger.keyvalue import Change
from node.outbox import Outbox


class Disk:
    """Writes that end when told; an ordered disk: a later end is also an earlier one's."""

    def __init__(self) -> None:
        self.started: list[tuple[list[Change], bool, Callable[[], None]]] = []
        self.batches: list[tuple[list[Change], bool]] = []

    def write(self, changes: Sequence[Change], sync: bool, done: Callable[[], None]) -> None:
        self.started.append((list(changes), sync, done))

    def end(self) -> None:
        changes, sync, done = self.started.pop(0)
        self.batches.append((changes, sync))
        done()


def put(number: int) -> list[Change]:
    return [(b"%d" % number, b"")]


def make() -> tuple[Outbox, Disk, list[str]]:
    disk = Disk()
    return Outbox(disk.write), disk, []


def test_what_rests_on_nothing_leaves_at_once() -> None:
    outbox, _, said = make()
    outbox.say(lambda: said.append("a"))
    assert said == ["a"]
    assert len(outbox) == 0


def test_what_comes_after_a_synced_write_waits_for_it() -> None:
    outbox, disk, said = make()
    outbox.persist(put(1), True)
    outbox.say(lambda: said.append("a"))
    assert said == []
    disk.end()
    assert said == ["a"]


def test_a_write_without_sync_holds_nothing_back() -> None:
    outbox, disk, said = make()
    outbox.persist(put(1), False)
    outbox.say(lambda: said.append("a"))
    assert said == ["a"]
    assert [sync for _, sync, _ in disk.started] == [False]


def test_writes_that_wait_together_are_one() -> None:
    outbox, disk, said = make()
    outbox.persist(put(1), True)
    outbox.say(lambda: said.append("a"))
    outbox.persist(put(2), False)
    outbox.say(lambda: said.append("b"))
    outbox.persist(put(3), True)
    outbox.say(lambda: said.append("c"))
    disk.end()
    assert said == ["a"]
    assert [changes for changes, _, _ in disk.started] == [put(2) + put(3)]
    disk.end()
    assert said == ["a", "b", "c"]
    assert disk.batches == [(put(1), True), (put(2) + put(3), True)]


def test_saying_something_may_lead_to_more() -> None:
    outbox, disk, said = make()

    def speak() -> None:
        said.append("a")
        outbox.persist(put(2), True)
        outbox.say(lambda: said.append("b"))

    outbox.persist(put(1), True)
    outbox.say(speak)
    outbox.say(lambda: said.append("c"))
    disk.end()
    assert said == ["a", "c"]  # which was there before what `a` led to
    disk.end()
    assert said == ["a", "c", "b"]


@given(st.lists(st.sampled_from(["sync", "write", "say", "end"]), max_size=30))
def test_nothing_overtakes_a_synced_write(steps: list[str]) -> None:
    outbox, disk, _ = make()
    durable: set[bytes] = set()
    needed: set[bytes] = set()
    said: list[int] = []

    def end() -> None:
        if disk.started:
            durable.update(key for changes, _, _ in disk.started[:1] for key, _ in changes)
            disk.end()

    for number, step in enumerate(steps):
        match step:
            case "end":
                end()
            case "say":
                rests_on = frozenset(needed)

                def speak(number: int = number, rests_on: frozenset[bytes] = rests_on) -> None:
                    assert rests_on <= durable
                    said.append(number)

                outbox.say(speak)
            case _:
                outbox.persist(put(number), step == "sync")
                if step == "sync":
                    needed.add(b"%d" % number)
    while disk.started:
        end()
    assert said == [number for number, step in enumerate(steps) if step == "say"]
    assert len(outbox) == 0
    written = [key for changes, _ in disk.batches for key, _ in changes]
    assert written == sorted(written, key=int)
