"""A copy of a core shares nothing that changes, and two that differ have different prints."""

import dataclasses
import enum
from typing import Any

from consensus.core import Core
from consensus.event import TimerFired, TimerKind
from consensus.limiter import Limiter
from consensus.root import Root
from consensus.validators import ValidatorSet
from consensus.vote import VoteKind
from consensus.voting import Voice
from devnet.model.case import Case, Renaming
from devnet.model.choice import Arrives, Counts, TimesOut, apply
from devnet.model.peer import Make, Peer, start
from devnet.model.snapshot import clone, list_fields, make_fingerprint
from devnet.model.statement import SaidProposal, Statement

CASE = Case("a case", 1, 1, crashes=1)
AS_IT_IS = Renaming(range(4))
NOTARIZE = Statement(VoteKind.NOTARIZE, 1, 0, "1a")
NULLIFY = Statement(VoteKind.NULLIFY, 1, 0, "-")
UNCHANGING = (int, str, bytes, bool, type(None), enum.Enum, ValidatorSet, tuple, frozenset)


def make_peers() -> list[Peer]:
    """A validator after each of a few steps."""
    peers = [start(CASE, Make(), 0)]
    for choice in (
        Arrives(SaidProposal(1, NOTARIZE, None)),
        TimesOut(),
        Counts(NULLIFY, (1, 2)),
        Counts(NOTARIZE, (1, 2)),
    ):
        after = apply(peers[-1], choice)
        assert after is not None
        peers.append(after)
    return peers


def list_shared(one: Any, other: Any, path: str = "core") -> list[str]:
    """Where two cores hold the same object although it can change."""
    if isinstance(one, Limiter):
        return []  # a copy begins a new one
    if isinstance(one, dict):
        assert one is not other, path
        return [
            found for key in one for found in list_shared(one[key], other[key], f"{path}[{key!r}]")
        ]
    if isinstance(one, list | set):
        assert one is not other, path
        return []
    fields = list_fields(type(one))
    if fields:
        assert one is not other, path
        return [
            found
            for name in fields
            for found in list_shared(getattr(one, name), getattr(other, name), f"{path}.{name}")
        ]
    is_frozen = dataclasses.is_dataclass(one) and type(one).__dataclass_params__.frozen  # type: ignore[attr-defined]
    if is_frozen or isinstance(one, UNCHANGING) or callable(one):
        return []
    return [f"{path}: {type(one).__name__}"]


def test_a_copy_shares_nothing_that_changes() -> None:
    for peer in make_peers():
        assert list_shared(peer.core, clone(peer.core)) == []


def test_a_copy_goes_on_alone() -> None:
    before = make_peers()[1].core
    fingerprint = make_fingerprint(before, AS_IT_IS, False)
    copied = clone(before)
    timer = copied._timers._set[TimerKind.ADVANCE]
    assert copied.step(TimerFired(timer), 2_000_000)
    assert make_fingerprint(before, AS_IT_IS, False) == fingerprint
    assert make_fingerprint(copied, AS_IT_IS, False) != fingerprint


def test_prints_tell_steps_apart_and_copies_alike() -> None:
    peers = make_peers()
    prints = [make_fingerprint(peer.core, AS_IT_IS, False) for peer in peers]
    assert len(set(prints)) == len(prints)
    for peer, fingerprint in zip(peers, prints, strict=True):
        assert make_fingerprint(clone(peer.core), AS_IT_IS, False) == fingerprint


def test_every_field_of_a_core_is_known() -> None:
    """A new field of the core has to be said to matter or not."""
    core = make_peers()[0].core
    assert isinstance(core, Core)
    assert isinstance(core._ancestry.root, Root)
    assert isinstance(core._voting._voice, Voice)
    left_out = {
        "_settings", "_epoch", "_validators", "_is_valid", "_tally", "_courier", "_now_ms",
        "_silenced", "_out", "_presence",
    }  # fmt: skip
    told = {
        "_view", "_is_over", "_may_vote", "_is_opened", "_pending", "_stored_view", "_request",
        "_ancestry", "_voting", "_judgement", "_timers", "_recovery",
    }  # fmt: skip
    assert set(list_fields(Core)) == left_out | told
