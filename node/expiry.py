"""When certificates expire: those of one node, and the moment from which they threaten a quorum.

Expiry halts nothing by itself: validators are known by their registered keys. But what is expired
does no new business, and whoever lets one certificate lapse lets others lapse; so it is watched.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from contracts.nodes import NODES
from contracts.standing import make_identity_key
from ledger.state import Reader
from ledger.x509 import parse_certificate


def compute_expiries(state: Reader, codes: Iterable[str]) -> dict[str, int]:
    """The first moment in ms at which a certificate of each node, identity or peer, is expired."""
    expiries = {}
    for code in codes:
        identity, node = state.get(make_identity_key(code)), state.get(NODES.make_key(code))
        if identity is not None and node is not None:
            peer_ms = _read_expiry(node.value["peer_certificate"])
            expiries[code] = min(int(identity.value["expires_ms"]), peer_ms)
    return expiries


def compute_quorum_expiry(expiries: Sequence[int], quorum: int) -> int | None:
    """When so many certificates have expired that those of the others are no quorum any more.

    None where there are too few to begin with.
    """
    return sorted(expiries)[len(expiries) - quorum] if len(expiries) >= quorum else None


@lru_cache(maxsize=256)
def _read_expiry(certificate: bytes) -> int:
    return parse_certificate(certificate).not_after_ms + 1000
