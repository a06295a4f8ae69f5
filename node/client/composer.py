"""Making transactions: bodies, signatures, and both apart where several parties sign."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger.crypto import Domain, Purpose, SigningKey, sha256
from ledger.primitives import NONCE_BYTES, Digest
from ledger.transaction import compose_body, key_signer, sign_body

HEIGHT_AGE_S: Final = 5.0  # how long a height that was fetched is good enough


@dataclass(frozen=True, slots=True)
class ChainInfo:
    """The chain that transactions are made for."""

    name: str
    genesis_hash: Digest
    transaction_window: int

    @property
    def lifetime(self) -> int:
        """Blocks for which a transaction lives unless its maker says otherwise.

        Half of what is allowed, so that a peer which lags behind the one that named the height
        does not refuse it as too far ahead.
        """
        return max(1, self.transaction_window // 2)


@dataclass(frozen=True, slots=True)
class Signer:
    """A code with the key that signs for it."""

    code: str
    key: SigningKey

    @classmethod
    def bare(cls, key: SigningKey) -> "Signer":
        """A key that has no code yet, as in a registration."""
        return cls(key_signer(key.public), key)


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction, ready to be submitted."""

    raw: bytes
    body: bytes

    @property
    def id(self) -> str:
        """The transaction's id in hex."""
        return sha256(self.body).hex()


class Composer:
    """Makes and signs transactions for one chain.

    `read_height` is asked for a transaction without `until`, at most every few seconds; `nonce`
    gives 16 fresh bytes.
    """

    def __init__(
        self,
        chain: ChainInfo,
        read_height: Callable[[], int] | None = None,
        nonce: Callable[[], bytes] = lambda: os.urandom(NONCE_BYTES),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.chain = chain
        self.domain = Domain(Purpose.TRANSACTION, chain.genesis_hash)
        self._read_height = read_height
        self._nonce = nonce
        self._clock = clock
        self._known: tuple[int, float] | None = None  # a height, and when it was read

    def compose(
        self,
        kind: str,
        data: Mapping[str, Any],
        signers: Sequence[Signer],
        until: int | None = None,
    ) -> Signed:
        """A transaction signed by all its signers; the first acts, the others consent."""
        body = self.compose_body(kind, data, [signer.code for signer in signers], until)
        return Signed(sign_body(body, self.domain, [signer.key for signer in signers]), body)

    def compose_body(
        self, kind: str, data: Mapping[str, Any], signers: Sequence[str], until: int | None = None
    ) -> bytes:
        """The body that all signers sign; raises FormatError or EncodingError."""
        if until is None:
            until = self.pick_until()
        return compose_body(self.chain.name, kind, dict(data), signers, until, self._nonce())

    def pick_until(self) -> int:
        """The last height of a transaction that is made now."""
        now = self._clock()
        if self._known is None or now - self._known[1] > HEIGHT_AGE_S:
            if self._read_height is None:
                raise ValueError("a composer without a peer must be told `until`")
            self._known = (self._read_height(), now)
        return self._known[0] + self.chain.lifetime
