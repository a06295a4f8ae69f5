"""A small chain with real keys, certificates and signatures, and a toy contract.

A transaction's data is {"put": [[key, value], ...]}: it writes those records, and fails with the
code `refused` when it has none. `Chain.extend` makes one final block, with its finalization.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from consensus.certificate import Certificate
from consensus.validators import ValidatorSet
from consensus.vote import Vote, VoteKind
from ledger import block as blocks
from ledger import tree
from ledger.block import Header
from ledger.code import compute_check_characters
from ledger.crypto import Domain, Purpose, SigningKey, sha256
from ledger.genesis import ConsensusLimits, Founder, Genesis, Possession, prove_possession
from ledger.keyvalue import KeyValue
from ledger.merkle import EMPTY_ROOT, Accumulator
from ledger.primitives import Code, Digest, Epoch, Height, PublicKey, TimeMs, View
from ledger.record import Record
from ledger.result import Result
from ledger.sealed import SealedBlock
from ledger.state import Layer
from ledger.store import Store
from ledger.trail import Step, Trail
from ledger.transaction import Transaction, compose_body, decode_transaction, sign_body
from ledger.x509 import issue_certificate
from tests.ledger.memory import MemoryDisk

NATIONAL = Code("N0000000000000000000004Q")
_BODIES = tuple(f"R{place}0000000001000000001" for place in (11, 31, 44, 52))
REGIONS = tuple(Code(body + compute_check_characters(body)) for body in _BODIES)
BEGIN, END = 1_767_225_600_000, 2_082_758_400_000
START_MS = 1_775_059_200_000
NAME = "test"


class Nothing:
    """The state before the genesis."""

    def get(self, key: bytes) -> Record | None:
        return None

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Record]]:
        return iter(())

    def find_predecessor(self, key: bytes) -> bytes:
        return b""

    def get_derived(self, key: bytes) -> Any:
        return None

    def scan_derived(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, Any]]:
        return iter(())


def key_of(label: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(label.encode()).digest())


def make_founder(code: Code) -> Founder:
    keys = [key_of(f"{code} {role}") for role in ("identity", "peer", "validator")]
    identity, peer, validator = keys
    votes = code.startswith("R")
    issued = issue_certificate(code, NATIONAL, identity.public, key_of("root"), 2, BEGIN, END, True)
    proofs = [
        prove_possession(NAME, code, role, key)
        for role, key in zip(("identity", "peer", "validator"), keys, strict=True)
    ]
    return Founder(
        code,
        issued,
        issue_certificate(code, code, peer.public, identity, 1, BEGIN, END, False),
        validator.public if votes else None,
        Possession(proofs[0], proofs[1], proofs[2] if votes else None),
        f"http://{code.lower()}.example:8080",
        f"{code.lower()}.example:7000",
    )


def make_genesis(records: Sequence[tuple[bytes, Any]] = ()) -> Genesis:
    root = key_of("root")
    return Genesis(
        NAME,
        TimeMs(START_MS),
        issue_certificate(NATIONAL, NATIONAL, root.public, root, 1, BEGIN, END, True),
        make_founder(NATIONAL),
        tuple(make_founder(code) for code in REGIONS),
        (),
        {},
        ConsensusLimits(),
        tuple(sorted(records)),
    )


def make_header(**fields: Any) -> Header:
    """A header with plain fields, for tests of what stands in it."""
    plain: dict[str, Any] = {
        "chain": "test-0011223344556677",
        "epoch": Epoch(0),
        "view": View(1),
        "height": Height(1),
        "parent": Digest(b"\x01" * 32),
        "parent_certificate_hash": Digest(b"\x02" * 32),
        "time_ms": TimeMs(START_MS),
        "proposer": REGIONS[0],
        "transactions_count": 0,
        "transactions_root": EMPTY_ROOT,
        "results_count": 0,
        "results_root": EMPTY_ROOT,
        "state_root": Digest(b"\x03" * 32),
        "history_root": Digest(b"\x04" * 32),
        "validators_hash": Digest(b"\x05" * 32),
        "next_validators_hash": Digest(b"\x05" * 32),
        "rules_version": 1,
    }
    return Header(**(plain | fields))


def seal_block(header: Header, layer: Layer, **parts: Any) -> SealedBlock:
    """A sealed block of parts; what is not given is empty."""
    return SealedBlock(
        block=blocks.make_block(header, parts.get("hashes", ()), parts.get("certificate", b"")),
        transactions=parts.get("transactions", ()),
        results=parts.get("results", ()),
        result_leaves=parts.get("leaves", ()),
        layer=layer,
        tree=parts["overlay"],
        history_before=parts.get("history", Accumulator()),
        trail=Trail((Step(header.height, header.state_root, ()),), ()),
    )


def seal_genesis(genesis: Genesis) -> SealedBlock:
    layer = Layer(Nothing())
    for key, value in genesis.records:
        layer.put(key, value, 0, 0)
    overlay = tree.seal(tree.Tree(), layer)
    validators = ValidatorSet(genesis.validators).hash
    header = make_header(
        chain=genesis.chain,
        view=View(0),
        height=Height(0),
        parent=genesis.hash,
        parent_certificate_hash=sha256(b""),
        time_ms=genesis.time_ms,
        proposer="",
        state_root=overlay.root,
        history_root=EMPTY_ROOT,
        validators_hash=validators,
        next_validators_hash=validators,
    )
    return seal_block(header, layer, overlay=overlay)


@dataclass
class Chain:
    """A store with a chain that grows block by block, and the keys of everybody."""

    disk: KeyValue = field(default_factory=MemoryDisk)
    records: Sequence[tuple[bytes, Any]] = ()
    epoch: int = 0
    view: int = 0
    nonce: int = 0

    def __post_init__(self) -> None:
        self.genesis = make_genesis(self.records)
        self.store = Store(self.disk, seal_genesis(self.genesis))
        self.members: dict[str, SigningKey] = {
            code: key_of(f"{code} validator") for code in REGIONS
        }
        self.identities = {code: key_of(f"{code} identity") for code in (NATIONAL, *REGIONS)}
        self.domain = Domain(Purpose.TRANSACTION, self.genesis.hash)
        self.votes = Domain(Purpose.VOTE, self.genesis.hash)
        self.certificate = b""

    @property
    def validators(self) -> ValidatorSet:
        return _set_of(self.members)

    def make_transaction(
        self,
        puts: Iterable[tuple[bytes, Any]],
        signers: Sequence[str] = (REGIONS[0],),
        kind: str = "toy.put",
    ) -> Transaction:
        self.nonce += 1
        body = compose_body(
            self.genesis.chain,
            kind,
            {"put": [[key, value] for key, value in puts]},
            signers,
            self.store.height + 100,
            self.nonce.to_bytes(16, "big"),
        )
        raw = sign_body(body, self.domain, [self.identities[code] for code in signers])
        return decode_transaction(raw, self.genesis.chain)

    def extend(
        self,
        transactions: Sequence[Transaction] = (),
        due: Sequence[tuple[bytes, Any]] = (),
        next_members: dict[str, SigningKey] | None = None,
    ) -> SealedBlock:
        """Make one final block; `due` are records that the block writes by itself."""
        sealed = self.seal(transactions, due, next_members)
        finalization = self.certify(sealed)
        successors = _set_of(next_members).to_value() if next_members is not None else ()
        self.store.commit([sealed], finalization.encode(), successors)
        self.store.fold([sealed])
        self.certificate = finalization.encode()
        if next_members is not None:
            self.members, self.epoch, self.view = next_members, self.epoch + 1, 0
        return sealed

    def seal(
        self,
        transactions: Sequence[Transaction] = (),
        due: Sequence[tuple[bytes, Any]] = (),
        next_members: dict[str, SigningKey] | None = None,
    ) -> SealedBlock:
        height, layer = self.store.height + 1, Layer(self.store.state)
        results = [_execute(layer, height, n, item) for n, item in enumerate(transactions)]
        for key, value in due:
            layer.put(key, value, height, len(results))
            results.append(_make_result(layer, height, len(results), sha256(key), [key]))
        overlay = tree.seal(self.store.tree, layer)
        leaves = [result.encode() for result in results]
        hashes = [transaction.hash for transaction in transactions]
        self.view += 1
        header = make_header(
            chain=self.genesis.chain,
            epoch=Epoch(self.epoch),
            view=View(self.view),
            height=Height(height),
            parent=self.store.hash,
            parent_certificate_hash=sha256(self.certificate),
            time_ms=TimeMs(START_MS + 1000 * height),
            proposer=self.validators.codes[self.validators.leader(View(self.view))],
            transactions_count=len(hashes),
            transactions_root=blocks.compute_transactions_root(hashes),
            results_count=len(leaves),
            results_root=blocks.compute_results_root(leaves),
            state_root=overlay.root,
            history_root=self.store.history_accumulator.compute_root(),
            validators_hash=self.validators.hash,
            next_validators_hash=_set_of(next_members or self.members).hash,
        )
        return seal_block(
            header,
            layer,
            hashes=hashes,
            certificate=self.certificate,
            transactions=tuple(transactions),
            results=results,
            leaves=leaves,
            overlay=overlay,
            history=self.store.history_accumulator,
        )

    def certify(self, sealed: SealedBlock, kind: VoteKind = VoteKind.FINALIZE) -> Certificate:
        """The certificate of a quorum, the first members of the set."""
        header, members = sealed.block.header, self.validators
        vote = Vote(
            header.epoch, header.view, kind, View(header.view - 1), sealed.block.hash, members.hash
        )
        signers = tuple(range(members.quorum))
        signatures = tuple(
            self.votes.sign(self.members[members.codes[n]], vote.encode()) for n in signers
        )
        return Certificate(vote, signers, signatures)


def _set_of(members: dict[str, SigningKey]) -> ValidatorSet:
    return ValidatorSet((Code(code), PublicKey(key.public)) for code, key in members.items())


def _execute(block: Layer, height: int, index: int, transaction: Transaction) -> Result:
    puts = transaction.data["put"]
    for key, value in puts:
        block.put(key, value, height, index)
    keys = [key for key, _ in puts]
    code = "ok" if puts else "refused"
    return _make_result(block, height, index, transaction.id, keys, code)


def _make_result(
    layer: Layer, height: int, index: int, id_: Digest, keys: Sequence[bytes], code: str = "ok"
) -> Result:
    changes = tuple((key, _version_of(layer, key)) for key in keys)
    about = [key.strip(b"\x00").replace(b"\x00", b"-").decode() for key in keys]
    events = ({"about": about, "data": {}, "type": "put"},) if keys else ()
    return Result(Height(height), index, id_, code, events, changes)


def _version_of(layer: Layer, key: bytes) -> int:
    record = layer.get(key)
    assert record is not None
    return record.version
