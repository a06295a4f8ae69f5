"""The final state answers what was written last, whatever its cache has dropped meanwhile."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import final_state
from ledger.final_state import FinalState
from ledger.record import make_key
from tests.ledger.chain import Chain

KEYS = [make_key("t", f"{n:02}") for n in range(12)]
blocks = st.lists(st.lists(st.sampled_from(KEYS), max_size=5, unique=True), max_size=8)


@given(blocks, st.lists(st.sampled_from(KEYS), max_size=20))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_small_cache_changes_no_answer(
    monkeypatch: pytest.MonkeyPatch, writes: list[list[bytes]], reads: list[bytes]
) -> None:
    monkeypatch.setattr(final_state, "CACHE_RECORDS", 4)
    chain = Chain()
    model: dict[bytes, Any] = {}
    for number, keys in enumerate(writes):
        chain.extend(due=[(key, number) for key in keys])
        model |= dict.fromkeys(keys, number)
        for key in reads:
            record = chain.store.state.get(key)
            assert (record.value if record else None) == model.get(key)
            below = max((other for other in model if other < key), default=b"")
            assert chain.store.state.find_predecessor(key) == below
        assert chain.store.tree.root == chain.store.header.state_root
    fresh = {key: record.value for key, record in FinalState(chain.disk).scan(b"")}
    assert fresh == model


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(final_state, "CACHE_RECORDS", 4)
    chain = Chain()
    chain.extend(due=[(key, 1) for key in KEYS])
    for key in KEYS:
        chain.store.state.get(key)
    assert len(chain.store.state._young) + len(chain.store.state._old) <= 4


def test_a_neighbour_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inserting asks for the predecessor, then for its record: one read of the disk serves both."""
    chain = Chain()
    chain.extend(due=[(KEYS[0], 1)])
    state = FinalState(chain.disk)
    assert state.find_predecessor(KEYS[1]) == KEYS[0]
    monkeypatch.setattr(state._view, "get", None)
    record = state.get(KEYS[0])
    assert record is not None
    assert record.value == 1
