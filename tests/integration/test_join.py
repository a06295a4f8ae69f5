"""Two new peers join a chain on real processes: one by a snapshot, one by executing it."""

from pathlib import Path

from devnet.join import JoinSpec, run_join
from node.snapshot_rules import ALONE


def test_a_snapshot_and_the_chain_lead_to_the_same_state(slot: None, tmp_path: Path) -> None:
    spec = JoinSpec(transactions=1_600, batch=4, in_flight=16, accounts=20, patience_s=60.0)
    report = run_join(tmp_path / "network", spec, lambda _: None)
    snapshot, replay = report.peers
    assert (snapshot.way, replay.way) == ("snapshot", "replay")
    assert report.height > ALONE.far
    assert snapshot.blocks < ALONE.far < replay.blocks
    assert snapshot.received_bytes > 0 < replay.received_bytes
    assert len(report.state_root) == 64
