"""The verifier: answers in order, and an end where something fails."""

import asyncio

import pytest

from ledger.crypto import Domain, Purpose, SigningKey
from ledger.primitives import Digest
from ledger.transaction import compose_body, decode_transaction, sign_body
from node.ports import Job
from node.verifier import CHUNK, Verifier

GENESIS = Digest(b"\x07" * 32)
DOMAIN = Domain(Purpose.TRANSACTION, GENESIS)
KEY, OTHER = SigningKey.from_seed(b"\x01" * 32), SigningKey.from_seed(b"\x02" * 32)


def make_job(number: int, key: SigningKey = KEY) -> Job:
    chain = "sim-0123456789abcdef"
    nonce = number.to_bytes(16, "big")
    body = compose_body(chain, "settlement.pay", {}, ["R1100000000010000000014P"], 9, nonce)
    return decode_transaction(sign_body(body, DOMAIN, [key]), chain), (KEY.public,)


async def test_answers_come_in_order() -> None:
    answers: list[list[bool]] = []
    failures: list[Exception] = []
    ended = asyncio.Event()

    def end(answer: list[bool]) -> None:
        answers.append(answer)
        ended.set()

    verifier = Verifier(GENESIS, failures.append)
    jobs = [make_job(number, OTHER if number % 3 else KEY) for number in range(CHUNK + 5)]
    verifier.verify(jobs, answers.append)
    verifier.verify([], answers.append)
    verifier.verify(jobs[:1], end)
    async with asyncio.timeout(10):
        await ended.wait()
    await verifier.close()
    assert answers == [[not number % 3 for number in range(CHUNK + 5)], [], [True]]
    assert verifier.checked == CHUNK + 6
    assert not failures


async def test_a_mistake_after_a_check_stops_the_peer(caplog: pytest.LogCaptureFixture) -> None:
    failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
    verifier = Verifier(GENESIS, failed.set_result)

    def err(_: list[bool]) -> None:
        raise AssertionError("the mempool is wrong")

    verifier.verify([make_job(1)], err)
    async with asyncio.timeout(10):
        assert str(await failed) == "the mempool is wrong"
    await verifier.close()
    assert "the task verifier failed" in caplog.text
