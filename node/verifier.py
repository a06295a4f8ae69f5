"""Checking signatures between other work: in chunks on the event loop, or in worker processes.

Inline is best with few cores (DESIGN section 6): a chunk of 32 signatures holds up votes for less
than 3 ms. Worker processes pay where there are cores to spare.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from ledger.crypto import Domain, Purpose
from ledger.primitives import Digest
from node.failstop import Fail, watch_task
from node.ports import Job

CHUNK = 32


@dataclass(slots=True)
class _Batch:
    jobs: Sequence[Job]
    done: Callable[[list[bool]], None]


class Verifier:
    """Checks batches in the order in which they came; whatever it cannot do ends the peer."""

    def __init__(self, genesis_hash: Digest, fail: Fail, workers: int = 0) -> None:
        self._genesis_hash = genesis_hash
        self._domain = Domain(Purpose.TRANSACTION, genesis_hash)
        self._batches: deque[_Batch] = deque()
        self._wake = asyncio.Event()
        self._pool = ProcessPoolExecutor(workers) if workers else None
        self._task = asyncio.create_task(self._run(), name="verifier")
        watch_task(self._task, fail)
        self.checked = 0

    def verify(self, jobs: Sequence[Job], done: Callable[[list[bool]], None]) -> None:
        """Check all signatures of each transaction; `done` gets one answer for each."""
        self._batches.append(_Batch(jobs, done))
        self._wake.set()

    async def close(self) -> None:
        """Stop; what waits is never answered."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            while self._batches:
                batch = self._batches.popleft()
                batch.done(await self._check(batch.jobs))
            self._wake.clear()

    async def _check(self, jobs: Sequence[Job]) -> list[bool]:
        valid: list[bool] = []
        for start in range(0, len(jobs), CHUNK):
            chunk = jobs[start : start + CHUNK]
            if self._pool is not None:
                valid += await self._check_elsewhere(chunk)
            else:
                valid += [is_signed(self._domain, job) for job in chunk]
                await asyncio.sleep(0)
            self.checked += len(chunk)
        return valid

    async def _check_elsewhere(self, chunk: Sequence[Job]) -> list[bool]:
        loop = asyncio.get_running_loop()
        parts = [(transaction.body, transaction.signatures, keys) for transaction, keys in chunk]
        return await loop.run_in_executor(self._pool, _check_parts, self._genesis_hash, parts)


def is_signed(domain: Domain, job: Job) -> bool:
    """Whether every signer's key signed the transaction."""
    transaction, keys = job
    body = transaction.body
    for key, signature in zip(keys, transaction.signatures, strict=True):
        if not domain.is_valid(key, signature, body):
            return False
    return True


_Part = tuple[bytes, tuple[bytes, ...], tuple[bytes, ...]]


def _check_parts(genesis_hash: Digest, parts: Sequence[_Part]) -> list[bool]:
    domain = Domain(Purpose.TRANSACTION, genesis_hash)
    return [
        all(
            domain.is_valid(key, signature, body)  # type: ignore[arg-type]
            for key, signature in zip(keys, signatures, strict=True)
        )
        for body, signatures, keys in parts
    ]
