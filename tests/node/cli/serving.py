"""The API of a peer on a thread of its own, because the command line waits for each answer."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from node.api.app import make_application
from node.api.limits import Limits
from node.port import Peer


@contextmanager
def serve(peer: Peer) -> Iterator[str]:
    """The URL at which the peer answers, until the end."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    runner = web.AppRunner(make_application(peer, Limits()))
    found: list[str] = []

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        found.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        ready.set()

    def run() -> None:
        loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(10)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
