"""The HTTP API as one aiohttp application: routes from their declarations, one guard before all.

The guard counts a request against its client, turns every refusal and failure into a problem
document, and measures. No handler answers an error by itself.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import web

from node.api import (
    audit,
    blocks,
    delivery,
    events,
    history,
    openapi,
    page,
    proofs,
    records,
    state,
    statements,
    statistics,
    status,
    transactions,
    trials,
)
from node.api.connections import CONNECTIONS
from node.api.context import (
    CONTEXT,
    METRICS,
    answer_problem,
    get_client,
    make_context,
)
from node.api.limits import Limits
from node.api.metrics import HttpMetrics
from node.api.problems import Problem
from node.api.routes import Route
from node.port import Peer

_LOG = logging.getLogger("suanlian.api")
_UNCOUNTED: Final = frozenset(("/healthz", "/readyz", "/metrics"))
_STREAMS: Final = frozenset(("/v1/events", "/v1/state"))
_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_STATUS_CODES: Final = {
    404: "not-found",
    405: "method-not-allowed",
    408: "body-timeout",
    413: "too-large",
    415: "unsupported-media-type",
}

_Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


def list_routes() -> Sequence[Route]:
    """Every route, in the order of the documentation."""
    return (
        *transactions.ROUTES,
        *blocks.ROUTES,
        *records.ROUTES,
        *history.ROUTES,
        *audit.ROUTES,
        *statements.ROUTES,
        *statistics.ROUTES,
        *trials.ROUTES,
        *proofs.ROUTES,
        *state.ROUTES,
        *events.ROUTES,
        *status.ROUTES,
        *openapi.ROUTES,
        *page.ROUTES,
    )


def make_application(peer: Peer, limits: Limits | None = None) -> web.Application:
    """The API of a peer."""
    limits = limits or Limits()
    app = web.Application(middlewares=[_guard], client_max_size=limits.max_body_bytes)
    app[CONTEXT] = make_context(peer, limits)
    app[METRICS] = HttpMetrics()
    app[trials.BENCH] = trials.make_bench(limits)
    app[statistics.DESK] = statistics.Desk(peer.store, limits)
    routes = list_routes()
    app[openapi.DOCUMENT] = openapi.render_document(peer.genesis.chain, routes)
    for route in routes:
        _add(app, route)
    app.on_shutdown.append(events.end_streams)
    app.on_shutdown.append(statistics.end_desk)
    app.on_shutdown.append(trials.end_bench)
    return app


def _add(app: web.Application, route: Route) -> None:
    if route.method == "GET":
        app.router.add_get(route.path, route.guarded(), allow_head=route.path not in _STREAMS)
    else:
        app.router.add_route(route.method, route.path, route.guarded())


@web.middleware
async def _guard(request: web.Request, handler: _Next) -> web.StreamResponse:
    connections = request.app.get(CONNECTIONS)
    if connections is not None:
        connections.begin(request)
    try:
        with delivery.begin(request):
            response = await _measure(request, handler)
            if isinstance(response, web.Response):
                await delivery.deliver(request, response)
    finally:
        if connections is not None:
            connections.end(request)
    return response


async def _measure(request: web.Request, handler: _Next) -> web.StreamResponse:
    started = time.perf_counter()
    response = await _answer(request, handler)
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else ""
    method = request.method if resource is not None else ""
    seconds = time.perf_counter() - started
    request.app[METRICS].observe(method, route, response.status, seconds)
    if not response.prepared:
        response.headers.extend(_HEADERS)
    return response


async def _answer(request: web.Request, handler: _Next) -> web.StreamResponse:
    try:
        if request.path not in _UNCOUNTED:
            request.app[CONTEXT].requests.take(get_client(request))
        response = await handler(request)
        if isinstance(response, web.Response):
            delivery.hold_bytes(request, response)
        return response
    except Problem as problem:
        return answer_problem(problem)
    except web.HTTPException as error:
        return _convert(error)
    except ConnectionError:
        raise
    except (web.RequestPayloadError, web.PayloadAccessError) as error:
        _LOG.debug("a body did not come: %s", error)
        request.app[METRICS].malformed.inc()
        return answer_problem(Problem("bad-request", "the body is broken off or malformed"))
    except Exception:  # noqa: BLE001  the last line of defence: one request must not show more
        _LOG.exception("%s %s failed", request.method, request.path)
        return answer_problem(Problem("internal", "the peer failed; its log says why"))


def _convert(error: web.HTTPException) -> web.Response:
    """The problem document of an error that aiohttp itself raises."""
    code = _STATUS_CODES.get(error.status, "bad-request")
    detail = error.reason
    headers = {}
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        headers["Allow"] = allowed
        detail = f"{error.method} is not taken here, but {allowed}"
    elif error.status == 404:
        detail = "there is nothing under this path; /openapi.json lists what there is"
    elif error.status == 413:
        detail = "the body is larger than is allowed"
    return answer_problem(Problem(code, detail, status=error.status), headers)
