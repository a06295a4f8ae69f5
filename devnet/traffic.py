"""Traffic that goes on while a scenario breaks things: small payments, one after the other.

Every payment that a peer acknowledged as final is remembered, so that it can be asked for on all
peers at the end.
"""

import threading
import time

from devnet.errors import StepFailed
from devnet.scene import Scene
from node.client.composer import Signer
from node.client.errors import ClientError
from node.client.http import Client

PAUSE_S = 0.02
WAIT_S = 30.0


class Traffic:
    """A payer in a thread of its own; use it as a context."""

    def __init__(self, scene: Scene, at: str, payer: Signer, payee: str) -> None:
        self._scene = scene
        self._at = at
        self._payer = payer
        self._payee = payee
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self.sent = 0
        self.failure = ""

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        self._thread.join(2 * WAIT_S)
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raise StepFailed if a payment did not come out as it must."""
        if self.failure:
            raise StepFailed(f"a payment during the outage failed: {self.failure}")

    def _run(self) -> None:
        url = self._scene.folder.find(self._at).http
        with Client(url, genesis_hash=self._scene.folder.genesis_hash) as client:
            while not self._stop.is_set() and not self.failure:
                try:
                    self._pay(client)
                except ClientError as error:
                    self.failure = str(error)
                self._stop.wait(PAUSE_S)

    def _pay(self, client: Client) -> None:
        data = {"amount_micro_yuan": 1, "reference": f"tick {self.sent}", "to": self._payee}
        signed = client.compose("settlement.pay", data, [self._payer])
        begun = time.monotonic()
        outcome = client.submit(signed, WAIT_S)
        if not outcome.is_settled:
            outcome = client.wait(signed.id, WAIT_S)
        if not outcome.is_ok:
            self.failure = f"{outcome.status} {outcome.code}"
            return
        self._scene.tally.add([signed.id], time.monotonic() - begun)
        self.sent += 1
