"""`/v1/status`, `/v1/genesis`, `/healthz`, `/readyz` and `/metrics`: about this peer."""

import base64
from typing import Final

from aiohttp import web

from node.api.connections import CONNECTIONS
from node.api.context import CONTEXT, METRICS, answer
from node.api.parameters import WORD, Parameter, parse_word
from node.api.problems import CATALOGUE, Problem
from node.api.routes import Content, Handler, Route, json_content, ref

CODE: Final = Parameter("code", "A problem's code.", parse_word, WORD, in_path=True)
_EXPOSITION: Final = "text/plain; version=0.0.4; charset=utf-8"


async def get_status(request: web.Request) -> web.Response:
    """What this peer is and how far it is."""
    return answer(request.app[CONTEXT].peer.describe())


async def get_genesis(request: web.Request) -> web.Response:
    """The genesis document's own bytes, to be hashed by whoever pins it."""
    genesis = request.app[CONTEXT].peer.genesis
    return answer(
        {
            "chain": genesis.chain,
            "hash": genesis.hash.hex(),
            "document": base64.b64encode(genesis.data).decode(),
            "transaction_window": str(genesis.consensus.transaction_window),
        }
    )


async def get_health(_request: web.Request) -> web.Response:
    """The process answers."""
    return answer({"status": "ok"})


async def get_readiness(request: web.Request) -> web.Response:
    """Whether the peer can do its work now; 503 with what it waits for otherwise."""
    readiness = request.app[CONTEXT].peer.get_readiness()
    if not readiness.ready:
        raise Problem(
            "not-ready",
            "; ".join(readiness.reasons) or "the peer does not say why",
            extra={"ready": False, "reasons": list(readiness.reasons)},
        )
    return answer({"ready": True, "reasons": []})


async def get_metrics(request: web.Request) -> web.Response:
    """The Prometheus exposition."""
    app = request.app
    metrics, context = app[METRICS], app[CONTEXT]
    metrics.streams.set(context.streams.taken)
    connections = app.get(CONNECTIONS)
    if connections is not None:
        metrics.connections.set(len(connections))
    body = context.peer.render_metrics()
    return web.Response(body=body + metrics.render(), headers={"Content-Type": _EXPOSITION})


async def list_problems(_request: web.Request) -> web.Response:
    """The catalogue that the problems' type URIs lead to."""
    return answer({"items": [_show_kind(code) for code in CATALOGUE]})


async def get_problem(request: web.Request) -> web.Response:
    """One kind of problem."""
    code = CODE.read(request)
    if code not in CATALOGUE:
        raise Problem("not-found", "this problem is not in the catalogue; its own text explains it")
    return answer(_show_kind(code))


def _show_kind(code: str) -> dict[str, str | int | bool]:
    kind = CATALOGUE[code]
    return {
        "code": code,
        "title": kind.title,
        "status": kind.status,
        "advice": kind.advice,
        "retry": kind.retry,
    }


def _get(path: str, handler: Handler, summary: str, schema: str, *problems: str) -> Route:
    answers = {200: json_content(summary, ref(schema))}
    return Route("GET", path, handler, summary, "peer", answers=answers, problems=problems)


ROUTES: Final = (
    _get("/v1/status", get_status, "What this peer is and how far it is", "Status"),
    _get("/v1/genesis", get_genesis, "The genesis document", "Genesis"),
    _get("/healthz", get_health, "Whether the process answers", "Health"),
    _get("/readyz", get_readiness, "Whether the peer can do its work now", "Ready", "not-ready"),
    _get("/problems", list_problems, "Every kind of problem", "ProblemCatalogue"),
    Route(
        "GET",
        "/problems/{code}",
        get_problem,
        "One kind of problem and what to do about it",
        "peer",
        (CODE,),
        answers={200: json_content("The kind of problem.", ref("ProblemKind"))},
        problems=("not-found",),
    ),
    Route(
        "GET",
        "/metrics",
        get_metrics,
        "The Prometheus exposition",
        "peer",
        answers={200: Content("Metrics.", {"text/plain": {"type": "string"}})},
    ),
)
