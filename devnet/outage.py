"""A validator that dies and comes back: killed, restarted, caught up, voting.

That it votes is not taken from its own word: its signature must stand in the certificate of a block
that became final after it came back.
"""

import time
from collections.abc import Callable

from devnet.errors import StepFailed
from devnet.launcher import Progress, ignore
from devnet.scene import Scene
from node.client.bundle import compose_text
from node.client.errors import ClientError
from node.client.http import Client
from node.client.verify import verify_bundle

BACK_S = 90.0
VOTE_S = 60.0
POLL_S = 0.1


def wait_for(what: str, holds: Callable[[], bool], seconds: float, poll_s: float = POLL_S) -> None:
    """Poll a condition until it holds; raises StepFailed naming it."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise StepFailed(f"after {seconds:g} s still not so: {what}")
        time.sleep(poll_s)


def wait_blocks(scene: Scene, at: str, more: int, seconds: float = 30.0) -> int:
    """Wait until so many more blocks are final at a peer; the height then."""
    goal = scene.client(at).get_height() + more
    wait_for(
        f"block {goal} is final at {at}", lambda: scene.client(at).get_height() >= goal, seconds
    )
    return scene.client(at).get_height()


def bring_back(scene: Scene, label: str, at: str, progress: Progress = ignore) -> int:
    """Wait until a killed peer, started if it is not, has caught up with another; its height."""
    goal = scene.client(at).get_height()
    if not scene.launcher.process(label).is_running:
        scene.launcher.start([label])
    scene.launcher.wait_ready([label], BACK_S, progress)
    wait_for(
        f"{label} is at block {goal}, where {at} was when it came back",
        lambda: int(scene.status(label)["height"]) >= goal,
        BACK_S,
    )
    wait_for(f"{label} says that it votes", lambda: _says_it_votes(scene, label), BACK_S)
    return goal


def wait_for_vote(scene: Scene, label: str, above: int, seconds: float = VOTE_S) -> int:
    """Wait for a certified block above a height that a validator signed; its height."""
    code = scene.folder.find(label).code
    found: list[int] = []

    def is_signed() -> bool:
        for node in scene.folder.validators:
            height, signers = read_signers(scene.client(node.label), scene)
            if height > above and code in signers:
                found.append(height)
                return True
        return False

    wait_for(f"the signature of {label} stands under a block above {above}", is_signed, seconds)
    return found[0]


def read_signers(client: Client, scene: Scene) -> tuple[int, tuple[str, ...]]:
    """The last final block of a peer and who signed its certificate, which is verified."""
    try:
        bundle = client.get_proof("records", "root")
    except ClientError:
        return -1, ()
    verified = verify_bundle(compose_text(bundle), scene.folder.genesis_hash)
    return verified.height, verified.relied_on[-1].signers


def _says_it_votes(scene: Scene, label: str) -> bool:
    status = scene.status(label)
    return status["votes"] is True and status["recovering"] is False
