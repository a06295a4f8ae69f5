"""Which errors stop a peer, and which only one connection."""

import asyncio

import pytest

from node.failstop import watch_loop, watch_task


async def run_task(error: BaseException | None) -> list[Exception]:
    failures: list[Exception] = []

    async def run() -> None:
        if error is not None:
            raise error

    task = asyncio.create_task(run())
    watch_task(task, failures.append)
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)
    return failures


async def test_a_task_that_fails_stops_the_peer() -> None:
    mistake = AssertionError("wrong")
    assert await run_task(mistake) == [mistake]
    assert await run_task(None) == []
    assert await run_task(asyncio.CancelledError()) == []


async def test_a_callback_that_fails_stops_the_peer(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    failures: list[Exception] = []
    watch_loop(loop, failures.append)
    mistake = KeyError("wrong")

    def err() -> None:
        raise mistake

    loop.call_soon(err)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert failures == [mistake]
    assert "KeyError" in caplog.text


@pytest.mark.parametrize(
    "context",
    [
        {"message": "Fatal error on transport", "exception": ValueError("tls"), "transport": 1},
        {"message": "data_received() failed", "exception": ValueError("tls"), "protocol": 1},
        {"message": "Exception in callback", "exception": OSError("gone"), "handle": 1},
        {"message": "Task exception was never retrieved", "exception": ValueError(), "future": 1},
        {"message": "Unclosed connection"},
    ],
    ids=lambda context: context["message"],
)
async def test_nobody_else_stops_it(context: dict[str, object]) -> None:
    failures: list[Exception] = []
    loop = asyncio.get_running_loop()
    watch_loop(loop, failures.append)
    loop.call_exception_handler(context)
    assert failures == []
