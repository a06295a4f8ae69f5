"""`/v1/transactions`: taking them, and saying what became of them."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from ledger.floor import Floor
from ledger.transaction import Transaction
from node.api.context import CONTEXT, Context, answer, answer_text, dump, get_client
from node.api.parameters import ID, TIMEOUT, WAIT
from node.api.problems import Problem, as_problem
from node.api.routes import Content, Route, json_content, ref
from node.api.submission import Submission, read_json, read_msgpack
from node.api.values import show_result, show_status
from node.client.difference import show_value
from node.errors import Refused
from node.port import Peer, Phase, Status

MSGPACK: Final = "application/msgpack"
JSON: Final = "application/json"
_DEFAULT_WAIT_S: Final = 10.0

Outcome = Status | Refused


async def submit(request: web.Request) -> web.Response:
    """Take one transaction or a batch."""
    context = request.app[CONTEXT]
    seconds = _read_wait(request)
    submission = await _read_submission(request)
    client = get_client(request)
    context.transactions.take(client, len(submission.raws))
    outcomes: Sequence[Outcome]
    if seconds is None:
        outcomes = await context.peer.submit(submission.raws)
    else:
        with context.waiters.hold(client):
            outcomes = await context.peer.submit(submission.raws)
            outcomes = await _settle(context.peer, outcomes, seconds)
    waiting = any(type(o) is Status and o.phase is Phase.ACCEPTED for o in outcomes)
    if not submission.single:
        return answer_text(f"[{','.join(map(_render, outcomes))}]", 202 if waiting else 200)
    outcome = outcomes[0]
    if isinstance(outcome, Refused):
        raise as_problem(outcome)
    return answer_text(_render(outcome), 202 if waiting else 200)


async def get_transaction(request: web.Request) -> web.Response:
    """What became of a transaction."""
    context = request.app[CONTEXT]
    id_ = ID.read(request)
    seconds = _read_wait(request)
    status = context.peer.get_status(id_)
    if status is not None and status.phase is Phase.ACCEPTED and seconds is not None:
        with context.waiters.hold(get_client(request)):
            status = await context.peer.wait(id_, seconds)
    if status is None:
        raise _miss(context.peer.store.floor)
    if status.phase is Phase.FINAL and not status.code:
        raise Problem(
            "pruned",
            f"the transaction is final, number {status.index} of block {status.height}, and this "
            "peer no longer has its result",
        )
    shown = show_status(status)
    return answer(shown | _describe(context, status))


def _miss(floor: Floor) -> Problem:
    """Nothing is known of an id; a peer that joined by a snapshot does not know the oldest ones."""
    if floor.index > 1:
        return Problem(
            "pruned",
            f"this peer knows no transaction of this id, and none of blocks below {floor.results}: "
            "it joined by a snapshot",
        )
    return Problem("not-found", "this peer knows no transaction of this id")


def _read_wait(request: web.Request) -> float | None:
    """How long to wait, at most what this peer allows; None for not at all; raises Problem."""
    seconds = TIMEOUT.read(request)
    if not WAIT.read(request):
        return None
    wanted = _DEFAULT_WAIT_S if seconds is None else seconds
    return min(wanted, request.app[CONTEXT].limits.max_wait_s)


async def _read_submission(request: web.Request) -> Submission:
    limits = request.app[CONTEXT].limits
    content_type = request.content_type
    if content_type not in (MSGPACK, JSON):
        raise Problem("unsupported-media-type", f"{content_type[:80]} is not taken here")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Problem("unsupported-media-type", "a content encoding is not taken here")
    data = await read_body(request)
    if content_type == MSGPACK:
        return read_msgpack(data, limits.max_batch)
    return read_json(data, limits.max_batch)


async def read_body(request: web.Request) -> bytes:
    """The body, refused before it is in memory when it is too large; raises Problem."""
    limits = request.app[CONTEXT].limits
    if (request.content_length or 0) > limits.max_body_bytes:
        raise Problem("too-large", f"a body has at most {limits.max_body_bytes} bytes")
    if request.content.is_eof():
        return await request.read()  # it came with the header: nothing to wait for
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            return await request.read()
    except TimeoutError:
        raise Problem("body-timeout", f"not there after {limits.body_timeout_s:g} s") from None


async def _settle(peer: Peer, outcomes: Sequence[Outcome], seconds: float) -> list[Outcome]:
    """Wait until none is `accepted` any longer, or the time is over."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    settled: list[Outcome] = []
    # One after the other: what became final with the first answers without waiting.
    for outcome in outcomes:
        if isinstance(outcome, Status) and outcome.phase is Phase.ACCEPTED:
            left = max(0.0, deadline - clock())
            settled.append(await peer.wait(outcome.id, left) or outcome)
        else:
            settled.append(outcome)
    return settled


def _render(outcome: Outcome) -> str:
    """One entry of an answer; those of the hot path without a JSON encoder."""
    if isinstance(outcome, Refused):
        return dump({"status": "refused", "problem": as_problem(outcome).as_json()})
    if outcome.phase is Phase.ACCEPTED:
        return f'{{"id":"{outcome.id.hex()}","status":"accepted"}}'
    return dump(show_status(outcome))


def _describe(context: Context, status: Status) -> dict[str, Any]:
    """What a final transaction says and did, as far as this peer keeps it."""
    if status.phase is not Phase.FINAL:
        return {}
    described: dict[str, Any] = {}
    header = context.chain.get_header(status.height)
    if header is not None:
        described["time_ms"] = str(header.time_ms)
    transaction = context.chain.get_transaction(status.height, status.index)
    if transaction is not None:
        described["transaction"] = show_transaction(transaction)
    result = context.chain.get_result(status.height, status.index)
    if result is not None:
        described["result"] = show_result(result)
    return described


def show_transaction(transaction: Transaction) -> dict[str, Any]:
    """A transaction in JSON; `raw` are the signed bytes, to be checked against id and hash."""
    return {
        "hash": transaction.hash.hex(),
        "kind": transaction.kind,
        "signers": list(transaction.signers),
        "until": str(transaction.until),
        "nonce": transaction.nonce.hex(),
        "data": show_value(transaction.data),
        "raw": base64.b64encode(transaction.raw).decode(),
    }


_TAKEN = {
    "oneOf": [
        ref("TransactionStatus"),
        {"type": "array", "items": {"oneOf": [ref("TransactionStatus"), ref("RefusedStatus")]}},
    ]
}
ROUTES: Final = (
    Route(
        "POST",
        "/v1/transactions",
        submit,
        "Submit one signed transaction or a batch",
        "transactions",
        (WAIT, TIMEOUT),
        Content(
            "One signed transaction, or a batch of them.",
            {
                MSGPACK: {
                    "type": "string",
                    "contentEncoding": "binary",
                    "description": "canonical [bin, [bin, ...]], or [bin, ...] of those",
                },
                JSON: {
                    "oneOf": [
                        ref("SignedTransaction"),
                        {"type": "array", "minItems": 1, "items": ref("SignedTransaction")},
                    ]
                },
            },
        ),
        {
            202: json_content("Synced here and offered to the validators; not yet final.", _TAKEN),
            200: json_content("Nothing is left to wait for: what became of each.", _TAKEN),
        },
        (
            "bad-batch",
            "bad-json",
            "bad-parameter",
            "non-canonical",
            "format",
            "too-large",
            "unsupported-media-type",
            "wrong-chain",
            "expired",
            "bad-signature",
            "unknown-signer",
            "too-many-requests",
            "quota",
            "not-ready",
        ),
    ),
    Route(
        "GET",
        "/v1/transactions/{id}",
        get_transaction,
        "What became of a transaction, with its content and result once final",
        "transactions",
        (ID, WAIT, TIMEOUT),
        answers={200: json_content("The transaction.", ref("TransactionView"))},
        problems=("bad-parameter", "not-found", "pruned", "too-many-open"),
    ),
)
