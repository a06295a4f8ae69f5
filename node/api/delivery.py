"""Writing an answer to its reader, and what is held until it is written.

1. A body goes out piece by piece, with one deadline for all of it: who does not read is cut off.
2. What a request holds (a slot, bytes) is given back when its answer is written, not when it is
   made: a reader who does not read holds no more than its share of memory.
"""

import asyncio
from contextlib import AbstractContextManager, ExitStack
from typing import Final

from aiohttp import web

from node.api.context import CONTEXT, get_client
from node.api.rates import Slots

PIECE: Final = 64 * 1024  # bytes written at once
MIN_RATE: Final = 64 * 1024  # bytes a second that a reader takes, or is cut off

_HELD: Final = web.RequestKey("held", ExitStack)


def begin(request: web.Request) -> ExitStack:
    """What the request holds from now on; the guard closes it when the answer is written."""
    stack = ExitStack()
    request[_HELD] = stack
    return stack


def hold(request: web.Request, place: AbstractContextManager[None]) -> None:
    """Hold a place until the answer is written; raises what taking it raises."""
    request[_HELD].enter_context(place)


def hold_slot(request: web.Request, slots: Slots) -> None:
    """Hold a slot until the answer is written; raises Problem when there is none."""
    hold(request, slots.hold(get_client(request)))


async def begin_read(request: web.Request) -> None:
    """Begin what is dear to make: one of few at a time, and only once what was made is paid.

    It goes on in the next turn of the loop: so one turn sees a piece of each place, and never a
    row of requests that begin and end in it.
    """
    context = request.app[CONTEXT]
    context.costs.check(get_client(request))
    hold_slot(request, context.reads)
    await asyncio.sleep(0)


def charge_read(request: web.Request, records: int, response: web.Response) -> web.Response:
    """Charge for what was read to make an answer, which is handed through."""
    body = response.body
    size = len(body) if isinstance(body, bytes) else 0
    request.app[CONTEXT].costs.charge(get_client(request), records, size)
    return response


def hold_bytes(request: web.Request, response: web.Response) -> None:
    """Count an answer's bytes until they are written; raises Problem when they are too many."""
    context = request.app[CONTEXT]
    body = response.body
    if isinstance(body, bytes) and len(body) > PIECE:
        hold(request, context.unwritten.hold(get_client(request), len(body)))


async def deliver(request: web.Request, response: web.Response) -> None:
    """Write an answer; raises ConnectionError where its reader does not take it."""
    body = response.body
    size = len(body) if isinstance(body, bytes) else 0
    seconds = request.app[CONTEXT].limits.send_timeout_s + size / MIN_RATE
    try:
        async with asyncio.timeout(seconds):
            if isinstance(body, bytes) and size > PIECE and request.method != "HEAD":
                await _write(request, response, body)
            else:
                await response.prepare(request)
                await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionAbortedError("the reader is too slow") from None


async def _write(request: web.Request, response: web.Response, body: bytes) -> None:
    writer = await response.prepare(request)
    if writer is None:
        return
    view = memoryview(body)
    for start in range(0, len(body), PIECE):
        await writer.write(bytes(view[start : start + PIECE]))
    response.body = None
    await response.write_eof()
