"""Clients whose peers do not answer, and clients with a bug of their own."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from devnet.chaos.load import Load, People
from devnet.chaos.pulse import Pulse
from devnet.folder import Folder, NodeEntry
from devnet.ports import find_ports
from devnet.simulator.violation import Violation
from ledger.crypto import SigningKey
from ledger.primitives import ZERO_DIGEST
from node.client.composer import ChainInfo, Signer

LABELS = ("region-11", "region-31", "region-44")


class Nobody(list[Signer]):
    """No payers, and whether anybody has looked for them."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def __iter__(self) -> Iterator[Signer]:
        self.asked.set()
        return super().__iter__()


def make_load(path: Path, payers: Sequence[Signer]) -> Load:
    """A load on peers that are not there."""
    nodes = tuple(
        NodeEntry(label, "R", "validator", "127.0.0.1:1", f"http://127.0.0.1:{port}")
        for label, port in zip(LABELS, find_ports(len(LABELS)), strict=True)
    )
    folder = Folder(path, "n", "n-0", ZERO_DIGEST, nodes)
    people = People(payers, [], {})
    return Load(folder, ChainInfo("n", ZERO_DIGEST, 256), people, Pulse(folder), 1, 1000.0)


async def test_a_payment_that_never_becomes_final_is_a_violation(tmp_path: Path) -> None:
    payers = [Signer.bare(SigningKey.from_seed(bytes([n]) * 32)) for n in range(2)]
    load = make_load(tmp_path, payers)
    with pytest.raises(Violation, match=r"Liveness: a payment .* region-11, region-31 .* 0\.1 s"):
        await load.probe(LABELS[:2], 0.1)
    await load.drain()


async def test_an_error_of_the_clients_own_is_not_lost(tmp_path: Path) -> None:
    payers = Nobody()
    load = make_load(tmp_path, payers)
    running = asyncio.create_task(load.run())
    await asyncio.wait_for(payers.asked.wait(), 5.0)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    with pytest.raises(ValueError, match="Sample larger than population"):
        await load.drain()
