"""The description: valid, and of every route."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.registry import CALLS
from node.api.app import list_routes
from node.api.openapi import compose_document
from tests.node.api.web import Web

DOCUMENT = compose_document("test-0011223344556677", list_routes())
METHODS = {"get", "post"}
NAME = re.compile(r"[a-zA-Z0-9._-]+")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


async def test_it_is_served(web: Web) -> None:
    document = await web.get_json("/openapi.json")
    assert document["openapi"] == "3.1.0"
    assert document["paths"].keys() == DOCUMENT["paths"].keys()


def test_every_route_is_there() -> None:
    described = {(method.upper(), path) for path, method, _ in operations()}
    declared = {
        (route.method, re.sub(r"\{(\w+):[^}]*\}", r"{\1}", route.path)) for route in list_routes()
    }
    assert described == declared
    for path in (
        "/v1/transactions",
        "/v1/transactions/{id}",
        "/v1/blocks",
        "/v1/blocks/{block}",
        "/v1/records/{key}",
        "/v1/history/{key}",
        "/v1/events",
        "/v1/status",
        "/v1/genesis",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/",
    ):
        assert path in DOCUMENT["paths"]


def test_operations_have_what_the_standard_asks_for() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    for path, method, operation in operations():
        assert method in METHODS
        assert set(operation["tags"]) <= tags
        assert operation["summary"]
        assert any(status.startswith("2") for status in operation["responses"])
        in_path = {item["name"] for item in operation["parameters"] if item["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path))
        assert all(item["required"] for item in operation["parameters"] if item["in"] == "path")
        for response in operation["responses"].values():
            assert response["description"]
            assert response["content"]


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


def test_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert all(NAME.fullmatch(name) for name in schemas)
    for node in walk(DOCUMENT):
        if "$ref" in node:
            prefix, _, name = node["$ref"].rpartition("/")
            assert prefix == "#/components/schemas"
            assert name in schemas


@pytest.mark.parametrize("kind", sorted(CALLS))
def test_every_kind_is_described(kind: str) -> None:
    described = {item["kind"]: item for item in DOCUMENT["x-transaction-kinds"]}[kind]
    schema = DOCUMENT["components"]["schemas"][f"Data.{kind}"]
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert [role["name"] for role in described["signers"]] == [
        role.name for role in CALLS[kind].signers
    ]
