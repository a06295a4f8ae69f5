"""The SDK for programs that wait for each answer; `async_http` is its asynchronous twin."""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

import httpx

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
from node.client.composer import ChainInfo, Composer, Signed, Signer
from node.client.errors import ClientError, NotFinal, Rejected, Unreachable
from node.client.outcome import Outcome
from node.client.retry import Retry
from node.client.state import Frame, StateParser
from node.client.statement import join_statement
from node.client.stream import Message, StreamParser

T = TypeVar("T")


class Client:
    """A connection to one peer. With `genesis_hash` it refuses a peer of another chain."""

    def __init__(
        self,
        url: str,
        *,
        genesis_hash: Digest | None = None,
        timeout_s: float = 30.0,
        retry: Retry | None = None,
        tls: ssl.SSLContext | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self._pinned = genesis_hash
        self._timeout_s = timeout_s
        self._retry = retry or Retry()
        self._sleep = sleep
        self._chain: ChainInfo | None = None
        self._composer: Composer | None = None
        self._http = httpx.Client(
            base_url=self.url, verify=True if tls is None else tls, trust_env=False
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    # --- transactions

    def compose(
        self,
        kind: str,
        data: Mapping[str, Any],
        signers: Sequence[Signer],
        until: int | None = None,
    ) -> Signed:
        """A transaction for this peer's chain, signed by all its signers."""
        return self.composer.compose(kind, data, signers, until)

    @property
    def composer(self) -> Composer:
        """Makes transactions for this peer's chain."""
        if self._composer is None:
            self._composer = Composer(self.get_chain(), self.get_height)
        return self._composer

    def submit(self, signed: Signed | bytes, wait_s: float | None = None) -> Outcome:
        """Hand in one transaction; raises Rejected when it is refused."""
        return self.call(calls.submit(raw_of(signed), wait_s))

    def submit_many(
        self, signed: Sequence[Signed | bytes], wait_s: float | None = None
    ) -> list[Outcome]:
        """Hand in a batch; each outcome stands at its transaction's place, refusals included."""
        return self.call(calls.submit_many([raw_of(item) for item in signed], wait_s))

    def get_transaction(self, id_: str) -> Outcome:
        """What became of a transaction; its document has content and result once final."""
        return self.call(calls.get_transaction(id_))

    def wait(self, id_: str, timeout_s: float = 60.0) -> Outcome:
        """The outcome once it is settled; raises NotFinal."""
        deadline = time.monotonic() + timeout_s
        while True:
            left = deadline - time.monotonic()
            outcome = self.call(calls.get_transaction(id_, min(max(left, 0.0), WAIT_STEP_S)))
            if outcome.is_settled:
                return outcome
            if left <= 0:
                raise NotFinal(id_, timeout_s)

    def execute(
        self,
        kind: str,
        data: Mapping[str, Any],
        signers: Sequence[Signer],
        timeout_s: float = 60.0,
    ) -> Outcome:
        """Make, sign, submit and wait in one."""
        signed = self.compose(kind, data, signers)
        outcome = self.submit(signed, min(timeout_s, WAIT_STEP_S))
        return outcome if outcome.is_settled else self.wait(signed.id, timeout_s)

    # --- what is on the ledger

    def get_chain(self) -> ChainInfo:
        """Which chain the peer keeps; raises WrongChain when it is not the pinned one."""
        if self._chain is None:
            chain = self.call(calls.get_chain())
            check_chain(chain, self._pinned)
            self._chain = chain
        return self._chain

    def get_height(self) -> int:
        """The height of the last final block."""
        return self.call(calls.get_height())

    def get_block(self, reference: int | str = "latest", transactions: bool = False) -> Document:
        """A final block by height, `latest` or hash."""
        return self.call(calls.get_block(reference, transactions))

    def iterate_blocks(self, page: int | None = None) -> Iterator[Document]:
        """Headers from the newest to the genesis."""
        return self._iterate(calls.get_page("/v1/blocks", {}, page))

    def get_record(self, table: str, *fields: str, at: int | None = None) -> Document:
        """A record, now or after the block at a height."""
        return self.call(calls.get_record(table, fields, at))

    def iterate_records(
        self, table: str, *fields: str, page: int | None = None
    ) -> Iterator[Document]:
        """The current records under a prefix, in key order."""
        return self._iterate(calls.list_records(table, fields, page))

    def iterate_history(
        self, table: str, *fields: str, page: int | None = None
    ) -> Iterator[Document]:
        """Every version of a record, oldest first, each with who made it."""
        return self._iterate(calls.list_history(table, fields, page))

    def iterate_audit(self, page: int | None = None, **filters: str) -> Iterator[Document]:
        """What an audit query finds: `party=`, `resource=`, `kind=` ...; see docs/spec/http.md."""
        return self._iterate(calls.get_page("/v1/audit", filters, page))

    def get_statement(
        self,
        code: str,
        from_ms: int | None = None,
        to_ms: int | None = None,
        page: int | None = None,
    ) -> Document:
        """A party's statement of a period, joined out of its pages and added up again."""
        call = calls.list_statement(code, from_ms, to_ms, page)
        return join_statement(found.document for found in self._iterate_pages(call))

    def list_queries(self) -> list[Document]:
        """The queries that statistics are made of, each with its columns."""
        return self.call(calls.list_queries())

    def get_statistic(self, query: str, at: int | None = None) -> Document:
        """The result of a query, now or after the block at a height, and its digest."""
        return self.call(calls.get_statistic(query, at))

    def try_rules(self, changes: Mapping[str, int], last: int) -> Document:
        """What the last blocks would have made of other rules."""
        return self.call(calls.try_rules(changes, last))

    def get_proof(self, *path: str, **query: str) -> Document:
        """A proof bundle; `path` are the segments after `/v1/proofs`."""
        return self.call(calls.get_document(calls.join_path("v1", "proofs", *path), query))

    def stream_state(self) -> Iterator[Frame]:
        """The whole state after the last final block; see `node.client.state`."""
        parser = StateParser()
        with self._open_stream("its state", STATE_PATH) as chunks:
            for chunk in chunks:
                yield from parser.feed(chunk)
        parser.finish()

    def follow(
        self, start: int | None = None, last_id: str = "", **filters: str
    ) -> Iterator[Message]:
        """Events from a height on, or after an id; goes on by itself when the connection breaks."""
        parser = StreamParser(last_id)
        failures = 0
        while True:
            try:
                for message in self._stream(parser, start, filters):
                    failures = 0
                    yield message
            except Unreachable:
                pass
            except Rejected as error:
                if not error.retry:
                    raise
            failures += 1
            parser.restart()
            self._sleep(self._retry.backoff_s(failures))

    # --- the peer itself

    def get_status(self) -> Document:
        """What the peer says of itself."""
        return self.call(calls.get_document("/v1/status"))

    def list_unready(self) -> list[str]:
        """Why the peer is not ready; nothing when it is."""
        try:
            self._call_once(calls.get_document("/readyz"))
        except Rejected as error:
            if error.code != "not-ready":
                raise
            return [str(reason) for reason in error.document.get("reasons", ())] or [error.detail]
        return []

    # --- how bytes travel

    def call(self, call: Call[T]) -> T:
        """Send a call, again where that may help; raises ClientError."""
        attempt = 1
        while True:
            try:
                return self._call_once(call)
            except ClientError as error:
                seconds = self._retry.compute_wait_s(error, attempt)
                if seconds is None:
                    raise
            self._sleep(seconds)
            attempt += 1

    def _call_once(self, call: Call[T]) -> T:
        try:
            response = self._http.request(
                call.method,
                call.path,
                params=dict(call.query) or None,
                content=call.content or None,
                headers={"Content-Type": calls.MSGPACK} if call.content else None,
                timeout=self._timeout_s + call.wait_s,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(
                f"{self.url} does not answer ({type(error).__name__}): is the peer running, and is "
                "this the address of its API?"
            ) from None
        content_type = response.headers.get("Content-Type", "")
        return read_answer(response.status_code, content_type, response.content, call)

    def _iterate(self, call: Call[Page]) -> Iterator[Document]:
        for page in self._iterate_pages(call):
            yield from page.items

    def _iterate_pages(self, call: Call[Page]) -> Iterator[Page]:
        cursor: str | None = None
        while True:
            page = self.call(call.after(cursor))
            yield page
            cursor = page.next
            if cursor is None:
                return

    def _stream(
        self, parser: StreamParser, start: int | None, filters: Mapping[str, str]
    ) -> Iterator[Message]:
        query, headers = compose_follow(parser.last_id, start, filters)
        with self._open_stream("events", EVENTS_PATH, query, headers) as chunks:
            for chunk in chunks:
                yield from parser.feed(chunk)

    @contextmanager
    def _open_stream(
        self,
        what: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Iterator[bytes]]:
        """An answer that goes on, as it comes; raises ClientError."""
        timeout = httpx.Timeout(self._timeout_s, read=STREAM_SILENCE_S)
        try:
            with self._http.stream(
                "GET", path, params=query or None, headers=headers, timeout=timeout
            ) as response:
                if response.status_code != 200:
                    content_type = response.headers.get("Content-Type", "")
                    read_refusal(response.status_code, content_type, response.read(), path)
                yield response.iter_bytes()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{self.url} stopped sending {what}: {error!r}") from None
