"""A fake peer behind a real port, for clients that run in a thread and for those that do not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.api.server import ApiServer
from tests.node.api.conftest import LIMITS
from tests.node.api.fake import FakePeer, make_chain


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[FakePeer]:
    peer = FakePeer(make_chain(tmp_path))
    yield peer
    peer.store.close()


@pytest.fixture
async def server(peer: FakePeer) -> AsyncIterator[ApiServer]:
    server = ApiServer(peer, "127.0.0.1", 0, LIMITS)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def url(server: ApiServer) -> str:
    return f"http://127.0.0.1:{server.port}"
