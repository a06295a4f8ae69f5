"""Samples and the root that a receipt carries."""

from pathlib import Path

import pytest

from devnet.samples import INTERVAL_MS, take_samples
from ledger.errors import ProofError
from node.client.samples import Opened, load_samples, open_sample, verify_sample


def test_used_is_what_the_samples_say() -> None:
    samples = take_samples(4_000, 2 * INTERVAL_MS, (10_000, 5_000))
    assert samples.used_unit_seconds == (4_000 + 2_000) * INTERVAL_MS // 1000


def test_used_is_never_above_what_was_allocated() -> None:
    for duration_ms in (1, INTERVAL_MS - 1, INTERVAL_MS + 1, 9_999):
        samples = take_samples(1_000, duration_ms, (10_000,))
        assert samples.used_unit_seconds * 1000 <= 1_000 * duration_ms


def test_every_sample_leads_to_the_root(tmp_path: Path) -> None:
    samples = take_samples(1_000, 3_100, (9_000, 100))
    samples.save(tmp_path / "a" / "epoch-0.jsonl")
    lines = load_samples(tmp_path / "a" / "epoch-0.jsonl")
    assert lines == samples.lines
    for index in range(len(lines)):
        verify_sample(open_sample(lines, index), len(lines), samples.root)


def test_another_sample_does_not() -> None:
    samples = take_samples(1_000, 3_000, (9_000, 100))
    opened = open_sample(samples.lines, 3)
    changed = Opened(opened.index, opened.line.replace(b"1", b"2"), opened.path)
    with pytest.raises(ProofError):
        verify_sample(changed, len(samples.lines), samples.root)
    with pytest.raises(ProofError):
        verify_sample(Opened(4, opened.line, opened.path), len(samples.lines), samples.root)
