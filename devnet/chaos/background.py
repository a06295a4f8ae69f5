"""An event loop in a thread of its own: links, clients and observers run there while the faults are
made, one after the other, here."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import Any, TypeVar

import uvloop

from devnet.errors import DevnetError

T = TypeVar("T")
CALL_S = 120.0


class Background:
    """The loop; use it as a context. What is still running at the end is cancelled."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos", daemon=True)

    def __enter__(self) -> "Background":
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.run(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextlib.contextmanager
    def during(self, coroutine: Coroutine[Any, Any, None]) -> Iterator[None]:
        """Let it run there until the context ends; raises what it failed with meanwhile."""
        running = self._begin(coroutine)
        try:
            yield
        finally:
            running.cancel()
            with contextlib.suppress(CancelledError):
                running.result()

    def run(self, coroutine: Coroutine[Any, Any, T], seconds: float = CALL_S) -> T:
        """Run it there and wait for its outcome; raises DevnetError where there is none in time."""
        running = self._begin(coroutine)
        try:
            return running.result(seconds)
        except TimeoutError:
            if running.done():
                raise  # its own
            running.cancel()
            name = getattr(coroutine, "__qualname__", "a call")
            raise DevnetError(f"{name} has no outcome after {seconds:g} s") from None

    def _begin(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def call(self, do: Callable[[], T]) -> T:
        """Call something on the loop's thread and wait for its outcome."""

        async def done() -> T:
            return do()

        return self.run(done())


async def _cancel_all() -> None:
    mine = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not mine]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
