"""The pinned frames: `python -m tests.node.vectors` writes tests/vectors/frames.json anew."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from node.frames import Frame, encode_frame

FOLDER = Path(__file__).parent.parent / "vectors"


def load(name: str) -> Any:
    """A pinned file."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def compute_frames(frames: Sequence[Frame]) -> Any:
    """Each frame by its kind, and its bytes without the length."""
    return [{"kind": type(frame).__name__, "bytes": encode_frame(frame).hex()} for frame in frames]


def write() -> None:
    """Write the file anew."""
    from tests.node.test_frames import ALL

    text = json.dumps(compute_frames(ALL), indent=1) + "\n"
    (FOLDER / "frames.json").write_text(text)


if __name__ == "__main__":
    write()
