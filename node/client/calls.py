"""The API's calls without a network: what to send, and how to read what comes back.

Both clients send these; only how bytes travel differs between them.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

from ledger import codec
from ledger.crypto import sha256
from ledger.errors import LedgerError
from ledger.genesis import compute_chain_name, decode_genesis
from ledger.primitives import Digest
from node.client.composer import ChainInfo, Signed
from node.client.errors import MALFORMED, Rejected, Unexpected, WrongChain
from node.client.outcome import Outcome, read_outcome

T = TypeVar("T")
Document = dict[str, Any]
PROBLEM: Final = "application/problem+json"
MSGPACK: Final = "application/msgpack"
EVENTS_PATH: Final = "/v1/events"
STATE_PATH: Final = "/v1/state"
WAIT_STEP_S: Final = 30.0  # of one request; a peer allows 60
STATISTIC_S: Final = 600.0  # that a peer may take to compute one
STREAM_SILENCE_S: Final = 60.0  # a peer shows a sign of life four times as often


@dataclass(frozen=True, slots=True)
class Page:
    """Entries of a list, and the cursor of the next page or None."""

    items: list[Document]
    next: str | None
    document: Document


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request; `wait_s` is how long the peer may take on purpose."""

    method: str
    path: str
    read: Callable[[Any], T]
    query: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    wait_s: float = 0.0

    def after(self, cursor: str | None) -> "Call[T]":
        """The same list from a cursor on."""
        return self if cursor is None else replace(self, query={**self.query, "cursor": cursor})


def read_answer(status: int, content_type: str, content: bytes, call: Call[T]) -> T:
    """What a call asked for; raises Rejected or Unexpected."""
    media = content_type.partition(";")[0].strip().lower()
    if media not in ("application/json", PROBLEM):
        raise Unexpected(
            f"{call.method} {call.path} was answered with {status} and {media or 'no content type'}"
            ": is this the address of a peer?"
        )
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise Unexpected(f"the answer to {call.method} {call.path} is not JSON") from None
    if media == PROBLEM or status >= 400:
        raise Rejected(document if type(document) is dict else {"status": status})
    try:
        return call.read(document)
    except MALFORMED as error:
        raise Unexpected(f"the answer to {call.method} {call.path} is malformed: {error}") from None


def read_refusal(status: int, content_type: str, content: bytes, path: str) -> None:
    """What a stream that did not begin was answered with; raises Rejected or Unexpected."""
    refused: Call[None] = Call("GET", path, lambda _: None)
    read_answer(status, content_type, content, refused)


def compose_follow(
    last_id: str, start: int | None, filters: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Query and headers of an event stream that goes on after `last_id`, or else from `start`."""
    query, headers = dict(filters), {"Accept": "text/event-stream"}
    if last_id:
        headers["Last-Event-ID"] = last_id
    elif start is not None:
        query["from"] = str(start)
    return query, headers


def raw_of(signed: Signed | bytes) -> bytes:
    """The bytes to submit."""
    return signed.raw if isinstance(signed, Signed) else signed


def check_chain(chain: ChainInfo, pinned: Digest | None) -> None:
    """Raise WrongChain unless the chain is the pinned one."""
    if pinned is not None and chain.genesis_hash != pinned:
        raise WrongChain(
            f"the peer keeps {chain.name} with genesis {chain.genesis_hash.hex()}, "
            f"not {pinned.hex()}: check the peer's address and the genesis hash"
        )


def submit(raw: bytes, wait_s: float | None) -> Call[Outcome]:
    """One signed transaction."""
    return Call("POST", "/v1/transactions", read_outcome, _wait(wait_s), raw, wait_s or 0.0)


def submit_many(raws: Sequence[bytes], wait_s: float | None) -> Call[list[Outcome]]:
    """A batch of signed transactions."""
    count = len(raws)

    def read(documents: Any) -> list[Outcome]:
        if type(documents) is not list or len(documents) != count:
            raise Unexpected("the peer answered for another number of transactions")
        return [read_outcome(document) for document in documents]

    content = codec.encode(list(raws))
    return Call("POST", "/v1/transactions", read, _wait(wait_s), content, wait_s or 0.0)


def get_transaction(id_: str, wait_s: float | None = None) -> Call[Outcome]:
    """What became of a transaction."""
    path = f"/v1/transactions/{quote(id_, safe='')}"
    return Call("GET", path, read_outcome, _wait(wait_s), wait_s=wait_s or 0.0)


def get_document(path: str, query: Mapping[str, str] | None = None) -> Call[Document]:
    """A document as it comes."""
    return Call("GET", path, _read_document, query or {})


def get_page(path: str, query: Mapping[str, str], page: int | None) -> Call[Page]:
    """The first page of a list."""
    sized = dict(query) if page is None else {**query, "limit": str(page)}
    return Call("GET", path, _read_page, sized)


def get_block(reference: int | str, transactions: bool) -> Call[Document]:
    """A block by height, `latest` or hash."""
    query = {"transactions": "true"} if transactions else {}
    return get_document(f"/v1/blocks/{quote(str(reference), safe='')}", query)


def get_height() -> Call[int]:
    """The height of the last final block."""
    return Call("GET", "/v1/blocks/latest", lambda block: int(block["header"]["height"]))


def get_chain() -> Call[ChainInfo]:
    """Which chain the peer keeps, its genesis document checked against its own hash."""
    return Call("GET", "/v1/genesis", _read_chain)


def get_record(table: str, fields: Sequence[str], at: int | None = None) -> Call[Document]:
    """A record, now or after the block at a height."""
    path, asked = _key_path("records", table, fields), {} if at is None else {"at": str(at)}
    return Call("GET", path, lambda answer: answer["record"], asked)


def list_records(table: str, fields: Sequence[str], page: int | None) -> Call[Page]:
    """The current records under a prefix."""
    return get_page(_key_path("records", table, fields), {"prefix": "true"}, page)


def list_history(table: str, fields: Sequence[str], page: int | None) -> Call[Page]:
    """Every version of a record."""
    return get_page(_key_path("history", table, fields), {}, page)


def list_statement(
    code: str, from_ms: int | None, to_ms: int | None, page: int | None
) -> Call[Page]:
    """A party's statement of a period."""
    period = {"from": from_ms, "to": to_ms}
    query = {name: str(time_ms) for name, time_ms in period.items() if time_ms is not None}
    return get_page(join_path("v1", "statements", code), query, page)


def list_queries() -> Call[list[Document]]:
    """The queries that statistics are made of."""
    return Call("GET", "/v1/statistics", lambda answer: list(answer["items"]))


def get_statistic(query: str, at: int | None) -> Call[Document]:
    """The result of a query, now or after the block at a height."""
    path = join_path("v1", "statistics", query)
    asked = {} if at is None else {"at": str(at)}
    return Call("GET", path, _read_document, asked, wait_s=STATISTIC_S)


def try_rules(changes: Mapping[str, int], last: int) -> Call[Document]:
    """What the last blocks would have made of other rules."""
    listed = ",".join(f"{name}:{integer}" for name, integer in sorted(changes.items()))
    query = {"changes": listed, "last": str(last)}
    return Call("GET", "/v1/rules/trial", _read_document, query, wait_s=STATISTIC_S)


def join_path(*segments: str) -> str:
    """A path whose segments are encoded one by one."""
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def _key_path(what: str, table: str, fields: Sequence[str]) -> str:
    return join_path("v1", what, table, *fields)


def _wait(wait_s: float | None) -> dict[str, str]:
    return {} if wait_s is None else {"wait": "final", "timeout": f"{wait_s:.3f}"}


def _read_document(document: Any) -> Document:
    if type(document) is not dict:
        raise Unexpected("the peer answered with something other than an object")
    return document


def _read_page(document: Any) -> Page:
    items, following = document["items"], document.get("next")
    if type(items) is not list or not (following is None or type(following) is str):
        raise Unexpected("the peer answered with something other than a page")
    return Page(items, following, document)


def _read_chain(document: Any) -> ChainInfo:
    try:
        data = base64.b64decode(document["document"], validate=True)
        genesis = decode_genesis(data)
    except (binascii.Error, LedgerError) as error:
        raise Unexpected(f"the peer's genesis document cannot be used: {error}") from None
    hash_ = sha256(data)
    name = compute_chain_name(genesis.name, hash_)
    if document["hash"] != hash_.hex() or document["chain"] != name:
        raise Unexpected("the peer's genesis document has another hash than it says")
    return ChainInfo(name, hash_, genesis.consensus.transaction_window)
