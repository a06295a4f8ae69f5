"""Forks that more than f validators made with their real keys, and who is named for them."""

from collections.abc import Sequence

import pytest

from consensus.certificate import Certificate, compute_certificate
from consensus.evidence import decode_evidence, verify_accusation
from consensus.journal import Held, Opened, encode_record
from consensus.vote import Vote, VoteKind
from ledger.crypto import Domain, Purpose
from ledger.primitives import ZERO_DIGEST, Epoch, View
from ledger.record import make_key
from node import prover
from node.fork import ForkProof, Kept, NoFork, compare_bundles, compare_stores, find_difference
from node.journal import Journal
from tests.ledger.chain import REGIONS, Chain, key_of
from tests.node.evidence import make_chain, make_evidence
from tests.node.stage import Stage

REAL = Domain(Purpose.VOTE, Stage().genesis.hash)


class Branch(Stage):
    """A store of one chain, whose validators sign whatever they are asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.votes = REAL
        self.finish(self.grow([self.deposit(reference="common")]))

    def decide(self, view: int, signers: Sequence[int], reference: str) -> None:
        """One more final block, by these validators."""
        sealed = self.make([self.deposit(reference=reference)], view=view)
        self.chain.add(sealed)
        decided = self.chain.decide(sealed.block.hash)
        certificate = self.certify(sealed.block, VoteKind.FINALIZE, signers)
        self.store.commit(decided, certificate.encode())
        self.chain.fold(decided)

    def nullify(self, view: int, signers: Sequence[int]) -> Certificate:
        vote = Vote(
            Epoch(0), View(view), VoteKind.NULLIFY, View(0), ZERO_DIGEST, self.validators.hash
        )
        return compute_certificate([self.vote(vote, signer) for signer in signers])

    def hold(self, *certificates: Certificate) -> None:
        """What its journal still has."""
        records = [
            encode_record(Opened(Epoch(0), self.validators.hash)),
            *(encode_record(Held(certificate)) for certificate in certificates),
        ]
        self.journal.disk.write(self.journal.compose_records(records), sync=True)

    @property
    def kept(self) -> Kept:
        return Kept(self.store, Journal(self.journal.disk))


def compare(one: Branch, other: Branch) -> ForkProof:
    proof = compare_stores(one.kept, other.kept, one.genesis, REAL)
    for convict in proof.convicts:
        assert convict.key == one.validators.keys[one.validators.codes.index(convict.code)]
        verify_accusation(*decode_evidence(convict.evidence), convict.key, REAL.is_valid)
    return proof


def pick(branch: Branch, *places: int) -> tuple[str, ...]:
    return tuple(branch.validators.codes[place] for place in places)


def test_two_blocks_final_in_one_view_convict_all_on_both_sides() -> None:
    one, other = Branch(), Branch()
    one.decide(5, (0, 1, 2), "one")
    other.decide(5, (1, 2, 3), "other")
    # What came later makes no difference.
    other.decide(6, (0, 1, 2), "more")
    proof = compare(one, other)
    assert [(side.height, side.certificate.view) for side in proof.sides] == [(2, 5), (2, 5)]
    assert proof.both == pick(one, 1, 2)
    assert tuple(convict.code for convict in proof.convicts) == pick(one, 1, 2)
    assert len(proof.convicts) == proof.f + 1


def test_on_both_sides_in_two_views_convicts_nobody_alone() -> None:
    """Honest ones go on to the next view when it is nullified, whoever nullified it."""
    one, other = Branch(), Branch()
    one.decide(5, (0, 1, 2), "one")
    other.decide(6, (1, 2, 3), "other")
    proof = compare(one, other)
    assert proof.both == pick(one, 1, 2)
    assert proof.convicts == ()
    # The nullification that led them there does: who signed it had finalized.
    other.hold(other.nullify(5, (0, 2, 3)))
    assert tuple(convict.code for convict in compare(one, other).convicts) == pick(one, 0, 2)


def test_what_does_not_verify_convicts_nobody() -> None:
    one, other = Branch(), Branch()
    one.decide(5, (0, 1, 2), "one")
    other.decide(6, (1, 2, 3), "other")
    true = other.nullify(5, (0, 2, 3))
    forged = Certificate(true.vote, (0, 1, 3), true.signatures)
    few = other.nullify(5, (0, 2))
    other.hold(forged, few)
    assert compare(one, other).convicts == ()


def test_one_history_is_no_fork() -> None:
    one, other = Branch(), Branch()
    one.decide(5, (0, 1, 2), "the same")
    with pytest.raises(NoFork, match="up to 1"):
        compare(one, other)
    other.decide(5, (1, 2, 3), "the same")
    # Other signers under the same block are no fork either.
    with pytest.raises(NoFork, match="up to 2"):
        compare(one, other)
    assert find_difference(one.store, other.store) is None


# --- proof bundles


def bundle(chain: Chain) -> bytes:
    return prover.prove_current(chain.store, chain.genesis, make_key("rules")).encode()


def grow(chain: Chain, reference: int, blocks: int = 1) -> Chain:
    for number in range(blocks):
        chain.extend(
            [chain.make_transaction([(make_key("toy"), [reference, number])], [REGIONS[2]])]
        )
    return chain


def compare_chains(one: Chain, other: Chain) -> ForkProof:
    hash_ = one.genesis.hash
    return compare_bundles(bundle(one), bundle(other), hash_, Domain(Purpose.VOTE, hash_))


def test_two_bundles_of_one_height_convict() -> None:
    proof = compare_chains(grow(make_chain(), 1), grow(make_chain(), 2))
    assert len(proof.convicts) == len(proof.both) == 3
    assert {side.height for side in proof.sides} == {1}


def test_a_fork_in_an_earlier_epoch_is_found_by_its_last_blocks() -> None:
    chains = []
    for reference in (1, 2):
        chain = grow(make_chain(), reference)
        members = dict(chain.members)
        members[REGIONS[0]] = key_of(f"validator {reference}")
        chain.extend([], next_members=members)
        chains.append(grow(chain, reference, blocks=reference))
    proof = compare_chains(*chains)
    assert proof.epoch == 0
    assert [side.height for side in proof.sides] == [2, 2]
    assert len(proof.convicts) == 3


def test_bundles_of_two_heights_show_nothing_unless_they_must() -> None:
    one, other = grow(make_chain(), 1), grow(make_chain(), 1, blocks=2)
    with pytest.raises(NoFork, match="one height"):
        compare_chains(one, other)
    with pytest.raises(NoFork):
        compare_chains(one, one)


def test_a_block_above_the_end_of_its_epoch_is_a_fork() -> None:
    one, other = grow(make_chain(), 1), grow(make_chain(), 1, blocks=3)
    one.extend([], next_members={**one.members, REGIONS[0]: key_of("another")})
    grow(one, 1)
    proof = compare_chains(one, other)
    assert [side.height for side in proof.sides] == [2, 3]
    # Two views: on both sides, but not proven by these votes alone.
    assert len(proof.both) == 3
    assert proof.convicts == ()


def test_past_headers_that_differ_show_a_fork() -> None:
    one, other = make_evidence(epochs=0).chain, make_evidence(epochs=0).chain
    grow(one, 1)
    grow(other, 2, blocks=2)
    hash_ = one.genesis.hash
    both = [
        prover.prove_consistency(one.store, one.genesis, one.store.height - 1, one.store.height),
        prover.prove_consistency(other.store, other.genesis, one.store.height, other.store.height),
    ]
    proof = compare_bundles(both[0].encode(), both[1].encode(), hash_, Domain(Purpose.VOTE, hash_))
    assert proof.sides[0].height != proof.sides[1].height
