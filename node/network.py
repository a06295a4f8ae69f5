"""The network of one peer: who is dialled, who is let in, and what each may say.

1. Two validators keep one connection, which the lower code dials. Peers without a vote dial
   validators: all of them, or those that `connect` names.
2. After the handshake final state says who the other side is. An active node, or a member of the
   running epoch whatever its status, gets the full channel. Everybody else under a recorded root
   gets the sync channel: block ranges are answered, at a bounded rate, and nothing else is
   listened to. When what final state says changes, the connection ends and is judged anew.
3. Final state here may be old. So whoever this peer dialled, and whoever bears the code of a
   validator, is asked for ranges on a sync channel too, and what it answers is heard: a range
   proves itself. Who says `sync-only` is sent nothing else.
4. Both sides say hello first: version, genesis hash, code, final height, clock. Another genesis or
   version is told so and let go.
5. Who sends garbage is told what was wrong, let go, and dialled again only after a growing delay
   with jitter; who is dropped for what it did is let in again only after a while. Everybody else
   is served throughout: nobody has the event loop for longer than a turn, and requests are counted.
6. An error that has no name here is this peer's own, and stops it (`node.failstop`). What only
   reads bytes leaves nothing half done, and ends its own connection instead: nobody stops a peer
   with a frame or a certificate that cannot be read.
"""

import asyncio
import contextlib
import logging
import random
import statistics
import time
from collections.abc import Iterator, Sequence

from contracts import machine
from ledger.errors import LedgerError, StoreError
from ledger.genesis import Genesis
from ledger.primitives import Code, PublicKey
from ledger.store import Store
from ledger.x509 import compute_dns_name
from node.admission import Admission, Allowance
from node.clock import WallClock
from node.config import Config, parse_address
from node.contact import (
    FOR_SYNC,
    REQUESTS_BURST,
    REQUESTS_PER_S,
    Asked,
    Contact,
    Given,
    Listener,
    Turn,
    takes_request,
)
from node.errors import NetworkError
from node.failstop import CONNECTION_ERRORS, Fail, watch_task
from node.frames import (
    MAX_FRAME_BYTES,
    MAX_TALK_BYTES,
    REPLACED,
    Frame,
    Hello,
    Notice,
    encode_frame,
)
from node.greeting import check_hello, compose_hello
from node.link import Link, LinkLimits, Traffic, describe_garbage
from node.roots import Roots
from node.tls import RemotePeer, identify_peer, make_client_context, make_server_context

_log = logging.getLogger("suanlian.network")

FIRST_BACKOFF_S = 0.1
MAX_BACKOFF_S = 2.0
STEADY_S = 5.0
REFRESH_S = 1.0
HELLO_S = 5.0
SHUN_S = 10.0
THEIR_ERRORS = (*CONNECTION_ERRORS, NetworkError, LedgerError)


class Network:
    """The connections of a peer."""

    def __init__(
        self,
        config: Config,
        genesis: Genesis,
        store: Store,
        listener: Listener,
        fail: Fail,
        wall_ms: WallClock,
        traffic: Traffic | None = None,
    ) -> None:
        self.traffic = traffic or Traffic()
        self._config = config
        self._wall_ms = wall_ms
        self._genesis = genesis
        self._store = store
        self._listener = listener
        self._fail = fail
        limits = config.limits
        self._limits = LinkLimits(
            min(limits.max_frame_bytes, MAX_FRAME_BYTES),
            limits.peer_queue_frames,
            limits.peer_queue_bytes,
        )
        self._roots, keys = Roots(genesis, store), config.keys
        roots = self._roots.certificates
        self._server_tls = make_server_context(keys.peer_certificate, keys.peer_key, roots)
        self._client_tls = make_client_context(keys.peer_certificate, keys.peer_key, roots)
        self._roots.trust_in(self._server_tls, self._client_tls)
        self._server: asyncio.Server | None = None
        self._contacts: dict[str, Contact] = {}
        self._dialers: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sources: dict[str, Contact] = {}
        self._narrow: set[Contact] = set()
        self._allowances: dict[str, Allowance] = {}
        self._shunned: dict[str, float] = {}
        self._admission = Admission(limits.peer_connections, limits.sync_connections)
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
        for contact in [*self._contacts.values(), *self._narrow]:
            contact.link.hang_up("stopping", "this peer stops")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        watch_task(task, self._fail)

    # --- what the replica says

    def send(self, to: Sequence[str], frame: Frame) -> None:
        """Send a frame to those that are connected; encoded once. What a sync channel is for goes
        to those as well to whom nothing else is said."""
        data: bytes | None = None
        is_for_sync = isinstance(frame, FOR_SYNC)
        for code in to:
            contact = self._find(code, is_for_sync)
            if contact is not None:
                if data is None:
                    data = encode_frame(frame)
                contact.link.send(data)

    def _find(self, code: str, is_for_sync: bool) -> Contact | None:
        contact = self._contacts.get(code)
        if contact is not None and (contact.is_connected or is_for_sync):
            return contact
        return self._sources.get(code) if is_for_sync else None

    def send_transactions(self, to: Sequence[str], raws: Sequence[bytes]) -> None:
        """Send transactions to those that are connected."""
        for code in to:
            contact = self._find(code, is_for_sync=False)
            if contact is not None:
                contact.link.send_transactions(raws)

    def list_connected(self) -> list[str]:
        """The codes to which everything can be said, in order."""
        return sorted(code for code, contact in self._contacts.items() if contact.is_connected)

    def list_sync_sources(self) -> list[str]:
        """The codes that ranges may be asked of, in order (rule 3)."""
        contacts = {**self._sources, **self._contacts}
        return sorted(code for code, contact in contacts.items() if not contact.link.is_closed)

    def drop(self, peer: str, reason: str) -> None:
        """End a connection whose other side misbehaved, and have none with it for a while."""
        _log.warning("dropping %s: %s", peer, reason)
        self._shunned[peer] = time.monotonic() + SHUN_S
        for contact in (self._contacts.get(peer), self._sources.get(peer)):
            if contact is not None:
                contact.link.hang_up("misbehaviour", reason)

    def _is_shunned(self, peer: str) -> bool:
        return self._shunned.get(peer, 0.0) > time.monotonic()

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
            self._roots.refresh()
            self._dial_targets()
            self._end_lapsed()
            self._forget_old()
            if time.monotonic() - said_hello > HELLO_S:
                said_hello = time.monotonic()
                self.send(self.list_sync_sources(), self._hello())
            await asyncio.sleep(REFRESH_S)

    def _dial_targets(self) -> None:
        """One dialler for each of whom is dialled, whatever became of an earlier one."""
        targets = self._list_targets()
        for code in [code for code in self._dialers if code not in targets]:
            self._dialers.pop(code).cancel()
        for code in targets:
            dialer = self._dialers.get(code)
            if dialer is None or dialer.done():
                self._dialers[code] = asyncio.create_task(self._dial(code), name=f"dial {code}")
                watch_task(self._dialers[code], self._fail)

    def _end_lapsed(self) -> None:
        """End channels that are no longer those that final state gives the other side."""
        for contact in list(self._contacts.values()):
            if not self._may_speak(contact.remote):
                code = contact.link.code
                _log.warning("%s is no active node any more", code)
                contact.link.hang_up("not-active", f"{code} is not an active node any more")
        for contact in list(self._narrow):
            if self._may_speak(contact.remote):
                contact.link.abort()  # connected anew, it gets the full channel

    def _forget_old(self) -> None:
        """Forget what is over of those that were dropped, and what the disconnected asked for."""
        for code in [code for code in self._shunned if not self._is_shunned(code)]:
            del self._shunned[code]
        for code in [code for code in self._allowances if code not in self._contacts]:
            if self._allowances[code].is_full:
                del self._allowances[code]

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
                if not self._is_shunned(code):
                    await self._dial_once(code)
            except THEIR_ERRORS as error:
                _log.debug("%s: %s", code, error)
            if time.monotonic() - started > STEADY_S and not self._is_shunned(code):
                backoff_s = FIRST_BACKOFF_S
            await asyncio.sleep(backoff_s * random.uniform(0.5, 1.0))  # noqa: S311
            backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)

    async def _dial_once(self, code: str) -> None:
        address = self._list_targets().get(code)
        if address is None:
            return
        timeout_s = self._config.limits.handshake_timeout_ms / 1000
        try:
            host, port = parse_address(address)
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_connection(
                    host,
                    port,
                    ssl=self._client_tls,
                    server_hostname=compute_dns_name(Code(code)),
                    limit=1 << 20,
                )
        except ValueError as error:  # a name that no resolver takes is one too
            _log.warning("%s cannot be dialled at %s: %s", code, address, error)
            raise NetworkError(f"{address} cannot be dialled: {error}") from None
        try:
            await self._run(reader, writer, is_dialled=True)
        finally:
            writer.transport.abort()

    # --- connections

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._run(reader, writer, is_dialled=False)
        except THEIR_ERRORS as error:
            _log.info("a connection ended: %s", error)
        except asyncio.CancelledError:
            # The streams of Python 3.11 log the handler's cancellation as an error.
            if not self._is_stopping:
                raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it stops the peer
            _log.exception("a connection failed")
            self._fail(error)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _run(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_dialled: bool
    ) -> None:
        """Say hello, then carry frames until the connection ends."""
        remote = identify_peer(writer.get_extra_info("ssl_object"), self._find_peer_key)
        link = Link(remote.code, reader, writer, self._limits, self.traffic)
        writing = asyncio.create_task(self._write(link), name=f"write {remote.code}")
        watch_task(writing, self._fail)
        try:
            if not is_dialled:
                self._admit(link, remote)
            contact = await self._greet(link, remote)
            if contact.is_full:
                await self._carry(contact)
            else:
                await self._serve_only(contact, is_dialled or link.code in self._listener.voters)
        except (LedgerError, NetworkError) as error:
            self.garbage += 1
            code, detail = describe_garbage(error)
            _log.warning("%s is let go: %s", remote.code, detail)
            link.hang_up(code, detail)
            raise
        finally:
            self._admission.leave(link)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await link.wait_closed()

    async def _write(self, link: Link) -> None:
        with contextlib.suppress(*CONNECTION_ERRORS):
            await link.write()

    def _admit(self, link: Link, remote: RemotePeer) -> None:
        """Take a place for whoever came; raises NetworkError where there is none."""
        if self._is_shunned(link.code):
            raise NetworkError("this peer dropped the other a moment ago", "misbehaviour")
        if self._may_speak(remote):
            self._admission.enter_member(link, link.code in self._listener.voters)
        else:
            is_node = machine.get_node(self._store.state, remote.code) is not None
            self._admission.enter_guest(link, is_node)

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
        return compose_hello(self._genesis, self._config.code, self._store.height, self._wall_ms())

    async def _greet(self, link: Link, remote: RemotePeer) -> Contact:
        link.send(encode_frame(self._hello()))
        async with asyncio.timeout(self._config.limits.handshake_timeout_ms / 1000):
            frame = await link.read(MAX_TALK_BYTES)
        contact = Contact(remote, link, self._may_speak(remote))
        contact.note(check_hello(frame, self._genesis, remote.code), self._wall_ms())
        return contact

    async def _carry(self, contact: Contact) -> None:
        """A full channel: everything that comes is the replica's."""
        link = contact.link
        before = self._contacts.get(link.code)
        if before is not None:
            before.link.hang_up(REPLACED, f"{link.code} is connected anew")
            self._leave(before)
        self._contacts[link.code] = contact
        _log.info("connected to %s", link.code)
        allowance = self._allowances.setdefault(
            link.code, Allowance(REQUESTS_PER_S, REQUESTS_BURST)
        )
        turn = Turn()
        try:
            with self._as_own(link):
                self._listener.connected(link.code, contact.height)
            while not link.is_closed:
                frame = await link.read()
                if link.is_closed:
                    return
                if not takes_request(allowance, frame):
                    link.hang_up("too-many-requests", f"{REQUESTS_PER_S:g} a second are answered")
                    return
                contact.note(frame, self._wall_ms())
                self._hear(link, frame)
                await turn.give_way()
        finally:
            self._leave(contact)

    def _leave(self, contact: Contact) -> None:
        code = contact.link.code
        if self._contacts.get(code) is contact:
            del self._contacts[code]
            _log.info("disconnected from %s", code)
            with self._as_own(contact.link):
                self._listener.disconnected(code)

    async def _serve_only(self, contact: Contact, is_source: bool) -> None:
        """The sync channel: blocks and snapshots at a bounded rate; a source's are taken too."""
        link = contact.link
        detail = f"{link.code} is not an active node of this ledger: only block ranges are answered"
        link.send(encode_frame(Notice("sync-only", detail)))
        self._narrow.add(contact)
        try:
            if is_source:
                await self._follow(contact)
            else:
                while not link.is_closed:
                    await self._answer(link, await link.read_small(MAX_TALK_BYTES))
        finally:
            self._narrow.discard(contact)

    async def _answer(self, link: Link, frame: Frame | None) -> None:
        if isinstance(frame, Asked):
            with self._as_own(link):
                link.send(encode_frame(self._listener.serve(frame)))
        await asyncio.sleep(1 / self._config.limits.sync_requests_per_s)

    async def _follow(self, contact: Contact) -> None:
        """Ranges may be asked of this one, whom final state here does not know (rule 3)."""
        link = contact.link
        before = self._sources.get(link.code)
        if before is not None:
            before.link.abort()
        self._sources[link.code] = contact
        turn = Turn()
        try:
            theirs_ms = self._wall_ms() + contact.offset_ms
            hello = compose_hello(self._genesis, link.code, contact.height, theirs_ms)
            self._hear(link, hello)
            while not link.is_closed:
                frame = await link.read()
                if isinstance(frame, Asked):
                    await self._answer(link, frame)
                elif isinstance(frame, Hello | Given) and not link.is_closed:
                    contact.note(frame, self._wall_ms())
                    self._hear(link, frame)
                await turn.give_way()
        finally:
            if self._sources.get(link.code) is contact:
                del self._sources[link.code]
                if link.code not in self._contacts:
                    with self._as_own(link):
                        self._listener.disconnected(link.code)

    def _hear(self, link: Link, frame: Frame) -> None:
        """Hand a frame to the replica; raises LedgerError or NetworkError where it is garbage."""
        with self._as_own(link, LedgerError, NetworkError):
            self._listener.receive(link.code, frame)

    @contextlib.contextmanager
    def _as_own(self, link: Link, *theirs: type[Exception]) -> Iterator[None]:
        """What fails within is this peer's fault and stops it, but for what is named (rule 6)."""
        try:
            yield
        except Exception as error:
            if isinstance(error, theirs) and not isinstance(error, StoreError):
                raise
            _log.exception("this peer fails over what %s sent", link.code)
            link.abort()
            self._fail(error)
