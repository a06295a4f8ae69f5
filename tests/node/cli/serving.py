"""The API of a peer on a thread of its own, because the command line waits for each answer."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from node.api.limits import Limits
from node.api.server import ApiServer
from node.port import Peer


@contextmanager
def serve(peer: Peer, limits: Limits | None = None) -> Iterator[str]:
    """The URL at which the peer answers, until the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        server = ApiServer(peer, "127.0.0.1", 0, limits)
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        yield f"http://127.0.0.1:{server.port}"
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
