"""Fetching what is missing: bodies of certified blocks, and transactions that blocks name.

A block's signers persisted its body before they voted, so somebody has it: they are asked one after
another until it comes. Missing transactions are asked from where the block came first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger.primitives import Digest
from node.frames import WantBlock, WantTransactions
from node.judge import Judge, Parked
from node.ports import Ports

GRACE_MS = 150  # what a block names is on its way from elsewhere as a rule, or being checked
RETRY_MS = 250
MAX_WANTED_BLOCKS = 64
MAX_WANTED_HASHES = 4096


@dataclass(slots=True)
class _Wanted:
    signers: tuple[str, ...]
    view: int
    turn: int = 0


class Fetch:
    """Keeps asking until what is wanted is here or no longer wanted."""

    def __init__(self, judge: Judge, ports: Ports, is_checking: Callable[[Digest], bool]) -> None:
        self._judge = judge
        self._is_checking = is_checking
        self._ports = ports
        self._blocks: dict[Digest, _Wanted] = {}
        self._due_ms: int | None = None

    def __len__(self) -> int:
        return len(self._blocks)

    def wants(self, hash_: Digest) -> bool:
        """Whether this block's body is asked for."""
        return hash_ in self._blocks

    def want_block(self, hash_: Digest, signers: Sequence[str], view: int) -> None:
        """Ask for the body of a block that was certified in `view`."""
        if hash_ not in self._blocks and len(self._blocks) >= MAX_WANTED_BLOCKS:
            del self._blocks[next(iter(self._blocks))]
        self._blocks[hash_] = _Wanted(tuple(signers), view)
        self._ask_block(hash_)
        self._set()

    def want_transactions(self) -> None:
        """A block lacks transactions: ask where it came from, after a moment's grace."""
        self._set(GRACE_MS)

    def got(self, hash_: Digest) -> None:
        """The body is here, or no longer wanted."""
        self._blocks.pop(hash_, None)

    def prune(self, view: int) -> None:
        """A block certified in this view is final: what is older is final too, or has lost."""
        for hash_ in [hash_ for hash_, wanted in self._blocks.items() if wanted.view < view]:
            del self._blocks[hash_]

    def clear(self) -> None:
        """Nothing is wanted any more."""
        self._blocks.clear()

    def _ask_block(self, hash_: Digest) -> None:
        if hash_ in self._judge:
            return  # it is here, and being judged; what it lacks is asked for by name
        wanted = self._blocks[hash_]
        connected = self._ports.list_connected()
        signers = [code for code in wanted.signers if code in connected] or connected
        if signers:
            self._ports.send([signers[wanted.turn % len(signers)]], WantBlock(hash_))
            wanted.turn += 1

    def _ask_transactions(self, parked: Parked, source: str) -> None:
        missing = [hash_ for hash_ in parked.missing if not self._is_checking(hash_)]
        del missing[MAX_WANTED_HASHES:]
        if missing:
            self._ports.send([source], WantTransactions(tuple(missing)))

    def _set(self, after_ms: int = RETRY_MS) -> None:
        at_ms = self._ports.monotonic_ms() + after_ms
        if self._due_ms is None or at_ms < self._due_ms:
            self._due_ms = at_ms
            self._ports.set_timer("fetch", at_ms, self._retry)

    def _retry(self) -> None:
        self._due_ms = None
        for hash_ in list(self._blocks):
            self._ask_block(hash_)
        incomplete = self._judge.list_incomplete()
        connected = self._ports.list_connected()
        for parked in incomplete:
            sources = [code for code in parked.sources if code in connected] or connected
            if sources:
                self._ask_transactions(parked, sources[parked.turn % len(sources)])
                parked.turn += 1
        if self._blocks or incomplete:
            self._set()
