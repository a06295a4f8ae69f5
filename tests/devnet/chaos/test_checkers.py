"""The checkers find what is wrong: each rule broken once."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Never

import pytest

from consensus.journal import Opened, OwnVote, Record, Silenced, encode_record
from consensus.vote import SignedVote, Vote, VoteKind
from devnet.chaos import checkers
from devnet.chaos.checkers import (
    Chain,
    check_promises,
    check_refusals,
    check_running,
    check_stores,
)
from devnet.chaos.logs import Logs
from devnet.chaos.promises import Promise, Promises, Told
from devnet.chaos.pulse import Pulse, Sight
from devnet.chaos.votes import Votes
from devnet.errors import StepFailed
from devnet.folder import Folder, NodeEntry
from devnet.founding import DevnetSpec, found_devnet
from devnet.launcher import ignore
from devnet.simulator.violation import Violation
from ledger.errors import ProofError
from ledger.keyvalue import LevelDb
from ledger.primitives import ZERO_DIGEST, Digest, Epoch, Signature, View
from node.client.errors import Unreachable
from node.journal import Journal

CHAIN = Chain((b"0", b"1", b"2"), {"aa": (1, 0), "bb": (2, 3)})
LABEL = "region-11"


def make_promises(*told: Told, **until: int) -> Promises:
    promises = Promises(told=list(told))
    promises.made = {id_: Promise(id_, height, LABEL) for id_, height in until.items()}
    return promises


def test_what_is_final_or_over_is_no_loss() -> None:
    told = (Told("aa", LABEL, "final", (1, 0)), Told("cc", LABEL, "invalid", (-1, -1)))
    check_promises(make_promises(*told, aa=9, bb=9, cc=2), CHAIN, LABEL)


def test_a_lost_transaction_is_found() -> None:
    with pytest.raises(Violation, match="Durability: cc, acknowledged by region-11"):
        check_promises(make_promises(aa=9, cc=9), CHAIN, LABEL)


@pytest.mark.parametrize(
    "told",
    [
        Told("aa", LABEL, "final", (2, 0)),
        Told("cc", LABEL, "final", (1, 1)),
        Told("bb", LABEL, "invalid", (-1, -1)),
    ],
)
def test_a_lie_is_found(told: Told) -> None:
    with pytest.raises(Violation, match="Durability: region-11 told"):
        check_promises(make_promises(told), CHAIN, LABEL)


@pytest.mark.parametrize("code", ["busy", "expired"])
def test_some_refusals_are_fair(code: str) -> None:
    promises = Promises()
    promises.refused[code] += 1
    check_refusals(promises)


@pytest.mark.parametrize("code", ["signature", "internal", "unknown-signer", "unheard-of"])
def test_other_refusals_are_not(code: str) -> None:
    promises = Promises()
    promises.refused[code] += 1
    with pytest.raises(Violation, match=f"Refusals: .*{code}"):
        check_refusals(promises)


# --- what others find out


def fail_with(error: Exception) -> Callable[..., Never]:
    def fail(*_: object) -> Never:
        raise error

    return fail


def test_peers_that_differ_are_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    error = StepFailed("region-11 and region-31 have different blocks 7")
    monkeypatch.setattr(checkers, "compare_peers", fail_with(error))
    scene: Any = None
    with pytest.raises(Violation, match=f"Agreement: {error}"):
        check_running(scene)


@pytest.mark.parametrize("error", [Unreachable("no answer"), ProofError("of another root")])
def test_a_state_that_does_not_come_or_hold_is_a_violation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    monkeypatch.setattr(checkers, "compare_peers", lambda _: (7, "ab"))
    monkeypatch.setattr(checkers, "examine_peer", fail_with(error))
    scene: Any = SimpleNamespace(folder=make_folder(tmp_path))
    with pytest.raises(Violation, match=f"Conservation: {LABEL}: {error}"):
        check_running(scene)


def test_a_store_that_does_not_open_is_a_violation(tmp_path: Path) -> None:
    folder = found_devnet(tmp_path / "network", DevnetSpec(industries=()))
    label = folder.validators[0].label
    disk = LevelDb(folder.config(label).with_name("data") / "store")
    disk.write([(b"mformat", b"unheard of")], sync=True)
    disk.close()
    network: Any = SimpleNamespace(folder=folder, labels=(label,), full_label=label)
    with pytest.raises(Violation, match=f"StateRoots: {label}: "):
        check_stores(network, Promises(), Votes(folder), ignore)


# --- heights


def make_folder(path: Path) -> Folder:
    node = NodeEntry(LABEL, "R", "validator", "127.0.0.1:1", "http://127.0.0.1:2")
    folder = Folder(path, "n", "n-0", ZERO_DIGEST, (node,))
    for place in (folder.log(LABEL), folder.pid(LABEL), folder.config(LABEL)):
        place.parent.mkdir(parents=True)
    return folder


def see(pulse: Pulse, at_s: float, height: int, **status: object) -> None:
    said = {"height": str(height), "role": "validator", "time_ms": str(1000 * height), **status}
    pulse.see(LABEL, Sight(at_s, said))


def test_a_height_that_falls_is_found(tmp_path: Path) -> None:
    pulse = Pulse(make_folder(tmp_path))
    see(pulse, 1.0, 5)
    see(pulse, 2.0, 5)
    assert not pulse.wrong
    pulse.sights.clear()  # it was down in between
    see(pulse, 3.0, 4)
    assert pulse.wrong == [f"{LABEL} showed block 5, and now 4"]
    assert pulse.time_ms == 5_000


def test_a_validator_is_whole_once_it_votes() -> None:
    status = {"role": "validator", "votes": True, "recovering": False}
    assert Sight(0.0, status).is_whole
    assert not Sight(0.0, {**status, "recovering": True}).is_whole
    assert not Sight(0.0, {**status, "votes": False}).is_whole
    assert Sight(0.0, {**status, "role": "observer", "votes": False}).is_whole


def test_growth_and_pauses_are_measured(tmp_path: Path) -> None:
    pulse = Pulse(make_folder(tmp_path))
    pulse.grown = [(0.0, 0), (1.0, 3), (4.0, 4), (5.0, 6)]
    assert pulse.height == 6
    assert pulse.find_growth(3, 1.5) == 4.0
    assert pulse.find_growth(4, 1.5) == 5.0
    assert pulse.find_growth(6, 1.5) is None
    assert pulse.compute_pause(1.5, 6.0) == 2.5
    assert pulse.compute_pause(4.5, 9.0) == 4.0


# --- logs


def write_line(folder: Folder, level: str, message: str) -> None:
    with folder.log(LABEL).open("a") as file:
        line = {"time": "now", "level": level, "message": message}
        file.write(json.dumps(line) + "\n")


def test_errors_in_logs_are_found_unless_expected(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    logs = Logs(folder)
    write_line(folder, "info", "well")
    with logs.expecting(LABEL) as written:
        write_line(folder, "critical", "the disk is full")
    assert "the disk is full" in written()
    assert logs.list_errors(LABEL) == []
    write_line(folder, "error", "ill")
    with folder.log(LABEL).open("a") as file:
        file.write('Traceback (most recent call last):\n{"time": "cut sho')
    assert logs.list_errors(LABEL) == ["ill", "Traceback (most recent call last):"]


# --- votes

Change = Callable[[Vote], Vote]
VOTE = Vote(Epoch(0), View(7), VoteKind.NOTARIZE, View(6), Digest(b"a" * 32), Digest(b"v" * 32))


def sign(vote: Vote, signer: int = 1) -> SignedVote:
    return SignedVote(vote, signer, Signature(bytes(64)))


def read(folder: Folder, votes: Votes, *records: Record) -> None:
    """Let a peer have written these records before it went down."""
    disk = LevelDb(folder.config(LABEL).with_name("data") / "journal")
    journal = Journal(disk)
    opened = encode_record(Opened(Epoch(0), VOTE.validators_hash))
    disk.write(journal.compose_records([opened, *map(encode_record, records)]), sync=True)
    disk.close()
    votes.read_journal(LABEL)


def test_honest_votes_pass_and_are_counted_once(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    votes = Votes(folder)
    nullify = replace(VOTE, kind=VoteKind.NULLIFY, parent_view=View(0), block=ZERO_DIGEST)
    read(folder, votes, OwnVote(sign(VOTE)), OwnVote(sign(nullify)))
    votes.read_journal(LABEL)
    assert (votes.count, votes.journals) == (2, 2)


def test_votes_that_contradict_each_other_across_outages_are_found(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    votes = Votes(folder)
    read(folder, votes, OwnVote(sign(VOTE)))
    with pytest.raises(Violation, match="VoteConsistency"):
        read(folder, votes, OwnVote(sign(replace(VOTE, block=Digest(b"b" * 32)))))


def test_a_journal_that_is_gone_is_found(tmp_path: Path) -> None:
    with pytest.raises(Violation, match=f"Journal: {LABEL} has none"):
        Votes(make_folder(tmp_path)).read_journal(LABEL)


def test_a_peer_that_was_found_out_is_found(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    with pytest.raises(Violation, match="Journal"):
        read(folder, Votes(folder), Silenced(sign(VOTE)))
