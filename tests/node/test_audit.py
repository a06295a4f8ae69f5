"""Audit queries against a naive reading of all blocks."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import schema
from ledger.record import make_key
from node import audit
from node.audit import AuditEntry, AuditQuery, list_record_history, run_audit
from tests.ledger.chain import NATIONAL, REGIONS, START_MS
from tests.node.evidence import GUIYANG, LEASE, make_chain, make_evidence

A, B = make_key("lease", "a"), make_key("lease", "b")
OBJECTS = {"lease-a": A, "lease-b": B}


def make_store() -> Any:
    chain = make_chain()
    for block in range(24):
        signers = [REGIONS[block % 4]] if block % 3 else [REGIONS[block % 4], NATIONAL]
        kinds = ("toy.put", "toy.take")
        items = [
            chain.make_transaction([(A, block)] if block % 2 else [(B, block)], signers, kinds[0]),
            chain.make_transaction([(A, -block)], REGIONS[:1], kinds[block % 2]),
            chain.make_transaction([], [REGIONS[block % 2]]),
        ]
        chain.extend(items[: 1 + block % 3], due=[(B, "due")] if block % 5 == 0 else ())
    return chain.store


STORE = make_store()


def list_everything() -> list[AuditEntry]:
    entries = []
    blocks = audit.Blocks(STORE)
    for height in range(STORE.height + 1):
        entries += [blocks.describe(entry) for entry in blocks.list_entries(height)]
    return entries


EVERYTHING = list_everything()


def naive(query: AuditQuery) -> list[AuditEntry]:
    found = [entry for entry in EVERYTHING if is_wanted(entry, query)]
    return found[::-1] if query.newest_first else found


def is_wanted(entry: AuditEntry, query: AuditQuery) -> bool:
    about = [*entry.signers, *(name for event in entry.events or () for name in event["about"])]
    codes = [name for name in about if len(name) == 24]
    subjects = (query.party, query.resource, query.object_id)
    return (
        all(subject is None or subject in about for subject in subjects)
        and query.kind in (None, entry.kind)
        and query.outcome in (None, entry.code, "failed" if entry.code != "ok" else None)
        and (query.region is None or any(code[1:].startswith(query.region) for code in codes))
        and (query.industry is None or any(code[7] == query.industry for code in codes))
        and (query.from_ms is None or entry.time_ms >= query.from_ms)
        and (query.to_ms is None or entry.time_ms < query.to_ms)
    )  # fmt: skip


def run_all(query: AuditQuery) -> tuple[list[AuditEntry], int]:
    """All pages of a query, and how many they are."""
    found: list[AuditEntry] = []
    for pages in range(1, 500):
        page = run_audit(STORE, query)
        assert len(page.entries) <= query.limit
        found += page.entries
        if page.next_cursor is None:
            return found, pages
        query = replace(query, cursor=page.next_cursor)
    raise AssertionError("the pages do not end")


times = st.none() | st.integers(START_MS - 2000, START_MS + 30_000)
queries = st.builds(
    AuditQuery,
    party=st.none() | st.sampled_from([*REGIONS, NATIONAL, "nobody"]),
    object_id=st.none() | st.sampled_from([*OBJECTS, "lease-none"]),
    resource=st.none() | st.sampled_from(["lease-a", REGIONS[0]]),
    kind=st.none() | st.sampled_from(["toy.put", "toy.take", "due", "toy.none"]),
    outcome=st.none() | st.sampled_from(["ok", "failed", "refused", "other"]),
    region=st.none() | st.sampled_from(["52", "520000", "11", "99"]),
    industry=st.none() | st.sampled_from(["0", "A"]),
    from_ms=times,
    to_ms=times,
    newest_first=st.booleans(),
    limit=st.integers(1, 12),
)


@given(queries, st.sampled_from([1, 2, 3, 7, audit.MAX_EXAMINED]))
@settings(max_examples=300, deadline=None)
def test_pages_together_are_what_a_naive_reading_finds(query: AuditQuery, bound: int) -> None:
    before = audit.MAX_EXAMINED
    audit.MAX_EXAMINED = bound + 1  # type: ignore[misc]
    try:
        found, _ = run_all(query)
    finally:
        audit.MAX_EXAMINED = before  # type: ignore[misc]
    assert found == naive(query)


def test_an_entry_says_all_that_is_asked() -> None:
    entry = run_audit(STORE, AuditQuery(party=REGIONS[3], limit=1)).entries[0]
    assert entry.time_ms == START_MS + 1000 * entry.height
    assert entry.kind == "toy.put"
    assert entry.signers[0] == REGIONS[3]
    assert entry.changes
    assert entry.events
    assert entry.events[0]["about"]
    assert entry.rules_version == 1


def test_a_narrow_subject_is_not_slowed_by_a_wide_one() -> None:
    """A party that signed everything, and an object that was touched twice."""
    chain = make_chain()
    for number in range(400):
        key = LEASE if number in (3, 390) else make_key("t", str(number))
        chain.extend([chain.make_transaction([(key, number)], REGIONS[:1])])
    query = AuditQuery(party=REGIONS[0], object_id="lease-P1-lease-1", limit=10)
    counted = _count_reads(chain)
    page = run_audit(chain.store, query)
    assert [entry.height for entry in page.entries] == [4, 391]
    assert page.next_cursor is None
    assert counted[0] < 60


def _count_reads(chain: Any) -> list[int]:
    counted, scan = [0], chain.disk.scan

    def count(*arguments: Any) -> Any:
        for pair in scan(*arguments):
            counted[0] += 1
            yield pair

    chain.disk.scan = count
    return counted


@pytest.mark.parametrize("cursor", [(-9, -9), (1 << 70, 1 << 70), (5, 1 << 40)])
@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("party", [None, REGIONS[0]])
def test_a_cursor_from_nowhere_does_no_harm(
    cursor: tuple[int, int], newest_first: bool, party: str | None
) -> None:
    run_audit(STORE, AuditQuery(party=party, newest_first=newest_first, cursor=cursor))


def test_a_page_that_finds_nothing_still_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_EXAMINED", 4)
    page = run_audit(STORE, AuditQuery(outcome="other"))
    assert page.entries == ()
    assert page.next_cursor is not None


def test_a_block_on_its_way_to_the_disk_is_not_seen() -> None:
    chain = make_evidence().chain
    query = AuditQuery(party=GUIYANG, newest_first=True)
    before = run_audit(chain.store, query)
    history = list_record_history(chain.store, LEASE)
    sealed = chain.seal([chain.make_transaction([(LEASE, "newer")], [GUIYANG])])
    chain.store.commit([sealed], chain.certify(sealed).encode())
    assert run_audit(chain.store, query) == before
    assert list_record_history(chain.store, LEASE) == history
    chain.store.fold([sealed])
    assert len(run_audit(chain.store, query).entries) == len(before.entries) + 1
    assert len(list_record_history(chain.store, LEASE)) == len(history) + 1


def test_a_pruned_block_leaves_its_index() -> None:
    chain = make_evidence().chain
    chain.disk.write([(schema.results_key(1), None), (schema.body_key(1), None)], sync=True)
    entry = run_audit(chain.store, AuditQuery(party=GUIYANG)).entries[0]
    assert (entry.height, entry.kind, entry.code) == (1, "toy.put", "ok")
    assert entry.events is entry.changes is None
    first = list_record_history(chain.store, LEASE)[0]
    assert (first.id, first.kind, first.signers) == (None, "", ())


def test_a_peer_that_forgot_old_blocks_says_from_where_on_it_lacks_nothing() -> None:
    chain = make_evidence().chain
    whole = run_audit(chain.store, AuditQuery())
    assert whole.complete_from == 0
    by_party = run_audit(chain.store, AuditQuery(party=GUIYANG))
    chain.store.forget_blocks(3)
    rest = run_audit(chain.store, AuditQuery())
    assert rest.complete_from == 3
    assert rest.entries == tuple(entry for entry in whole.entries if entry.height >= 3)
    newest = run_audit(chain.store, AuditQuery(newest_first=True))
    assert newest.entries == rest.entries[::-1]
    # The index is still whole, only what a region is told by is not.
    again = run_audit(chain.store, AuditQuery(party=GUIYANG))
    assert (again.complete_from, len(again.entries)) == (0, len(by_party.entries))
    assert run_audit(chain.store, AuditQuery(party=GUIYANG, region="52")).complete_from == 3


def test_who_changed_this_price_when_signed_by_whom_under_which_rules() -> None:
    evidence = make_evidence()
    history = list_record_history(evidence.chain.store, LEASE)
    assert [entry.version for entry in history] == [1, 2, 3, 4]
    change = next(
        entry for entry in history if entry.changes[0].path == "price" and entry.version > 1
    )
    assert (change.changes[0].before, change.changes[0].after) == ("5", "4")
    assert change.signers == (GUIYANG, REGIONS[0])
    assert change.time_ms == START_MS + 1000 * change.height
    assert change.rules_version == 1
    assert change.id == evidence.transactions[2].id
    closed = history[-1]
    assert (closed.kind, closed.signers) == ("due", ())
    assert [str(item) for item in closed.changes] == [
        "reason: null -> expired",
        "state: active -> closed",
    ]


def test_a_history_in_pages_is_the_same() -> None:
    store = make_evidence().chain.store
    whole = list_record_history(store, LEASE)
    pages = [list_record_history(store, LEASE, first, 1)[0] for first in (1, 2, 3, 4)]
    assert pages == whole
    assert list_record_history(store, LEASE, 5) == []
    assert list_record_history(store, make_key("none")) == []


def test_the_genesis_made_what_it_laid_down() -> None:
    store = make_evidence().chain.store
    first = list_record_history(store, make_key("rules"))[0]
    assert (first.height, first.id, first.kind) == (0, None, "")
    assert first.time_ms == START_MS
