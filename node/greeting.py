"""The first word of both sides: who speaks, on which chain, how far it is.

Section 3 of docs/spec/network.md.
"""

from ledger.genesis import Genesis
from node import frames
from node.errors import NetworkError
from node.frames import Frame, Hello, Notice


def compose_hello(genesis: Genesis, code: str, height: int, time_ms: int) -> Hello:
    """What a peer of this height says, whose clock shows this time."""
    return Hello(frames.VERSION, genesis.hash, code, height, time_ms)


def check_hello(frame: Frame, genesis: Genesis, code: str) -> Hello:
    """The hello of the peer that the certificate names; raises NetworkError for anything else."""
    if isinstance(frame, Notice):
        raise NetworkError(f"{code} says: {frame.detail}", frame.code)
    if not isinstance(frame, Hello):
        raise NetworkError("the first frame is not a hello", "no-hello")
    if frame.version != frames.VERSION:
        raise NetworkError(
            f"version {frame.version} is not spoken here, but {frames.VERSION}", "version"
        )
    if frame.genesis_hash != genesis.hash:
        raise NetworkError(
            f"this peer is of {genesis.chain}, the other of another chain", "wrong-chain"
        )
    if frame.code != code:
        raise NetworkError("the hello names another code than the certificate", "wrong-code")
    return frame
