"""Catching up: final blocks by range, from any peer, each proved before it is executed.

1. A range is a run of blocks on this peer's last final one, with a finalization of its last. The
   certificate and the chain of hashes are checked before a transaction is looked at; so a peer can
   waste this one's time with at most one range.
2. Each block is then executed and its header compared, as in consensus. A finalized block that
   executes differently here means that this peer has diverged.
3. One range is asked for at a time. Who does not answer within a while is passed over for the next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from consensus.certificate import Certificate, verify_certificate
from consensus.validators import ValidatorSet
from consensus.vote import VoteKind
from ledger.block import Block, decode_header, make_block_of_parts
from ledger.codec import encode
from ledger.crypto import Domain, sha256
from ledger.errors import FormatError, LedgerError
from ledger.store import Store
from node.frames import MAX_RANGE, MAX_RANGE_BYTES, BlockBody, Range, WantRange
from node.judge import Judge, Outcome
from node.ports import Ports

ANSWER_TIMEOUT_MS = 3_000
IDLE_RETRY_MS = 1_000


@dataclass(frozen=True, slots=True)
class _Target:
    """A checked range under execution."""

    certificate: Certificate
    last: Block


class Sync:
    """Asks for, checks and feeds ranges of final blocks."""

    def __init__(
        self,
        store: Store,
        judge: Judge,
        ports: Ports,
        domain: Domain,
        on_synced: Callable[[Certificate, Block], None],
        on_diverged: Callable[[Block, str], None],
        decided_height: Callable[[], int],
        is_behind: Callable[[], bool],
    ) -> None:
        self._store = store
        self._judge = judge
        self._ports = ports
        self._domain = domain
        self._on_synced = on_synced
        self._on_diverged = on_diverged
        self._decided_height = decided_height
        self._is_behind = is_behind
        self._heights: dict[str, int] = {}
        self._asked = ""
        self._turn = 0
        self._target: _Target | None = None
        self._wanted = False
        self.validators: ValidatorSet | None = None

    @property
    def is_running(self) -> bool:
        """Whether a range is asked for or being executed."""
        return bool(self._asked) or self._target is not None

    def hear_height(self, peer: str, height: int) -> None:
        """A peer says how far it is."""
        self._heights[peer] = height
        if height > self._decided_height():
            self.want()

    def forget(self, peer: str) -> None:
        """A peer is gone."""
        self._heights.pop(peer, None)
        if self._asked == peer:
            self._asked = ""
            self._again(0)

    def want(self) -> None:
        """There is something final that is not here."""
        self._wanted = True
        self._ask()

    def _ask(self) -> None:
        if self.is_running or not self._wanted:
            return
        peers = self._ports.list_connected()
        if not peers:
            self._again(IDLE_RETRY_MS)
            return
        self._turn += 1
        self._asked = peers[self._turn % len(peers)]
        first = self._decided_height() + 1
        self._ports.send([self._asked], WantRange(first, first + MAX_RANGE - 1))
        self._ports.set_timer(
            "sync", self._ports.monotonic_ms() + ANSWER_TIMEOUT_MS, self._unanswered
        )

    def _unanswered(self) -> None:
        self._asked = ""
        self._ask()

    def _again(self, after_ms: int) -> None:
        self._ports.set_timer("sync", self._ports.monotonic_ms() + after_ms, self._ask)

    # --- what comes

    def receive(self, sender: str, range_: Range) -> None:
        """The answer to a request; raises LedgerError where it is not what it claims."""
        if sender != self._asked:
            return
        self._asked = ""
        self._ports.cancel_timer("sync")
        if not range_.blocks:
            # This peer has no more than we do. Ask on only while somebody is known to have more.
            decided = self._decided_height()
            self._heights[sender] = min(self._heights.get(sender, 0), decided)
            self._wanted = self._is_behind() or any(h > decided for h in self._heights.values())
            self._again(IDLE_RETRY_MS)
            return
        try:
            blocks, certificate = self._check(range_)
        except LedgerError:
            self._again(0)
            raise
        if not blocks:
            self._again(0)
            return
        self._target = _Target(certificate, blocks[-1][0])
        for block, body in blocks:
            self._judge.park(block, body.raws, sender, self._hear_of(block), is_certified=True)

    def _check(self, range_: Range) -> tuple[list[tuple[Block, BlockBody]], Certificate]:
        certificate = Certificate.decode(range_.finalization)
        if certificate.kind is not VoteKind.FINALIZE:
            raise FormatError("the range ends without a finalization")
        assert self.validators is not None
        verify_certificate(certificate, self.validators, self._domain)
        blocks = [(block_of_body(body), body) for body in range_.blocks]
        if blocks[-1][0].hash != certificate.block:
            raise FormatError("the finalization is of another block than the range's last")
        for (above, _), (block, _) in pairwise(blocks):
            if block.header.parent != above.hash:
                raise FormatError("the blocks of the range do not follow each other")
        decided = self._decided_height()
        return [pair for pair in blocks if pair[0].header.height > decided], certificate

    def _hear_of(self, block: Block) -> Callable[[Outcome, str], None]:
        def heard(outcome: Outcome, reason: str) -> None:
            if outcome is Outcome.INVALID:
                self._on_diverged(block, reason)
            elif self._target is not None and self._target.last.hash == block.hash:
                target, self._target = self._target, None
                self._on_synced(target.certificate, block)

        return heard

    def resume(self) -> None:
        """The last range is final here: go on, until a peer says that there is no more."""
        self._ask()

    def abandon(self) -> None:
        """What was under execution became final another way, or the epoch is another."""
        target = self._target
        if target is not None and target.last.header.height <= self._decided_height():
            self._target = None
            self._ask()

    # --- what others ask for

    def serve(self, sender: str, want: WantRange) -> None:
        """Answer with final blocks from `first` on, as far as bounds and the epoch go."""
        self._ports.send([sender], compose_range(self._store, want))


def compose_range(store: Store, want: WantRange) -> Range:
    """A run of final blocks that ends with one whose finalization this peer holds."""
    bodies: list[BlockBody] = []
    size = 0
    complete = 0
    finalization = b""
    last = min(want.last, want.first + MAX_RANGE - 1, store.height)
    for height in range(want.first, last + 1):
        stored = store.get_block(height)
        if stored is None:
            break
        size += sum(map(len, stored.transactions))
        if size > MAX_RANGE_BYTES and complete:
            break
        bodies.append(
            BlockBody(stored.header_bytes, stored.transactions, stored.parent_certificate)
        )
        certificate = store.get_finalization(height)
        if certificate is not None:
            complete, finalization = len(bodies), certificate
        if stored.header.is_last_of_epoch:
            break
    return Range(tuple(bodies[:complete]), finalization)


def block_of_body(body: BlockBody) -> Block:
    """The block of a header with its transactions; raises LedgerError where they do not fit."""
    hashes = [sha256(raw) for raw in body.raws]
    header = decode_header(body.header)
    return make_block_of_parts(header, body.header, hashes, body.parent_certificate)


def compose_payload(block: Block) -> bytes:
    """What a proposal carries of a block: canonical [header, [hash, ...]]."""
    return encode([block.header_bytes, list(block.transaction_hashes)])
