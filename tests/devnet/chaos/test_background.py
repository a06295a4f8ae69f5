"""What runs in the background: its failures come to whoever waits for it."""

import asyncio

import pytest

from devnet.chaos.background import Background
from devnet.errors import DevnetError


async def fail() -> None:
    raise KeyError("a bug")


async def be_alone() -> None:
    """Wait until nothing else runs."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)


async def never_end() -> None:
    await asyncio.Event().wait()


def test_what_takes_too_long_is_named_and_ended() -> None:
    with Background() as background:
        with pytest.raises(DevnetError, match=r"never_end has no outcome after 0\.05 s"):
            background.run(never_end(), 0.05)
        background.run(be_alone())


def test_a_timeout_of_its_own_is_left_as_it_is() -> None:
    async def give_up() -> None:
        raise TimeoutError("its own")

    with Background() as background, pytest.raises(TimeoutError, match="its own"):
        background.run(give_up())


def test_what_failed_meanwhile_is_raised_at_the_end() -> None:
    with Background() as background, pytest.raises(KeyError), background.during(fail()):
        background.run(be_alone())


def test_what_failed_meanwhile_says_why_something_else_did() -> None:
    with (
        Background() as background,
        pytest.raises(KeyError) as raised,
        background.during(fail()),
    ):
        background.run(be_alone())
        raise DevnetError("nobody answers")
    assert isinstance(raised.value.__context__, DevnetError)


def test_what_goes_on_is_ended() -> None:
    with Background() as background:
        with background.during(never_end()):
            pass
        background.run(be_alone())
