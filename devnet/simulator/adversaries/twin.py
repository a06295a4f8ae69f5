"""The same key twice: two whole peers under one name, each of which half of the others hear."""

from collections.abc import Sequence
from typing import Final

from devnet.simulator.adversaries.habit import Habit
from devnet.simulator.adversaries.liar import Liar, ShamelessReplica
from devnet.simulator.kernel import SECOND
from devnet.simulator.ports import Outlet
from devnet.simulator.process import Process, Setting, Witness
from ledger.crypto import SigningKey
from node.frames import Frame

TURN_US: Final = (1 * SECOND, 5 * SECOND)


class Twin(Liar):
    """The first of the two; whoever is on the other side talks with the second."""

    def __init__(
        self, setting: Setting, code: str, voter_keys: tuple[SigningKey, ...], witness: Witness
    ) -> None:
        self._second: _Second | None = None
        self.others: dict[str, None] = {}  # who talks with the second
        super().__init__(setting, code, voter_keys, witness, [Habit])
        self._second = _Second(self, setting, code, voter_keys, witness)

    def start(self) -> None:
        """Both start."""
        super().start()
        if self._second is not None and not self._second.is_up:
            self._second.start()
        self._turn()

    def crash(self) -> None:
        """Both end."""
        super().crash()
        if self._second is not None:
            self._second.crash()

    def _turn(self) -> None:
        """Somebody is talked to by the other one from now on."""
        peers = self.setting.links.list_connected(self.code)
        if peers:
            peer = self.random.choice(peers)
            if peer in self.others:
                del self.others[peer]
            else:
                self.others[peer] = None
            self.setting.links.hang_up(self.code, peer)
        self.later(self.random.randint(*TURN_US), "the other twin", self._turn)

    def _choose(self, peer: str) -> "_Second | None":
        return self._second if peer in self.others else None

    def connect(self, peer: str) -> None:
        """A connection stands."""
        second = self._choose(peer)
        if second is None:
            super().connect(peer)
        else:
            second.connect(peer)

    def disconnect(self, peer: str) -> None:
        """A connection ended: which of the two had it does not matter."""
        super().disconnect(peer)
        if self._second is not None and self._second.is_running:
            self._second.disconnect(peer)

    def deliver(self, sender: str, frame: Frame) -> None:
        """A frame came."""
        second = self._choose(sender)
        if second is None:
            super().deliver(sender, frame)
        elif second.is_running:
            second.deliver(sender, frame)

    def list_connected(self, code: str) -> list[str]:
        """Those on this side."""
        return [peer for peer in super().list_connected(code) if peer not in self.others]

    def send(self, sender: str, to: Sequence[str], frame: Frame) -> None:
        """To those on this side."""
        self.speak([peer for peer in to if peer not in self.others], frame, sender)


class _Second(Process):
    """The second of the two, which the network does not know of."""

    _replica_class = ShamelessReplica

    def __init__(
        self,
        first: Twin,
        setting: Setting,
        code: str,
        voter_keys: tuple[SigningKey, ...],
        witness: Witness,
    ) -> None:
        self._first = first
        super().__init__(setting, code, voter_keys, witness)

    @property
    def outlet(self) -> Outlet:
        """Its own mouth."""
        return self

    def _appear(self) -> None:
        """It shares the first one's place in the network."""

    def _show(self, is_up: bool) -> None:
        """Nobody sees it come and go."""

    def send(self, sender: str, to: Sequence[str], frame: Frame) -> None:
        """To those on this side."""
        self._first.lies += 1
        self._first.speak([peer for peer in to if peer in self._first.others], frame, sender)

    def list_connected(self, code: str) -> list[str]:
        """Those on this side."""
        links = self._first.setting.links
        return [peer for peer in links.list_connected(code) if peer in self._first.others]

    def hang_up(self, code: str, other: str) -> None:
        """End a connection."""
        self._first.hang_up(code, other)
