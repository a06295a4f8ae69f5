"""Joining by a snapshot: a peer without a chain gets one from several others.

See docs/spec/snapshot.md.

1. *Seek.* Those who may be asked are asked for their newest snapshot one after another, who claims
   to be farthest first. What they claim counts for nothing: the offer must lead to the roots of its
   own header, and be higher than what is here already.
2. *Prove.* Whoever made the offer shows how the epochs before it ended, each certified by the
   validators of the one before, and so who may finalize its header. Who cannot is left.
3. *Fetch.* Pieces come from everybody at once, a few from each at a time: the headers first, since
   results and bodies are held against them. A part is verified when it comes and written at once.
4. Who sends what cannot be is named, and asked for nothing for a while. Who has the snapshot no
   more, or does not answer again and again, is passed over. If nobody has it, a newer one is
   sought, of whoever was not asked yet, and only what differs from what is here is fetched.
5. *Finish.* When all is written, the disk is made a store, and this peer begins anew with it. If no
   snapshot is to be had, it begins anew with the genesis: soon if nothing of one is here, else
   after many rounds in vain, and what is here is wiped first.
"""

import enum
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from contracts import machine
from ledger import install
from ledger.crypto import Domain
from ledger.errors import LedgerError, StoreError
from ledger.genesis import Genesis
from ledger.install import Certified
from ledger.keyvalue import Change, KeyValue
from ledger.snapshot import BodyPart, HeaderPart, ResultPart, StatePart
from ledger.store import Store
from node.errors import Restart
from node.frames import Frame, Hello, Notice
from node.lineage import Lineage, Offered, read_offer
from node.pieces import Part, Piece, Pieces, is_empty
from node.ports import Ports
from node.snapshot_frames import EpochEnds, Offer, WantEpochs, WantSnapshot

_log = logging.getLogger("suanlian.snapshot")

TICK_MS: Final = 25
ANSWER_TIMEOUT_MS: Final = 5_000
RETRY_MS: Final = 1_000
REST_MS: Final = 5_000  # of a source that did not answer
PER_SOURCE: Final = 4  # pieces asked of one peer at once
PER_TICK: Final = 2  # of one peer: it answers 100 requests a second
MAX_WRITING: Final = 32  # parts on their way to the disk
MAX_BEHIND: Final = 1_024  # blocks that an offer may be below what its peer claims to have
ROUNDS: Final = 2  # of all sources in vain before this peer begins with the genesis
PATIENCE: Final = 60  # rounds, where a part of a snapshot would be lost by that
SILENCES: Final = 3  # in a row, after which a source counts as one that has not the snapshot
BARRED_MS: Final = 30_000  # for which a liar is asked for nothing


class Phase(enum.Enum):
    """What a joiner does."""

    SEEKING = "looking for a snapshot"
    PROVING = "checking the certificates of a snapshot"
    HEADERS = "fetching headers"
    OTHERS = "fetching the state"
    FINISHING = "making a store of the snapshot"
    WIPING = "giving up a snapshot that is not to be had"
    ENDED = "joined"


@dataclass(slots=True)
class _Source:
    """A peer, and what it was asked for when."""

    asked: dict[Piece, int] = field(default_factory=dict)
    rests_until_ms: int = 0
    silences: int = 0
    has_it: bool = True


@dataclass(slots=True)
class _Target:
    """The snapshot that is fetched."""

    offered: Offered
    pieces: Pieces
    total: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """How much a joiner holds, for whoever holds it to its bounds."""

    peers: int  # whose heights or lies are known
    asked: int  # pieces of the peer that was asked for the most; PER_SOURCE
    writing: int  # MAX_WRITING, and what all sources were asked for before it was full
    left: int  # pieces of the snapshot; `total`
    parts: int  # blocks whose results are here in part; `total`
    total: int


class Joiner:
    """Fetches and installs a snapshot on a disk, beside a store that has the genesis only.

    At the end it stops the replica, to begin anew with what the disk then is.
    """

    def __init__(
        self,
        genesis: Genesis,
        store: Store,
        disk: KeyValue,
        ports: Ports,
        domain: Domain,
        stop: Callable[[Exception], None],
    ) -> None:
        self._first_header = store.header.encode()
        self._window = genesis.consensus.transaction_window
        self._disk = disk
        self._ports = ports
        self._lineage = Lineage(genesis, domain)
        self._stop = stop
        self._heights: dict[str, int] = {}
        self._asked = ""
        self._tried: dict[str, None] = {}
        self._rounds = 0
        self._offered: Offered | None = None  # that is being proved
        self._target: _Target | None = None
        self._sources: dict[str, _Source] = {}
        self._wanted: deque[Piece] = deque()
        self._writing = 0
        self._turn = 0
        self.phase = Phase.SEEKING
        self.liars: dict[str, str] = {}
        self._barred_until_ms: dict[str, int] = {}

    # --- life

    def start(self) -> None:
        """Begin, or go on with what is here."""
        height = install.read_height(self._disk)
        if height:
            _log.info("going on with the snapshot of block %d", height)
        self._seek()

    def hear_height(self, peer: str, height: int) -> None:
        """A peer says how far it is."""
        self._heights[peer] = height

    def receive(self, sender: str, frame: Frame) -> None:
        """A frame from a peer; raises LedgerError for a lie. Others are of no use yet."""
        match frame:
            case Hello():
                self.hear_height(sender, frame.height)
            case Offer():
                self.hear_offer(sender, frame)
            case EpochEnds():
                self.hear_epochs(sender, frame)
            case StatePart() | HeaderPart() | ResultPart() | BodyPart():
                self.hear_part(sender, frame)
            case Notice(code, detail):
                _log.warning("%s says: %s: %s", sender, code, detail)

    def forget(self, peer: str) -> None:
        """A peer is gone."""
        self._heights.pop(peer, None)
        source = self._sources.pop(peer, None)
        if source is not None:
            self._wanted.extendleft(source.asked)
        if self._asked == peer:
            self._pass_over()

    @property
    def load(self) -> Load:
        """How much is wanted, asked for and on its way to the disk."""
        target = self._target
        asked = [len(source.asked) for source in self._sources.values()]
        return Load(
            len(self._heights.keys() | self.liars.keys()),
            max(asked, default=0),
            self._writing,
            len(self._wanted) + sum(asked),
            len(target.pieces) if target else 0,
            target.total if target else 0,
        )

    def describe(self) -> dict[str, Any]:
        """How far it is, for people."""
        target = self._target
        left = len(self._wanted) + sum(len(item.asked) for item in self._sources.values())
        return {
            "phase": self.phase.value,
            "height": str(target.pieces.height if target else install.read_height(self._disk)),
            "pieces": str(target.total if target else 0),
            "missing": str(left if target else 0),
            "dropped": dict(sorted(self.liars.items())),
        }

    # --- seeking and proving

    def _set_timer(self, after_ms: int, fire: Callable[[], None]) -> None:
        self._ports.set_timer("join", self._ports.monotonic_ms() + after_ms, fire)

    def _seek(self) -> None:
        """Ask the next peer for its newest snapshot."""
        self.phase, self._asked, self._offered, self._target = Phase.SEEKING, "", None, None
        fresh = [code for code in self._list_sources() if code not in self._tried]
        if not fresh:
            self._end_round(has_asked=bool(self._tried or self._barred_until_ms))
            return
        self._asked = max(fresh, key=lambda code: (self._heights.get(code, 0), code))
        self._tried[self._asked] = None
        self._ports.send([self._asked], WantSnapshot())
        self._set_timer(ANSWER_TIMEOUT_MS, self._pass_over)

    def _end_round(self, has_asked: bool) -> None:
        """Everybody was asked: begin again after a while, or with the genesis."""
        self._tried.clear()
        self._rounds += has_asked
        has_some = install.is_installing(self._disk)
        if self._rounds < (PATIENCE if has_some else ROUNDS):
            self._set_timer(RETRY_MS, self._seek)
            return
        _log.warning("no snapshot is to be had: this peer executes the chain from its genesis")
        if has_some:
            self.phase = Phase.WIPING
            self._ports.cancel_timer("join")
            disk = self._disk
            self._ports.write_store(lambda: install.wipe(disk), lambda: self._end(False))
        else:
            self._end(False)

    def _pass_over(self) -> None:
        if self.phase in (Phase.SEEKING, Phase.PROVING):
            self._seek()

    def _end(self, has_joined: bool) -> None:
        self.phase = Phase.ENDED
        self._ports.cancel_timer("join")
        what = "a snapshot is installed" if has_joined else "no snapshot is to be had"
        self._stop(Restart(f"{what}: this peer begins anew with its store", joins=False))

    def hear_offer(self, sender: str, offer: Offer) -> None:
        """The answer to a request for a snapshot; raises LedgerError for a lie."""
        if self.phase is not Phase.SEEKING or sender != self._asked:
            return
        with self._naming(sender):
            offered = read_offer(offer)
            if offered is None or not self._is_of_use(sender, offered):
                self._seek()
                return
            self.phase, self._offered = Phase.PROVING, offered
            self._prove(sender, offered)

    def _is_of_use(self, sender: str, offered: Offered) -> bool:
        """Whether it is worth its proof: nearly as far as its peer, and farther than this one."""
        header = offered.header
        behind = self._heights.get(sender, 0) - header.height
        is_newer = header.height >= install.read_known(self._disk)
        return behind <= MAX_BEHIND and is_newer and header.epoch >= self._lineage.epoch

    def _prove(self, sender: str, offered: Offered) -> None:
        """Ask for the epochs before the offer, or find it proved."""
        if self._lineage.epoch < offered.header.epoch:
            self._ports.send([sender], WantEpochs(self._lineage.epoch))
            self._set_timer(ANSWER_TIMEOUT_MS, self._pass_over)
            return
        self._lineage.prove(offered)
        self._aim(offered)

    def hear_epochs(self, sender: str, answer: EpochEnds) -> None:
        """How epochs ended; raises LedgerError for a lie."""
        if self.phase is not Phase.PROVING or sender != self._asked:
            return
        if answer.first != self._lineage.epoch:
            return
        offered = self._offered
        assert offered is not None
        with self._naming(sender):
            self._lineage.follow(answer, offered.header)
            self._prove(sender, offered)

    # --- fetching

    def _aim(self, offered: Offered) -> None:
        """An offer is proved: fetch it, from everybody."""
        manifest, header = offered.manifest, offered.header
        pieces = Pieces(manifest, header, self._disk, self._first_header, self._window)
        self._target = _Target(offered, pieces)
        self._asked, self._sources = "", {}
        _log.info("fetching the snapshot of block %d: %d records", header.height, manifest.count)
        self._begin(Phase.HEADERS, pieces.list_headers())

    def _begin(self, phase: Phase, pieces: list[Piece]) -> None:
        assert self._target is not None
        self.phase = phase
        self._target.total = len(pieces)
        self._wanted = deque(pieces)
        self._tick()

    def _tick(self) -> None:
        """Ask for what is missing; go on where nothing is."""
        now_ms = self._ports.monotonic_ms()
        self._expire(now_ms)
        if self._is_phase_over():
            self._end_phase()
            return
        self._set_timer(TICK_MS, self._tick)
        usable = self._list_usable()
        for code in usable:
            source = self._sources[code]
            if source.rests_until_ms <= now_ms:
                self._ask(code, source, now_ms)
        is_asked = any(source.asked for source in self._sources.values())
        if not usable and not is_asked and not self._writing:
            _log.warning("nobody has the rest of the snapshot any more: looking for another one")
            self._wanted.clear()
            self._seek()

    def _expire(self, now_ms: int) -> None:
        for source in self._sources.values():
            late = [at for at, sent in source.asked.items() if now_ms - sent > ANSWER_TIMEOUT_MS]
            for piece in late:
                del source.asked[piece]
                self._wanted.appendleft(piece)
            if late:
                source.rests_until_ms = now_ms + REST_MS
                source.silences += 1
                source.has_it = source.has_it and source.silences < SILENCES

    def _list_usable(self) -> list[str]:
        """Who may be asked for pieces, another one first each time."""
        codes = self._list_sources()
        for code in codes:
            self._sources.setdefault(code, _Source())
        self._turn += 1
        turn = self._turn % len(codes) if codes else 0
        return [code for code in codes[turn:] + codes[:turn] if self._sources[code].has_it]

    def _ask(self, code: str, source: _Source, now_ms: int) -> None:
        assert self._target is not None
        for _ in range(PER_TICK):
            room = min(PER_SOURCE - len(source.asked), MAX_WRITING - self._writing)
            if room <= 0 or not self._wanted:
                return
            piece = self._wanted.popleft()
            source.asked[piece] = now_ms
            self._ports.send([code], piece.want(self._target.pieces.height))

    def hear_part(self, sender: str, part: Part) -> None:
        """A part of the snapshot; raises LedgerError for a lie."""
        source, target = self._sources.get(sender), self._target
        if source is None or target is None or part.height != target.pieces.height:
            return
        piece = next((item for item in source.asked if item.is_answered_by(part)), None)
        if piece is None:
            return
        source.silences = 0
        if is_empty(part):
            source.has_it = False
            del source.asked[piece]
            self._wanted.appendleft(piece)
            return
        with self._naming(sender):  # what a liar was asked for is asked of others
            changes, rest = target.pieces.take(piece, part)
        del source.asked[piece]
        self._rounds = 0
        if rest is not None:
            self._wanted.appendleft(rest)
        if changes:
            self._write(changes)

    def _write(self, changes: list[Change]) -> None:
        assert self._target is not None
        height, disk = self._target.pieces.height, self._disk
        begun = [] if install.read_height(disk) == height else install.compose_begin(height)
        self._writing += 1
        self._ports.write_store(lambda: disk.write([*begun, *changes], sync=True), self._written)

    def _written(self) -> None:
        self._writing -= 1
        if self._is_phase_over():
            self._end_phase()

    def _is_phase_over(self) -> bool:
        return (
            self.phase in (Phase.HEADERS, Phase.OTHERS)
            and not (self._wanted or self._writing)
            and not any(source.asked for source in self._sources.values())
        )

    def _end_phase(self) -> None:
        assert self._target is not None
        if self.phase is Phase.HEADERS:
            self._begin(Phase.OTHERS, self._target.pieces.list_others())
            return
        offered = self._target.offered
        self.phase = Phase.FINISHING
        self._ports.cancel_timer("join")
        ends = tuple(self._lineage.ends)
        certified = Certified(offered.manifest.header, offered.finalization, ends)
        disk, window = self._disk, self._window
        self._ports.write_store(
            lambda: install.finish(disk, certified, window, machine.rebuild_derived),
            lambda: self._end(True),
        )

    # --- liars

    def _list_sources(self) -> list[str]:
        """Who may be asked: a lie is told again at most now and then, and costs one answer each."""
        now_ms = self._ports.monotonic_ms()
        barred = {code: at for code, at in self._barred_until_ms.items() if at > now_ms}
        self._barred_until_ms = barred
        return [code for code in self._ports.list_sync_sources() if code not in barred]

    @contextmanager
    def _naming(self, sender: str) -> Iterator[None]:
        """What fails within is a lie of whoever sent it: it is named, and left out for a while."""
        try:
            yield
        except LedgerError as error:
            if not isinstance(error, StoreError):
                self.liars[sender] = str(error)
                self._barred_until_ms[sender] = self._ports.monotonic_ms() + BARRED_MS
                _log.error("%s lied about a snapshot: %s", sender, error)
                self.forget(sender)
            raise
