"""The SDK for asyncio: the same calls as `http`, many at a time over few connections."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, TypeVar

import aiohttp

from ledger.primitives import Digest
from node.client import calls
from node.client.calls import (
    EVENTS_PATH,
    STATE_PATH,
    STREAM_SILENCE_S,
    WAIT_STEP_S,
    Call,
    Document,
    Page,
    check_chain,
    compose_follow,
    raw_of,
    read_answer,
    read_refusal,
)
from node.client.composer import HEIGHT_AGE_S, ChainInfo, Composer, Signed, Signer
from node.client.errors import ClientError, NotFinal, Rejected, Unreachable
from node.client.outcome import Outcome
from node.client.retry import Retry
from node.client.state import Frame, StateParser
from node.client.statement import join_statement
from node.client.stream import Message, StreamParser

T = TypeVar("T")


class AsyncClient:
    """A connection to one peer, made and closed inside a running loop."""

    def __init__(
        self,
        url: str,
        *,
        genesis_hash: Digest | None = None,
        timeout_s: float = 30.0,
        retry: Retry | None = None,
        tls: ssl.SSLContext | None = None,
        connections: int = 64,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self._pinned = genesis_hash
        self._timeout_s = timeout_s
        self._retry = retry or Retry()
        self._tls = True if tls is None else tls
        self._connections = connections
        self._sleep = sleep
        self._chain: ChainInfo | None = None
        self._composer: Composer | None = None
        self._height: tuple[int, float] | None = None  # and when it was read
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    # --- transactions

    async def compose(
        self,
        kind: str,
        data: Mapping[str, Any],
        signers: Sequence[Signer],
        until: int | None = None,
    ) -> Signed:
        """A transaction for this peer's chain, signed by all its signers."""
        composer = await self.get_composer()
        if until is None:
            until = await self._read_recent_height() + composer.chain.lifetime
        return composer.compose(kind, data, signers, until)

    async def get_composer(self) -> Composer:
        """Makes transactions for this peer's chain; it has to be told `until`."""
        if self._composer is None:
            self._composer = Composer(await self.get_chain())
        return self._composer

    async def submit(self, signed: Signed | bytes, wait_s: float | None = None) -> Outcome:
        """Hand in one transaction; raises Rejected when it is refused."""
        return await self.call(calls.submit(raw_of(signed), wait_s))

    async def submit_many(
        self, signed: Sequence[Signed | bytes], wait_s: float | None = None
    ) -> list[Outcome]:
        """Hand in a batch; each outcome stands at its transaction's place, refusals included."""
        return await self.call(calls.submit_many([raw_of(item) for item in signed], wait_s))

    async def get_transaction(self, id_: str) -> Outcome:
        """What became of a transaction; its document has content and result once final."""
        return await self.call(calls.get_transaction(id_))

    async def wait(self, id_: str, timeout_s: float = 60.0) -> Outcome:
        """The outcome once it is settled; raises NotFinal."""
        deadline = time.monotonic() + timeout_s
        while True:
            left = deadline - time.monotonic()
            step = min(max(left, 0.0), WAIT_STEP_S)
            outcome = await self.call(calls.get_transaction(id_, step))
            if outcome.is_settled:
                return outcome
            if left <= 0:
                raise NotFinal(id_, timeout_s)

    async def execute(
        self,
        kind: str,
        data: Mapping[str, Any],
        signers: Sequence[Signer],
        timeout_s: float = 60.0,
    ) -> Outcome:
        """Make, sign, submit and wait in one."""
        signed = await self.compose(kind, data, signers)
        outcome = await self.submit(signed, min(timeout_s, WAIT_STEP_S))
        return outcome if outcome.is_settled else await self.wait(signed.id, timeout_s)

    # --- what is on the ledger

    async def get_chain(self) -> ChainInfo:
        """Which chain the peer keeps; raises WrongChain when it is not the pinned one."""
        if self._chain is None:
            chain = await self.call(calls.get_chain())
            check_chain(chain, self._pinned)
            self._chain = chain
        return self._chain

    async def get_height(self) -> int:
        """The height of the last final block."""
        return await self.call(calls.get_height())

    async def get_block(
        self, reference: int | str = "latest", transactions: bool = False
    ) -> Document:
        """A final block by height, `latest` or hash."""
        return await self.call(calls.get_block(reference, transactions))

    def iterate_blocks(self, page: int | None = None) -> AsyncIterator[Document]:
        """Headers from the newest to the genesis."""
        return self._iterate(calls.get_page("/v1/blocks", {}, page))

    async def get_record(self, table: str, *fields: str, at: int | None = None) -> Document:
        """A record, now or after the block at a height."""
        return await self.call(calls.get_record(table, fields, at))

    def iterate_records(
        self, table: str, *fields: str, page: int | None = None
    ) -> AsyncIterator[Document]:
        """The current records under a prefix, in key order."""
        return self._iterate(calls.list_records(table, fields, page))

    def iterate_history(
        self, table: str, *fields: str, page: int | None = None
    ) -> AsyncIterator[Document]:
        """Every version of a record, oldest first, each with who made it."""
        return self._iterate(calls.list_history(table, fields, page))

    def iterate_audit(self, page: int | None = None, **filters: str) -> AsyncIterator[Document]:
        """What an audit query finds: `party=`, `resource=`, `kind=` ...; see docs/spec/http.md."""
        return self._iterate(calls.get_page("/v1/audit", filters, page))

    async def get_statement(
        self,
        code: str,
        from_ms: int | None = None,
        to_ms: int | None = None,
        page: int | None = None,
    ) -> Document:
        """A party's statement of a period, joined out of its pages and added up again."""
        call = calls.list_statement(code, from_ms, to_ms, page)
        return join_statement([found.document async for found in self._iterate_pages(call)])

    async def list_queries(self) -> list[Document]:
        """The queries that statistics are made of, each with its columns."""
        return await self.call(calls.list_queries())

    async def get_statistic(self, query: str, at: int | None = None) -> Document:
        """The result of a query, now or after the block at a height, and its digest."""
        return await self.call(calls.get_statistic(query, at))

    async def try_rules(self, changes: Mapping[str, int], last: int) -> Document:
        """What the last blocks would have made of other rules."""
        return await self.call(calls.try_rules(changes, last))

    async def get_proof(self, *path: str, **query: str) -> Document:
        """A proof bundle; `path` are the segments after `/v1/proofs`."""
        return await self.call(calls.get_document(calls.join_path("v1", "proofs", *path), query))

    async def stream_state(self) -> AsyncIterator[Frame]:
        """The whole state after the last final block; see `node.client.state`."""
        parser = StateParser()
        async with self._open_stream("its state", STATE_PATH) as content:
            async for chunk in content.iter_any():
                for frame in parser.feed(chunk):
                    yield frame
        parser.finish()

    async def follow(
        self, start: int | None = None, last_id: str = "", **filters: str
    ) -> AsyncIterator[Message]:
        """Events from a height on, or after an id; goes on by itself when the connection breaks."""
        parser = StreamParser(last_id)
        failures = 0
        while True:
            try:
                async for message in self._stream(parser, start, filters):
                    failures = 0
                    yield message
            except Unreachable:
                pass
            except Rejected as error:
                if not error.retry:
                    raise
            failures += 1
            parser.restart()
            await self._sleep(self._retry.backoff_s(failures))

    # --- the peer itself

    async def get_status(self) -> Document:
        """What the peer says of itself."""
        return await self.call(calls.get_document("/v1/status"))

    async def list_unready(self) -> list[str]:
        """Why the peer is not ready; nothing when it is."""
        try:
            await self._call_once(calls.get_document("/readyz"))
        except Rejected as error:
            if error.code != "not-ready":
                raise
            return [str(reason) for reason in error.document.get("reasons", ())] or [error.detail]
        return []

    # --- how bytes travel

    async def call(self, call: Call[T]) -> T:
        """Send a call, again where that may help; raises ClientError."""
        attempt = 1
        while True:
            try:
                return await self._call_once(call)
            except ClientError as error:
                seconds = self._retry.compute_wait_s(error, attempt)
                if seconds is None:
                    raise
            await self._sleep(seconds)
            attempt += 1

    async def _call_once(self, call: Call[T]) -> T:
        headers = {"Content-Type": calls.MSGPACK} if call.content else None
        try:
            async with self._open().request(
                call.method,
                self.url + call.path,
                params=call.query or None,
                data=call.content or None,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=self._timeout_s + call.wait_s),
            ) as response:
                content = await response.read()
                content_type = response.headers.get("Content-Type", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(
                f"{self.url} does not answer ({type(error).__name__}): is the peer running, and is "
                "this the address of its API?"
            ) from None
        return read_answer(response.status, content_type, content, call)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, ssl=self._tls)
            )
        return self._session

    async def _read_recent_height(self) -> int:
        now = time.monotonic()
        if self._height is None or now - self._height[1] > HEIGHT_AGE_S:
            self._height = (await self.get_height(), now)
        return self._height[0]

    async def _iterate(self, call: Call[Page]) -> AsyncIterator[Document]:
        async for page in self._iterate_pages(call):
            for item in page.items:
                yield item

    async def _iterate_pages(self, call: Call[Page]) -> AsyncIterator[Page]:
        cursor: str | None = None
        while True:
            page = await self.call(call.after(cursor))
            yield page
            cursor = page.next
            if cursor is None:
                return

    async def _stream(
        self, parser: StreamParser, start: int | None, filters: Mapping[str, str]
    ) -> AsyncIterator[Message]:
        query, headers = compose_follow(parser.last_id, start, filters)
        async with self._open_stream("events", EVENTS_PATH, query, headers) as content:
            async for chunk in content.iter_any():
                for message in parser.feed(chunk):
                    yield message

    @asynccontextmanager
    async def _open_stream(
        self,
        what: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """An answer that goes on, as it comes; raises ClientError."""
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self._timeout_s, sock_read=STREAM_SILENCE_S
        )
        try:
            async with self._open().get(
                self.url + path, params=query or None, headers=headers, timeout=timeout
            ) as response:
                if response.status != 200:
                    content_type = response.headers.get("Content-Type", "")
                    read_refusal(response.status, content_type, await response.read(), path)
                yield response.content
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"{self.url} stopped sending {what}: {error!r}") from None
