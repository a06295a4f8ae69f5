"""Whole networks: the situations that the rules were written for."""

import pytest
from toy_byzantine import Byzantine
from toy_chain import EPOCH_CHANGE, FakeSigner
from toy_network import Faults, Peer, World
from toy_solo import FINALIZE, NOTARIZE, NULLIFY

from consensus.certificate import compute_certificate
from consensus.journal import Held, Opened, encode_record
from consensus.message import Proposal, VoteMessage
from consensus.vote import SignedVote, Vote, VoteKind
from ledger.crypto import Domain, Purpose, SigningKey, sha256
from ledger.primitives import ZERO_DIGEST, Code, Epoch, View

MINUTE_MS = 60_000


def wait_until_ready(world: World) -> None:
    assert world.run_for(10_000, lambda: all(p.core.status().votes for p in world.honest))


def wait_final(world: World, *transactions: int, within_ms: int = MINUTE_MS) -> None:
    assert world.run_for(within_ms, lambda: world.are_final(transactions)), [
        peer.core.status() for peer in world.peers
    ]


def list_said(world: World, kind: VoteKind) -> list[tuple[Code, Vote]]:
    return [
        (key[0], vote) for key, votes in world.said.items() for vote in votes if vote.kind is kind
    ]


def hold_back_proposal(world: World, numbers: list[int]) -> list[int]:
    """The next proposal reaches these peers only once they have nullified; the view it hits."""
    hit: list[int] = []

    def has_nullified(to: int, vote: Vote) -> bool:
        key = (world.peers[to].code, vote.epoch, vote.view)
        return any(said.kind is NULLIFY for said in world.said.get(key, []))

    def release(sender: int, to: int, message: Proposal) -> None:
        if has_nullified(to, message.signed.vote):
            world.transmit(sender, to, message)
        else:
            world.at(10, release, sender, to, message)

    def cut(sender: int, to: int, message: object) -> bool:
        if not isinstance(message, Proposal) or to not in numbers:
            return False
        vote = message.signed.vote
        if vote.view != (hit or [vote.view])[0] or has_nullified(to, vote):
            return False
        hit[:] = [vote.view]
        world.at(10, release, sender, to, message)
        return True

    world.cut = cut
    return hit


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 10])
def test_transactions_become_final_with_n_validators(n: int) -> None:
    world = World(1, n)
    for transaction in range(20):
        world.submit(transaction)
        world.run_for(10)
    wait_final(world, *range(20))
    assert world.count.nullifies == 0


def test_thirty_four_validators_finalize_and_change_their_set() -> None:
    world = World(1, 34)
    world.submit(1)
    world.submit(EPOCH_CHANGE)
    wait_final(world, 1, EPOCH_CHANGE, within_ms=20_000)
    assert world.count.nullifies == 0


@pytest.mark.parametrize("seed", range(6))
def test_an_epochs_last_block_that_half_had_nullified_becomes_final_all_the_same(
    seed: int,
) -> None:
    world = World(seed)
    wait_until_ready(world)
    leader = world.peers[0].core.status().leader
    late = [peer.number for peer in world.peers if peer.code != leader][:2]
    views = hold_back_proposal(world, late)
    world.submit(EPOCH_CHANGE)
    world.run_for(10 * MINUTE_MS, lambda: world.count.epochs == 1)
    hit = views[0]
    nullified = [code for code, vote in list_said(world, NULLIFY) if vote.view == hit]
    assert sorted(nullified) == sorted(world.peers[number].code for number in late)
    last = world.peers[0].chain[-1].block
    assert last.is_last
    assert last.view == hit  # the block certified then, not another one with the same content
    again = [
        vote
        for _, vote in list_said(world, NOTARIZE)
        if vote.block == last.digest and vote.view > hit
    ]
    assert again
    world.cut = lambda sender, to, message: False
    world.submit(7)
    wait_final(world, 7, EPOCH_CHANGE)


@pytest.mark.parametrize("seed", range(6))
def test_a_block_that_half_had_nullified_is_built_upon(seed: int) -> None:
    world = World(seed)
    wait_until_ready(world)
    leader = world.peers[0].core.status().leader
    late = [peer.number for peer in world.peers if peer.code != leader][:2]
    views = hold_back_proposal(world, late)
    world.submit(5)
    wait_final(world, 5)
    hit = views[0]
    block = world.peers[0].chain[world.peers[0].finals_of[5] - 1].block
    assert block.view == hit
    finalized = [vote for _, vote in list_said(world, FINALIZE) if vote.view == hit]
    assert len(finalized) <= 2


def test_three_honest_peers_that_each_lack_another_nullification_go_on_without_the_fourth() -> None:
    def prepare(peer: Peer) -> None:
        """In view 5 by the nullification of view 4; of the views before, one is missing."""
        validators = peer.world.set_of(peer.members)
        peer.journal.append(encode_record(Opened(Epoch(0), validators.hash)))
        for view in (1, 2, 3, 4):
            if view == peer.number + 1:
                continue
            vote = Vote(Epoch(0), View(view), NULLIFY, View(0), ZERO_DIGEST, validators.hash)
            signed = [
                SignedVote(vote, index, peer.world.signers[index].sign(vote.encode()))
                for index in (0, 1, 3)
            ]
            peer.journal.append(encode_record(Held(compute_certificate(signed))))
        peer.synced = len(peer.journal)

    world = World(3, dead=[3], prepare=prepare, peer_type=Forgetful)
    assert [peer.core.status().missing_views for peer in world.peers[:3]] == [(1,), (2,), (3,)]
    world.submit(1, to=0)
    wait_final(world, 1, within_ms=1_000)


class Forgetful(Peer):
    """Does not mind that certificates hold votes that its made-up journal lacks."""

    def make_engine(self, index: int | None, recovering: bool):  # type: ignore[no-untyped-def]
        core = super().make_engine(index, recovering)
        core._check_twin = lambda certificate: None  # type: ignore[method-assign]
        core._check_own = lambda signed: False  # type: ignore[method-assign]
        return core


@pytest.mark.parametrize("seed", range(8))
def test_leader_and_a_follower_die_after_a_notarization(seed: int) -> None:
    world = World(seed, faults=Faults(fsync_ms=(1, 40)))
    wait_until_ready(world)
    world.submit(1)
    assert world.run_for(
        MINUTE_MS, lambda: any(peer.core.status().certified_view for peer in world.peers)
    )
    leader = world.peers[0].core.status().leader
    dying = [int(leader[-2:]), (int(leader[-2:]) + 1) % 4]
    world.crash(*dying)
    world.run_for(5_000)
    for number in dying:
        world.peers[number].start()
    world.submit(2, to=dying[0])
    wait_final(world, 1, 2)


@pytest.mark.parametrize("seed", range(4))
def test_seven_lose_their_leader_and_a_follower_for_good(seed: int) -> None:
    world = World(seed, n=7)
    wait_until_ready(world)
    world.submit(1)
    world.run_for(15)
    world.crash(1, 2)
    living = [peer.number for peer in world.peers if peer.alive]
    for transaction in range(2, 12):
        world.submit(transaction, to=living[transaction % 5])
        world.run_for(300)
    wait_final(world, *range(2, 12))


@pytest.mark.parametrize("seed", range(8))
def test_all_four_restart_at_once_again_and_again(seed: int) -> None:
    world = World(seed, faults=Faults(fsync_ms=(1, 60), delay_ms=(1, 60)))
    for transaction in range(12):
        world.submit(transaction)
        world.run_for(world.rng.randint(5, 700))
        world.crash(0, 1, 2, 3)
        for peer in world.peers:
            peer.start()
    wait_final(world, *range(12))
    assert not world.count.key_elsewhere


class VoteHoarder(Peer):
    """Keeps its notarize for an epoch's last block to itself until `released`."""

    released = False

    def __init__(self, world: World, number: int) -> None:
        self.kept: list[VoteMessage] = []
        super().__init__(world, number)

    def put(self, to: int, message: object) -> None:
        if isinstance(message, VoteMessage) and not self.released:
            vote = message.signed.vote
            body = self.known.get(vote.block)
            if vote.kind is NOTARIZE and body is not None and body.block.is_last:
                self.kept.append(message)
                return
        super().put(to, message)

    def release(self) -> None:
        self.released = True
        for message in self.kept:
            for number in range(4):
                super().put(number, message)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("patience_ms", [200, 1_200, 3_000])
def test_a_byzantine_hoards_votes_for_an_epochs_last_block_then_releases(
    seed: int, patience_ms: int
) -> None:
    world = World(seed, byzantine=[3], byzantine_type=VoteHoarder)
    wait_until_ready(world)
    hoarder = world.peers[3]
    assert isinstance(hoarder, VoteHoarder)
    first: list[int] = []

    def cut(sender: int, to: int, message: object) -> bool:
        """One honest peer misses the proposal, so that a quorum needs the hoarder."""
        if not isinstance(message, Proposal) or not message.payload:
            return False
        if sender == 3 or to == 3:
            return False
        first.append(message.signed.vote.view)
        return message.signed.vote.view == first[0] and to == (sender + 1) % 3

    world.cut = cut
    world.submit(EPOCH_CHANGE, to=0)
    world.run_for(MINUTE_MS, lambda: bool(hoarder.kept))
    world.run_for(patience_ms)
    hoarder.release()
    world.submit(9, to=1)
    wait_final(world, EPOCH_CHANGE, 9)
    assert world.count.epochs == 1


def test_an_idle_network_neither_spins_empty_blocks_nor_burns_timeouts() -> None:
    world = World(5)
    world.submit(1)
    wait_final(world, 1)
    world.run_for(1_000)
    blocks, nullifies = world.count.blocks, world.count.nullifies
    steps = world.count.steps
    world.run_for(10 * MINUTE_MS)
    heartbeats = 10 * MINUTE_MS // world.settings.heartbeat_ms
    assert 0.9 * heartbeats < world.count.blocks - blocks <= heartbeats
    assert world.count.nullifies == nullifies == 0
    assert world.count.steps - steps < 100 * heartbeats


def test_an_idle_network_with_a_dead_leader_nullifies_only_its_views() -> None:
    world = World(5)
    wait_until_ready(world)
    world.crash(2)
    world.run_for(10 * MINUTE_MS)
    views = {vote.view for _, vote in list_said(world, NULLIFY)}
    assert views
    assert all(view % 4 == 2 for view in views)


def test_a_dead_leader_is_not_waited_for_twice() -> None:
    world = World(9)
    wait_until_ready(world)
    world.crash(2)
    start = world.now
    for transaction in range(40):
        world.submit(transaction, to=transaction % 2)
        world.run_for(100)
    wait_final(world, *range(40))
    lag = max(world.final_ms[tx] - start - 100 * tx for tx in range(20, 40))
    assert lag < world.settings.delta_ms  # nobody waited for a timer once its silence was known


def test_a_validator_without_its_journal_votes_no_more_until_the_next_epoch() -> None:
    world = World(4)
    world.submit(1)
    wait_final(world, 1)
    peer = world.peers[2]
    peer.crash()
    peer.has_journal = False
    peer.journal, peer.synced = [], 0
    said = dict(world.said)
    peer.start()
    world.submit(2)
    wait_final(world, 2)
    assert all(key in said for key in world.said if key[0] == peer.code)
    assert not peer.journal
    world.submit(EPOCH_CHANGE)
    wait_final(world, EPOCH_CHANGE)
    peer.has_journal = True
    assert world.run_for(10_000, lambda: all(p.epoch == 1 for p in world.peers))
    peer.make_core(recovering=False)
    world.submit(3)
    wait_final(world, 3)
    assert any(key[0] == peer.code and key[1] == 1 for key in world.said)


def test_a_journal_from_a_backup_is_found_out() -> None:
    world = World(4)
    world.submit(1)
    wait_final(world, 1)
    peer = world.peers[2]
    backup = list(peer.journal)
    world.crash(0)  # so that the others need each of its votes
    for transaction in range(2, 6):
        world.submit(transaction, to=1)
        world.run_for(1_000)
    peer.crash()
    peer.journal, peer.synced = backup, len(backup)
    height = peer.height
    del peer.chain[2:], peer.certificates[2:]
    peer.final_height = {d: h for d, h in peer.final_height.items() if h <= len(peer.chain)}
    peer.finals_of = {tx: h for tx, h in peer.finals_of.items() if h <= len(peer.chain)}
    assert height > len(peer.chain)
    world.byzantine = (2,)  # by its own fault
    peer.start()
    world.peers[0].start()
    world.run_for(20_000)
    world.submit(10, to=1)
    wait_final(world, 10)
    # Either the others' reports gave it away, or it caught up before it could say anything.
    assert world.count.key_elsewhere in ([], [peer.code])
    assert peer.core.status().final_view > 0


def test_a_key_that_runs_twice_is_found_out() -> None:
    """Two peers with one key, each with a journal of its own, on different sides of a partition."""
    world = World(12, n=4, pool=5, byzantine=[3, 4])
    wait_until_ready(world)
    original, twin = world.peers[3], world.peers[4]
    twin.crash()
    twin.code, twin.signer = original.code, original.signer
    twin.start()
    for transaction in range(10):
        world.submit(transaction)
        world.run_for(200)
    wait_final(world, *range(10))
    assert original.code in world.count.key_elsewhere


def test_peers_without_a_vote_follow_and_a_new_set_takes_over() -> None:
    world = World(8, n=4, pool=7)
    for round_ in range(4):
        world.submit(EPOCH_CHANGE + round_)
        world.submit(round_)
        wait_final(world, round_, EPOCH_CHANGE + round_)
    assert world.count.epochs == 4
    assert len({peer.epoch for peer in world.peers}) == 1


def test_a_peer_that_slept_for_epochs_comes_back() -> None:
    world = World(8, n=4, pool=6)
    world.run_for(2_000)
    world.crash(1)
    for round_ in range(3):
        world.submit(EPOCH_CHANGE + round_, to=0)
        world.run_for(20_000)
    world.peers[1].start()
    world.submit(5, to=1)
    wait_final(world, 5)
    assert world.peers[1].epoch == world.count.epochs


def test_a_minority_partition_rejoins() -> None:
    world = World(11, n=7)
    wait_until_ready(world)
    world.side = {0: 1, 1: 1}
    for transaction in range(20):
        world.submit(transaction, to=3)
        world.run_for(200)
    assert world.peers[0].height < world.peers[3].height
    world.heal()
    wait_final(world, *range(20))


def test_without_a_quorum_nothing_is_final_and_nothing_is_lost() -> None:
    world = World(11)
    wait_until_ready(world)
    world.side = {0: 1, 1: 1}
    world.submit(1, to=0)
    world.submit(2, to=3)
    world.run_for(2 * MINUTE_MS)
    assert not world.agreed
    world.heal()
    wait_final(world, 1, 2, within_ms=30_000)


def test_the_same_under_real_signatures_and_encodings() -> None:
    domain = Domain(Purpose.VOTE, sha256(b"a chain"))

    class RealSigner:
        def __init__(self, name: str) -> None:
            self.key = SigningKey.from_seed(sha256(name.encode()))
            self.public = self.key.public

        def sign(self, message: bytes):  # type: ignore[no-untyped-def]
            return domain.sign(self.key, message)

    world = World(
        2,
        encoded=True,
        make_signer=lambda number: RealSigner(f"real {number}"),
        is_valid=domain.is_valid,
    )
    for transaction in range(10):
        world.submit(transaction)
        world.run_for(30)
    world.submit(EPOCH_CHANGE)
    wait_final(world, *range(10), EPOCH_CHANGE)
    world.submit(11)
    wait_final(world, 11)


def test_an_equivocator_is_proven_guilty() -> None:
    class Equivocator(Byzantine):
        habits = ("Equivocator",)

    world = World(6, byzantine=[1], byzantine_type=Equivocator)
    for transaction in range(30):
        world.submit(transaction)
        world.run_for(200)
    wait_final(world, *range(30))
    assert world.count.double_signed
    assert {double.first.signer for double in world.count.double_signed} == {1}


def test_signatures_are_checked_lazily() -> None:
    world = World(1, n=10)
    wait_until_ready(world)
    blocks, checks = world.count.blocks, FakeSigner.checks
    for transaction in range(50):
        world.submit(transaction)
        world.run_for(20)
    wait_final(world, *range(50))
    made = world.count.blocks - blocks
    each = (FakeSigner.checks - checks) / made / 10
    # At most: the proposal, a quorum of notarize and of finalize, a parent certificate from others.
    assert each < 1 + 3 * 7
