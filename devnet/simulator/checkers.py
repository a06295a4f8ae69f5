"""What is checked while a run goes on; each checker has a name and raises `Violation`.

Agreement         no two final blocks at a height
PrefixOrder       every store grows block by block, and never loses one
ExactlyOnce       no transaction id stands twice in the chain
VoteConsistency   nothing signed contradicts what the same key signed before, restarts included
BoundedMemory     every buffer stays within its limit
NoGarbage         honest peers understand each other
NobodyStops       no peer diverges or gives up
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from consensus.certificate import Certificate
from consensus.evidence import is_double_signing
from consensus.judgement import JUDGEMENTS_PER_VIEW
from consensus.limiter import MAX_PEERS
from consensus.message import (
    Ask,
    CertificateMessage,
    Inquiry,
    Message,
    Proposal,
    Report,
    VoteMessage,
    decode_message,
)
from consensus.state import Kept
from consensus.tally import MAX_VIEWS, STATEMENTS_PER_SIGNER, VIEWS_AHEAD
from consensus.validators import ValidatorSet
from consensus.vote import Vote
from devnet.simulator.process import Process
from devnet.simulator.violation import Violation
from ledger import schema
from ledger.errors import LedgerError
from ledger.primitives import Digest
from ledger.sealed import SealedBlock
from ledger.store import read_height
from node.fetch import MAX_WANTED_BLOCKS
from node.frames import MAX_RANGE, Consensus, Frame
from node.intake import MAX_RECENT, MAX_UNVERIFIED
from node.joiner import MAX_WRITING, PER_SOURCE, Joiner
from node.judge import MAX_PARKED
from node.mempool import MempoolLimits
from node.offers import MOST as MOST_OFFERED
from node.replica import Replica
from node.reporter import MAX_OF_VALIDATOR
from node.shares import MAX_UNCHECKED
from node.sync import MAX_FED

MAX_OUTBOX: Final = 2_000
MAX_UNFINALIZED: Final = MAX_RANGE + 64


@dataclass(slots=True)
class Chain:
    """The one chain that all peers agree on, as far as anybody has it: Agreement, ExactlyOnce."""

    blocks: dict[int, SealedBlock] = field(default_factory=dict)
    places: dict[Digest, tuple[int, int]] = field(default_factory=dict)
    heights: dict[str, int] = field(default_factory=dict)
    joined: dict[str, int] = field(default_factory=dict)  # who came by a snapshot of which height
    ahead: dict[int, bytes] = field(default_factory=dict)  # headers that only snapshots have so far

    @property
    def height(self) -> int:
        """The height of the newest final block."""
        return max(self.blocks, default=0)

    def find_code(self, id_: Digest) -> str | None:
        """The result of a final transaction."""
        place = self.places.get(id_)
        return None if place is None else self.blocks[place[0]].results[place[1]].code

    def take(self, code: str, blocks: Sequence[SealedBlock]) -> None:
        """Blocks are durable in the store of a peer."""
        for sealed in blocks:
            before = self.heights.get(code, 0)
            if sealed.height != before + 1:
                raise Violation("PrefixOrder", f"{code} wrote {sealed.height} after {before}")
            self.heights[code] = sealed.height
            known = self.blocks.get(sealed.height)
            if known is None:
                self._add(sealed)
            elif known.block.hash != sealed.block.hash:
                raise Violation(
                    "Agreement",
                    f"{code} has {sealed.block.hash.hex()[:16]} at {sealed.height}, others have "
                    f"{known.block.hash.hex()[:16]}",
                )

    def _add(self, sealed: SealedBlock) -> None:
        if self.ahead.pop(sealed.height, sealed.block.header_bytes) != sealed.block.header_bytes:
            raise Violation("Agreement", f"there is a snapshot of another block {sealed.height}")
        self.blocks[sealed.height] = sealed
        for index, item in enumerate(sealed.transactions):
            place = (sealed.height, index)
            if self.places.setdefault(item.id, place) != place:
                raise Violation(
                    "ExactlyOnce", f"{item.id.hex()[:16]} at {self.places[item.id]} and {place}"
                )

    def skip_to(self, process: Process) -> None:
        """A snapshot was installed: it is of a block of this chain, and never goes back."""
        height = read_height(process.store_disk)
        if height < self.heights.get(process.code, 0):
            raise Violation("PrefixOrder", f"{process.code} went back to a snapshot of {height}")
        if height:
            self._hold(process, height)
            self.heights[process.code] = self.joined[process.code] = height

    def _hold(self, process: Process, height: int) -> None:
        """Compare the last block of a store with that of the others. A liar may have finished one
        that no honest peer has written yet, and served a snapshot of it."""
        header = process.store_disk.get(schema.header_key(height))
        assert header is not None
        known = self.blocks.get(height)
        held = self.ahead.setdefault(height, header) if known is None else known.block.header_bytes
        if header != held:
            raise Violation("Agreement", f"{process.code} has another block {height}")

    def forget(self, code: str) -> None:
        """The store of a peer is empty again."""
        self.heights.pop(code, None)
        self.joined.pop(code, None)

    def check_start(self, process: Process) -> None:
        """A peer started: it holds at least what it had written, and nothing else."""
        code, store = process.code, process.replica.store
        before = 0 if process.replica.joiner is not None else self.heights.get(code, 0)
        if store.height != before:
            raise Violation("PrefixOrder", f"{code} had {before} blocks and has {store.height}")
        if store.height:
            self._hold(process, store.height)


class VoteConsistency:
    """All that was ever signed by honest peers, as far as it left an honest peer.

    Whoever hears a liar may pass its votes on; `liars` are the codes whose votes do not count.
    """

    def __init__(self, liars: Collection[str] = ()) -> None:
        self._liars = liars
        self._codes: dict[bytes, tuple[str, ...]] = {}  # of each validator set
        self._said: dict[tuple[bytes, int, int, int], dict[Vote, None]] = {}
        self._seen: set[bytes] = set()
        self.votes = 0

    def meet(self, validators: ValidatorSet) -> None:
        """A set whose votes may be heard from now on."""
        self._codes[validators.hash] = validators.codes

    def hear(self, sender: str, frame: Frame) -> None:
        """A frame left a peer."""
        if sender in self._liars:
            return
        if isinstance(frame, Consensus) and frame.message not in self._seen:
            self._seen.add(frame.message)
            self._read(decode_message(frame.message))

    def _read(self, message: Message) -> None:
        match message:
            case VoteMessage(signed):
                self.take(signed.vote, signed.signer)
            case Proposal(signed, parent, _):
                self.take(signed.vote, signed.signer)
                if parent is not None:
                    self.take_certificate(parent)
            case CertificateMessage(certificate):
                self.take_certificate(certificate)
            case Report(_, _, votes, certificates):
                for signed in votes:
                    self.take(signed.vote, signed.signer)
                for certificate in certificates:
                    self.take_certificate(certificate)
            case Ask() | Inquiry():
                pass

    def take_certificate(self, certificate: Certificate) -> None:
        """All that signed it have said so."""
        for signer in certificate.signers:
            self.take(certificate.vote, signer)

    def take(self, vote: Vote, signer: int) -> None:
        """The validator of this index has said so; raises Violation if it said otherwise."""
        if self._liars and self._codes[vote.validators_hash][signer] in self._liars:
            return
        said = self._said.setdefault((vote.validators_hash, vote.epoch, vote.view, signer), {})
        if vote in said:
            return
        self.votes += 1
        for other in said:
            if is_double_signing(other, vote):
                raise Violation("VoteConsistency", f"validator {signer}: {other!r} and {vote!r}")
        said[vote] = None


Sizes: TypeAlias = Mapping[str, tuple[int, int]]
"""What fills up, by name: how much is in it, and how much may be at most."""


def check_memory(process: Process, limits: MempoolLimits, peers: int) -> None:
    """BoundedMemory, for one peer; `peers` is how many others there are."""
    replica = process.replica
    sizes = {
        **_measure_replica(replica, limits, peers),
        **_measure_core(replica.core.measure(), replica.validators.n),
        **_measure_joiner(replica.joiner, peers),
    }
    for name, (size, most) in sizes.items():
        if size > most:
            raise Violation("BoundedMemory", f"{process.code}: {name} {size}, at most {most}")


def _measure_replica(replica: Replica, limits: MempoolLimits, peers: int) -> Sizes:
    intake = replica.intake.load
    block_transactions = replica.genesis.consensus.max_block_transactions
    return {
        "mempool": (len(replica.mempool), limits.count),
        "mempool bytes": (replica.mempool.size_bytes, limits.size_bytes),
        "parked blocks": (len(replica.judge), MAX_PARKED),
        "outbox": (len(replica.outbox), MAX_OUTBOX),
        "unfinalized blocks": (len(replica.chain), MAX_UNFINALIZED),
        "reports": (len(replica.reporter), MAX_OF_VALIDATOR * replica.validators.n),
        "wanted blocks": (len(replica.fetch), MAX_WANTED_BLOCKS),
        "snapshots": (len(replica.offers.heights), MOST_OFFERED),
        "wanted transactions": (replica.judge.wanted, MAX_PARKED * block_transactions),
        "unchecked transactions": (intake.unverified, MAX_UNVERIFIED),
        "unchecked transactions of a peer": (intake.most_of_peer, MAX_UNCHECKED),
        "recent statuses": (intake.recent, MAX_RECENT),
        "accepted transactions": (intake.accepted, limits.count),
        "blocks of a range": (len(replica.sync), MAX_RANGE),
        "blocks of a range in the judge": (replica.sync.fed, MAX_FED),
        "heights": (len(replica.sync.heights), peers),
        "claims": (len(replica.scout), peers),
    }


def _measure_core(kept: Kept, n: int) -> Sizes:
    blocks = 2 + (JUDGEMENTS_PER_VIEW + 2) * kept.views
    return {
        "views with votes": (kept.vote_views, MAX_VIEWS + n),
        "votes": (kept.votes, (MAX_VIEWS + n) * n * STATEMENTS_PER_SIGNER),
        "certificates": (kept.certificates, 2 * kept.views + 1),
        "views with own votes": (kept.own_views, kept.views),
        "proposals": (kept.proposals, VIEWS_AHEAD + 1),
        "judgements": (kept.judgements, JUDGEMENTS_PER_VIEW * kept.views),
        "judged blocks": (kept.blocks, blocks),
        "answered peers": (kept.answered, MAX_PEERS),
        "reports of views": (kept.reports, n),
    }


def _measure_joiner(joiner: Joiner | None, peers: int) -> Sizes:
    if joiner is None:
        return {}
    load = joiner.load
    return {
        "peers of a joiner": (load.peers, peers),
        "pieces asked of a peer": (load.asked, PER_SOURCE),
        "parts on their way to the disk": (load.writing, MAX_WRITING + PER_SOURCE * peers),
        "missing pieces": (load.left, load.total),
        "results in part": (load.parts, load.total),
    }


def refuse_garbage(process: Process, sender: str, error: LedgerError) -> None:
    """NoGarbage."""
    raise Violation("NoGarbage", f"{process.code} cannot read what {sender} sends: {error}")


def refuse_stop(process: Process, error: Exception) -> None:
    """NobodyStops."""
    raise Violation("NobodyStops", f"{process.code} stopped: {error}")
