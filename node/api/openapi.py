"""`/openapi.json`: OpenAPI 3.1 from the declarations that route requests."""

import re
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from contracts.call import Call
from contracts.registry import CALLS
from node.api.context import answer_text, dump
from node.api.parameters import Parameter
from node.api.problems import CATALOGUE
from node.api.routes import Content, Route, json_content
from node.api.schemas import SCHEMAS

DOCUMENT: Final = web.AppKey("openapi", str)
API_VERSION: Final = "1"
_TAIL = re.compile(r"\{(\w+):[^}]*\}")
_TAGS: Final = {
    "transactions": "Submit signed transactions and see what became of them.",
    "blocks": "The final chain.",
    "records": "The state, now and at every version.",
    "audit": "Who did what, when, signed by whom.",
    "statistics": "Named queries over the state, for the public.",
    "proofs": "Bundles that verify without trusting this peer.",
    "events": "What happens, as it happens.",
    "peer": "This peer itself.",
}


async def get_document(request: web.Request) -> web.Response:
    """The document."""
    return answer_text(request.app[DOCUMENT])


def render_document(chain: str, routes: Sequence[Route]) -> str:
    """The document as JSON text."""
    return dump(compose_document(chain, routes))


def compose_document(chain: str, routes: Sequence[Route]) -> dict[str, Any]:
    """The document: every route, every schema, the payload of every kind of transaction."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(_TAIL.sub(r"{\1}", route.path), {})[route.method.lower()] = _operation(
            route
        )
    schemas: dict[str, Any] = dict(SCHEMAS)
    for call in CALLS.values():
        schemas |= _payload_schemas(call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Suanlian peer of {chain}",
            "version": API_VERSION,
            "description": "Integers of the ledger are text, bytes lowercase hex. Refusals are "
            "problem documents (RFC 9457) with stable codes, listed at /problems.",
        },
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {"schemas": schemas},
        "x-transaction-kinds": [_kind(call) for call in CALLS.values()],
    }


def _operation(route: Route) -> dict[str, Any]:
    name = route.handler.__name__
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [_parameter(item) for item in route.parameters],
        "responses": _responses(route),
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, **_content(route.body)}
    return operation


def _parameter(parameter: Parameter[Any]) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "path" if parameter.in_path else "query",
        "required": parameter.in_path,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _responses(route: Route) -> dict[str, Any]:
    responses = {str(status): _content(content) for status, content in route.answers.items()}
    codes: dict[int, list[str]] = {}
    for code in (*route.problems, "unknown-parameter", "too-many-requests"):
        listed = codes.setdefault(CATALOGUE[code].status, [])
        if code not in listed:
            listed.append(code)
    for status, listed in sorted(codes.items()):
        responses[str(status)] = {
            "description": ", ".join(f"`{code}`" for code in listed),
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }
    return responses


def _content(content: Content) -> dict[str, Any]:
    return {
        "description": content.description,
        "content": {media: {"schema": dict(schema)} for media, schema in content.schemas.items()},
    }


def _payload_name(kind: str) -> str:
    return "Data." + kind


def _payload_schemas(call: Call) -> dict[str, Any]:
    """The schema of a payload and of the models within it, under names of their own."""
    prefix = _payload_name(call.kind)
    schema = call.payload.model_json_schema(ref_template=f"#/components/schemas/{prefix}.{{model}}")
    inner = schema.pop("$defs", {})
    named = {f"{prefix}.{name}": value for name, value in inner.items()}
    return {prefix: schema, **named}


def _kind(call: Call) -> dict[str, Any]:
    return {
        "kind": call.kind,
        "title": call.title,
        "signers": [
            {"name": role.name, "classes": role.classes, "optional": role.optional}
            for role in call.signers
        ],
        "failures": list(call.failures),
        "changes": call.changes,
        "events": list(call.events),
        "data": {"$ref": f"#/components/schemas/{_payload_name(call.kind)}"},
    }


ROUTES: Final = (
    Route(
        "GET",
        "/openapi.json",
        get_document,
        "This description",
        "peer",
        answers={200: json_content("OpenAPI 3.1.", {"type": "object"})},
    ),
)
