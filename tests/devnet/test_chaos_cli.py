"""`suanlian devnet chaos` says what was violated, and keeps the folder."""

import json
from pathlib import Path
from typing import Any

import pytest

from devnet import chaos_cli
from devnet.simulator.violation import Violation
from node.cli.main import run


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_chaos(*_: Any) -> None:
        raise Violation("Durability", "one is lost")

    monkeypatch.setattr(chaos_cli, "run_chaos", run_chaos)
    monkeypatch.setattr(chaos_cli.signal, "signal", lambda *_: None)


def test_a_violation_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: None
) -> None:
    folder = tmp_path / "network"
    assert run(["devnet", "chaos", "--seed", "7", "--dir", str(folder)]) == 1
    told = capsys.readouterr().err
    assert "seed 7: Durability: one is lost" in told
    assert str(folder) in told


def test_programs_are_told_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: None
) -> None:
    assert run(["devnet", "chaos", "--json", "--dir", str(tmp_path / "network")]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["violation"] == {"checker": "Durability", "detail": "one is lost"}
