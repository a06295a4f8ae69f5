"""The network of one peer: who is dialled, who is let in, and what each may say.

1. Two validators keep one connection, which the lower code dials. Peers without a vote dial
   validators: all of them, or those that `connect` names.
2. After the handshake final state says who the other side is. An active node, or a member of the
   running epoch whatever its status, gets the full channel. Everybody else under a recorded root
   gets the sync channel: block ranges are answered, at a bounded rate, and nothing else is
   listened to. When what final state says changes, the connection ends and is judged anew.
3. Both sides say hello first: version, genesis hash, code, final height, clock. Another genesis or
   version is told so and let go.
4. Who sends garbage is told what was wrong, let go, and dialled again only after a growing delay
   with jitter. Everybody else is served throughout.
"""

import asyncio
import logging
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from contracts import machine
from ledger.errors import LedgerError
from ledger.genesis import Genesis
from ledger.primitives import Code, PublicKey
from ledger.store import Store
from ledger.x509 import compute_dns_name
from node import frames
from node.config import Config, parse_address
from node.errors import NetworkError
from node.frames import Frame, Hello, Notice, Range, WantRange, encode_frame
from node.link import Link, LinkLimits, describe_garbage
from node.tls import RemotePeer, identify_peer, make_client_context, make_server_context

_log = logging.getLogger("suanlian.network")

FIRST_BACKOFF_S = 0.1
MAX_BACKOFF_S = 10.0
STEADY_S = 5.0
REFRESH_S = 1.0
HELLO_S = 5.0


class Listener(Protocol):
    """Who hears what comes over full channels; the replica."""

    @property
    def voters(self) -> Sequence[str]:
        """The validators of the running epoch."""
        ...

    def connected(self, peer: str, height: int) -> None:
        """A full channel stands."""
        ...

    def disconnected(self, peer: str) -> None:
        """A full channel ended."""
        ...

    def receive(self, sender: str, frame: Frame) -> None:
        """A frame came over a full channel; raises LedgerError for garbage."""
        ...

    def serve_range(self, want: WantRange) -> Range:
        """Final blocks for whoever asks."""
        ...


@dataclass(slots=True)
class Contact:
    """What is known of a connected peer."""

    remote: RemotePeer
    link: Link
    is_full: bool
    height: int
    offset_ms: int
    since_s: float = field(default_factory=time.monotonic)


class Network:
    """The connections of a peer."""

    def __init__(self, config: Config, genesis: Genesis, store: Store, listener: Listener) -> None:
        self._config = config
        self._genesis = genesis
        self._store = store
        self._listener = listener
        limits = config.limits
        self._limits = LinkLimits(
            min(limits.max_frame_bytes, frames.MAX_FRAME_BYTES),
            limits.peer_queue_frames,
            limits.peer_queue_bytes,
        )
        roots = [genesis.root_certificate]
        keys = config.keys
        self._server_tls = make_server_context(keys.peer_certificate, keys.peer_key, roots)
        self._client_tls = make_client_context(keys.peer_certificate, keys.peer_key, roots)
        self._server: asyncio.Server | None = None
        self._contacts: dict[str, Contact] = {}
        self._dialers: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sync_only = 0
        self._incoming = 0
        self._is_stopping = False
        self.garbage = 0
        self.port = 0

    # --- life

    async def start(self) -> None:
        """Listen and dial."""
        host, port = parse_address(self._config.listen.peer)
        self._server = await asyncio.start_server(
            self._accept,
            host,
            port,
            ssl=self._server_tls,
            ssl_handshake_timeout=self._config.limits.handshake_timeout_ms / 1000,
            limit=1 << 20,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._keep(asyncio.create_task(self._supervise(), name="supervise"))

    async def stop(self) -> None:
        """Hang up on everybody."""
        self._is_stopping = True
        if self._server is not None:
            self._server.close()
        tasks = [*self._dialers.values(), *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        contacts = list(self._contacts.values())
        await asyncio.gather(
            *(contact.link.end("stopping", "this peer stops") for contact in contacts)
        )

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- what the replica says

    def send(self, to: Sequence[str], frame: Frame) -> None:
        """Send a frame to those that are connected; encoded once."""
        data: bytes | None = None
        for code in to:
            contact = self._contacts.get(code)
            if contact is not None and contact.is_full:
                if data is None:
                    data = encode_frame(frame)
                contact.link.send(data)

    def send_transactions(self, to: Sequence[str], raws: Sequence[bytes]) -> None:
        """Send transactions to those that are connected."""
        for code in to:
            contact = self._contacts.get(code)
            if contact is not None and contact.is_full:
                contact.link.send_transactions(raws)

    def list_connected(self) -> list[str]:
        """The codes with a full channel, in order."""
        return sorted(code for code, contact in self._contacts.items() if contact.is_full)

    def list_sync_sources(self) -> list[str]:
        """The codes that ranges may be asked of, in order."""
        return self.list_connected()

    def drop(self, peer: str, reason: str) -> None:
        """End a connection whose other side misbehaved."""
        contact = self._contacts.get(peer)
        if contact is not None:
            _log.warning("dropping %s: %s", peer, reason)
            contact.link.abort()

    @property
    def connects_through_others(self) -> bool:
        """Whether this peer reaches the validators through those that its configuration names."""
        return bool(self._config.connect)

    @property
    def contacts(self) -> dict[str, Contact]:
        """Who is connected."""
        return self._contacts

    def compute_offset_ms(self) -> int:
        """How far the other peers' clocks are ahead of this one, in the median."""
        offsets = [contact.offset_ms for contact in self._contacts.values() if contact.is_full]
        return int(statistics.median(offsets)) if offsets else 0

    # --- dialling

    async def _supervise(self) -> None:
        said_hello = time.monotonic()
        while True:
            targets = self._list_targets()
            for code in [code for code in self._dialers if code not in targets]:
                self._dialers.pop(code).cancel()
            for code in targets:
                if code not in self._dialers:
                    task = asyncio.create_task(self._dial(code), name=f"dial {code}")
                    self._dialers[code] = task
            self._end_lapsed()
            if time.monotonic() - said_hello > HELLO_S:
                said_hello = time.monotonic()
                self.send(self.list_connected(), self._hello())
            await asyncio.sleep(REFRESH_S)

    def _end_lapsed(self) -> None:
        """End full channels of those who may no longer speak."""
        for contact in list(self._contacts.values()):
            if contact.is_full and not self._may_speak(contact.remote):
                code = contact.link.code
                _log.warning("%s is no active node any more", code)
                ending = contact.link.end("not-active", f"{code} is not an active node any more")
                self._keep(asyncio.create_task(ending, name=f"end {code}"))

    def _list_targets(self) -> dict[str, str]:
        """Code and address of everybody that this peer dials (rule 1)."""
        mine = self._config.code
        voters = self._listener.voters
        named = self._config.connect
        targets: dict[str, str] = {}
        for node in machine.compute_peers(self._store.state):
            if node.code == mine or node.code not in voters:
                continue
            if (mine < node.code) if mine in voters else (not named or node.code in named):
                targets[node.code] = self._config.peers.get(node.code, node.peer_endpoint)
        return targets

    async def _dial(self, code: str) -> None:
        backoff_s = FIRST_BACKOFF_S
        while True:
            started = time.monotonic()
            try:
                await self._dial_once(code)
            except (OSError, TimeoutError, NetworkError, LedgerError, EOFError) as error:
                _log.debug("%s: %s", code, error)
            if time.monotonic() - started > STEADY_S:
                backoff_s = FIRST_BACKOFF_S
            await asyncio.sleep(backoff_s * random.uniform(0.5, 1.0))  # noqa: S311
            backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)

    async def _dial_once(self, code: str) -> None:
        address = self._list_targets().get(code)
        if address is None:
            return
        host, port = parse_address(address)
        timeout_s = self._config.limits.handshake_timeout_ms / 1000
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(
                host,
                port,
                ssl=self._client_tls,
                server_hostname=compute_dns_name(Code(code)),
                limit=1 << 20,
            )
        await self._run(reader, writer)

    # --- connections

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._incoming >= self._config.limits.peer_connections:
            writer.transport.abort()
            return
        self._incoming += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._run(reader, writer)
        except (OSError, TimeoutError, NetworkError, LedgerError, EOFError) as error:
            _log.info("a connection ended: %s", error)
        except asyncio.CancelledError:
            # The streams of Python 3.11 log the handler's cancellation as an error.
            if not self._is_stopping:
                raise
        finally:
            self._tasks.discard(task)
            self._incoming -= 1
            if not writer.is_closing():
                writer.transport.abort()

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say hello, then carry frames until the connection ends."""
        remote = identify_peer(writer.get_extra_info("ssl_object"), self._find_peer_key)
        link = Link(remote.code, reader, writer, self._limits)
        writing = asyncio.create_task(link.write(), name=f"write {remote.code}")
        try:
            contact = await self._greet(link, remote)
            if contact.is_full:
                await self._carry(contact)
            else:
                await self._serve_only(contact)
        except (LedgerError, NetworkError) as error:
            self.garbage += 1
            code, detail = describe_garbage(error)
            _log.warning("%s sent garbage: %s", remote.code, detail)
            await link.end(code, detail)
            raise
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            link.abort()

    def _find_peer_key(self, code: Code) -> PublicKey | None:
        node = machine.get_node(self._store.state, code)
        return None if node is None else node.peer_key

    def _may_speak(self, remote: RemotePeer) -> bool:
        """Rule 2, in final state as it is now."""
        if self._find_peer_key(remote.code) != remote.certificate.public_key:
            return False
        if remote.code in self._listener.voters:
            return True
        node = machine.get_node(self._store.state, remote.code)
        return node is not None and node.status == "active"

    def _hello(self) -> Hello:
        return Hello(
            frames.VERSION,
            self._genesis.hash,
            self._config.code,
            self._store.height,
            time.time_ns() // 1_000_000,
        )

    async def _greet(self, link: Link, remote: RemotePeer) -> Contact:
        link.send(encode_frame(self._hello()))
        async with asyncio.timeout(self._config.limits.handshake_timeout_ms / 1000):
            hello = await link.read()
        if isinstance(hello, Notice):
            raise NetworkError(f"{remote.code} says: {hello.detail}", hello.code)
        if not isinstance(hello, Hello):
            raise NetworkError("the first frame is not a hello", "no-hello")
        if hello.version != frames.VERSION:
            raise NetworkError(
                f"version {hello.version} is not spoken here, but {frames.VERSION}", "version"
            )
        if hello.genesis_hash != self._genesis.hash:
            raise NetworkError(
                f"this peer is of {self._genesis.chain}, the other of another chain", "wrong-chain"
            )
        if hello.code != remote.code:
            raise NetworkError("the hello names another code than the certificate", "wrong-code")
        offset_ms = hello.time_ms - time.time_ns() // 1_000_000
        return Contact(remote, link, self._may_speak(remote), hello.height, offset_ms)

    async def _carry(self, contact: Contact) -> None:
        """A full channel: everything that comes is the replica's."""
        link = contact.link
        before = self._contacts.get(link.code)
        if before is not None:
            before.link.abort()
            self._leave(before)
        self._contacts[link.code] = contact
        _log.info("connected to %s", link.code)
        self._listener.connected(link.code, contact.height)
        try:
            while not link.is_closed:
                frame = await link.read()
                if isinstance(frame, Hello):
                    contact.height = frame.height
                    contact.offset_ms = frame.time_ms - time.time_ns() // 1_000_000
                self._listener.receive(link.code, frame)
        finally:
            self._leave(contact)

    def _leave(self, contact: Contact) -> None:
        code = contact.link.code
        if self._contacts.get(code) is contact:
            del self._contacts[code]
            _log.info("disconnected from %s", code)
            self._listener.disconnected(code)

    async def _serve_only(self, contact: Contact) -> None:
        """The sync channel: block ranges at a bounded rate, nothing else."""
        limits, link = self._config.limits, contact.link
        if self._sync_only >= limits.sync_connections:
            raise NetworkError("this peer has no room for more sync channels", "busy")
        self._sync_only += 1
        detail = f"{link.code} is not an active node of this ledger: only block ranges are answered"
        link.send(encode_frame(Notice("sync-only", detail)))
        try:
            while not link.is_closed:
                frame = await link.read()
                if self._may_speak(contact.remote):
                    return  # it became active: connected anew, it gets the full channel
                if isinstance(frame, WantRange):
                    link.send(encode_frame(self._listener.serve_range(frame)))
                await asyncio.sleep(1 / limits.sync_requests_per_s)
        finally:
            self._sync_only -= 1
