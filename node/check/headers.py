"""Headers from the genesis to the last: each follows its parent, and the tree over them is theirs.

The hash that a header must have stands in four places: in its child, in the table of hashes, in the
header tree and in certificates. Where header and child disagree, the table of hashes says which of
the two was changed, so that one changed header is one finding. The last one has no child, but is
always finalized.
"""

from collections.abc import Iterator

from consensus.certificate import Certificate
from ledger import codec, schema, shape
from ledger.block import Header, compute_header_hash
from ledger.errors import LedgerError
from ledger.history import compute_new_nodes
from ledger.merkle import Accumulator, compute_leaf_hash
from ledger.primitives import Digest
from node.check.finding import show_place
from node.check.scope import Scope


def check_headers(scope: Scope) -> None:
    """The tables `h`, `k` and `n`, and what `mfinal` says of them."""
    history = Accumulator()
    above: Header | None = None
    expected: Digest | None = scope.genesis_hash
    for height, data, header in _walk(scope):
        hash_ = compute_header_hash(data) if data is not None else None
        if header is not None:
            _check_header(scope, header, above, expected, history)
        witness = _read_witness(scope, height)
        true = _choose_hash(scope, height, hash_, witness)
        if true is None:
            scope.facts.append(
                f"nothing says what the hash of block {height} must be: the header tree was "
                "checked up to there"
            )
            break
        _check_nodes(scope, history, true)
        history.append(compute_leaf_hash(true))
        if header is not None and header.is_last_of_epoch:
            scope.ends.append(height)
        above, expected = header, true
    is_whole = history.count == scope.height + 1
    if scope.peaks and is_whole and tuple(history.peaks) != scope.peaks:
        scope.findings.add("m", "mfinal", "has other peaks than the header tree")
    _check_hashes(scope)
    _check_surplus(scope)


def _walk(scope: Scope) -> Iterator[tuple[int, bytes | None, Header | None]]:
    """Every height up to the last with its header: None where it is missing or cannot be read."""
    for height in range(scope.height + 1):
        if height % 256 == 0:
            scope.saw("h", height)
        data = scope.get_header_bytes(height)
        if data is None:
            if "h" not in scope.unreadable:
                scope.findings.add("h", height, "is missing")
            yield height, None, None
            continue
        header = scope.read_header(height)
        if header is None:
            scope.findings.add("h", height, "is no header of this height")
        yield height, data, header


def _read_witness(scope: Scope, height: int) -> Digest | None:
    """What the child of a block, or what finalizes the last one, says of its hash."""
    if height == scope.height:
        data = scope.get(schema.finalization_key(height))
        try:
            return None if data is None else Certificate.decode(data).block
        except LedgerError:
            return None
    child = scope.read_header(height + 1)
    return None if child is None else child.parent


def _choose_hash(
    scope: Scope, height: int, own: Digest | None, witness: Digest | None
) -> Digest | None:
    """The hash of a header, by what is found of it and what others say."""
    if own is not None and witness in (own, None):
        if not _is_listed(scope, own, height):
            scope.findings.add("k", own.hex(), f"does not lead to block {height}")
        return own
    if own is not None and _is_listed(scope, own, height):
        return own  # its child, or the certificate, was changed: that is said of those
    if own is not None and witness is not None:
        wrong = f"has the hash {own.hex()}, and is elsewhere named {witness.hex()}"
        scope.findings.add("h", height, wrong)
    return witness


def _is_listed(scope: Scope, hash_: Digest, height: int) -> bool:
    return scope.get(schema.header_hash_key(hash_)) == height.to_bytes(8, "big")


def _check_header(
    scope: Scope,
    header: Header,
    above: Header | None,
    parent: Digest | None,
    history: Accumulator,
) -> None:
    wrong: list[str] = []
    if header.height == 0 and header.encode() != scope.first.block.header_bytes:
        wrong.append("is not what the genesis document gives")
    if header.parent != parent:
        wrong.append("names another parent than the block before it")
    if header.chain != scope.genesis.chain:
        wrong.append(f"is of the chain {header.chain}")
    if history.count == header.height and header.history_root != history.compute_root():
        wrong.append("has another history root than the headers before it")
    if above is not None:
        is_new = above.is_last_of_epoch
        if header.epoch != above.epoch + is_new:
            wrong.append(f"is of epoch {header.epoch}, after one of epoch {above.epoch}")
        if header.validators_hash != above.next_validators_hash:
            wrong.append("has other validators than its parent says")
        if header.time_ms <= above.time_ms:
            wrong.append("is not younger than its parent")
    for item in wrong:
        scope.findings.add("h", header.height, item)


def _check_nodes(scope: Scope, before: Accumulator, hash_: Digest) -> None:
    for level, index, node in compute_new_nodes(before, hash_):
        stored = scope.get(schema.node_key(level, index))
        if stored != node and "n" not in scope.unreadable:
            found = "is missing" if stored is None else f"is {stored.hex()}"
            scope.findings.add("n", f"level {level}, {index}", f"{found}, not {node.hex()}")


def _check_hashes(scope: Scope) -> None:
    """No hash leads anywhere but to the header that has it."""
    for key, value in scope.scan("k"):
        height = int.from_bytes(value, "big") if len(value) == 8 else -1
        data = scope.get_header_bytes(height) if 0 <= height <= scope.height else None
        if data is None and "h" in scope.unreadable:
            continue
        if data is None or compute_header_hash(data) != key[1:]:
            scope.findings.add("k", key[1:].hex(), "leads to no header that has this hash")


def _check_surplus(scope: Scope) -> None:
    """Nothing stands where nothing can."""
    for key, _ in scope.scan("h"):
        if len(key) != 9 or int.from_bytes(key[1:], "big") > scope.height:
            scope.findings.add(
                "h", show_place(key), f"stands above the last final block, {scope.height}"
            )
    for key, _ in scope.scan("n"):
        level, index = key[1] if len(key) == 10 else 255, int.from_bytes(key[2:], "big")
        if (index + 1) << level > scope.height + 1:
            scope.findings.add("n", show_place(key), "is no subtree of this chain's headers")


def read_final(data: bytes) -> tuple[int, tuple[bytes, ...]]:
    """Height and peaks of what `mfinal` says; raises LedgerError."""
    height, peaks = shape.check_tuple(codec.decode(data), "mfinal", 2)
    checked = [shape.check_digest(item, "a peak") for item in shape.check_list(peaks, "peaks", 64)]
    return shape.check_integer(height, "height", 0, 1 << 48), tuple(checked)
