"""Fail-stop: an error of our own ends the process, loudly, instead of leaving half a peer behind.

1. Whatever another side can cause has a name: LedgerError for what it says, OSError and EOFError
   for how its connection ends. Any other exception is a fault of this program. After it nobody
   knows what its parts believe, and a validator that goes on might sign what it must not.
2. So a long-lived task that ends with such an exception stops the peer (`watch_task`), and so does
   a callback of the event loop (`watch_loop`).
3. Errors that asyncio or a library reports of one connection, or of a task of its own, are logged
   and no more: those the other side may be able to cause.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeAlias

_log = logging.getLogger("suanlian")

Fail: TypeAlias = Callable[[Exception], None]
"""Ends the process; called any number of times."""

CONNECTION_ERRORS = (OSError, EOFError, TimeoutError)


def watch_task(task: asyncio.Task[None], fail: Fail) -> None:
    """Stop the peer should the task end with an exception."""

    def ended(task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Exception):
            _log.error("the task %s failed", task.get_name(), exc_info=error)
            fail(error)

    task.add_done_callback(ended)


def watch_loop(loop: asyncio.AbstractEventLoop, fail: Fail) -> None:
    """Stop the peer should a callback on the event loop raise."""

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        message = context.get("message", "an error on the event loop")
        _log.error("%s", message, exc_info=error)
        is_of_connection = "transport" in context or "protocol" in context
        if (
            "handle" in context
            and not is_of_connection
            and isinstance(error, Exception)
            and not isinstance(error, CONNECTION_ERRORS)
        ):
            fail(error)

    loop.set_exception_handler(handle)
