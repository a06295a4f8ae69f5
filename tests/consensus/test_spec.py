"""The examples of the specification run."""

import re
from pathlib import Path

SPEC = Path(__file__).parent.parent.parent / "docs" / "spec" / "consensus.md"


def test_the_examples_run() -> None:
    text = SPEC.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 2
    exec(compile("\n".join(blocks), str(SPEC), "exec"), {})


def test_the_rules_of_the_page_are_those_of_the_code() -> None:
    import consensus.core

    text = SPEC.read_text(encoding="utf-8")
    code = consensus.core.__doc__ or ""
    named = re.findall(r"^   (\d+[a-z])\. |^(\d+)\. ", code, re.MULTILINE)
    for part, rule in named:
        assert (f"**{part}.**" if part else f"\n{rule}. **") in text, part or rule
