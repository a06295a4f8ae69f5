"""`/v1/events`: what happens, as server-sent events, resumable from any height.

1. One message a transaction or due item, `event: result`, with id `height:index`. Without a filter
   also one a block, `event: block`, after its results; its index is one beyond theirs.
2. A stream begins after `Last-Event-ID`, or with the first result of block `from`, or with the next
   block; it waits for a height that is still to come.
3. Filters: `subject` (a code or object id that signed or is concerned), `kind` (of transaction),
   `type` (of event; a result comes with all its events as soon as one is of this type).
4. A silent stream gets a message that is only an id: clients stay alive and move on, and lose
   nothing when they come back.
5. Nothing is buffered for a reader: one that has not taken what was written after the send timeout
   is cut off, and comes back with the last id it saw.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final

from aiohttp import web

from ledger.block import Header
from node.api.chain import DUE, Chain, Entry
from node.api.context import CONTEXT, Context, dump, get_client
from node.api.parameters import NUMBER, WORD, Parameter, parse_number, parse_word
from node.api.problems import Problem
from node.api.routes import Content, Route
from node.client.difference import show_value
from node.port import Peer

_END: Final = (1 << 32) - 1  # an index beyond every result of a block
_PAGE: Final = 256  # entries of an index read at once
_CHUNK: Final = 64  # messages written at once

FROM: Final[Parameter[int | None]] = Parameter(
    "from", "The height to begin with; the next block by default.", parse_number, NUMBER
)
SUBJECT: Final[Parameter[str | None]] = Parameter(
    "subject", "Only what this code signed or what concerns this code or object.", parse_word, WORD
)
KIND: Final[Parameter[str | None]] = Parameter(
    "kind",
    f"Only transactions of this kind; `{DUE}` for what blocks do themselves.",
    parse_word,
    WORD,
)
TYPE: Final[Parameter[str | None]] = Parameter(
    "type", "Only results with an event of this type.", parse_word, WORD
)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reader wants to see; None is everything."""

    subject: str | None
    kind: str | None
    type: str | None

    @property
    def is_open(self) -> bool:
        """Whether everything passes."""
        return self.subject is None and self.kind is None and self.type is None

    def passes(self, entry: Entry) -> bool:
        """Whether an entry is wanted."""
        if self.kind is not None and entry.kind != self.kind:
            return False
        if self.type is not None and all(event["type"] != self.type for event in entry.events):
            return False
        return self.subject is None or _concerns(entry, self.subject)


def _concerns(entry: Entry, subject: str) -> bool:
    return subject in entry.signers or any(subject in event["about"] for event in entry.events)


async def stream_events(request: web.Request) -> web.StreamResponse:
    """Follow the chain."""
    context = request.app[CONTEXT]
    wanted = Filter(SUBJECT.read(request), KIND.read(request), TYPE.read(request))
    height, index = _read_start(request, context.chain)
    if height <= context.chain.height and context.chain.get_block(height) is None:
        raise Problem("pruned", f"this peer no longer has block {height}")
    with context.streams.hold(get_client(request)):
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        response.enable_chunked_encoding()
        task = asyncio.current_task()
        assert task is not None
        context.readers.add(task)
        try:
            await response.prepare(request)
            with suppress(ConnectionError):
                await _Stream(request, response, context, wanted).run(height, index)
        finally:
            context.readers.discard(task)
    return response


def _read_start(request: web.Request, chain: Chain) -> tuple[int, int]:
    """The place of the first result to send; raises Problem."""
    last = request.headers.get("Last-Event-ID", "")
    start = FROM.read(request)
    if last:
        height_text, _, index_text = last.partition(":")
        try:
            height, index = parse_number(height_text), parse_number(index_text, _END)
        except ValueError:
            raise Problem("bad-parameter", "Last-Event-ID is not height:index") from None
        start, index = height, index + 1
    else:
        start, index = (chain.height + 1 if start is None else start), 0
    return start, index


class _Stream:
    """One reader."""

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        context: Context,
        wanted: Filter,
    ) -> None:
        self._request = request
        self._response = response
        self._chain = context.chain
        self._limits = context.limits
        self._filter = wanted
        self._heights = _Heights(context.peer)
        self._clock = asyncio.get_running_loop().time
        self._written_s = 0.0

    async def run(self, height: int, index: int) -> None:
        """Send what is final from a place on, then what becomes final, until the reader goes."""
        await self._write("retry: 1000\n\n")
        try:
            while not self._is_gone():
                top = self._chain.height
                if height <= top:
                    await self._send(height, index, top)
                    height, index = top + 1, 0
                if self._clock() - self._written_s >= self._limits.keep_alive_s:
                    await self._write(f"id: {height - 1}:{_END}\n\n" if height else ":\n\n")
                await self._heights.wait(self._limits.keep_alive_s)
        finally:
            await self._heights.close()

    async def _send(self, height: int, index: int, top: int) -> None:
        """Send everything from a place up to the end of block `top`."""
        subject = self._filter.subject or (self._filter.kind and f"kind:{self._filter.kind}")
        if subject is None:
            while height <= top:
                await self._send_block(height, index)
                height, index = height + 1, 0
            return
        after = _before(height, index)
        while True:
            found = self._chain.store.scan_subject(subject, after)
            places = [(entry.height, entry.index) for entry in islice(found, _PAGE)]
            for place in places:
                if place[0] > top:
                    return
                await self._send_entry(*place)
            if len(places) < _PAGE:
                return
            after = places[-1]
            await asyncio.sleep(0)

    async def _send_entry(self, height: int, index: int) -> None:
        header = self._chain.get_header(height)
        entry = self._chain.read_entry(height, index)
        if entry is None or header is None:
            raise ConnectionAbortedError("the block was pruned under the stream")
        if self._filter.passes(entry):
            await self._write(_render_entry(entry, header.time_ms))

    async def _send_block(self, height: int, index: int) -> None:
        """Send a block's entries from an index on, and without a filter the block itself."""
        entries = await self._chain.load_entries(height)
        header = self._chain.get_header(height)
        if entries is None or header is None:
            raise ConnectionAbortedError("the block was pruned under the stream")
        chunk: list[str] = []
        for entry in entries[index:]:
            if self._filter.passes(entry):
                chunk.append(_render_entry(entry, header.time_ms))
            if len(chunk) == _CHUNK:
                await self._write("".join(chunk))
                chunk = []
        if self._filter.is_open and index <= len(entries):
            chunk.append(_render_block(header, self._chain.get_hash(height)))
        if chunk:
            await self._write("".join(chunk))
        await asyncio.sleep(0)

    async def _write(self, text: str) -> None:
        """Write; a reader that does not take it in time is cut off."""
        self._written_s = self._clock()
        try:
            async with asyncio.timeout(self._limits.send_timeout_s):
                await self._response.write(text.encode())
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ConnectionAbortedError("the reader is too slow") from None

    def _is_gone(self) -> bool:
        return self._request.transport is None or self._request.transport.is_closing()


class _Heights:
    """Waiting for the next final height, with a limit, on an iterator that is never cancelled."""

    def __init__(self, peer: Peer) -> None:
        self._iterator = peer.watch_heights()
        self._next: asyncio.Task[int] | None = None

    async def wait(self, seconds: float) -> None:
        """Return when the height grew or the time is over."""
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._iterator))
        done, _ = await asyncio.wait((self._next,), timeout=seconds)
        if done:
            self._next.result()
            self._next = None

    async def close(self) -> None:
        """Stop watching."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait((self._next,))
        close = getattr(self._iterator, "aclose", None)
        if close is not None:
            await close()


def _render_entry(entry: Entry, time_ms: int) -> str:
    shown = {
        "height": str(entry.height),
        "index": str(entry.index),
        "time_ms": str(time_ms),
        "id": entry.id.hex(),
        "kind": entry.kind,
        "signers": list(entry.signers),
        "code": entry.code,
        "events": [show_value(event) for event in entry.events],
    }
    return f"id: {entry.height}:{entry.index}\nevent: result\ndata: {dump(shown)}\n\n"


def _render_block(header: Header, hash_: str) -> str:
    shown = {
        "height": str(header.height),
        "hash": hash_,
        "time_ms": str(header.time_ms),
        "proposer": header.proposer,
        "transactions_count": str(header.transactions_count),
        "results_count": str(header.results_count),
    }
    last = f"{header.height}:{header.results_count}"
    return f"id: {last}\nevent: block\ndata: {dump(shown)}\n\n"


def _before(height: int, index: int) -> tuple[int, int] | None:
    """The place before a place, for an index that is read after one."""
    if index:
        return height, index - 1
    return (height - 1, _END) if height else None


async def end_streams(app: web.Application) -> None:
    """End every stream, so that a stopping peer does not wait for its readers."""
    for task in list(app[CONTEXT].readers):
        task.cancel()


ROUTES: Final = (
    Route(
        "GET",
        "/v1/events",
        stream_events,
        "Follow the chain by server-sent events, from any height",
        "events",
        (FROM, SUBJECT, KIND, TYPE),
        answers={
            200: Content(
                "`event: result` and `event: block` with id `height:index`; "
                "go on after the last one with the header Last-Event-ID.",
                {"text/event-stream": {"type": "string"}},
            )
        },
        problems=("bad-parameter", "pruned", "too-many-open"),
    ),
)
