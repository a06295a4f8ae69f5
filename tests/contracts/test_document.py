"""docs/spec/rules.md says what the registry says."""

from pathlib import Path

from contracts.document import compute_document
from contracts.registry import CALLS, DUE

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
