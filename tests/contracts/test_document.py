"""docs/spec/rules.md says what the registry says."""

import re
from pathlib import Path

from contracts.document import compute_document
from contracts.registry import CALLS, DUE
from contracts.rules import VERSION_1

DOCUMENT = Path(__file__).parents[2] / "docs" / "spec" / "rules.md"


def test_the_document_is_the_registry() -> None:
    assert DOCUMENT.read_text("utf-8") == compute_document(), "run python -m contracts.document"


def test_it_names_everything() -> None:
    text = compute_document()
    for call in CALLS.values():
        for word in (call.kind, *call.failures, *call.events, *call.payload.model_fields):
            assert f"`{word}`" in text
    for due in DUE.values():
        assert f"### `{due.action}`" in text


def test_every_field_has_a_meaning() -> None:
    for call in CALLS.values():
        for name, field in call.payload.model_fields.items():
            assert field.description, f"{call.kind} {name}"


def test_every_map_is_described() -> None:
    text = compute_document()
    types = re.findall(r"^\| `\w+` \| `([^`]+)` \|", text, flags=re.M)
    names = {name for type_ in types for name in re.findall(r"\b[A-Z]\w+", type_)}
    maps = names - {"Any", "None"}
    assert {"Accelerator", "DocumentRecord", "Material", "VoucherPart"} < maps
    for name in maps:
        section = text.partition(f"\n### `{name}`\n")[2].partition("\n### ")[0]
        assert "| field | type |" in section, name
        assert "|  |" not in section, f"{name} has a field without a meaning"


def test_every_rule_says_what_it_is() -> None:
    text = compute_document()
    for name, integer in VERSION_1.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{name}` | ")]
        _, _, meaning, says, shown, bounds, _ = (cell.strip() for cell in row.split("|"))
        assert len(meaning.split()) > 3, name
        assert says == str(integer)
        assert bool(shown) == name.endswith(("_bp", "_ms", "_micro_yuan")), name
        low, high = map(int, bounds.split(" to "))
        assert low <= integer <= high


def test_integers_are_shown_as_people_say_them() -> None:
    text = compute_document()
    for shown in (
        "`admission_capital_micro_yuan` | registered capital that a construction entity needs at"
        " least | 50000000000000 | 50000000 yuan |",
        "| 9990 | 99.90 % |",
        "| 14400000 | 4 h |",
        "| 86400000 | 1 d |",
        "| 600000 | 10 min |",
    ):
        assert shown in text
