"""Catching up: final blocks by range, from any peer, each proved before it is executed.

1. A range is a run of blocks on the last that is known here to be final and executed, with a
   finalization of its last, or of a later one and the headers up to that. The certificate and the
   chain of hashes are checked before a transaction is looked at; so a peer can waste this one's
   time with at most one range.
2. Each block is then executed and its header compared, as in consensus. A finalized block that
   executes differently here means that this peer has diverged.
3. One range is asked for at a time, of whoever is known to be ahead, else of anybody in turn. Who
   does not answer within a while is passed over for the next.
4. The blocks of a range are handed to the judge a few at a time, so that they fit among those that
   it holds. A range that makes no progress is given up and asked for anew.
5. A range of another epoch than the running one is left: this peer is between two epochs, and asks
   again once it has entered the next.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from consensus.certificate import Certificate, verify_certificate
from consensus.validators import ValidatorSet
from consensus.vote import VoteKind
from ledger.block import Block, compute_header_hash, decode_header, make_block_of_parts
from ledger.codec import encode
from ledger.crypto import Domain, sha256
from ledger.errors import FormatError, LedgerError
from ledger.primitives import Digest, Epoch
from ledger.store import Store
from node.errors import make_fork
from node.frames import MAX_RANGE, BlockBody, Range, WantRange
from node.judge import Judge, Outcome
from node.ports import Ports

ANSWER_TIMEOUT_MS = 3_000
PROGRESS_TIMEOUT_MS = 15_000
IDLE_RETRY_MS = 1_000
NEXT_RETRY_MS = 20
MAX_FED = 24  # blocks of a range in the judge at once


@dataclass(frozen=True, slots=True)
class _Target:
    """A checked range under execution."""

    certificate: Certificate
    last: Block
    source: str

    @property
    def is_whole(self) -> bool:
        """Whether the range reaches the block that the certificate finalizes."""
        return self.last.hash == self.certificate.block


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
        decided: Callable[[], tuple[int, Digest]],
        is_behind: Callable[[], bool],
    ) -> None:
        self._store = store
        self._judge = judge
        self._ports = ports
        self._domain = domain
        self._on_synced = on_synced
        self._on_diverged = on_diverged
        self._decided = decided
        self._is_behind = is_behind
        self._heights: dict[str, int] = {}
        self._asked = ""
        self._turn = 0
        self._fruitless = 0
        self._target: _Target | None = None
        self._queue: deque[tuple[Block, BlockBody]] = deque()
        self._fed = 0
        self._is_feeding = False
        self._reached: tuple[int, Digest] | None = None  # final and executed, not decided yet
        self._due_ms: int | None = None
        self.epoch = Epoch(0)
        self.validators: ValidatorSet | None = None

    def __len__(self) -> int:
        """How many blocks of a range wait here: at most a range's."""
        return len(self._queue)

    @property
    def fed(self) -> int:
        """How many blocks of the range the judge has, at most `MAX_FED`."""
        return self._fed

    @property
    def heights(self) -> Mapping[str, int]:
        """What connected peers claim."""
        return MappingProxyType(self._heights)

    @property
    def is_running(self) -> bool:
        """Whether a range is asked for or being executed."""
        return bool(self._asked) or self._target is not None

    def hear_height(self, peer: str, height: int) -> None:
        """A peer says how far it is."""
        self._heights[peer] = height
        if self._is_wanted():
            # As a rule what is new is on its way here by itself.
            self.want(IDLE_RETRY_MS)

    def forget(self, peer: str) -> None:
        """A peer is gone."""
        self._heights.pop(peer, None)
        if self._asked == peer:
            self._asked = ""
            self.want(0)

    def want(self, after_ms: int) -> None:
        """There may be something final that is not here: ask after a while, if it still is not."""
        if self.is_running:
            return
        at_ms = self._ports.monotonic_ms() + after_ms
        if self._due_ms is None or at_ms < self._due_ms:
            self._set_timer(after_ms, self._ask)

    def _is_wanted(self) -> bool:
        decided = self._decided()[0]
        return self._is_behind() or any(height > decided for height in self._heights.values())

    def _set_timer(self, after_ms: int, fire: Callable[[], None]) -> None:
        self._due_ms = self._ports.monotonic_ms() + after_ms
        self._ports.set_timer("sync", self._due_ms, fire)

    def _ask(self) -> None:
        self._due_ms = None
        if self.is_running or not self._is_wanted():
            return
        decided = self._decided()[0]
        sources = self._ports.list_sync_sources()
        ahead = [code for code in sources if self._heights.get(code, 0) > decided]
        peers = ahead or sources
        if not peers:
            self.want(IDLE_RETRY_MS)
            return
        self._turn += 1
        self._asked = peers[self._turn % len(peers)]
        first = self._find_base()[0] + 1
        self._ports.send([self._asked], WantRange(first, first + MAX_RANGE - 1))
        self._set_timer(ANSWER_TIMEOUT_MS, self._unanswered)

    def _find_base(self) -> tuple[int, Digest]:
        """The block that the next range must follow."""
        decided = self._decided()
        if self._reached is not None and self._reached[0] <= decided[0]:
            self._reached = None
        return self._reached or decided

    def _unanswered(self) -> None:
        self._heights.pop(self._asked, None)
        self._asked = ""
        self._ask()

    # --- what comes

    def receive(self, sender: str, range_: Range) -> None:
        """The answer to a request; raises LedgerError where it is not what it claims."""
        if sender != self._asked:
            return
        self._asked = ""
        self._ports.cancel_timer("sync")
        self._due_ms = None
        if not range_.blocks:
            self._heights.pop(sender, None)
            self._ask_next()
            return
        try:
            blocks, certificate = self._check(range_)
        except LedgerError:
            self._heights.pop(sender, None)
            self.want(0)
            raise
        if not blocks:
            self._ask_next()
            return
        self._fruitless = 0
        self._target = _Target(certificate, blocks[-1][0], sender)
        self._queue.extend(blocks)
        self._feed()

    def _ask_next(self) -> None:
        """This one had nothing: the next at once, but all of them in vain only now and then."""
        self._fruitless += 1
        is_round_over = self._fruitless % max(1, len(self._ports.list_sync_sources())) == 0
        if self._is_wanted():
            self.want(IDLE_RETRY_MS if is_round_over else NEXT_RETRY_MS)

    def _check(self, range_: Range) -> tuple[list[tuple[Block, BlockBody]], Certificate]:
        """The blocks that are new here, none where the range is of another epoch."""
        certificate = Certificate.decode(range_.finalization)
        if certificate.kind is not VoteKind.FINALIZE:
            raise FormatError("the range ends without a finalization")
        if certificate.epoch != self.epoch:
            return [], certificate
        assert self.validators is not None
        verify_certificate(certificate, self.validators, self._domain, self.epoch)
        blocks = [(block_of_body(body), body) for body in range_.blocks]
        for (above, _), (block, _) in pairwise(blocks):
            if block.header.parent != above.hash:
                raise FormatError("the blocks of the range do not follow each other")
        last = blocks[-1][0].hash
        for data in range_.headers:
            if decode_header(data).parent != last:
                raise FormatError("the headers behind the range do not follow it")
            last = compute_header_hash(data)
        if last != certificate.block:
            raise FormatError("the finalization is of another block than the range's last")
        return self._cut(blocks, certificate), certificate

    def _cut(
        self, blocks: list[tuple[Block, BlockBody]], certificate: Certificate
    ) -> list[tuple[Block, BlockBody]]:
        """Those of a proved range that follow what is final here."""
        height, hash_ = self._find_base()
        fresh = [pair for pair in blocks if pair[0].header.height > height]
        if fresh and fresh[0][0].header.height != height + 1:
            raise FormatError("the range begins above what was asked for")
        if fresh and fresh[0][0].header.parent != hash_:
            raise make_fork(certificate.block, hash_)
        return fresh

    def _feed(self) -> None:
        """Hand blocks on while there is room; one that is executed at once does not come back here
        by recursion."""
        self._set_timer(PROGRESS_TIMEOUT_MS, self._give_up)
        if self._is_feeding:
            return
        self._is_feeding = True
        try:
            while self._target is not None and self._queue and self._fed < MAX_FED:
                block, body = self._queue.popleft()
                self._fed += 1
                heard = self._hear_of(block, self._target)
                self._judge.park(block, body.raws, self._target.source, heard, is_certified=True)
        finally:
            self._is_feeding = False

    def _hear_of(self, block: Block, target: _Target) -> Callable[[Outcome, str], None]:
        def heard(outcome: Outcome, reason: str) -> None:
            if outcome is Outcome.INVALID:
                self._on_diverged(block, reason)
            elif self._target is target:
                self._fed -= 1
                if block.hash != target.last.hash:
                    self._feed()
                elif target.is_whole:
                    self._end_target()
                    self._on_synced(target.certificate, block)
                else:
                    self._end_target()
                    self._reached = (block.header.height, block.hash)
                    self.want(0)

        return heard

    def _end_target(self) -> None:
        self._target = None
        self._queue.clear()
        self._fed = 0
        self._ports.cancel_timer("sync")
        self._due_ms = None

    def _give_up(self) -> None:
        self._end_target()
        self._reached = None
        self.want(0)

    def resume(self) -> None:
        """Blocks became final here: go on where more is known to be final."""
        target = self._target
        if target is not None and target.last.header.height <= self._decided()[0]:
            self._end_target()
        if self._is_wanted():
            self.want(0)


def block_of_body(body: BlockBody) -> Block:
    """The block of a header with its transactions; raises LedgerError where they do not fit."""
    hashes = [sha256(raw) for raw in body.raws]
    header = decode_header(body.header)
    return make_block_of_parts(header, body.header, hashes, body.parent_certificate)


def compose_payload(block: Block) -> bytes:
    """What a proposal carries of a block: canonical [header, [hash, ...]]."""
    return encode([block.header_bytes, list(block.transaction_hashes)])
