"""How a liar twists what its honest replica says."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from consensus.message import Message, decode_message, encode_message
from ledger.errors import LedgerError
from node.frames import Consensus, Frame

if TYPE_CHECKING:
    from devnet.simulator.adversaries.liar import Liar

Said: TypeAlias = tuple[Sequence[str], Frame]
"""To whom, and what."""


class Habit:
    """A way of lying; this one twists nothing and adds nothing."""

    def __init__(self, liar: "Liar") -> None:
        self.liar = liar
        self.random = liar.random

    def say(self, to: Sequence[str], frame: Frame) -> Iterable[Said]:
        """What is sent instead of what the replica wants to send."""
        return [(to, frame)]

    def hear(self, sender: str, frame: Frame) -> None:
        """A frame came; the replica hears it too."""

    def act(self) -> None:
        """Now and then: what nobody asked for."""

    def leave(self) -> None:
        """Another habit is taken up."""

    def flip(self, data: bytes) -> bytes:
        """The same bytes but for one bit; a byte where there is none."""
        if not data:
            return b"\x00"
        at = self.random.randrange(len(data))
        return data[:at] + bytes((data[at] ^ 1 << self.random.randrange(8),)) + data[at + 1 :]


def read_consensus(frame: Frame) -> Message | None:
    """The message of consensus in a frame, if there is one that can be read."""
    if not isinstance(frame, Consensus):
        return None
    try:
        return decode_message(frame.message)
    except LedgerError:
        return None


def make_frame(message: Message) -> Consensus:
    """A message of consensus as a frame."""
    return Consensus(encode_message(message))
