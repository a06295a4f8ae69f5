"""What the handlers share, and how they answer."""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from ledger.store import Store
from node.api.chain import Chain
from node.api.limits import Limits
from node.api.metrics import HttpMetrics
from node.api.parameters import LIMIT
from node.api.problems import Problem
from node.api.rates import Buckets, Costs, Slots, client_of
from node.port import Peer


@dataclass(frozen=True, slots=True)
class Context:
    """The peer behind the API, its limits and what clients hold of them now."""

    peer: Peer
    limits: Limits
    chain: Chain
    requests: Buckets
    transactions: Buckets
    proofs: Buckets
    waiters: Slots
    streams: Slots
    states: Slots
    audits: Slots
    reads: Slots
    costs: Costs
    unwritten: Slots
    readers: set[asyncio.Task[Any]]


CONTEXT: Final = web.AppKey("context", Context)
METRICS: Final = web.AppKey("metrics", HttpMetrics)


def make_context(peer: Peer, limits: Limits) -> Context:
    """The context of a peer."""
    clock, most = time.monotonic, limits.max_clients
    return Context(
        peer=peer,
        limits=limits,
        chain=Chain(peer.store),
        requests=Buckets(limits.requests_per_s, limits.requests_burst, most, clock),
        transactions=Buckets(limits.transactions_per_s, limits.transactions_burst, most, clock),
        proofs=Buckets(limits.proofs_per_s, limits.proofs_burst, most, clock),
        waiters=Slots("requests that wait", limits.waiters, limits.waiters_per_client),
        streams=Slots("event streams", limits.streams, limits.streams_per_client),
        states=Slots("streams of a whole state", limits.states, limits.states_per_client),
        audits=Slots("audit queries", limits.audits, limits.audits_per_client),
        reads=Slots("proofs, lists and whole blocks", limits.reads, limits.reads_per_client),
        costs=Costs(
            Buckets(limits.read_cost_per_s, limits.read_cost_burst, most, clock),
            Buckets(limits.reads * limits.read_cost_per_s, 2 * limits.read_cost_burst, 1, clock),
        ),
        unwritten=Slots(
            "bytes that were not read yet",
            limits.unwritten_bytes,
            limits.unwritten_bytes_per_client,
        ),
        readers=set(),
    )


def get_client(request: web.Request) -> str:
    """Who is counted."""
    return client_of(request.remote or "")


def read_limit(request: web.Request) -> int:
    """How many entries a page may have; raises Problem."""
    limits = request.app[CONTEXT].limits
    wanted = LIMIT.read(request)
    if wanted is None:
        return limits.default_page
    if not 1 <= wanted <= limits.max_page:
        raise Problem("bad-parameter", f"limit: 1 to {limits.max_page} is wanted")
    return wanted


def dump(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def answer_list(items: Iterable[str], **rest: Any) -> web.Response:
    """A list whose items are JSON already, beside other members."""
    return answer_text(f'{{"items":[{",".join(items)}],{dump(rest)[1:]}')


def check_final(store: Store, height: int) -> None:
    """Raise Problem where the block of a height is still to come."""
    if height > store.height:
        raise Problem("not-yet", f"height {height} is not final: the last one is {store.height}")


def answer(value: Any, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(
        body=dump(value).encode(), status=status, content_type="application/json", charset="utf-8"
    )


def answer_text(text: str, status: int = 200) -> web.Response:
    """An answer that is JSON already."""
    return web.Response(
        body=text.encode(), status=status, content_type="application/json", charset="utf-8"
    )


def answer_problem(problem: Problem, headers: Mapping[str, str] | None = None) -> web.Response:
    """A problem document."""
    response = web.Response(
        body=dump(problem.as_json()).encode(),
        status=problem.status,
        content_type="application/problem+json",
        headers=headers,
    )
    if problem.retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, round(problem.retry_after_s + 0.499)))
    return response
