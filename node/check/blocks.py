"""Bodies and results against their headers, and what is looked up by transaction and by subject.

The two indexes are far larger than what they are made from, so they are compared by sums: each
block's entries, as its body and results give them, are counted and summed up, and so are those that
are found; only where the two differ are the entries themselves compared. One walk through each
table is enough, in its own order, whatever its size.
"""

from array import array
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Final

from ledger import codec, schema, shape
from ledger.block import Header, compute_results_root, make_block_of_parts
from ledger.errors import FormatError, LedgerError
from ledger.index import compose_index
from ledger.result import Result, decode_result
from ledger.transaction import Transaction, decode_transaction
from node.check.finding import show_key, show_place
from node.check.scope import Scope

_MASK: Final = (1 << 64) - 1
_PLACE_BYTES: Final = 12
Pair = tuple[bytes, bytes]


class _Sums:
    """How many entries each block has in a table, and the sum of their hashes."""

    __slots__ = ("counts", "sums")

    def __init__(self, blocks: int) -> None:
        self.counts = array("Q", bytes(8 * blocks))
        self.sums = array("Q", bytes(8 * blocks))

    def add(self, height: int, key: bytes, value: bytes) -> None:
        """One more entry of a block."""
        self.counts[height] += 1
        digest = blake2b(key + b"\x00" + value, digest_size=8).digest()
        self.sums[height] = (self.sums[height] + int.from_bytes(digest, "big")) & _MASK

    def is_like(self, other: "_Sums", height: int) -> bool:
        """Whether a block has the same entries in both."""
        return (self.counts[height], self.sums[height]) == (
            other.counts[height],
            other.sums[height],
        )


def check_blocks(scope: Scope) -> None:
    """The tables `b`, `r`, `t` and `i`."""
    size = scope.height + 1
    expected = {table: _Sums(size) for table in _INDEXES}
    is_known = {table: bytearray(size) for table in _INDEXES}
    for height in range(size):
        if height % 64 == 0:
            scope.saw("b", height)
        for table, pairs in _read_entries(scope, height).items():
            is_known[table][height] = 1
            for key, value in pairs:
                expected[table].add(height, key, value)
    for table in ("b", "r"):
        for key, _ in scope.scan(table):
            if len(key) != 9 or int.from_bytes(key[1:], "big") > scope.height:
                scope.findings.add(table, show_place(key), "stands above the last final block")
    for table, find_height in _INDEXES.items():
        _compare(scope, table, find_height, expected[table], is_known[table])


def _read_entries(scope: Scope, height: int) -> dict[str, list[Pair]]:
    """What a block, which is checked against its header, has in the indexes that can be known."""
    header = scope.read_header(height)
    transactions = _check_body(scope, header, height) if header else None
    results = _check_results(scope, header, height) if header else None
    if header is None or results is None:
        return {}
    places = [
        (schema.transaction_key(item.id), schema.place(height, item.index))
        for item in results[: header.transactions_count]
    ]
    if transactions is None:
        return {"t": places}
    return {"t": places, "i": list(compose_index(height, results, transactions))}


def _check_body(scope: Scope, header: Header, height: int) -> list[Transaction] | None:
    data = scope.get(schema.body_key(height))
    if data is None:
        if "b" not in scope.unreadable and scope.floor.has_body(height):
            scope.findings.add("b", height, "is missing")
        return None
    try:
        certificate, raws = shape.check_tuple(codec.decode(data), "a body", 2)
        if type(certificate) is not bytes or type(raws) is not list:
            raise FormatError("is no certificate with transactions")
        items = [decode_transaction(raw, header.chain) for raw in raws]
        hashes = [item.hash for item in items]
        make_block_of_parts(header, header.encode(), hashes, certificate)
    except LedgerError as error:
        scope.findings.add("b", height, str(error))
        return None
    return items


def _check_results(scope: Scope, header: Header, height: int) -> list[Result] | None:
    data = scope.get(schema.results_key(height))
    if data is None:
        if "r" not in scope.unreadable and scope.floor.has_results(height):
            scope.findings.add("r", height, "is missing")
        return None
    try:
        leaves = shape.check_list(codec.decode(data), "results", header.results_count)
        if not all(type(leaf) is bytes for leaf in leaves):
            raise FormatError("has a result that is no byte string")
        if len(leaves) != header.results_count:
            raise FormatError(f"has {len(leaves)} results, the header {header.results_count}")
        if compute_results_root(leaves) != header.results_root:
            raise FormatError("has other results than the header commits")
        return [decode_result(leaf) for leaf in leaves]
    except LedgerError as error:
        scope.findings.add("r", height, str(error))
        return None


def _height_of_value(_key: bytes, value: bytes) -> int | None:
    return schema.parse_place(value)[0] if len(value) == _PLACE_BYTES else None


def _height_of_key(key: bytes, _value: bytes) -> int | None:
    has_subject = len(key) > _PLACE_BYTES + 2 and key[-_PLACE_BYTES - 1] == 0
    return schema.parse_place(key[-_PLACE_BYTES:])[0] if has_subject else None


_INDEXES: Final[dict[str, Callable[[bytes, bytes], int | None]]] = {
    "t": _height_of_value,
    "i": _height_of_key,
}
"""Which block an entry is of, by table."""


def _compare(
    scope: Scope,
    table: str,
    find_height: Callable[[bytes, bytes], int | None],
    expected: _Sums,
    is_known: bytearray,
) -> None:
    found, other = _Sums(scope.height + 1), 0
    for key, value in scope.scan(table):
        height = find_height(key, value)
        if height is None or height > scope.height:
            scope.findings.add(table, _show(table, key), "belongs to no block that is here")
        elif is_known[height]:
            found.add(height, key, value)
        else:
            other += 1
    if other:
        scope.facts.append(
            f"{other} entries of the table {table} are of blocks whose bodies or results are not "
            "here: they were not checked"
        )
    odd = [
        height
        for height in range(scope.height + 1)
        if is_known[height] and not expected.is_like(found, height)
    ]
    if odd and table not in scope.unreadable:
        _name_differences(scope, table, find_height, odd)


def _name_differences(
    scope: Scope,
    table: str,
    find_height: Callable[[bytes, bytes], int | None],
    heights: Iterable[int],
) -> None:
    """Compare the entries of some blocks one by one."""
    wanted: dict[bytes, bytes] = {}
    for height in heights:
        wanted.update(_read_entries(scope, height)[table])
    odd = dict.fromkeys(heights)
    for key, value in scope.scan(table):
        is_wanted = key in wanted
        if is_wanted and wanted.pop(key) != value:
            scope.findings.add(table, _show(table, key), "is not what the block's results give")
        elif not is_wanted and find_height(key, value) in odd:
            scope.findings.add(table, _show(table, key), "is of nothing in its block")
    for key in wanted:
        scope.findings.add(table, _show(table, key), "is missing")


def _show(table: str, key: bytes) -> str:
    if table == "t" or len(key) < _PLACE_BYTES + 2:
        return key[1:].hex()
    height, index = schema.parse_place(key[-_PLACE_BYTES:])
    return f"{show_key(key[1:-_PLACE_BYTES])} at {height}, {index}"
