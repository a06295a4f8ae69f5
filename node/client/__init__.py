"""The SDK: everything a program needs to use a peer, and to check what it says.

    with Client("http://127.0.0.1:8000") as client:
        outcome = client.execute("money.deposit", {...}, [Signer(code, key)])

`Client` waits, `AsyncClient` is for asyncio; `Composer` makes and signs transactions, `Draft` and
`Part` do so for several parties. The verifier needs no peer and no network, so the HTTP libraries
are loaded only when a client is asked for.
"""

from typing import TYPE_CHECKING, Any

from node.client.composer import ChainInfo, Composer, Signed, Signer
from node.client.errors import (
    ClientError,
    NotFinal,
    PartError,
    Rejected,
    Unexpected,
    Unreachable,
    WrongChain,
)
from node.client.outcome import Outcome
from node.client.parts import Draft, Part
from node.client.retry import NO_RETRY, Retry
from node.client.stream import Message

if TYPE_CHECKING:
    from node.client.async_http import AsyncClient
    from node.client.http import Client

__all__ = [
    "NO_RETRY",
    "AsyncClient",
    "ChainInfo",
    "Client",
    "ClientError",
    "Composer",
    "Draft",
    "Message",
    "NotFinal",
    "Outcome",
    "Part",
    "PartError",
    "Rejected",
    "Retry",
    "Signed",
    "Signer",
    "Unexpected",
    "Unreachable",
    "WrongChain",
]


def __getattr__(name: str) -> Any:
    if name == "Client":
        from node.client.http import Client

        return Client
    if name == "AsyncClient":
        from node.client.async_http import AsyncClient

        return AsyncClient
    raise AttributeError(name)
