"""A fake peer, and its API behind a real socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from node.api.app import make_application
from node.api.limits import Limits
from tests.node.api.fake import FakePeer, make_chain
from tests.node.api.web import Web

LIMITS = Limits(
    max_body_bytes=200_000,
    max_batch=20,
    max_wait_s=5.0,
    max_page=10,
    default_page=4,
    keep_alive_s=0.05,
    send_timeout_s=0.3,
    body_timeout_s=0.3,
    head_timeout_s=0.2,
)


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[FakePeer]:
    peer = FakePeer(make_chain(tmp_path))
    yield peer
    peer.store.close()


@pytest.fixture
async def web(peer: FakePeer) -> AsyncIterator[Web]:
    app = make_application(peer, LIMITS)
    async with TestClient(TestServer(app, auto_decompress=False)) as client:
        yield Web(client)
