"""The pages say what the code does: examples run, named tests exist, lists are complete."""

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = ("network", "genesis", "x509")
_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_hold(page: str) -> None:
    examples = _EXAMPLE.findall((DOCS / "spec" / f"{page}.md").read_text("utf-8"))
    assert examples
    names: dict[str, Any] = {}
    for example in examples:
        exec(compile(example, f"{page}.md", "exec"), names)
