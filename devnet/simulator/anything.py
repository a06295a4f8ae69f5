"""Transactions of all kinds, by chance: well formed, by whoever may sign them, mostly in vain.

What exists is known from what final blocks say that they are about. So most of these fail with a
failure of their own, and some of all kinds come to pass.
"""

from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from contracts.registry import CALLS
from devnet.simulator.payloads import EXAMPLES, PayloadChance
from ledger.codec import Value
from ledger.crypto import SigningKey
from ledger.sealed import SealedBlock
from ledger.transaction import key_signer

MEMORY: Final = 30  # objects of a type
# What changes keys that the peers and clients of a run hold, or who votes: the load does so itself.
_LEFT_OUT: Final = ("identity.rotate", "ballot.", "nodes.", "root.")
KINDS: Final = tuple(kind for kind in sorted(CALLS) if not kind.startswith(_LEFT_OUT))
Signer = tuple[str, SigningKey]
FindKey = Callable[[str], SigningKey | None]


class Anything(PayloadChance):
    """Draws calls. `find_key` is the key of somebody, where the clients have it; `spare` are keys
    that nobody has yet."""

    def __init__(
        self,
        rng: Random,
        codes: Sequence[str],
        find_key: FindKey,
        spare: Sequence[SigningKey],
        now_ms: Callable[[], int],
    ) -> None:
        self.rng = rng
        self._codes = list(codes)
        self._find_key = find_key
        self._spare = spare
        self._now_ms = now_ms
        self._height = 0
        self._objects: dict[str, deque[str]] = {}

    def hear(self, block: SealedBlock) -> None:
        """A block is final: what it is about is there."""
        self._height = block.height
        for result in block.results:
            for event in result.events:
                for name in event["about"]:
                    self._meet(name)

    def _meet(self, name: str) -> None:
        type_, dash, _ = name.partition("-")
        if not dash:
            if name not in self._codes:
                self._codes.append(name)
            return
        known = self._objects.setdefault(type_, deque(maxlen=MEMORY))
        if name not in known:
            known.append(name)

    # --- what there is

    def pick_code(self, classes: str) -> str:
        """One of the codes of some classes."""
        known = [code for code in self._codes if code[0] in classes]
        return str(self.one(known or [code for code in EXAMPLES if code[0] in classes]))

    def pick_id(self, type_: str) -> str:
        """An object that was heard of, or one that never was."""
        known = self._objects.get(type_)
        if known and self.often():
            return str(self.rng.choice(known))
        return f"{type_}-{'0' * 32}-0"

    def now_ms(self) -> int:
        """The time of the chain, or nearly."""
        return self._now_ms()

    def now_height(self) -> int:
        """The height of the newest block that was heard of."""
        return self._height

    # --- a call

    def make(self) -> tuple[str, dict[str, Value], list[Signer]]:
        """Kind, payload and signers; raises NothingFits where nobody could sign."""
        kind = self.rng.choice(KINDS)
        call = CALLS[kind]
        data = self.draw(call.payload)
        signers: list[Signer] = []
        for role in call.signers:
            if role.optional and not self.often(50):
                break
            signers.append(self._draw_signer(role.classes, [code for code, _ in signers]))
        return kind, data, signers

    def _draw_signer(self, classes: str, taken: Sequence[str]) -> Signer:
        if classes == "k":
            key = self.one(self._spare)
            return key_signer(key.public), key
        held = [(code, self._find_key(code)) for code in self._codes if code[0] in classes]
        able = [(code, key) for code, key in held if key is not None and code not in taken]
        code, key = self.one(able)
        return code, key
