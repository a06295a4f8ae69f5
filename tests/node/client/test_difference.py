"""How values and what differs between them read."""

from node.client.difference import compute_difference, iterate_fields


def test_a_value_is_a_line_a_field() -> None:
    value = {"terms": {"price": "5", "tags": ["a"]}, "note": "", "none": None, "members": {}}
    assert list(iterate_fields(value)) == [
        "terms.price: 5", 'terms.tags: ["a"]', "note: ", "none: null", "members: {}",
    ]  # fmt: skip
    listed = {"materials": [{"kind": "plan", "size": "5"}, {"kind": "budget"}]}
    assert list(iterate_fields(listed)) == [
        "materials[0].kind: plan", "materials[0].size: 5", "materials[1].kind: budget",
    ]  # fmt: skip
    assert list(iterate_fields("text")) == ["value: text"]
    assert list(iterate_fields({})) == []


def test_a_certificate_is_named_by_its_beginning_and_length() -> None:
    before, after = bytes(300), bytes([7]) * 65
    (change,) = compute_difference({"certificate": before}, {"certificate": after})
    assert str(change) == f"certificate: {'00' * 16}... (300 bytes) -> {'07' * 16}... (65 bytes)"
    assert (change.before, change.after) == (before.hex(), after.hex())
    (line,) = iterate_fields({"signature": "ab" * 64})
    assert line == f"signature: {'ab' * 64}"
