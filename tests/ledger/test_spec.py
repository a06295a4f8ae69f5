"""The worked examples of the specification are run, page by page."""

import re
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent.parent / "docs" / "spec"
PAGES = ("encoding", "transaction", "block", "merkle", "store", "snapshot", "proof")
_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_hold(page: str) -> None:
    text = (FOLDER / f"{page}.md").read_text()
    examples = _EXAMPLE.findall(text)
    assert examples
    names: dict[str, Any] = {}
    for example in examples:
        exec(compile(example, f"{page}.md", "exec"), names)


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (FOLDER / f"{page}.md").read_text()
    for target in re.findall(r"\]\(([a-z0-9_]+\.md)\)", text):
        assert (FOLDER / target).exists(), target
