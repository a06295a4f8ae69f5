"""TLS between peers, over real connections on the loopback."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ledger.crypto import SigningKey
from ledger.primitives import Code, PublicKey
from ledger.x509 import compute_dns_name, issue_certificate
from node.errors import ConfigError, NetworkError
from node.keys import Role, make_key, save_certificates, save_key
from node.tls import (
    RemotePeer,
    Standing,
    add_roots,
    identify_peer,
    judge_certificate,
    make_client_context,
    make_server_context,
)

NATIONAL = Code("N0000000000000000000004Q")
REGION = Code("R520000000001000000001VO")
OTHER = Code("R11000000000100000000100")
ROOT = SigningKey.from_seed(b"\x01" * 32)
BEGIN, END = 1_767_225_600_000, 4_102_444_800_000


def make_root(key: SigningKey = ROOT) -> bytes:
    return issue_certificate(NATIONAL, NATIONAL, key.public, key, 1, BEGIN, END, True)


@dataclass
class Node:
    """A node's peer key and certificate chain, on disk."""

    code: Code
    key: SigningKey
    certificate: bytes
    chain: Path
    key_path: Path

    def listens(self, *roots: bytes) -> ssl.SSLContext:
        return make_server_context(self.chain, self.key_path, roots or [make_root()])

    def connects(self, *roots: bytes) -> ssl.SSLContext:
        return make_client_context(self.chain, self.key_path, roots or [make_root()])


def make_node(
    folder: Path, code: Code, root: SigningKey = ROOT, begin: int = BEGIN, end: int = END
) -> Node:
    identity, peer = make_key(), make_key()
    issued = issue_certificate(code, NATIONAL, identity.public, root, 2, begin, end, True)
    certificate = issue_certificate(code, code, peer.public, identity, 3, begin, end, False)
    place = folder / peer.public.hex()
    save_certificates(place / "peer.pem", [certificate, issued])
    save_key(place / "peer.key", Role.PEER, peer, code)
    return Node(code, peer, certificate, place / "peer.pem", place / "peer.key")


def listing(*nodes: Node) -> dict[Code, PublicKey]:
    return {node.code: node.key.public for node in nodes}


@asynccontextmanager
async def listening(
    context: ssl.SSLContext, listed: dict[Code, PublicKey], seen: list[RemotePeer]
) -> AsyncIterator[int]:
    """A server that answers `ok` to whom it can identify."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(identify_peer(writer.get_extra_info("ssl_object"), listed.get))
        writer.write(b"ok")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def call(
    port: int, context: ssl.SSLContext, code: Code, listed: dict[Code, PublicKey]
) -> tuple[RemotePeer, bytes, str]:
    """Connect, identify the server and read its answer."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=compute_dns_name(code)
    )
    try:
        ssl_object = writer.get_extra_info("ssl_object")
        remote = identify_peer(ssl_object, listed.get)
        return remote, await reader.read(), ssl_object.version()
    finally:
        writer.close()


async def handshake(
    server: Node, client: Node, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> tuple[RemotePeer, RemotePeer]:
    """What the server and the client see of each other."""
    listed, seen = listing(server, client), list[RemotePeer]()
    async with listening(server_context, listed, seen) as port:
        remote, answer, version = await call(port, client_context, server.code, listed)
    assert answer == b"ok"
    assert version == "TLSv1.3"
    return seen[0], remote


async def is_refused(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext, code: Code
) -> bool:
    """Whether a connection dies before the server has anybody to answer to.

    In TLS 1.3 a client is done before the server has judged it, so it may see no more than the end.
    """
    seen, answer = list[RemotePeer](), b""
    async with listening(server_context, {}, seen) as port:
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            _, answer, _ = await call(port, client_context, code, {})
    return not seen and not answer


async def test_two_peers_know_each_other(tmp_path: Path) -> None:
    server, client = make_node(tmp_path, REGION), make_node(tmp_path, OTHER)
    seen, remote = await handshake(server, client, server.listens(), client.connects())
    assert (seen.code, seen.standing) == (OTHER, Standing.LISTED)
    assert (remote.code, remote.standing) == (REGION, Standing.LISTED)
    assert seen.certificate.der == client.certificate


async def test_one_code_may_name_root_identity_and_peer(tmp_path: Path) -> None:
    server, client = make_node(tmp_path, NATIONAL), make_node(tmp_path, REGION)
    _, remote = await handshake(server, client, server.listens(), client.connects())
    assert remote.code == NATIONAL


async def test_a_peer_that_the_ledger_does_not_list_is_told_apart(tmp_path: Path) -> None:
    server, client = make_node(tmp_path, REGION), make_node(tmp_path, OTHER)
    seen = list[RemotePeer]()
    older = {OTHER: make_key().public}
    async with listening(server.listens(), older, seen) as port:
        remote, _, _ = await call(port, client.connects(), REGION, {})
    assert seen[0].standing is Standing.UNLISTED
    assert remote.standing is Standing.UNLISTED


PAST, FUTURE = (1_000, 2_000), (END - 2_000, END)


@pytest.mark.parametrize(
    ("server_validity", "client_validity"),
    [(PAST, (BEGIN, END)), ((BEGIN, END), PAST), (PAST, PAST), (PAST, FUTURE)],
)
async def test_expired_certificates_still_connect(
    tmp_path: Path, server_validity: tuple[int, int], client_validity: tuple[int, int]
) -> None:
    """On either side of the handshake, and those that are not valid yet."""
    server = make_node(tmp_path, REGION, begin=server_validity[0], end=server_validity[1])
    client = make_node(tmp_path, OTHER, begin=client_validity[0], end=client_validity[1])
    seen, remote = await handshake(server, client, server.listens(), client.connects())
    assert (seen.code, seen.standing) == (OTHER, Standing.LISTED)
    assert (remote.code, remote.standing) == (REGION, Standing.LISTED)


async def test_a_certificate_under_another_root_is_refused(tmp_path: Path) -> None:
    rogue = make_key()
    server, client = make_node(tmp_path, REGION), make_node(tmp_path, OTHER, rogue)
    assert await is_refused(server.listens(), client.connects(make_root()), REGION)
    assert await is_refused(client.listens(make_root()), server.connects(), OTHER)


async def test_a_root_recorded_later_opens_the_door(tmp_path: Path) -> None:
    successor = make_key()
    server, client = make_node(tmp_path, REGION), make_node(tmp_path, OTHER, successor)
    context = server.listens()
    add_roots(context, [make_root(successor)])
    await handshake(server, client, context, client.connects())


async def test_without_a_certificate_nobody_enters(tmp_path: Path) -> None:
    server = make_node(tmp_path, REGION)
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.load_verify_locations(cadata=make_root())
    assert await is_refused(server.listens(), bare, REGION)


async def test_older_tls_is_refused(tmp_path: Path) -> None:
    server, client = make_node(tmp_path, REGION), make_node(tmp_path, OTHER)
    context = client.connects()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert await is_refused(server.listens(), context, REGION)


async def test_a_client_reaches_the_code_it_means(tmp_path: Path) -> None:
    server, client = make_node(tmp_path, REGION), make_node(tmp_path, OTHER)
    seen = list[RemotePeer]()
    async with listening(server.listens(), {}, seen) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await call(port, client.connects(), NATIONAL, {})


async def test_no_session_is_resumed(tmp_path: Path) -> None:
    server, client = make_node(tmp_path, REGION), make_node(tmp_path, OTHER)
    context, sessions = client.connects(), list[bool]()
    listed, seen = listing(server, client), list[RemotePeer]()
    async with listening(server.listens(), listed, seen) as port:
        for _ in range(2):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname=compute_dns_name(REGION)
            )
            await reader.read()
            session = writer.get_extra_info("ssl_object").session
            sessions.append(session is not None and session.has_ticket)
            writer.close()
    assert sessions == [False, False]
    assert len(seen) == 2


def test_only_peer_certificates_are_peers(tmp_path: Path) -> None:
    key = make_key()
    identity = issue_certificate(REGION, NATIONAL, key.public, ROOT, 2, BEGIN, END, True)
    party = issue_certificate(OTHER, REGION, key.public, ROOT, 2, BEGIN, END, False)
    for data in (identity, party, make_root()):
        with pytest.raises(NetworkError, match="not a peer's"):
            judge_certificate(data, lambda _: key.public)
    with pytest.raises(NetworkError, match="outside the profile"):
        judge_certificate(identity[:-1], lambda _: key.public)


def test_a_key_of_another_certificate_is_named(tmp_path: Path) -> None:
    one, other = make_node(tmp_path, REGION), make_node(tmp_path, OTHER)
    with pytest.raises(ConfigError, match=r"peer\.key does not fit"):
        make_server_context(one.chain, other.key_path, [make_root()])
    with pytest.raises(ConfigError, match="cannot read"):
        make_client_context(tmp_path / "none.pem", one.key_path, [make_root()])
    with pytest.raises(ConfigError, match="needs a root"):
        make_client_context(one.chain, one.key_path, [])
    with pytest.raises(ConfigError, match="does not take"):
        make_client_context(one.chain, one.key_path, [b"nothing"])
