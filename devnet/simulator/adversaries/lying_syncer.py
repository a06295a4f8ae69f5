"""Serves wrong history: false heights, altered blocks and snapshots, no proofs, false reports.

Whoever joins by a snapshot asks the highest first, and does not look at what is offered far below
the height that its peer claims. So this habit is at times where it says to be, or a little below.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from consensus.message import Report
from devnet.simulator.adversaries.false_snapshot import forge_manifest, forge_part, is_forgeable
from devnet.simulator.adversaries.habit import Habit, Said, make_frame, read_consensus
from ledger.block import decode_header
from ledger.snapshot import Body, BodyPart, HeaderPart, Manifest, ResultPart, StatePart
from node.frames import BlockBody, Frame, Hello, Range, Transactions
from node.pieces import Part
from node.snapshot_frames import EpochEnds, Offer, PartKind, SnapshotFrame, WantPart

if TYPE_CHECKING:
    from devnet.simulator.adversaries.liar import Liar

T = TypeVar("T")

ABSURD_HEIGHT: Final = (1 << 60) + 7
LITTLE: Final = 20  # blocks


class LyingSyncer(Habit):
    """Whoever catches up from it learns little that is true."""

    def __init__(self, liar: "Liar") -> None:
        super().__init__(liar)
        self._forged: set[int] = set()  # heights of the snapshots that it offered whole and false

    def say(self, to: Sequence[str], frame: Frame) -> Iterable[Said]:
        """Something near what was asked for."""
        match frame:
            case Hello():
                more = self.random.choice((0, self.random.randint(1, LITTLE), ABSURD_HEIGHT))
                return [(to, replace(frame, height=frame.height + more))]
            case Range():
                return self._answer(to, self._alter_range(frame))
            case BlockBody():
                return [(to, self._alter_body(frame))]
            case Offer() | EpochEnds() | StatePart() | HeaderPart() | ResultPart() | BodyPart():
                return self._answer(to, self._alter_snapshot(frame))
            case Transactions(raws):
                return [(to, Transactions(tuple(map(self.flip, raws))))]
            case _:
                message = read_consensus(frame)
                if isinstance(message, Report):
                    lie = Report(message.epoch, message.incarnation, (), ())
                    return [(to, make_frame(lie))]
                return [(to, frame)]

    def _answer(self, to: Sequence[str], frame: Frame | None) -> list[Said]:
        return [] if frame is None else [(to, frame)]

    def _alter_range(self, range_: Range) -> Range | None:
        """None: no answer at all."""
        if not range_.blocks:
            return range_
        match self.random.randrange(6):
            case 0:
                return None
            case 1:
                return replace(range_, finalization=self.flip(range_.finalization))
            case 2:
                return replace(range_, blocks=range_.blocks[:-1], headers=())
            case 3:
                return replace(range_, blocks=range_.blocks[1:])
            case 4:
                return Range((), b"")
            case _:
                at = self.random.randrange(len(range_.blocks))
                blocks = list(range_.blocks)
                blocks[at] = self._alter_body(blocks[at])
                return replace(range_, blocks=tuple(blocks))

    def _alter_snapshot(self, frame: SnapshotFrame) -> SnapshotFrame | None:
        """A part of a snapshot with a bit of it wrong; None: no answer at all."""
        if self.random.random() < 0.1:
            return None
        match frame:
            case Offer(manifest, finalization) if manifest is not None:
                return self._alter_offer(manifest, finalization)
            case EpochEnds(_, (end, *rest)) if self.random.random() < 0.5:
                lie = replace(end, next_validators=self.flip(end.next_validators))
                return replace(frame, ends=(lie, *rest))
            case StatePart() | HeaderPart() | ResultPart() | BodyPart():
                if frame.height not in self._forged:
                    return self._alter_part(frame)
                return self._forge(frame)
            case _:
                return frame

    def _alter_offer(self, manifest: Manifest, finalization: bytes) -> Offer:
        """One that is whole and false, or one that is broken."""
        if self.random.random() < 0.5:
            finalization = self.flip(finalization)
        elif self.random.random() < 0.3:
            roots = self.flip(manifest.state_roots)
            return Offer(replace(manifest, state_roots=roots), finalization)
        height = decode_header(manifest.header).height
        part = self.liar.replica.offers.answer(WantPart(height, PartKind.STATE, 0, 0))
        if isinstance(part, StatePart) and is_forgeable(part):
            self._forged.add(height)
            manifest = forge_manifest(manifest, forge_part(part))
        return Offer(manifest, finalization)

    def _forge(self, part: Part) -> Part:
        return forge_part(part) if isinstance(part, StatePart) and is_forgeable(part) else part

    def _alter_part(self, part: Part) -> Part:
        """One record, header, result or body is another one."""
        match part:
            case StatePart() if self.random.random() < 0.5:
                return self._forge(part)
            case StatePart(records=(_, *_)):
                return replace(part, records=self._alter_one(part.records, self._alter_record))
            case HeaderPart(headers=(_, *_)):
                return replace(part, headers=self._alter_one(part.headers, self.flip))
            case ResultPart(blocks=((_, *_), *rest)):
                return replace(part, blocks=(self._alter_one(part.blocks[0], self.flip), *rest))
            case BodyPart(bodies=(_, *_)):
                return replace(part, bodies=self._alter_one(part.bodies, self._alter_snapshot_body))
            case _:
                return part

    def _alter_one(self, items: tuple[T, ...], alter: Callable[[T], T]) -> tuple[T, ...]:
        at = self.random.randrange(len(items))
        return (*items[:at], alter(items[at]), *items[at + 1 :])

    def _alter_record(self, record: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        key, envelope = record
        return key, self.flip(envelope)

    def _alter_snapshot_body(self, body: Body) -> Body:
        if body.transactions and self.random.random() < 0.5:
            return replace(body, transactions=self._alter_one(body.transactions, self.flip))
        return replace(body, parent_certificate=self.flip(body.parent_certificate))

    def _alter_body(self, body: BlockBody) -> BlockBody:
        if body.raws and self.random.random() < 0.5:
            return replace(body, raws=(self.flip(body.raws[0]), *body.raws[1:]))
        return replace(body, header=self.flip(body.header))
