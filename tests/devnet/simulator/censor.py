"""What a test takes out of a simulated network: single messages between two peers."""

from collections.abc import Callable

from consensus.message import Message, Proposal, VoteMessage, decode_message
from consensus.vote import VoteKind
from devnet.simulator.simulation import Simulation
from node.frames import Consensus, Frame

Drops = Callable[[str, str, Frame], bool]


class Censor:
    """Loses every frame of which `drops(sender, receiver, frame)` says so."""

    def __init__(self, simulation: Simulation) -> None:
        self.drops: Drops | None = None
        links = simulation.links
        send_one = links._send_one

        def pass_on(sender: str, code: str, frame: Frame, data: bytes | None, label: str) -> None:
            if self.drops is None or not self.drops(sender, code, frame):
                send_one(sender, code, frame, data, label)

        links._send_one = pass_on  # type: ignore[method-assign]


def read(frame: Frame) -> Message | None:
    """The message of consensus in a frame."""
    return decode_message(frame.message) if isinstance(frame, Consensus) else None


def is_vote(frame: Frame, kind: VoteKind) -> bool:
    """Whether a frame is a single vote of a kind, or a proposal, which is a notarize."""
    message = read(frame)
    if isinstance(message, Proposal):
        return kind is VoteKind.NOTARIZE
    return isinstance(message, VoteMessage) and message.signed.vote.kind is kind
