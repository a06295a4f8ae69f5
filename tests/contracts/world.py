"""A small world: founders, a state in memory, and blocks one after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts import machine
from contracts.account import ACCOUNTS
from contracts.call import STANDING_FAILURES
from contracts.context import Context, Contradiction, Scope
from contracts.founding import Founder, Founding, compute_initial_records
from contracts.registry import CALLS, DUE, find_table, rebuild_derived
from contracts.rules import VERSION_1, load_current
from contracts.standing import Identity, make_identity_key
from contracts.table import get_last_field
from ledger.code import compose_code
from ledger.codec import Value, decode, encode
from ledger.crypto import SigningKey, sha256
from ledger.primitives import Code, Digest, Height
from ledger.record import Record, make_key
from ledger.result import Result
from ledger.state import Layer
from ledger.transaction import Transaction, key_signer
from ledger.x509 import issue_certificate

START_MS = 1_775_059_200_000  # 2026-04-02T00:00+08:00
BEGIN_MS = START_MS - 86_400_000
END_MS = START_MS + 3_650 * 86_400_000
GENESIS_HASH = Digest(bytes(32))
HOUR_MS = 3_600_000

NATIONAL = Code("N0000000000000000000004Q")
GUIZHOU = compose_code("R", "520000", "00001", serial="0000001")
BEIJING = compose_code("R", "110000", "00002", serial="0000001")
SHANGHAI = compose_code("R", "310000", "00003", serial="0000001")
GUANGDONG = compose_code("R", "440000", "00004", serial="0000001")
SICHUAN = compose_code("R", "510000", "00005", serial="0000001")
BANK = compose_code("A", "000000", "00010")
BUREAU = compose_code("A", "000000", "00011")
REGIONS = (GUIZHOU, BEIJING, SHANGHAI, GUANGDONG, SICHUAN)


class MemoryState:
    """A state held in two dicts; slow and plain."""

    def __init__(self, records: Sequence[tuple[bytes, Value]] = ()) -> None:
        self.records = {key: Record(value, 1, 0, 0, 0, b"") for key, value in records}
        self.derived: dict[bytes, Value] = {}
        self.derived = rebuild_derived(self)

    def get(self, key: bytes) -> Record | None:
        return self.records.get(key)

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Record]]:
        for key in sorted(self.records):
            if key.startswith(prefix) and key > after:
                yield key, self.records[key]

    def find_predecessor(self, key: bytes) -> bytes:
        return max((other for other in self.records if other < key), default=b"")

    def get_derived(self, key: bytes) -> Value:
        return self.derived.get(key)

    def scan_derived(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Value]]:
        for key in sorted(self.derived):
            if key.startswith(prefix) and key > after:
                yield key, self.derived[key]

    def apply(self, layer: Layer) -> None:
        self.records.update(layer.records)
        for key, value in layer.derived.items():
            if value is None:
                self.derived.pop(key, None)
            else:
                self.derived[key] = value


def make_keys(name: str) -> SigningKey:
    return SigningKey.from_seed(sha256(name.encode()))


ROOT = make_keys("root")


def make_document(name: str) -> dict[str, Value]:
    """A document that is kept elsewhere."""
    return {
        "location": f"https://documents.example/{name}",
        "media_type": "application/pdf",
        "sha256": sha256(name.encode()),
        "size": 1_000,
    }


def make_root_certificate() -> bytes:
    return issue_certificate(NATIONAL, NATIONAL, ROOT.public, ROOT, 1, BEGIN_MS, END_MS, True)


def make_founder(code: Code, role: str = "") -> Founder:
    """A founder whose keys follow from its code."""
    identity, peer = make_keys(code), make_keys(code + "peer")
    node = code[0] in "NRI"
    return Founder(
        code=code,
        certificate=issue_certificate(
            code, NATIONAL, identity.public, ROOT, 2, BEGIN_MS, END_MS, node
        ),
        validator_key=make_keys(code + "validator").public if code[0] == "R" else None,
        peer_certificate=issue_certificate(
            code, code, peer.public, identity, 3, BEGIN_MS, END_MS, False
        )
        if node
        else b"",
        peer_endpoint="127.0.0.1:7000" if node else "",
        http_endpoint="http://127.0.0.1:8000" if node else "",
        role=role,
    )


def make_founding(**rules: int) -> Founding:
    founders = [make_founder(code) for code in (NATIONAL, *REGIONS)]
    founders += [make_founder(BANK, "bank"), make_founder(BUREAU, "bureau")]
    return Founding(make_root_certificate(), founders, rules={**VERSION_1, **rules})


@dataclass
class FakeTrail:
    """A trail on which everybody is alive but those who are silent."""

    height: int
    silent: Sequence[str] = ()

    def is_live(self, code: str, blocks: int) -> bool:
        return code not in self.silent

    def get_state_root(self, height: int) -> Digest | None:
        return make_state_root(height) if 0 <= height <= self.height else None


def make_state_root(height: int) -> Digest:
    """What the small world takes for the state root of a block."""
    return sha256(b"state %d" % height)


def make_evidence(key: SigningKey, epoch: int = 0, view: int = 1) -> bytes:
    """What `read_evidence` takes for two votes that contradict each other."""
    return encode([key.public, epoch, view, "nullify", "finalize"])


def read_evidence(key: bytes, evidence: bytes) -> Contradiction | None:
    """Evidence of the small world proves what it says."""
    signed_by, epoch, view, *kinds = decode(evidence)
    return Contradiction(epoch, view, (kinds[0], kinds[1])) if signed_by == key else None


def list_events(*results: Result) -> list[str]:
    """The types of the events of some results."""
    return [event["type"] for result in results for event in result.events]


def check_declared(kind: str, result: Result) -> None:
    """A call fails and speaks only as its declaration says."""
    assert len(result.encode()) < 1 << 20
    call = CALLS.get(kind)
    common = ("ok", "unknown-kind", "bad-data", "missing-signer", *STANDING_FAILURES)
    if result.code not in common:
        assert call is not None and result.code in call.failures, (kind, result.code)
    for event in result.events:
        assert call is not None and event["type"] in call.events, (kind, event)


def check_queued(layer: Layer) -> None:
    """What waits in a due queue waits in one that its declaration names."""
    for clock in machine.CLOCKS:
        prefix = make_key("due", clock)
        for key, value in layer.derived.items():
            if value is not None and key.startswith(prefix):
                action = key[len(prefix) + 9 :].split(b"\x00")[0].decode("ascii")
                assert clock in DUE[action].clocks, (action, clock)


def check_indexed(result: Result, signers: Sequence[str]) -> None:
    """Whoever and whatever has money in a record that a result wrote is found by audit queries.

    So the statement of a party misses no movement. What a block notes down for itself, such as
    when a demand tries again, has no event and moves no money.
    """
    about = {subject for event in result.events for subject in event["about"]} | {*signers}
    for key, _ in result.changes:
        table = find_table(key)
        holds_money = table is not None and table.money is not None
        if holds_money and (result.events or key.startswith(ACCOUNTS.prefix)):
            name = get_last_field(key)
            assert name in about, (name, list_events(result))


@dataclass
class World:
    """A chain in memory; `run` makes a block of calls and says what became of each."""

    state: MemoryState
    height: int = 0
    time_ms: int = START_MS
    nonce: int = 0
    keys: dict[str, SigningKey] = field(default_factory=dict)
    layer: Layer = field(init=False, repr=False)  # the changes of the last block, once there is one
    results: list[Result] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    def make(self, kind: str, signers: Sequence[str] | str, **data: Value) -> Transaction:
        """A transaction whose signatures nobody looks at."""
        self.nonce += 1
        signers = (signers,) if isinstance(signers, str) else tuple(signers)
        id_ = sha256(f"{self.nonce} {kind} {signers}".encode())
        return Transaction(
            raw=b"",
            body=b"",
            id=id_,
            hash=id_,
            kind=kind,
            data=data,
            signers=signers,
            until=Height(self.height + 100),
            nonce=self.nonce.to_bytes(16, "big"),
            signatures=(),
        )

    def block(self, *transactions: Transaction, after_ms: int = 1000) -> list[Result]:
        """Execute a block; all results, due items' at the end."""
        parent_ms, self.time_ms, self.height = (
            self.time_ms,
            self.time_ms + after_ms,
            self.height + 1,
        )
        trail = FakeTrail(self.height - 1, self.silent)
        block = machine.BlockInput(
            self.height, self.time_ms, parent_ms, transactions, GENESIS_HASH, trail, read_evidence
        )
        output = machine.execute_block(self.state, block)
        for transaction, result in zip(transactions, output.results, strict=False):
            check_declared(transaction.kind, result)
        for result in output.results:
            is_due = result.index >= len(transactions)
            check_indexed(result, () if is_due else transactions[result.index].signers)
        check_queued(output.layer)
        self.layer, self.results = output.layer, output.results
        self.state.apply(output.layer)
        return output.results

    def run(self, kind: str, signers: Sequence[str] | str, **data: Value) -> Result:
        """Execute a block of one call."""
        return self.block(self.make(kind, signers, **data))[0]

    def do(self, kind: str, signers: Sequence[str] | str, **data: Value) -> Result:
        """Execute a block of one call, which must be ok."""
        result = self.run(kind, signers, **data)
        assert result.code == "ok", result.code
        return result

    def wait(self, duration_ms: int, step_ms: int = 60_000) -> list[Result]:
        """Empty blocks, none more than a minute after the other; the results of their due items."""
        results = []
        while duration_ms > 0:
            step = min(step_ms, duration_ms)
            results += self.block(after_ms=step)
            duration_ms -= step
        return results

    def outage(self, duration_ms: int) -> list[Result]:
        """Nothing for a while, then an empty block."""
        return self.block(after_ms=duration_ms)

    def given(self, *items: tuple[bytes, Value]) -> None:
        """Let records stand that no call made, with what derives from them."""
        for key, value in items:
            self.state.records[key] = Record(value, 1, self.height, 0, 0, b"")
        self.state.derived = rebuild_derived(self.state)

    def look(self) -> Context:
        """A context of its own on the state, as in the next block, which nobody commits."""
        trail = FakeTrail(self.height, self.silent)
        rules = load_current(self.state, self.height + 1)
        now = (self.height + 1, self.time_ms, self.time_ms)
        scope = Scope(*now, GENESIS_HASH, rules, trail, read_evidence)
        return Context(scope, Layer(self.state), 0, GENESIS_HASH, ())

    def value(self, key: bytes) -> Any:
        """The value of a record."""
        record = self.state.get(key)
        return None if record is None else record.value

    def reserved(self, subject: str) -> int:
        """What is reserved of a resource or an offer in this moment."""
        prefix = make_key("calendar", subject)
        return sum(
            change
            for key, change in self.state.scan_derived(prefix)
            if int.from_bytes(key[len(prefix) : len(prefix) + 8], "big") <= self.time_ms
        )

    def certificate(
        self, code: str, issuer: str, key: SigningKey, not_after_ms: int = END_MS
    ) -> bytes:
        """A certificate as the issuer would make it."""
        signing = ROOT if issuer[0] == "N" else make_keys(issuer)
        authority = code[0] in "NRI"
        return issue_certificate(
            Code(code), Code(issuer), key.public, signing, 9, BEGIN_MS, not_after_ms, authority
        )

    def registration(
        self, code: str, issuer: str, role: str = "", not_after_ms: int = END_MS
    ) -> Transaction:
        """The registration of a code under a key that follows from it."""
        key = make_keys(code)
        return self.make(
            "identity.register",
            (issuer, key_signer(key.public)),
            certificate=self.certificate(code, issuer, key, not_after_ms),
            code=code,
            credit_code="",
            name="somebody",
            role=role,
        )

    def register(self, code: str, issuer: str, role: str = "", not_after_ms: int = END_MS) -> None:
        """Register a code, which must go well; nodes stand there as if they were admitted."""
        if code[0] in "RI":
            self._stand(code, issuer, not_after_ms)
            return
        (result,) = self.block(self.registration(code, issuer, role, not_after_ms))
        assert result.code == "ok", result.code
        assert self.value(make_identity_key(code))["key"] == make_keys(code).public

    def _stand(self, code: str, issuer: str, not_after_ms: int) -> None:
        key = make_keys(code)
        identity: Identity = {
            "actor": issuer,
            "blocks": [],
            "certificate": self.certificate(code, issuer, key, not_after_ms),
            "credit_code": "",
            "expires_ms": not_after_ms + 1000,
            "issuer": issuer,
            "key": key.public,
            "name": "somebody",
            "reason": "admitted",
            "role": "",
            "rules": 1,
            "status": "active",
        }
        self.given((make_identity_key(code), {**identity}))

    def decide(
        self, matter: str, code: str, proposer: str = NATIONAL, reason: str = "investigation"
    ) -> Result:
        """Let the regional nodes vote for a matter about one of them; the last vote's result.

        A ballot that is open already goes on.
        """
        subject = make_key("open_ballot", matter, code)
        if self.state.get_derived(subject) is None:
            data = {"code": code, "matter": matter, "note": "", "reason": reason}
            self.do("ballot.propose", proposer, **data)
        name = self.state.get_derived(subject)
        voted = [voter for voter, _ in self.value(make_key("ballot", name))["approvals"]]
        for voter, _ in machine.compute_validators(self.state):
            if voter not in voted and (voter != code or matter in ("resumption", "retirement")):
                result = self.run("ballot.approve", voter, ballot=name)
                if result.code != "ok" or self.state.get_derived(subject) is None:
                    return result
        raise AssertionError("all have voted, and nothing is decided")

    def deposit(self, account: str, micro_yuan: int) -> None:
        """Let the bank credit an account."""
        self.do(
            "settlement.deposit", BANK, account=account, amount_micro_yuan=micro_yuan, reference=""
        )

    def balance(self, code: str) -> int:
        """What an account holds."""
        account = self.value(b"account\x00" + code.encode() + b"\x00")
        return 0 if account is None else int(account["balance"])


def make_world(**rules: int) -> World:
    return World(MemoryState(compute_initial_records(make_founding(**rules))))
