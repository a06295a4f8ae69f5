"""Routes: one declaration from which requests are routed, checked and documented."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from node.api.context import CONTEXT
from node.api.limits import MAX_PATH_CHARACTERS
from node.api.parameters import Parameter, Schema
from node.api.problems import Problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Content:
    """A body: its schema by media type."""

    description: str
    schemas: Mapping[str, Schema] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """A method on a path; `path` is aiohttp's, where a tail is written `{name:.+}`."""

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    parameters: tuple[Parameter[Any], ...] = ()
    body: Content | None = None
    answers: Mapping[int, Content] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def guarded(self) -> Handler:
        """The handler behind the checks that every request passes."""
        known = frozenset(item.name for item in self.parameters if not item.in_path)
        handler = self.handler

        async def handle(request: web.Request) -> web.StreamResponse:
            if self.tag != "peer" and request.app[CONTEXT].peer.is_joining:
                raise Problem("not-ready", "this peer is joining by a snapshot: ask another one")
            url = request.rel_url
            if len(request.raw_path) > MAX_PATH_CHARACTERS:
                raise Problem("bad-request", f"the path has over {MAX_PATH_CHARACTERS} characters")
            if url.raw_query_string:
                _check_query(request, known)
            return await handler(request)

        return handle


def _check_query(request: web.Request, known: frozenset[str]) -> None:
    unknown = sorted(set(request.query) - known)
    if unknown:
        listed = ", ".join(sorted(known)) or "none"
        raise Problem(
            "unknown-parameter", f"{unknown[0][:64]!r} is not known; known here: {listed}"
        )


def json_content(description: str, schema: Schema) -> Content:
    """A body in JSON."""
    return Content(description, {"application/json": schema})


def ref(name: str) -> Schema:
    """A schema that `node.api.schemas` declares."""
    return {"$ref": f"#/components/schemas/{name}"}
