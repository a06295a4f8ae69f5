"""The clients: payments at a steady rate, and leases step by step, through all peers.

They behave as clients do. Who gets no answer hands the same transaction in at another peer; some
hand it in at another peer although they were answered; some wait until it is final, others do not.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from devnet.chaos.promises import Promises
from devnet.chaos.pulse import Pulse
from devnet.folder import Folder
from devnet.simulator.trade import Deal
from devnet.simulator.violation import Violation
from ledger.primitives import Digest
from node.client.async_http import AsyncClient
from node.client.composer import ChainInfo, Composer, Signed, Signer
from node.client.errors import ClientError, Rejected
from node.client.outcome import Outcome
from node.client.retry import NO_RETRY

ANSWER_S = 5.0
WAIT_S = 10.0
MAX_UNDER_WAY = 400
PROBE_PAUSE_S = 0.02
STEP_S = 0.25  # between two looks at a deal
ATTEMPTS = 3
WAITING_SHARE = 0.25
REPEATING_SHARE = 0.1
LAG_S = 1.0  # a clock of clients that is further behind does not catch up


@dataclass(frozen=True, slots=True)
class People:
    """Who pays whom, who deals, and with which keys."""

    payers: Sequence[Signer]
    deals: Sequence[Deal]
    keys: Mapping[str, Signer]


class Load:
    """Sends until it is cancelled or paused; `promises` are what was answered."""

    def __init__(
        self, folder: Folder, chain: ChainInfo, people: People, pulse: Pulse, seed: int, rate: float
    ) -> None:
        self.promises = Promises()
        self.sent = 0
        self.held_back = 0
        self.is_paused = False
        self._clients = {
            node.label: AsyncClient(
                node.http, genesis_hash=folder.genesis_hash, timeout_s=ANSWER_S, retry=NO_RETRY
            )
            for node in folder.nodes
        }
        self._labels = list(self._clients)
        self._composer = Composer(chain)
        self.people = people
        self._pulse = pulse
        self._random = random.Random(f"load {seed}")  # noqa: S311
        self._rate = rate
        self._under_way: set[asyncio.Task[None]] = set()
        self._wrong: BaseException | None = None

    async def run(self) -> None:
        """Pay and deal until cancelled."""
        await asyncio.gather(self._pay_steadily(), *map(self._deal, self.people.deals))

    async def drain(self) -> None:
        """Wait for the answers to what is under way, and give the connections back; raises what
        a payment failed with."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        for client in self._clients.values():
            await client.close()
        if self._wrong is not None:
            raise self._wrong

    # --- payments

    async def _pay_steadily(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            due = max(due + 1 / self._rate, clock() - LAG_S)
            await asyncio.sleep(max(0.0, due - clock()))
            if self.is_paused:
                continue
            if len(self._under_way) >= MAX_UNDER_WAY:
                self.held_back += 1
                continue
            task = asyncio.create_task(self._pay())
            self._under_way.add(task)
            task.add_done_callback(self._end_payment)

    def _end_payment(self, task: asyncio.Task[None]) -> None:
        """Keep the first error that is none of a peer's."""
        self._under_way.discard(task)
        if self._wrong is None and not task.cancelled():
            self._wrong = task.exception()

    def _make_payment(self) -> tuple[Signed, int]:
        payer, payee = self._random.sample(list(self.people.payers), 2)
        data = {"amount_micro_yuan": 1, "reference": str(self.sent), "to": payee.code}
        return self._compose("settlement.pay", data, [payer])

    async def _pay(self) -> None:
        signed, until = self._make_payment()
        label = await self._hand_in(signed, until, self._random.random() < WAITING_SHARE)
        if label is not None and self._random.random() < REPEATING_SHARE:
            others = [other for other in self._labels if other != label]
            await self._submit(self._random.choice(others), signed, until)

    async def probe(self, labels: Sequence[str], seconds: float) -> None:
        """Hand in a payment at one of these peers, the next one where it does not answer, until
        one says that it is final; raises Violation."""
        signed, until = self._make_payment()
        try:
            async with asyncio.timeout(seconds):
                for label in cycle(labels):
                    outcome = await self._submit(label, signed, until, WAIT_S)
                    if outcome is not None and outcome.status == "final":
                        return
                    await asyncio.sleep(PROBE_PAUSE_S)
        except TimeoutError:
            raise Violation(
                "Liveness",
                f"a payment handed in at {', '.join(labels)} is not final after {seconds:g} s",
            ) from None

    # --- deals

    async def _deal(self, deal: Deal) -> None:
        """Step after step; what was lost on the way is handed in again."""
        sent: tuple[Signed, int] | None = None
        while True:
            await asyncio.sleep(STEP_S * self._random.uniform(0.5, 1.5))
            if sent is None:
                if self.is_paused:
                    continue
                kind, data, codes = deal.next_step(self._pulse.time_ms)
                sent = self._compose(kind, data, [self.people.keys[code] for code in codes])
                deal.pending = Digest(bytes.fromhex(sent[0].id))
                await self._hand_in(*sent, waits=False)
                continue
            outcome = await self._ask(sent[0].id)
            if outcome is None:
                await self._hand_in(*sent, waits=False)
            elif outcome.status == "final":
                deal.settle(outcome.code)
                sent = None
            elif outcome.status == "invalid":
                deal.pending = sent = None

    async def _ask(self, id_: str) -> Outcome | None:
        """What some peer says of a transaction; None where it does not answer or know it."""
        label = self._random.choice(self._labels)
        try:
            outcome = await self._clients[label].get_transaction(id_)
        except ClientError:
            return None
        self.promises.be_told(label, outcome)
        return outcome

    # --- handing in

    def _compose(
        self, kind: str, data: Mapping[str, object], signers: Sequence[Signer]
    ) -> tuple[Signed, int]:
        """A signed transaction, and the last height that it may have."""
        until = self._pulse.height + self._composer.chain.lifetime
        self.sent += 1
        return self._composer.compose(kind, data, signers, until), until

    async def _hand_in(self, signed: Signed, until: int, waits: bool) -> str | None:
        """Hand in at one peer after the other until one answers; who that was."""
        for label in self._random.sample(self._labels, ATTEMPTS):
            if await self._submit(label, signed, until, WAIT_S if waits else None):
                return label
        return None

    async def _submit(
        self, label: str, signed: Signed, until: int, wait_s: float | None = None
    ) -> Outcome | None:
        """Hand in at a peer; None where it does not answer, or not now."""
        try:
            outcome = await self._clients[label].submit(signed, wait_s)
        except Rejected as refusal:
            self.promises.refused[refusal.code] += 1
            return None
        except ClientError:
            self.promises.unanswered += 1
            return None
        self.promises.hear(label, signed, until, outcome)
        return outcome
