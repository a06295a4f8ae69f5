"""The times and limits of consensus, part of a network's genesis document."""

from dataclasses import dataclass

from ledger.errors import FormatError


@dataclass(frozen=True, slots=True)
class Settings:
    """Milliseconds; FormatError where their relations do not hold."""

    delta_ms: int = 500  # Δ: what a message and its handling take at most, when all is well
    heartbeat_ms: int = 5_000  # an idle leader's empty block, after entering the view
    max_unfinalized: int = 16  # ancestors; beyond, only empty blocks

    def __post_init__(self) -> None:
        if not 1 <= self.delta_ms <= 60_000:
            raise FormatError("delta_ms must be 1 to 60000")
        if self.heartbeat_ms < 4 * self.delta_ms:
            raise FormatError("heartbeat_ms must be at least four times delta_ms")
        if self.max_unfinalized < 1:
            raise FormatError("max_unfinalized must be at least 1")

    @property
    def leader_timeout_ms(self) -> int:
        """2Δ: for the leader's proposal to come."""
        return 2 * self.delta_ms

    @property
    def advance_timeout_ms(self) -> int:
        """3Δ: for the view to be left."""
        return 3 * self.delta_ms
