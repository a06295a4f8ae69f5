"""An exchange: a calm network of whole replicas in virtual time, and clients that trade on it.

Clients hear of blocks as soon as one peer has them durably, and answer with transactions. Nothing
is lost here, so whatever is refused, fails unexpectedly or forks is a `Violation`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from contracts.invariants import check_invariants
from devnet.simulator.checkers import refuse_garbage, refuse_stop
from devnet.simulator.faults import Faults
from devnet.simulator.kernel import MS, Kernel
from devnet.simulator.links import Links
from devnet.simulator.population import START_MS, Population
from devnet.simulator.process import Process, Setting
from devnet.simulator.suite import make_domain
from devnet.simulator.violation import Violation
from ledger.block import decode_header
from ledger.crypto import Domain, Purpose, SigningKey
from ledger.errors import LedgerError
from ledger.primitives import Digest
from ledger.result import OK, Result
from ledger.sealed import SealedBlock
from ledger.state import Reader
from ledger.transaction import compose_body, decode_transaction, sign_body
from node.frames import Frame
from node.intake import Answer
from node.mempool import MempoolLimits
from node.port import Phase, Status

MAX_EVENTS: Final = 1_000_000_000
HELLO_US: Final = 600_000 * MS
LIFE_BLOCKS: Final = 150
Signer = tuple[str, SigningKey]
Hear = Callable[[dict[str, Any], int], None]


class Exchange:
    """The network. `hear` is told every event and its block's time in ms, as history goes on."""

    def __init__(
        self, population: Population, seed: int, hear: Hear, is_real: bool = False
    ) -> None:
        self.kernel = Kernel(seed, MAX_EVENTS)
        self.population = population
        self.blocks = self.transactions = self.due_items = 0
        self._hear = hear
        self._hashes: dict[int, Digest] = {}
        self._expected: dict[Digest, tuple[str, tuple[str, ...]]] = {}
        genesis = population.genesis
        weather = Faults().make_weather()
        links = Links(self.kernel, weather, population.regions, _hear_nothing, False)
        self._transactions: Domain = make_domain(Purpose.TRANSACTION, genesis.hash, is_real)
        setting = Setting(
            self.kernel,
            weather,
            links,
            genesis,
            population.first,
            make_domain(Purpose.VOTE, genesis.hash, is_real),
            self._transactions,
            MempoolLimits(),
            START_MS,
            {},
            HELLO_US,
        )
        self.processes = [
            Process(setting, code, population.voter_keys(code), self) for code in population.regions
        ]
        for process in self.processes:
            process.start()

    # --- clients

    @property
    def time_ms(self) -> int:
        """What the clocks of all peers show."""
        return START_MS + self.kernel.now_us // MS

    @property
    def state(self) -> Reader:
        """The final state of the first peer."""
        return self.processes[0].replica.store.state

    def is_idle(self) -> bool:
        """Whether everything that was handed in is final."""
        return not self._expected

    def submit(
        self,
        kind: str,
        data: Mapping[str, Any],
        signers: Sequence[Signer],
        tolerated: Sequence[str] = (),
    ) -> Digest:
        """Hand a transaction to the peer of its first signer's region; its id.

        It must become final as ok, or with one of the failures that are tolerated.
        """
        genesis, nonce = self.population.genesis, self.kernel.random.randbytes(16)
        codes = [code for code, _ in signers]
        until = self.blocks + LIFE_BLOCKS
        body = compose_body(genesis.chain, kind, dict(data), codes, until, nonce)
        raw = sign_body(body, self._transactions, [key for _, key in signers])
        id_ = decode_transaction(raw, genesis.chain).id
        self._expected[id_] = (kind, tuple(tolerated))
        process = next(
            (item for item in self.processes if item.code[1:3] == codes[0][1:3]), self.processes[0]
        )
        process.submit([raw], partial(_check_answers, kind))
        return id_

    def run_until(self, time_ms: int) -> None:
        """Let virtual time pass."""
        self.kernel.run_until((time_ms - START_MS) * MS)

    def settle(self, bound_ms: int = 60_000) -> None:
        """Go on until everything handed in is final."""
        end_ms = self.time_ms + bound_ms
        while not self.is_idle():
            if self.time_ms >= end_ms:
                kinds = sorted({kind for kind, _ in self._expected.values()})
                raise Violation("Liveness", f"not final in time: {', '.join(kinds)}")
            self.run_until(self.time_ms + 50)

    def at(self, time_ms: int, label: str, act: Callable[[], None]) -> None:
        """Let a client act at a time, or now where it is past."""
        self.kernel.after((time_ms - self.time_ms) * MS, label, act)

    def check(self) -> bytes:
        """All invariants, and one state root on all peers: that root."""
        wrong = check_invariants(self.state)
        if wrong:
            raise Violation("Conservation", "; ".join(wrong[:3]))
        last = min(process.replica.store.height for process in self.processes)
        roots = {_read_root(process, last) for process in self.processes}
        if len(roots) != 1:
            raise Violation("StateRoots", f"{len(roots)} states after block {last}")
        return roots.pop()

    # --- what the processes report (process.Witness)

    def may_crash(self, _process: Process) -> bool:
        """Nobody crashes here."""
        return False

    def started(self, process: Process) -> None:
        """A process runs."""

    def crashed(self, process: Process) -> None:
        """A process is down."""
        raise Violation("NobodyStops", f"{process.code} crashed")

    def emptied(self, process: Process) -> None:
        """A damaged store was replaced by an empty one."""
        raise Violation("NobodyStops", f"the store of {process.code} was damaged")

    def lost_journal(self, process: Process) -> None:
        """A journal was lost."""
        raise Violation("NobodyStops", f"the journal of {process.code} was lost")

    def committed(self, process: Process, blocks: Sequence[SealedBlock]) -> None:
        """Blocks are durable in a store."""
        for sealed in blocks:
            known = self._hashes.setdefault(sealed.height, sealed.block.hash)
            if known != sealed.block.hash:
                raise Violation("Agreement", f"{process.code} has another block {sealed.height}")
            if sealed.height > self.blocks:
                self._take(sealed)

    def installed(self, process: Process) -> None:
        """Nobody joins late here."""
        raise Violation("PrefixOrder", f"{process.code} has a snapshot")

    def gave_up(self, process: Process, error: Exception) -> None:
        """A replica stopped by itself."""
        refuse_stop(process, error)

    def heard_garbage(self, process: Process, sender: str, error: LedgerError) -> None:
        """A frame could not be read."""
        refuse_garbage(process, sender, error)

    def _take(self, sealed: SealedBlock) -> None:
        self.blocks = sealed.height
        self.transactions += len(sealed.transactions)
        self.due_items += len(sealed.results) - len(sealed.transactions)
        for result in sealed.results:
            self._take_result(result, sealed.block.header.time_ms)

    def _take_result(self, result: Result, time_ms: int) -> None:
        kind, tolerated = self._expected.pop(result.id, ("due", ()))
        if result.code not in (OK, *tolerated):
            raise Violation("Trade", f"{kind} failed at {result.height}: {result.code}")
        for event in result.events:
            self._hear(event, time_ms)


def _read_root(process: Process, height: int) -> bytes:
    data = process.replica.store.get_header_bytes(height)
    assert data is not None
    return decode_header(data).state_root


def _hear_nothing(_sender: str, _frame: Frame) -> None:
    """What is said is not listened to here."""


def _check_answers(kind: str, answers: Sequence[Answer]) -> None:
    for answer in answers:
        if not isinstance(answer, Status) or answer.phase is Phase.INVALID:
            raise Violation("Trade", f"{kind} was refused: {answer}")
