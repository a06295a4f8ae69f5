"""`suanlian samples`: what it prints is what the contract takes."""

import json
from pathlib import Path

import pytest

from contracts.registry import CALLS
from ledger.merkle import compute_leaf_hash, verify_inclusion
from node.cli.main import run
from node.cli.values import read_data
from node.client.samples import compute_samples_root, load_samples

LEASE = "lease-" + "0" * 32 + "-0"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "epoch-0.jsonl"
    path.write_bytes(b"one\ntwo\n\nfour\r\n")
    return path


def test_lines_are_kept_as_they_are(file: Path) -> None:
    assert load_samples(file) == (b"one", b"two", b"", b"four\r")
    file.write_bytes(b"")
    assert load_samples(file) == ()


def test_root(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["samples", "root", str(file), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert int(shown["samples_count"]) == 4
    assert shown["samples_root"] == compute_samples_root(load_samples(file)).hex()


def test_an_opened_sample_is_an_answer(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for index, line in enumerate(load_samples(file)):
        arguments = ["samples", "open", str(file), str(index), "--lease", LEASE, "--epoch", "0"]
        assert run(arguments) == 0
        data = read_data(capsys.readouterr().out)
        CALLS["metering.answer"].parse(data)
        assert data["leaf"] == line
        root = compute_samples_root(load_samples(file))
        verify_inclusion(compute_leaf_hash(line), index, 4, data["path"], root)


def test_a_line_that_is_not_there(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["samples", "open", str(file), "4", "--lease", LEASE, "--epoch", "2"]
    assert run(arguments) == 1
    assert "no sample 4 among 4: is it the file of epoch 2?" in capsys.readouterr().err
