"""Server-sent events without a network: bytes in, messages out."""

import json
from dataclasses import dataclass
from typing import Any, Final

from node.client.errors import Unexpected

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """One event of the stream: `type` is `result` or `block`, `id` is `height:index`."""

    id: str
    type: str
    data: dict[str, Any]


class StreamParser:
    """Parses the stream; `last_id` is where to go on after a break."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Message]:
        """The messages that a chunk completes; raises Unexpected."""
        *blocks, self._rest = (self._rest + chunk).split(b"\n\n")
        if len(self._rest) > MAX_MESSAGE_BYTES:
            raise Unexpected("the peer sends an event without end")
        found = [self._parse(block) for block in blocks]
        return [message for message in found if message is not None]

    def restart(self) -> None:
        """Forget half a message: the connection was lost."""
        self._rest = b""

    def _parse(self, block: bytes) -> Message | None:
        fields: dict[str, str] = {}
        for line in block.decode("utf-8", "replace").split("\n"):
            name, _, value = line.partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
        self.last_id = fields.get("id", self.last_id)
        if "data" not in fields:
            return None
        try:
            data = json.loads(fields["data"])
        except (ValueError, RecursionError):
            raise Unexpected("the peer sends an event that is not JSON") from None
        return Message(self.last_id, fields.get("event", "message"), data)
