"""Rate limits of what is sent in answer to others, so that nobody makes a peer talk."""

from typing import Final

from ledger.primitives import Code

MAX_PEERS: Final = 1024


class Limiter:
    """At most one answer of a kind to a peer in an interval."""

    __slots__ = ("_last_ms",)

    def __init__(self) -> None:
        self._last_ms: dict[tuple[str, Code], int] = {}

    def __len__(self) -> int:
        return len(self._last_ms)

    def take(self, topic: str, to: Code, now_ms: int, interval_ms: int) -> bool:
        """Whether an answer may leave now; if so it is counted."""
        key = (topic, to)
        last = self._last_ms.get(key)
        if last is not None and last <= now_ms < last + interval_ms:
            return False
        self._last_ms.pop(key, None)
        while len(self._last_ms) >= MAX_PEERS:
            del self._last_ms[next(iter(self._last_ms))]
        self._last_ms[key] = now_ms
        return True
