"""Serves wrong history: absurd heights, altered blocks and snapshots, no proofs, false reports."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from consensus.message import Report
from devnet.simulator.adversaries.habit import Habit, Said, make_frame, read_consensus
from ledger.snapshot import BodyPart, HeaderPart, ResultPart, StatePart
from node.frames import BlockBody, Frame, Hello, Range, Transactions
from node.snapshot_frames import EpochEnds, Offer, SnapshotFrame

ABSURD_HEIGHT = (1 << 60) + 7


class LyingSyncer(Habit):
    """Whoever catches up from it learns nothing true."""

    def say(self, to: Sequence[str], frame: Frame) -> Iterable[Said]:
        """Something near what was asked for."""
        match frame:
            case Hello():
                return [(to, replace(frame, height=ABSURD_HEIGHT))]
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
        if self.random.random() < 0.2:
            return None
        match frame:
            case Offer(manifest, finalization) if manifest is not None:
                if self.random.random() < 0.5:
                    return Offer(manifest, self.flip(finalization))
                roots = self.flip(manifest.state_roots)
                return Offer(replace(manifest, state_roots=roots), finalization)
            case EpochEnds(_, (end, *rest)):
                lie = replace(end, next_validators=self.flip(end.next_validators))
                return replace(frame, ends=(lie, *rest))
            case StatePart(_, _, _, ((key, envelope), *rest), _):
                return replace(frame, records=((key, self.flip(envelope)), *rest))
            case HeaderPart(_, _, (header, *rest)):
                return replace(frame, headers=(self.flip(header), *rest))
            case ResultPart(_, _, _, ((leaf, *leaves), *rest), _):
                return replace(frame, blocks=((self.flip(leaf), *leaves), *rest))
            case BodyPart(_, _, (body, *rest)):
                lied = replace(body, parent_certificate=self.flip(body.parent_certificate))
                return replace(frame, bodies=(lied, *rest))
            case _:
                return frame

    def _alter_body(self, body: BlockBody) -> BlockBody:
        if body.raws and self.random.random() < 0.5:
            return replace(body, raws=(self.flip(body.raws[0]), *body.raws[1:]))
        return replace(body, header=self.flip(body.header))
