"""What is checked when a run is over and all peers are well; each checker raises `Violation`.

Liveness         what was acknowledged is settled everywhere
Refusals         no honest client was refused for good
Agreement        every peer shows the same hash and state root at every height, and has them on disk
Conservation     the invariants of the whole state hold on every peer, and its root is certified
CleanStop        all peers stop when told, and their logs hold no errors
ExactlyOnce      no transaction stands twice in the chain
Durability       what was acknowledged is in every store, or its time has passed; whoever was told
                 `final` or `invalid` was told the truth
VoteConsistency  no vote in any journal or certificate contradicts another
StateRoots       stores of the same height hold the same bytes; one chain is executed again
"""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devnet.chaos.logs import Logs
from devnet.chaos.network import ChaosNetwork
from devnet.chaos.promises import Promises
from devnet.chaos.votes import Votes
from devnet.errors import StepFailed
from devnet.evidence import compare_peers
from devnet.inspection import examine_peer
from devnet.launcher import Progress
from devnet.scene import Scene
from devnet.simulator.audit import SHARED_TABLES
from devnet.simulator.violation import Violation
from ledger.errors import DiskError, LedgerError
from ledger.genesis import Genesis
from ledger.keyvalue import LevelDb
from ledger.primitives import Digest
from ledger.store import Store
from ledger.transaction import decode_transaction
from node.api.problems import CATALOGUE
from node.client.errors import ClientError
from node.config import load_config, load_genesis
from node.errors import NodeError
from node.genesis_block import compute_genesis_block
from node.replay import replay

# An honest client's transaction may have waited until its time passed; all else is a fault.
FAIR_REFUSALS = ("expired",)


@dataclass(frozen=True, slots=True)
class Chain:
    """The one chain: block hashes by height, and where each transaction stands."""

    hashes: tuple[bytes, ...]
    places: dict[str, tuple[int, int]]

    @property
    def height(self) -> int:
        """Of the last block."""
        return len(self.hashes) - 1


def check_refusals(promises: Promises) -> None:
    """Refusals: what a peer does not take it may take later, or its time has passed."""
    for code in promises.refused:
        kind = CATALOGUE.get(code)
        if code == "internal" or (not (kind and kind.retry) and code not in FAIR_REFUSALS):
            raise Violation("Refusals", f"clients were refused with {code!r}")


def check_running(scene: Scene) -> tuple[int, str]:
    """Agreement and Conservation, over HTTP; the height and its state root."""
    try:
        height, state_root = compare_peers(scene)
    except (ClientError, StepFailed) as error:
        raise Violation("Agreement", str(error)) from None
    folder = scene.folder
    for node in folder.nodes:
        try:
            examined = examine_peer(node.http, folder.genesis_hash)
        except (ClientError, LedgerError, NodeError) as error:
            raise Violation("Conservation", f"{node.label}: {error}") from None
        if examined.wrong:
            raise Violation("Conservation", f"{node.label}: {examined.wrong[:3]}")
    return height, state_root


def stop_all(network: ChaosNetwork, logs: Logs) -> None:
    """CleanStop."""
    killed = network.launcher.stop()
    if killed:
        raise Violation("CleanStop", f"{', '.join(killed)} did not stop in time")
    for label in network.labels:
        code = network.launcher.process(label).exit_code
        if code != 0:
            raise Violation("CleanStop", f"{label} ended with {code}")
        errors = logs.list_errors(label)
        if errors:
            raise Violation("CleanStop", f"{label} logged {len(errors)} errors: {errors[:3]}")


def check_stores(
    network: ChaosNetwork, promises: Promises, votes: Votes, progress: Progress
) -> Chain:
    """Everything that the stores and journals of stopped peers must hold."""
    chains: dict[str, Chain] = {}
    digests: dict[int, dict[str, str]] = {}
    for label in network.labels:
        progress(f"reading the store of {label}")
        chain, digest = _read_store(network, label, votes)
        chains[label] = chain
        digests.setdefault(chain.height, {})[label] = digest
        votes.read_journal(label)
    longest = max(chains.values(), key=lambda chain: chain.height)
    for label, chain in chains.items():
        if chain.hashes != longest.hashes[: len(chain.hashes)]:
            raise Violation("Agreement", f"{label} holds another chain")
        check_promises(promises, chain, label)
    for height, found in digests.items():
        if len(set(found.values())) > 1:
            raise Violation("StateRoots", f"stores differ at block {height}: {found}")
    _replay(network, progress)
    return longest


def check_promises(promises: Promises, chain: Chain, label: str) -> None:
    """Durability, on one peer's chain."""
    for promise in promises.made.values():
        if promise.id not in chain.places and chain.height < promise.until:
            raise Violation(
                "Durability",
                f"{promise.id}, acknowledged by {promise.label}, is not on {label} at block "
                f"{chain.height}, and its time is not over before {promise.until}",
            )
    for told in promises.told:
        place = chain.places.get(told.id)
        if place != (told.place if told.status == "final" else None):
            raise Violation(
                "Durability", f"{told.label} told {told}, but on {label} it stands at {place}"
            )


@contextlib.contextmanager
def _opening(network: ChaosNetwork, label: str) -> Iterator[tuple[Genesis, LevelDb, Store]]:
    """The store of a stopped peer, which compares its tree with the header when it is opened."""
    config = load_config(network.folder.config(label))
    genesis = load_genesis(config)
    try:
        with contextlib.closing(LevelDb(config.data_dir / "store")) as disk:
            yield genesis, disk, Store(disk, compute_genesis_block(genesis))
    except (DiskError, LedgerError, NodeError) as error:
        raise Violation("StateRoots", f"{label}: {error}") from None


def _read_store(network: ChaosNetwork, label: str, votes: Votes) -> tuple[Chain, str]:
    """All of a store."""
    with _opening(network, label) as (genesis, disk, store):
        chain = _read_chain(store, label, genesis.chain, votes)
        return chain, _compute_digest(disk)


def _read_chain(store: Store, label: str, name: str, votes: Votes) -> Chain:
    hashes: list[bytes] = [store.genesis_block_hash]
    places: dict[str, tuple[int, int]] = {}
    for height in range(1, store.height + 1):
        stored = store.get_block(height)
        hash_ = store.get_header_hash(height)
        if stored is None or hash_ is None:
            raise Violation("Agreement", f"{label} lacks block {height}")
        hashes.append(hash_)
        for certificate in (stored.parent_certificate, store.get_finalization(height)):
            if certificate:
                votes.take_certificate(certificate)
        for index, raw in enumerate(stored.transactions):
            id_ = decode_transaction(raw, name).id.hex()
            if places.setdefault(id_, (height, index)) != (height, index):
                raise Violation("ExactlyOnce", f"{id_} at {places[id_]} and {height}, {index}")
    for id_, place in places.items():
        if store.find_transaction(Digest(bytes.fromhex(id_))) != place:
            raise Violation("ExactlyOnce", f"{label} does not find {id_} at {place}")
    return Chain(tuple(hashes), places)


def _compute_digest(disk: LevelDb) -> str:
    """Of all tables but certificates, of which each peer has its own."""
    digest = hashlib.sha256()
    for table in SHARED_TABLES:
        for key, value in disk.scan(bytes((table,)), bytes((table + 1,))):
            for part in (key, value):
                digest.update(len(part).to_bytes(4, "big") + part)
    return digest.hexdigest()


def _replay(network: ChaosNetwork, progress: Progress) -> None:
    """StateRoots: the chain of the peer whose disk was full, executed again from the genesis."""
    with (
        tempfile.TemporaryDirectory(prefix="suanlian-replay-") as scratch,
        _opening(network, network.full_label) as (genesis, _, store),
    ):
        replay(
            genesis,
            store,
            Path(scratch),
            lambda block: progress(f"executing block {block.height} of {store.height} again"),
        )
