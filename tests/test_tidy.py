"""The house rules that a machine can hold: arrows, bans, sizes, nothing dead, nothing foreign."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("ledger", "consensus", "contracts", "node", "devnet")
PURE = ("ledger", "consensus", "contracts")
MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 500
TOP = {
    "CHANGELOG.md",
    "Makefile",
    "README.md",
    "consensus",
    "constraints.txt",
    "contracts",
    "devnet",
    "docs",
    "ledger",
    "node",
    "pyproject.toml",
    "tests",
}
# What a rule bans but a place may do, because it never reaches the ledger.
ALLOWED = {"consensus.validators": "hash()"}  # a __hash__ for dicts in memory
# Modules that nobody imports because something else starts them.
STARTED = {"node.cli.main", "devnet.cli", "node.cli.__main__"}


def list_modules(*packages: str) -> list[Path]:
    """The Python files of packages."""
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def parse(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text("utf-8"), str(path))


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    relative = path.relative_to(ROOT).with_suffix("")
    return ".".join(relative.parts).removesuffix(".__init__")


def test_arrows_between_packages_hold() -> None:
    linter = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert linter, "import-linter belongs to the test extra"
    done = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", list_modules(*PACKAGES), ids=name_of)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name} has {lines} lines"


def find_floats(tree: ast.Module) -> Iterator[str]:
    """Where a float could come into being."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield f"line {node.lineno}: a float constant"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield f"line {node.lineno}: a true division"
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("float", "hash", "id"):
            yield f"line {node.lineno}: {ast.unparse(node.func)}()"


def find_set_orders(tree: ast.Module) -> Iterator[str]:
    """Where the order of a set could matter."""
    for node in ast.walk(tree):
        sources: list[ast.expr] = []
        if isinstance(node, ast.For):
            sources = [node.iter]
        elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
            sources = [part.iter for part in node.generators]
        for source in sources:
            made = isinstance(source, ast.Call) and getattr(source.func, "id", "") in (
                "set",
                "frozenset",
            )
            if made or isinstance(source, ast.Set | ast.SetComp):
                yield f"line {source.lineno}: iterates over a set"


@pytest.mark.parametrize("path", list_modules(*PURE), ids=name_of)
def test_pure_packages_are_deterministic(path: Path) -> None:
    tree = parse(path)
    found = [*find_floats(tree), *find_set_orders(tree)]
    allowed = ALLOWED.get(name_of(path), "-")
    assert not [item for item in found if allowed not in item]


def test_no_module_is_dead() -> None:
    imported: set[str] = set()
    for path in [*list_modules(*PACKAGES), *list_modules("tests")]:
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module)
                imported.update(f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                imported.add(node.value)
    imported.update(PACKAGES)
    dead = [
        name
        for name in map(name_of, list_modules(*PACKAGES))
        if name not in STARTED
        and not any(used == name or used.startswith(f"{name}.") for used in imported)
    ]
    assert not dead


def test_top_level_holds_what_it_should() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} == TOP
    assert {name for name in top if name.startswith(".")} == {".ci", ".gitignore"}


def test_no_page_points_nowhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    missing = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    for path in list_modules(*PACKAGES):
        for target in re.findall(r"docs/[\w/-]+\.md", path.read_text("utf-8")):
            if not (ROOT / target).exists():
                missing.append(f"{name_of(path)}: {target}")
    assert not missing
