"""Somebody at the other end of a peer's connection, who need not behave."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from devnet.folder import Folder, NodeEntry
from ledger.genesis import Genesis
from ledger.primitives import Code, Digest
from ledger.x509 import compute_dns_name
from node.config import parse_address, read_genesis
from node.frames import VERSION, Frame, Hello, decode_frame, encode_frame
from node.tls import make_client_context

ANSWER_S = 10.0


@dataclass
class Intruder:
    """A connection that is past its TLS handshake."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read(self) -> Frame | None:
        """The next frame; None when the peer has hung up."""
        async with asyncio.timeout(ANSWER_S):
            try:
                size = int.from_bytes(await self.reader.readexactly(4), "big")
                return decode_frame(await self.reader.readexactly(size))
            except (asyncio.IncompleteReadError, OSError):
                return None

    async def read_all(self) -> list[Frame]:
        """Every frame until the peer hangs up."""
        frames: list[Frame] = []
        while (frame := await self.read()) is not None:
            frames.append(frame)
        return frames

    def send(self, frame: Frame) -> None:
        self.send_bytes(encode_frame(frame))

    def send_bytes(self, data: bytes) -> None:
        self.writer.write(len(data).to_bytes(4, "big") + data)

    def greet(self, code: str, genesis_hash: Digest, version: int = VERSION) -> None:
        self.send(Hello(version, genesis_hash, code, 0, time.time_ns() // 1_000_000))


def credentials_of(folder: Folder, label: str) -> ssl.SSLContext:
    """The TLS context of a node that is not running."""
    return make_context(folder.config(label).parent, read_genesis(folder.path / "genesis.bin"))


def make_context(node: Path, genesis: Genesis) -> ssl.SSLContext:
    certificate, key = node / "certificates" / "peer.pem", node / "keys" / "peer.key"
    return make_client_context(certificate, key, [genesis.root_certificate])


@contextlib.asynccontextmanager
async def connect(
    target: NodeEntry, context: ssl.SSLContext | None, name: str = ""
) -> AsyncIterator[Intruder]:
    """A connection to a peer; without a context not even TLS."""
    host, port = parse_address(target.peer)
    reader, writer = await asyncio.open_connection(
        host,
        port,
        ssl=context,
        server_hostname=(name or compute_dns_name(Code(target.code))) if context else None,
    )
    try:
        yield Intruder(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await writer.wait_closed()


def names(frames: Sequence[Frame]) -> list[str]:
    """What kinds of frames came."""
    return [type(frame).__name__ for frame in frames]
