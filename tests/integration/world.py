"""A network of real processes for tests: four validators, parties, and clients of each."""

import contextlib
import fcntl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from devnet.founding import DevnetSpec, make_short_rules
from devnet.launcher import Launcher, start_devnet
from devnet.market import YUAN
from devnet.parties import Party, PartySpec, register_parties
from devnet.scene import Scene

HOME = "region-52"
SLOTS = 2  # networks at a time, over all workers
EPOCH_MS = 2_000
SPEC = DevnetSpec(rules=make_short_rules(EPOCH_MS), industries=("I", "J"))


@contextlib.contextmanager
def take_slot(folder: Path) -> Iterator[None]:
    """Wait for one of the places that all workers share."""
    files = [(folder / f"network-slot-{number}").open("w") for number in range(SLOTS)]
    try:
        while not any(_lock(file.fileno()) for file in files):
            time.sleep(0.1)
        yield
    finally:
        for file in files:
            file.close()


@contextlib.contextmanager
def run_network(folder: Path, *left_out: str) -> Iterator[Scene]:
    """A running network; some nodes are founded but not started."""
    launcher: Launcher = start_devnet(folder, SPEC, tethered=True)
    launcher.stop(list(left_out))
    scene = Scene(launcher)
    try:
        yield scene
    finally:
        scene.close()
        launcher.stop()
        launcher.close()


def make_payers(scene: Scene, count: int = 2, yuan: int = 1_000) -> list[Party]:
    """Consumers of Guizhou with money."""
    specs = [
        PartySpec(f"payer-{number}", f"payer {number}", "U", HOME, "520100")
        for number in range(count)
    ]
    parties = register_parties(scene, HOME, specs)
    bank = scene.operator("bank")
    for party in parties:
        data = {"account": party.code, "amount_micro_yuan": yuan * YUAN, "reference": "test"}
        scene.execute(HOME, "settlement.deposit", data, bank)
    return parties


def poll(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition; fails naming it."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"after {seconds:g} s still not so: {what}"
        time.sleep(0.05)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
