"""A hall where peers meet: networks on the loopback, each with its own final state."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devnet.simulator.disk import SimulatedDisk
from ledger.crypto import SigningKey
from ledger.primitives import Code
from ledger.sealed import SealedBlock
from ledger.store import Store
from ledger.transaction import Transaction, key_signer
from ledger.x509 import compute_dns_name, issue_certificate
from node.ceremony import make_config, write_node
from node.clock import read_wall_ms
from node.config import Config, Listen
from node.enrolment import DAY_MS
from node.frames import Frame, Hello, Range, WantRange, decode_frame, encode_frame
from node.greeting import compose_hello
from node.keys import Role, make_key, save_certificates, save_key
from node.network import Network
from node.offers import Answer, Want
from node.tls import make_client_context
from tests.node.stage import Stage

WAIT_S = 10.0


class Ear:
    """A listener that remembers, and fails or answers as told."""

    def __init__(self, voters: Sequence[str]) -> None:
        self.voters = voters
        self.news: list[tuple[str, object]] = []
        self.changed = asyncio.Event()
        self.react: Callable[[str, Frame], None] = lambda *_: None
        self.answer: Range | Answer = Range((), b"")

    def connected(self, peer: str, height: int) -> None:
        self._note(peer, "connected")

    def disconnected(self, peer: str) -> None:
        self._note(peer, "disconnected")

    def receive(self, sender: str, frame: Frame) -> None:
        self._note(sender, frame)
        self.react(sender, frame)

    def serve(self, want: WantRange | Want) -> Range | Answer:
        self._note("", want)
        return self.answer

    def _note(self, peer: str, what: object) -> None:
        self.news.append((peer, what))
        self.changed.set()

    async def wait_for(self, peer: str, what: object) -> None:
        """Until something came, by value or by kind."""
        async with asyncio.timeout(WAIT_S):
            while not any(
                sender == peer and (item == what or type(item) is what)
                for sender, item in self.news
            ):
                self.changed.clear()
                await self.changed.wait()


@dataclass
class Place:
    """A network that runs, with what it hears and why it would stop."""

    code: Code
    network: Network
    ear: Ear
    store: Store
    config: Config
    failures: list[Exception] = field(default_factory=list)


@dataclass
class Caller:
    """A connection to a network by somebody who need not behave."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, *frames: Frame) -> None:
        for frame in frames:
            data = encode_frame(frame)
            self.writer.write(len(data).to_bytes(4, "big") + data)

    async def read(self) -> Frame | None:
        async with asyncio.timeout(WAIT_S):
            try:
                size = int.from_bytes(await self.reader.readexactly(4), "big")
                return decode_frame(await self.reader.readexactly(size))
            except (EOFError, OSError):
                return None

    async def read_all(self) -> list[Frame]:
        frames: list[Frame] = []
        while (frame := await self.read()) is not None:
            frames.append(frame)
        return frames


class Hall:
    """Makes peers of one genesis, and callers that are none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stage = Stage()
        self.genesis = self.stage.genesis
        self.regions = self.stage.population.regions
        self.last: list[SealedBlock] = []
        self._count = 0

    def write(self, code: Code) -> Config:
        """The folder of a founder, and its configuration."""
        self._count += 1
        place = self.folder / f"{code}-{self._count}"
        members = self.stage.population.founded.members
        member = next(item for item in members if item.code == code)
        write_node(place, member, self.genesis)
        config = make_config(member, self.genesis.hash).resolve(place)
        return config.model_copy(update={"listen": Listen(peer="127.0.0.1:0"), "peers": {}})

    def limit(self, config: Config, **limits: int) -> Config:
        return config.model_copy(update={"limits": config.limits.model_copy(update=limits)})

    def rotate(self, config: Config, endpoint: str = "127.0.0.1:7999") -> Transaction:
        """A new peer key in the folder, and the transaction that puts it on the ledger."""
        code, key = Code(config.code), make_key()
        identity = self.stage.population.identity_key(code)
        certificate = self.certify(code, code, key, identity, is_authority=False)
        for path in (config.keys.peer_key, config.keys.peer_certificate):
            path.rename(path.with_suffix(".old"))
        old = next(item for item in self.genesis.founders if item.code == code)
        save_key(config.keys.peer_key, Role.PEER, key, code)
        save_certificates(config.keys.peer_certificate, [certificate, old.certificate])
        data = {
            "certificate": certificate,
            "http_endpoint": "http://127.0.0.1:8999",
            "peer_endpoint": endpoint,
        }
        signers = [(str(code), identity), (key_signer(key.public), key)]
        return self.stage.sign("identity.rotate_peer", data, signers)

    def certify(
        self, code: Code, issuer: Code, key: SigningKey, by: SigningKey, is_authority: bool
    ) -> bytes:
        begin = self.genesis.time_ms - DAY_MS
        return issue_certificate(
            code, issuer, key.public, by, 77, begin, begin + 99 * DAY_MS, is_authority
        )

    def extend(self, *transactions: Transaction) -> None:
        """A final block in the stage's store."""
        sealed = self.stage.make(transactions)
        assert all(result.code == "ok" for result in sealed.results)
        certificate = self.stage.certify(sealed.block)
        self.last = [sealed]
        self.stage.store.commit(self.last, certificate.encode())
        self.stage.store.fold(self.last)

    def make_store(self) -> Store:
        """A store at genesis."""
        return Store(SimulatedDisk(), self.stage.population.first)

    @contextlib.asynccontextmanager
    async def running(
        self, config: Config, store: Store | None = None, voters: Sequence[str] = ()
    ) -> AsyncIterator[Place]:
        """A network that listens, and dials validators whose address it knows."""
        ear, failures = Ear(voters), list[Exception]()
        held = store or self.make_store()
        network = Network(config, self.genesis, held, ear, failures.append, read_wall_ms)
        place = Place(Code(config.code), network, ear, held, config, failures)
        await network.start()
        try:
            yield place
        finally:
            await network.stop()

    @contextlib.asynccontextmanager
    async def calling(self, config: Config, place: Place) -> AsyncIterator[Caller]:
        """A connection under the credentials of a configuration."""
        keys, roots = config.keys, [self.genesis.root_certificate]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            place.network.port,
            ssl=make_client_context(keys.peer_certificate, keys.peer_key, roots),
            server_hostname=compute_dns_name(place.code),
        )
        try:
            yield Caller(reader, writer)
        finally:
            writer.transport.abort()

    def hello(self, code: str) -> Hello:
        return compose_hello(self.genesis, code, 0, read_wall_ms())

    def make_stranger(self, code: Code) -> Config:
        """Credentials under the root of a code that is not on record."""
        self._count += 1
        identity, peer = make_key(), make_key()
        national = self.genesis.national.code
        root = self.stage.population.founded.root
        chain = [
            self.certify(code, code, peer, identity, is_authority=False),
            self.certify(code, national, identity, root, is_authority=True),
        ]
        config = Config(code=code, genesis_hash=self.genesis.hash.hex())
        config = config.resolve(self.folder / f"{code}-{self._count}")
        save_certificates(config.keys.peer_certificate, chain)
        save_key(config.keys.peer_key, Role.PEER, peer, code)
        return config
