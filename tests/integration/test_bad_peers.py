"""Whoever is no peer, or speaks garbage, is refused, and hurts nobody."""

import asyncio
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from devnet.founding import DevnetSpec, found_devnet
from devnet.parties import Party
from devnet.scene import Order, Scene
from ledger.primitives import Digest
from node.config import FILE_NAME, read_genesis
from node.frames import Notice, Range, Transactions, WantRange
from tests.integration.intruder import Intruder, connect, credentials_of, make_context, names
from tests.integration.world import HOME, make_payers, poll

PLAYED, LAPSED = "industry-i", "industry-j"
DISTURBED = "region-11"


@pytest.fixture(scope="module")
def payers(scene: Scene) -> list[Party]:
    return make_payers(scene)


def still_serves(scene: Scene, payers: Sequence[Party]) -> None:
    """The peer that was disturbed is ready, takes a transaction, and has all its connections."""
    assert scene.launcher.ask_readiness(DISTURBED) == ""
    payer, payee = payers
    data = {"amount_micro_yuan": 1, "reference": "", "to": payee.code}
    scene.execute(DISTURBED, "settlement.pay", data, payer.signer)
    others = {node.code for node in scene.folder.nodes if node.role != "industry"}
    assert others - {scene.folder.find(DISTURBED).code} <= set(scene.status(DISTURBED)["peers"])


async def hang_up(intruder: Intruder) -> list[Notice]:
    """What the peer said before it hung up."""
    return [frame for frame in await intruder.read_all() if isinstance(frame, Notice)]


async def test_plain_tcp_is_refused(scene: Scene, payers: list[Party]) -> None:
    async with connect(scene.folder.find(DISTURBED), None) as intruder:
        intruder.writer.write(b"GET / HTTP/1.1\r\nHost: peer\r\n\r\n" + os.urandom(512))
        async with asyncio.timeout(10):
            left = await intruder.reader.read()
    assert b"HTTP" not in left
    still_serves(scene, payers)


async def test_tls_without_a_certificate_is_refused(scene: Scene, payers: list[Party]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with connect(scene.folder.find(DISTURBED), context) as intruder:
            assert await intruder.read() is None
    except OSError:
        pass  # OpenSSL may tell of the refusal within the handshake
    still_serves(scene, payers)


async def test_a_peer_under_another_root_is_refused(
    scene: Scene, payers: list[Party], tmp_path: Path
) -> None:
    other = found_devnet(tmp_path / "other", DevnetSpec())
    mine = read_genesis(scene.folder.path / "genesis.bin")
    context = make_context(other.config(PLAYED).parent, mine)
    try:
        async with connect(scene.folder.find(DISTURBED), context) as intruder:
            intruder.greet(other.find(PLAYED).code, other.genesis_hash)
            assert await intruder.read() is None
    except OSError:
        pass
    still_serves(scene, payers)


async def test_a_peer_of_another_chain_under_the_same_root_is_told_so(
    scene: Scene, payers: list[Party]
) -> None:
    context = credentials_of(scene.folder, PLAYED)
    async with connect(scene.folder.find(DISTURBED), context) as intruder:
        intruder.greet(scene.folder.find(PLAYED).code, Digest(bytes(32)))
        notices = await hang_up(intruder)
    assert [notice.code for notice in notices] == ["wrong-chain"]
    still_serves(scene, payers)


async def test_another_version_is_told_so(scene: Scene, payers: list[Party]) -> None:
    context = credentials_of(scene.folder, PLAYED)
    async with connect(scene.folder.find(DISTURBED), context) as intruder:
        intruder.greet(scene.folder.find(PLAYED).code, scene.folder.genesis_hash, version=99)
        notices = await hang_up(intruder)
    assert [notice.code for notice in notices] == ["version"]
    still_serves(scene, payers)


async def test_a_peer_that_says_another_code_is_refused(scene: Scene, payers: list[Party]) -> None:
    context = credentials_of(scene.folder, PLAYED)
    async with connect(scene.folder.find(DISTURBED), context) as intruder:
        intruder.greet(scene.folder.find(HOME).code, scene.folder.genesis_hash)
        notices = await hang_up(intruder)
    assert [notice.code for notice in notices] == ["wrong-code"]
    still_serves(scene, payers)


@pytest.mark.parametrize(
    ("garbage", "code"),
    [
        (b"\xc1 is no MessagePack", "encoding"),
        (b"\x91\x2a", "format"),
        (b"\x93\x02\xc4\x00\xc0", "format"),
        (b"", "encoding"),
    ],
    ids=["not-msgpack", "unknown-tag", "wrong-shape", "empty"],
)
async def test_garbage_frames_are_told_so(
    scene: Scene, payers: list[Party], garbage: bytes, code: str
) -> None:
    context = credentials_of(scene.folder, PLAYED)
    async with connect(scene.folder.find(DISTURBED), context) as intruder:
        intruder.greet(scene.folder.find(PLAYED).code, scene.folder.genesis_hash)
        intruder.send_bytes(garbage)
        notices = await hang_up(intruder)
    assert [notice.code for notice in notices] == [code]
    still_serves(scene, payers)


async def test_an_oversized_frame_is_refused_before_it_is_read(
    scene: Scene, payers: list[Party]
) -> None:
    context = credentials_of(scene.folder, PLAYED)
    async with connect(scene.folder.find(DISTURBED), context) as intruder:
        intruder.greet(scene.folder.find(PLAYED).code, scene.folder.genesis_hash)
        intruder.writer.write(b"\xff\xff\xff\xff")
        notices = await hang_up(intruder)
    assert [notice.code for notice in notices] == ["frame-too-large"]
    still_serves(scene, payers)


async def test_garbage_transactions_of_a_peer_reach_no_block(
    scene: Scene, payers: list[Party]
) -> None:
    context = credentials_of(scene.folder, PLAYED)
    async with connect(scene.folder.find(DISTURBED), context) as intruder:
        intruder.greet(scene.folder.find(PLAYED).code, scene.folder.genesis_hash)
        intruder.send(Transactions(tuple(os.urandom(200) for _ in range(100))))
        await intruder.writer.drain()
        still_serves(scene, payers)


async def test_a_node_that_lapses_may_read_and_nothing_else(
    scene: Scene, payers: list[Party]
) -> None:
    played, national = scene.folder.find(LAPSED), scene.operator("national")
    suspend = {"code": played.code, "note": "", "reason": "investigation"}
    await lose_channel(scene, Order("identity.suspend", suspend, (national,)))
    await read_only(scene)
    resume = {"code": played.code, "note": ""}
    await asyncio.to_thread(scene.execute, HOME, "identity.resume", resume, national)
    revoke = {"code": played.code, "note": "", "reason": "key-compromise"}
    await lose_channel(scene, Order("identity.revoke", revoke, (national,)))
    await read_only(scene)
    still_serves(scene, payers)


def test_a_second_copy_of_a_validator_hears_the_first_and_stops(
    scene: Scene, payers: list[Party], tmp_path: Path
) -> None:
    """Its folder was copied without the journal; a process of its own, on ports of its own."""
    folder = scene.folder.config(DISTURBED).parent
    is_socket = shutil.ignore_patterns("control")
    copied = shutil.copytree(folder, tmp_path / "copy", ignore=is_socket)
    shutil.rmtree(copied / "data" / "journal")
    config = copied / FILE_NAME
    text = re.sub(r'(?m)^(peer|http) = "127.*"$', r'\1 = "127.0.0.1:0"', config.read_text("utf-8"))
    config.write_text(text, "utf-8")
    command = [sys.executable, "-m", "node.cli.main", "node", "run", "--config", str(config)]
    payer, payee = payers
    data = {"amount_micro_yuan": 1, "reference": "", "to": payee.code}
    log = tmp_path / "log"
    with log.open("wb") as file, subprocess.Popen(command, stderr=file) as copy:
        try:
            deadline = time.monotonic() + 60
            while copy.poll() is None and time.monotonic() < deadline:
                scene.execute(HOME, "settlement.pay", data, payer.signer)  # blocks to be seen
        finally:
            copy.kill()
    last = json.loads(log.read_text("utf-8").splitlines()[-1])
    assert (copy.returncode, last["level"]) == (3, "critical")
    assert "in use elsewhere right now" in last["message"]
    # The first was never silent: it votes, and is as it was.
    assert scene.status(DISTURBED)["votes"]
    poll(lambda: scene.launcher.ask_readiness(DISTURBED) == "", 20, "the first copy is ready")
    connected = {node.code for node in scene.folder.nodes if node.role == "validator"}
    connected.remove(scene.folder.find(DISTURBED).code)
    poll(lambda: connected <= set(scene.status(DISTURBED)["peers"]), 20, "all are connected again")
    still_serves(scene, payers)


async def lose_channel(scene: Scene, order: Order) -> None:
    """A node has its full channel until the ledger says that it may not."""
    target, played = scene.folder.find(DISTURBED), scene.folder.find(LAPSED)
    async with connect(target, credentials_of(scene.folder, LAPSED)) as intruder:
        intruder.greet(played.code, scene.folder.genesis_hash)
        listening = asyncio.create_task(hang_up(intruder))
        await asyncio.to_thread(
            poll, lambda: has_full_channel(scene, played.code), 10, "the node is let in"
        )
        await asyncio.to_thread(scene.execute_many, HOME, [order])
        notices = await listening
    assert [notice.code for notice in notices] == ["not-active"]
    assert not has_full_channel(scene, played.code)


async def read_only(scene: Scene) -> None:
    """A node without standing is answered block ranges, and not listened to otherwise."""
    target, played = scene.folder.find(DISTURBED), scene.folder.find(LAPSED)
    async with connect(target, credentials_of(scene.folder, LAPSED)) as intruder:
        intruder.greet(played.code, scene.folder.genesis_hash)
        intruder.send(Transactions((b"ignored",)))
        intruder.send(WantRange(1, 3))
        frames = [await intruder.read() for _ in range(3)]
    assert names([frame for frame in frames if frame]) == ["Hello", "Notice", "Range"]
    assert isinstance(frames[1], Notice)
    assert frames[1].code == "sync-only"
    assert isinstance(frames[2], Range)
    assert len(frames[2].blocks) > 0


def has_full_channel(scene: Scene, code: str) -> bool:
    found = scene.status(DISTURBED)["peers"].get(code)
    return found is not None and found["channel"] == "full"
