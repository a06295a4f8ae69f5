"""Load: parties with money, transactions signed ahead, workers that keep some of them in flight.

Everything is signed before the clock starts, so that what is measured is the network and the
sending, not the signing. Workers run a closed loop: a batch goes out, its last transaction is
waited for, the next batch goes out; so the load follows what the network can take.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger.code import compose_code
from ledger.crypto import SigningKey
from ledger.primitives import Code
from ledger.x509 import issue_certificate
from node.client.async_http import AsyncClient
from node.client.composer import Signed, Signer

DAY_MS = 86_400_000
SETUP_BATCH = 250
SEED_MONEY_MICRO_YUAN = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Registrar:
    """A regional node that signs for parties of its province, from a number on in its block."""

    signer: Signer
    province: str
    first_number: int


@dataclass(slots=True)
class LoadResult:
    """What the workers saw; latencies are seconds from sending to the answer that it is final."""

    transactions: int = 0
    refused: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)


async def make_parties(
    client: AsyncClient, registrar: Registrar, bank: Signer, count: int
) -> list[Signer]:
    """Register consumers and give each some money."""
    composer = await client.get_composer()
    until = await client.get_height() + composer.chain.lifetime
    now_ms = int(time.time()) * 1000  # certificates know whole seconds
    parties: list[Signer] = []
    registrations: list[Signed] = []
    for number in range(count):
        key = SigningKey.from_seed(os.urandom(32))
        code = _party_code(registrar, number)
        certificate = issue_certificate(
            code,
            Code(registrar.signer.code),
            key.public,
            registrar.signer.key,
            number + 1,
            now_ms - DAY_MS,
            now_ms + 365 * DAY_MS,
            False,
        )
        data = {
            "certificate": certificate,
            "code": code,
            "credit_code": "",
            "name": f"load {number}",
            "role": "",
        }
        signers = [registrar.signer, Signer.bare(key)]
        registrations.append(composer.compose("identity.register", data, signers, until))
        parties.append(Signer(code, key))
    await _execute_all(client, registrations)
    await _execute_all(
        client,
        [
            composer.compose(
                "settlement.deposit",
                {
                    "account": party.code,
                    "amount_micro_yuan": SEED_MONEY_MICRO_YUAN,
                    "reference": "load",
                },
                [bank],
                until,
            )
            for party in parties
        ],
    )
    return parties


def _party_code(registrar: Registrar, number: int) -> Code:
    registrant = _base36(registrar.first_number + number, 5)
    return compose_code("U", f"{registrar.province}0000", registrant, "0")


def _base36(number: int, width: int) -> str:
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + digits
    return digits.rjust(width, "0")


async def _execute_all(client: AsyncClient, signed: Sequence[Signed]) -> None:
    for start in range(0, len(signed), SETUP_BATCH):
        outcomes = await client.submit_many(signed[start : start + SETUP_BATCH], wait_s=30.0)
        for outcome in outcomes:
            if not outcome.is_ok:
                raise RuntimeError(f"the load could not be set up: {outcome}")


async def make_payments(client: AsyncClient, parties: Sequence[Signer], count: int) -> list[Signed]:
    """Payments of one signature, each party to the next, in turn."""
    composer = await client.get_composer()
    until = await client.get_height() + composer.chain.lifetime
    return [
        composer.compose(
            "settlement.pay",
            {
                "amount_micro_yuan": 1,
                "reference": str(number),
                "to": parties[(number + 1) % len(parties)].code,
            },
            [parties[number % len(parties)]],
            until,
        )
        for number in range(count)
    ]


async def run_load(
    clients: Sequence[AsyncClient], payments: Sequence[Signed], batch: int, in_flight: int
) -> LoadResult:
    """Send all payments in batches over all peers; returns when the last is final."""
    result = LoadResult()
    batches = [payments[at : at + batch] for at in range(0, len(payments), batch)]
    batches.reverse()
    workers = max(1, in_flight // batch)
    started = time.perf_counter()
    await asyncio.gather(
        *(_work(clients[at % len(clients)], batches, result) for at in range(workers))
    )
    result.seconds = time.perf_counter() - started
    return result


async def _work(client: AsyncClient, batches: list[Sequence[Signed]], result: LoadResult) -> None:
    while batches:
        batch = batches.pop()
        started = time.perf_counter()
        if len(batch) == 1:
            outcome = await client.submit(batch[0], wait_s=30.0)
            accepted, last = [outcome], outcome
        else:
            outcomes = await client.submit_many(batch)
            accepted = [item for item in outcomes if item.status != "refused"]
            result.refused += len(outcomes) - len(accepted)
            if not accepted:
                continue
            last = accepted[-1]
        if not last.is_settled:
            await client.wait(last.id, 60.0)
        result.latencies.append(time.perf_counter() - started)
        result.transactions += len(accepted)
