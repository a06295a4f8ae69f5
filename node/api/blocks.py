"""`/v1/blocks`: final blocks, newest first, and one by height or hash."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from ledger.block import Header, header_as_json
from ledger.primitives import Digest
from ledger.store import StoredBlock
from node.api.chain import STEP, Chain, Entry
from node.api.context import CONTEXT, answer, answer_list, answer_text, dump, read_limit
from node.api.cursors import compose_cursor, read_cursor
from node.api.delivery import begin_read, charge_read
from node.api.limits import MAX_PIECE_CHARACTERS
from node.api.parameters import (
    CURSOR,
    DIGEST,
    LIMIT,
    SWITCH,
    Parameter,
    parse_digest,
    parse_number,
    parse_switch,
)
from node.api.problems import Problem
from node.api.routes import Route, json_content, ref
from node.api.transactions import show_transaction
from node.client.difference import show_value

_SCOPE: Final = ("blocks",)
TRANSACTIONS: Final = Parameter(
    "transactions", "With every transaction and its result.", parse_switch, SWITCH, False
)


def _parse_reference(text: str) -> int | Digest:
    """A height, -1 for the latest, or a hash."""
    if text == "latest":
        return -1
    try:
        return parse_digest(text) if len(text) == 64 else parse_number(text)
    except ValueError:
        raise ValueError("a height, `latest` or 64 lowercase hex digits are wanted") from None


BLOCK: Final = Parameter(
    "block",
    "A height, `latest` or the block's hash.",
    _parse_reference,
    {"anyOf": [{"type": "string", "pattern": "^(0|[1-9][0-9]*|latest)$"}, DIGEST]},
    in_path=True,
)


async def list_blocks(request: web.Request) -> web.Response:
    """Headers, newest first."""
    chain = request.app[CONTEXT].chain
    limit = read_limit(request)
    cursor = CURSOR.read(request)
    top = chain.height if cursor is None else read_cursor(cursor, _SCOPE, (int,))[0]
    top = min(top, chain.height)
    await begin_read(request)
    blocks: list[str] = []
    for height in range(top, max(-1, top - limit), -1):
        header = chain.get_header(height)
        if header is None:
            break
        blocks.append(dump(_show_header(chain, header)))
        if len(blocks) % STEP == 0:
            await asyncio.sleep(0)
    last = top - len(blocks)
    more = bool(blocks) and last >= 0
    shown = answer_list(blocks, next=compose_cursor(_SCOPE, [last]) if more else None)
    return charge_read(request, len(blocks), shown)


async def get_block(request: web.Request) -> web.Response:
    """One block."""
    chain = request.app[CONTEXT].chain
    reference, whole = BLOCK.read(request), TRANSACTIONS.read(request)
    if whole:
        await begin_read(request)
    height = _find(chain, reference)
    header = chain.get_header(height)
    if header is None:
        raise Problem("not-found", f"block {height} is not final; the newest is {chain.height}")
    shown = _show_header(chain, header)
    if not whole:
        return answer(shown)
    entries = await chain.load_entries(height)
    block = chain.get_block(height)
    if entries is None or block is None:
        raise Problem("pruned", f"this peer no longer has the transactions of block {height}")
    rendered = await _render_entries(chain, block, entries)
    text = f'{dump(shown)[:-1]},"transactions":[{",".join(rendered)}]}}'
    return charge_read(request, len(rendered), answer_text(text))


async def _render_entries(chain: Chain, block: StoredBlock, entries: Sequence[Entry]) -> list[str]:
    """Each entry as JSON text, with pauses for votes and other requests."""
    rendered: list[str] = []
    piece = 0
    for entry in entries:
        if entry.index % STEP == STEP - 1 or piece >= MAX_PIECE_CHARACTERS:
            piece = 0
            await asyncio.sleep(0)
        transaction = chain.get_transaction(block.header.height, entry.index)
        shown = {
            "id": entry.id.hex(),
            "index": str(entry.index),
            "code": entry.code,
            "events": [show_value(event) for event in entry.events],
            "transaction": None if transaction is None else show_transaction(transaction),
        }
        rendered.append(dump(shown))
        piece += len(rendered[-1])
    return rendered


def _find(chain: Chain, reference: int | Digest) -> int:
    if isinstance(reference, int):
        return chain.height if reference < 0 else reference
    height = chain.find_height(reference)
    if height is None:
        raise Problem("not-found", "this peer has no final block of this hash")
    return height


def _show_header(chain: Chain, header: Header) -> dict[str, Any]:
    return {"hash": chain.get_hash(header.height), "header": header_as_json(header)}


ROUTES: Final = (
    Route(
        "GET",
        "/v1/blocks",
        list_blocks,
        "Headers of final blocks, newest first",
        "blocks",
        (LIMIT, CURSOR),
        answers={200: json_content("A page of headers.", ref("BlockPage"))},
        problems=("bad-parameter", "bad-cursor", "too-many-open"),
    ),
    Route(
        "GET",
        "/v1/blocks/{block}",
        get_block,
        "One final block",
        "blocks",
        (BLOCK, TRANSACTIONS),
        answers={200: json_content("The block.", ref("Block"))},
        problems=("bad-parameter", "not-found", "pruned", "too-many-open"),
    ),
)
