"""A node that was admitted and has not connected yet."""

from typing import Any

from contracts.nodes import NODES, NodeRecord
from ledger.code import compose_code
from ledger.codec import Value
from ledger.transaction import key_signer
from tests.contracts.world import (
    BEGIN_MS,
    END_MS,
    NATIONAL,
    World,
    issue_certificate,
    make_document,
    make_keys,
    make_state_root,
)

HEBEI = compose_code("R", "130000", "00006", serial="0000001")
INDUSTRY_NODE = compose_code("I", "000000", "00021", "J")


def admit(world: World, code: str = HEBEI) -> None:
    """Register a node's identity and give it its place, conformance declared."""
    world.register(code, NATIONAL)
    peer, identity = make_keys(code + "peer"), make_keys(code)
    node: NodeRecord = {
        "activates_ms": 0,
        "http_endpoint": "http://127.0.0.1:8000",
        "peer_certificate": issue_certificate(
            code, code, peer.public, identity, 3, BEGIN_MS, END_MS, False
        ),
        "peer_endpoint": "127.0.0.1:7000",
        "peer_key": peer.public,
        "rules": 1,
        "status": "admitted",
        "through": "",
        "validator_key": make_keys(code + "validator").public if code[0] == "R" else b"",
    }
    world.given((NODES.make_key(code), node))


def declare(world: World, code: str = HEBEI, passed: bool = True) -> None:
    """Declare the profile of the genesis."""
    run = make_document("run")
    world.do("standards.declare", code, name="kubernetes-1", passed=passed, run=run, version=1)


def connection(world: World, code: str = HEBEI, **changes: Value) -> tuple[Any, dict[str, Value]]:
    """The signers and data of a node's connect."""
    signers = [code]
    if code[0] == "R":
        signers.append(key_signer(make_keys(code + "validator").public))
    data: dict[str, Value] = {
        "height": world.height,
        "state_root": make_state_root(world.height),
        "through": "",
        **changes,
    }
    return signers, data
