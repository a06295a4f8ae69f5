"""Running the command line as a person or a program would."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from node.cli.main import run


@dataclass(frozen=True)
class Answer:
    """What a command line printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stdout says to a program."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The message of an error that was told to a program."""
        message = json.loads(self.err)["error"]["message"]
        assert isinstance(message, str)
        return message


Suanlian = Callable[..., Answer]


@pytest.fixture
def suanlian(capsys: pytest.CaptureFixture[str]) -> Suanlian:
    """Runs `suanlian` with these arguments."""

    def call(*arguments: object) -> Answer:
        code = run([str(item) for item in arguments])
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture
def ask(suanlian: Suanlian) -> Callable[..., Any]:
    """Runs `suanlian ... --json`, which must succeed, and gives what it printed."""

    def call(*arguments: object) -> Any:
        answer = suanlian(*arguments, "--json")
        assert answer.code == 0, answer.err
        return answer.json

    return call
