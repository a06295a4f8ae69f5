"""The pages say what the code does: examples run, named tests exist, lists are complete."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from node.cli.main import make_app
from node.config import Config
from tests.node.test_diagnosis import CASES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = ("network", "genesis", "x509", "money")
_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_hold(page: str) -> None:
    examples = _EXAMPLE.findall((DOCS / "spec" / f"{page}.md").read_text("utf-8"))
    assert examples
    names: dict[str, Any] = {}
    for example in examples:
        exec(compile(example, f"{page}.md", "exec"), names)


def _read_all() -> dict[str, str]:
    names = ("architecture", "operations", "threat-model", *(f"spec/{page}" for page in PAGES))
    pages = [DOCS / f"{name}.md" for name in names]
    pages += [*(DOCS / "adr").glob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"]
    return {page.name: page.read_text("utf-8") for page in pages}


def test_tests_that_pages_name_exist() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    defined = set(re.findall(r"def (test_\w+)", "\n".join(sources)))
    for page, text in _read_all().items():
        named = set(re.findall(r"`(test_[a-z0-9_]+)`", text))
        assert named <= defined, f"{page}: {sorted(named - defined)}"


def test_modules_that_pages_name_exist() -> None:
    for page, text in _read_all().items():
        for name in re.findall(
            r"`((?:ledger|consensus|contracts|node|devnet)\.[a-z0-9_.]+)`", text
        ):
            if name == "node.toml":
                continue
            path = ROOT / name.replace(".", "/")
            assert path.is_dir() or path.with_suffix(".py").exists(), f"{page}: {name}"


def test_every_configuration_key_is_explained() -> None:
    text = (DOCS / "operations.md").read_text("utf-8")
    for name, field in Config.model_fields.items():
        section = getattr(field.annotation, "model_fields", None)
        for key in [name] if section is None else [f"{name}.{inner}" for inner in section]:
            assert f"`{key}`" in text, key


def test_metrics_that_the_page_names_are_exposed() -> None:
    text = (DOCS / "operations.md").read_text("utf-8")
    source = "".join(
        (ROOT / "node" / name).read_text("utf-8")
        for name in ("metrics.py", "worries.py", "api/metrics.py")
    )
    named = set(re.findall(r"`(suanlian_[a-z_]+)`", text))
    assert len(named) > 10
    for name in named:
        assert f'"{name}"' in source or f'"{name.removesuffix("_total")}"' in source, name


def test_findings_that_the_page_explains_are_those_there_are() -> None:
    text = (DOCS / "operations.md").read_text("utf-8")
    rows = text[text.index("| finding | stuck |") : text.index("| metric |")]
    explained = {
        code
        for first in re.findall(r"^\| (`[^|]+) \|", rows, re.MULTILINE)
        for code in re.findall(r"`([a-z-]+)`", first)
    }
    assert explained == {*CASES, "missing-parts"}
    source = (ROOT / "node" / "diagnosis.py").read_text("utf-8")
    assert all(f'"{code}"' in source for code in explained)


def test_commands_that_pages_name_exist() -> None:
    root = typer.main.get_command(make_app([]))
    seen = 0
    for page, text in _read_all().items():
        for line in re.findall(r"suanlian ([a-z][a-z -]*[a-z])", text):
            groups: Any = root
            for word in line.split():
                commands = getattr(groups, "commands", None)
                if commands is None:
                    break
                assert word in commands, f"{page}: suanlian {line}"
                groups, seen = commands[word], seen + 1
    assert seen > 20


def test_every_decision_is_listed() -> None:
    listed = (DOCS / "adr" / "README.md").read_text("utf-8")
    for page in (DOCS / "adr").glob("0*.md"):
        title = page.read_text("utf-8").splitlines()[0].removeprefix("# ")
        number, name = title.split(". ", 1)
        assert f"| [{number}]({page.name}) | {name} |" in listed
        for part in ("Context", "Decision", "Roads not taken", "Consequences"):
            assert f"**{part}.**" in page.read_text("utf-8"), f"{page.name}: {part}"
