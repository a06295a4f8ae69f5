"""`/v1/state`: every record and derived value after one final block, to be checked elsewhere.

1. All of it is read from one snapshot of the disk, taken in the same turn of the loop as the proof
   of its block; what becomes final meanwhile is not in it.
2. The loop, on which votes wait, only writes: each frame is read in a thread.
3. A stream goes no faster than `state_bytes_per_s`, few go at a time, and each has to come to its
   end in `state_timeout_s`, because a snapshot keeps old files on the disk.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from aiohttp import web

from ledger.keyvalue import Readable, prefix_end
from ledger.schema import derived_key, record_key
from node import prover
from node.api.context import CONTEXT, get_client
from node.api.limits import Limits
from node.api.problems import Problem
from node.api.routes import Content, Route
from node.client.state import Pair, compose_frames
from node.prover import ProverError

MEDIA: Final = "application/msgpack"


async def stream_state(request: web.Request) -> web.StreamResponse:
    """Send the state after the last final block."""
    context = request.app[CONTEXT]
    store = context.peer.store
    context.costs.check(get_client(request))
    with context.states.hold(get_client(request)):
        try:
            bundle = prover.prove_anchor(store, context.peer.genesis)
        except ProverError as error:
            raise Problem(error.code, str(error)) from None
        view = store.state.view
        records, derived = (_scan(view, make(b"")) for make in (record_key, derived_key))
        frames = compose_frames(bundle.encode(), records, derived)
        response = web.StreamResponse(headers={"Content-Type": MEDIA})
        response.enable_chunked_encoding()
        task = asyncio.current_task()
        assert task is not None
        context.readers.add(task)
        try:
            await response.prepare(request)
            with suppress(ConnectionError):
                await _send(request, response, frames, context.limits)
        finally:
            context.readers.discard(task)
    return response


def _scan(view: Readable, table: bytes) -> Iterator[Pair]:
    """The pairs of one table of the disk, whose keys begin with it."""
    for key, value in view.scan(table, prefix_end(table)):
        yield key.removeprefix(table), value


async def _send(
    request: web.Request, response: web.StreamResponse, frames: Iterator[bytes], limits: Limits
) -> None:
    """Write frame by frame at a measured pace; a reader that is too slow is cut off."""
    try:
        async with asyncio.timeout(limits.state_timeout_s):
            while (frame := await _read(frames)) is not None:
                async with asyncio.timeout(limits.send_timeout_s):
                    await response.write(frame)
                await asyncio.sleep(len(frame) / limits.state_bytes_per_s)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionAbortedError("the reader is too slow") from None


async def _read(frames: Iterator[bytes]) -> bytes | None:
    """The next frame, read in a thread, which is done with the disk even when this is cancelled."""
    reading = asyncio.ensure_future(asyncio.to_thread(next, frames, None))
    try:
        return await asyncio.shield(reading)
    finally:
        if not reading.done():
            await asyncio.wait([reading])


ROUTES: Final = (
    Route(
        "GET",
        "/v1/state",
        stream_state,
        "Every record and derived value after the last final block, with the proof of that block",
        "proofs",
        answers={
            200: Content(
                "Frames of MessagePack (docs/spec/http.md), for `suanlian audit invariants`.",
                {MEDIA: {"type": "string", "format": "binary"}},
            )
        },
        problems=("not-yet", "pruned", "too-many-open", "too-many-requests"),
    ),
)
