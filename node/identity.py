"""Who a peer is."""

from dataclasses import dataclass

from ledger.crypto import SigningKey


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this peer is; `voter_keys` are the validator keys that it holds, none for an observer."""

    code: str
    voter_keys: tuple[SigningKey, ...] = ()
