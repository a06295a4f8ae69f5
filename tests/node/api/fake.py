"""A peer without a network: it takes transactions at once, and makes blocks when it is told to."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from ledger.errors import LedgerError
from ledger.genesis import Genesis
from ledger.keyvalue import LevelDb
from ledger.primitives import Code, Digest
from ledger.record import make_key
from ledger.store import Store
from ledger.transaction import Transaction, decode_transaction
from node.errors import Refused
from node.port import Phase, Readiness, Status
from tests.ledger.chain import REGIONS, Chain

CODE = REGIONS[0]
PRICE = make_key("price", "gpu")


def make_chain(folder: Path) -> Chain:
    """A chain on a disk, with a record for each founder."""
    records = [(make_key("founder", code), {"n": n}) for n, code in enumerate(REGIONS)]
    return Chain(LevelDb(folder / "store"), records=records)


class StorePeer:
    """What `node.port.Peer` asks for, over the store of anybody."""

    def __init__(self, genesis: Genesis, store: Store, code: str = CODE) -> None:
        self.genesis = genesis
        self.code = code
        self.store = store
        self.pending: dict[Digest, Transaction] = {}
        self.invalid: dict[Digest, Status] = {}
        self.reasons: tuple[str, ...] = ()  # why it is not ready
        self.is_joining = False
        self._grew = asyncio.Event()

    # --- the port

    async def submit(self, raws: Sequence[bytes]) -> list[Status | Refused]:
        raise NotImplementedError("what others made is only read")

    def get_status(self, id_: Digest) -> Status | None:
        if id_ in self.invalid:
            return self.invalid[id_]
        if id_ in self.pending:
            return Status(id_, Phase.ACCEPTED)
        place = self.store.find_transaction(id_)
        if place is None:
            return None
        results = self.store.get_results(place[0])
        code = results[place[1]].code if results else ""
        return Status(id_, Phase.FINAL, code, *place)

    async def wait(self, id_: Digest, timeout_s: float) -> Status | None:
        try:
            async with asyncio.timeout(timeout_s):
                while id_ in self.pending:
                    await self._grew.wait()
        except TimeoutError:
            pass
        return self.get_status(id_)

    async def watch_heights(self) -> AsyncIterator[int]:
        while True:
            await self._grew.wait()
            yield self.store.height

    def get_readiness(self) -> Readiness:
        return Readiness(not self.reasons, self.reasons)

    def describe(self) -> dict[str, Any]:
        return {"code": self.code, "height": str(self.store.height)}

    def render_metrics(self) -> bytes:
        return b"suanlian_height 1\n"


class FakePeer(StorePeer):
    """A peer that makes the blocks of its store, when it is told to."""

    def __init__(self, chain: Chain, code: str = CODE) -> None:
        super().__init__(chain.genesis, chain.store, code)
        self.chain = chain
        self.refusal: Refused | None = None
        self.submitted: list[bytes] = []

    async def submit(self, raws: Sequence[bytes]) -> list[Status | Refused]:
        self.submitted += raws
        return [self._take(raw) for raw in raws]

    def make(self, puts: Sequence[tuple[bytes, Any]] = (), **how: Any) -> Transaction:
        """A signed transaction that writes records, or fails when it has none."""
        return self.chain.make_transaction(puts, **how)

    def finalize(self, *transactions: Transaction, due: Any = ()) -> int:
        """Make a block of what is pending and given; its height."""
        self.chain.extend([*self.pending.values(), *transactions], due)
        self.pending.clear()
        self._grew.set()
        self._grew = asyncio.Event()
        return self.store.height

    def expire(self, id_: Digest) -> None:
        """Let a pending transaction become invalid."""
        del self.pending[id_]
        self.invalid[id_] = Status(id_, Phase.INVALID, "expired")
        self._grew.set()
        self._grew = asyncio.Event()

    def _take(self, raw: bytes) -> Status | Refused:
        if self.refusal is not None:
            return self.refusal
        try:
            transaction = decode_transaction(raw, self.genesis.chain)
        except LedgerError as error:
            return Refused(str(error), error.code)
        known = self.get_status(transaction.id)
        if known is not None:
            return known
        refused = self._judge(transaction)
        if refused is not None:
            return refused
        self.pending[transaction.id] = transaction
        return Status(transaction.id, Phase.ACCEPTED)

    def _judge(self, transaction: Transaction) -> Refused | None:
        if not transaction.kind.startswith("toy."):
            return Refused(f"{transaction.kind} is not known", "unknown-kind")
        if transaction.until <= self.store.height:
            return Refused("its last height is past", "expired")
        for signer, signature in zip(transaction.signers, transaction.signatures, strict=True):
            key = self.chain.identities.get(Code(signer))
            if key is None:
                return Refused(f"{signer} is not registered", "unknown-signer")
            if not self.chain.domain.is_valid(key.public, signature, transaction.body):
                return Refused("a signature is wrong", "bad-signature")
        return None
