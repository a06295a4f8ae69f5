"""The examples of the specification run."""

import re
from pathlib import Path

import consensus.core

SPEC = Path(__file__).parent.parent.parent / "docs" / "spec" / "consensus.md"


def test_the_examples_run() -> None:
    text = SPEC.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 2
    exec(compile("\n".join(blocks), str(SPEC), "exec"), {})


def list_rules() -> set[str]:
    """The numbers of the rules that the core begins with."""
    code = consensus.core.__doc__ or ""
    return {part or rule for part, rule in re.findall(r"^ +(\d+[a-z])\. |^(\d+)\. ", code, re.M)}


def test_the_rules_of_the_page_are_those_of_the_code() -> None:
    text = SPEC.read_text(encoding="utf-8")
    rules = text[text.index("## 3. Rules") : text.index("## 4. Journal")]
    on_page = set(re.findall(r"^(\d+)\. \*\*", rules, re.M))
    on_page |= set(re.findall(r"^ +- \*\*(\d+[a-z])\.\*\*", rules, re.M))
    assert len(on_page) > 25
    assert on_page | {"10a"} == list_rules()  # 10a is 5.4 on the page


def test_the_code_cites_rules_that_there_are() -> None:
    cited: set[str] = set()
    for path in (SPEC.parent.parent.parent / "consensus").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        cited |= set(re.findall(r"  # (\d+[a-z]?)$", text, re.M))
        for found in re.findall(r"[Rr]ules? (\d+[a-z]?(?:(?:, | and | to )\d+[a-z]?)*)", text):
            cited |= set(re.split(r", | and | to ", found))
    assert len(cited) > 20
    assert cited <= list_rules()
