"""The core alone, rule by rule: which votes, certificates and answers lead to which actions."""

import pytest
from toy_chain import GENESIS, FakeSigner, make_code
from toy_solo import FINALIZE, NOTARIZE, NULLIFY, Hands, Solo, block

from consensus.action import (
    Broadcast,
    CancelTimer,
    Certified,
    Diverged,
    DoubleSigned,
    EpochEnded,
    Fetch,
    Finalized,
    Forked,
    Judge,
    KeyElsewhere,
    OlderEpoch,
    Persist,
    Propose,
    Recovered,
    Send,
    SetTimer,
)
from consensus.certificate import Certificate
from consensus.event import PendingChanged, Proposed, TimerFired, TimerKind, Verdict
from consensus.evidence import verify_evidence
from consensus.journal import Silenced, replay
from consensus.message import (
    Ask,
    CertificateMessage,
    Inquiry,
    Proposal,
    Report,
    VoteMessage,
)
from consensus.root import Root
from consensus.settings import Settings
from consensus.vote import Vote
from ledger.errors import FormatError
from ledger.primitives import View

A, B, C, E = block("A"), block("B"), block("C"), block("E")


def kinds(votes: list[Vote]) -> list[tuple[object, int]]:
    return [(vote.kind, vote.view) for vote in votes]


def certified(solo: Solo, view: int = 1, parent: int = 0, digest: object = A) -> Certificate:
    """Let the core know a notarization and execute its block."""
    certificate = solo.certificate(NOTARIZE, view, parent, digest)  # type: ignore[arg-type]
    solo.receive(1 if solo.me != 1 else 2, CertificateMessage(certificate))
    return certificate


# ---- rule 1: propose --------------------------------------------------------------------------


def test_1_the_leader_proposes_a_child_of_the_newest_certified_block() -> None:
    solo = Solo(me=1)
    solo.feed(PendingChanged(True))
    (request,) = solo.found(Propose)
    assert (request.view, request.parent_view, request.parent) == (1, 0, GENESIS)
    assert not request.empty_only
    solo.propose(1, GENESIS, A)
    assert solo.said() == [solo.vote(NOTARIZE, 1, 1, 0, A).vote]


def test_1_the_proposal_is_persisted_with_its_body_before_it_is_sent() -> None:
    solo = Solo(me=1)
    solo.feed(PendingChanged(True))
    actions = solo.propose(1, GENESIS, A)
    persist = next(action for action in actions if isinstance(action, Persist))
    assert persist.sync
    assert persist.body == A
    (broadcast,) = solo.found(Broadcast)
    assert actions.index(persist) < actions.index(broadcast)
    assert isinstance(broadcast.message, Proposal)
    journal = replay(solo.journal)
    assert journal is not None
    assert journal.votes[-1].proposal == broadcast.message


def test_1_no_proposal_before_the_parent_is_executed() -> None:
    solo = Solo(me=2)
    solo.feed(PendingChanged(True))
    certified(solo, 1)
    assert not solo.found(Propose)
    solo.execute(A)
    assert [request.parent for request in solo.found(Propose)] == [A]


def test_1_no_proposal_while_a_nullification_between_is_missing() -> None:
    solo = Solo(me=3)
    solo.feed(PendingChanged(True))
    certified(solo, 1)
    solo.execute(A)
    solo.learn(NULLIFY, 2)
    assert solo.found(Propose)
    other = Solo(me=0)
    other.feed(PendingChanged(True))
    certified(other, 1)
    other.execute(A)
    other.learn(NULLIFY, 3)
    assert not other.found(Propose)
    other.learn(NULLIFY, 2)
    assert [request.view for request in other.found(Propose)] == [4]


def test_1_an_answer_for_another_parent_or_view_is_ignored() -> None:
    solo = Solo(me=1)
    solo.feed(PendingChanged(True))
    assert solo.propose(1, B, A) == []
    assert solo.feed(Proposed(View(5), GENESIS, A, b"", False)) == []
    solo.learn(NULLIFY, 1)
    assert solo.propose(1, GENESIS, A) == []


def test_1_the_proposal_carries_the_certificate_that_the_header_names() -> None:
    solo = Solo(me=2)
    solo.feed(PendingChanged(True))
    notarization = certified(solo, 1)
    solo.execute(A)
    (request,) = solo.found(Propose)
    assert request.parent_certificate == notarization
    solo.learn(FINALIZE, 1, 0, A)
    solo.propose(2, A, B)
    (proposal,) = [b.message for b in solo.found(Broadcast) if isinstance(b.message, Proposal)]
    assert proposal.parent_certificate == notarization


def test_1a_an_epochs_last_block_is_proposed_again_at_once() -> None:
    solo = Solo(me=2)
    notarization = certified(solo, 1, 0, E)
    solo.execute(E, last=True)
    (proposal,) = [b.message for b in solo.found(Broadcast) if isinstance(b.message, Proposal)]
    assert proposal == Proposal(solo.vote(NOTARIZE, 2, 2, 1, E), notarization, b"")


# ---- rule 2: notarize -------------------------------------------------------------------------


def test_2_a_proposal_judged_valid_gets_a_persisted_vote() -> None:
    solo = Solo()
    proposal = solo.proposal(1, 0, A, None)
    solo.see(proposal)
    assert solo.found(Judge) == [Judge(proposal)]
    assert solo.said() == []
    actions = solo.judge(proposal)
    assert solo.said() == [solo.vote(NOTARIZE, 0, 1, 0, A).vote]
    assert [(a.body, a.sync) for a in solo.found(Persist)] == [(A, True)]
    assert isinstance(actions[0], Persist)


def test_2_the_replica_is_asked_once() -> None:
    solo = Solo()
    proposal = solo.proposal(1, 0, A, None)
    solo.see(proposal)
    solo.see(proposal)
    assert solo.found(Judge) == []
    solo.judge(proposal)
    assert solo.judge(proposal) == []


@pytest.mark.parametrize("fault", ["sender", "leader", "signature", "parent", "set", "late"])
def test_2_a_proposal_that_no_rule_admits_changes_nothing(fault: str) -> None:
    solo = Solo()
    certificate = solo.certificate(NOTARIZE, 1, 0, A)
    proposal = solo.proposal(2, 1, B, certificate)
    sender = 2
    match fault:
        case "sender":
            sender = 3
        case "leader":
            sender = 3
            proposal = Proposal(solo.vote(NOTARIZE, 3, 2, 1, B), certificate, b"payload")
        case "signature":
            proposal = Proposal(
                solo.vote(NOTARIZE, 2, 2, 1, B, valid=False), certificate, b"payload"
            )
        case "parent":
            bad = solo.certificate(NOTARIZE, 1, 0, A, (0, 1))
            proposal = Proposal(proposal.signed, bad, b"payload")
        case "set":
            proposal = Hands(7).proposal(2, 1, B, certificate)
        case "late":
            solo.sync(2, 1, C)
    before = solo.core.status()
    solo.receive(sender, proposal)
    assert solo.core.status() == before
    assert not solo.found(Judge)


@pytest.mark.parametrize(
    ("kind", "view"), [(NULLIFY, 1), (NOTARIZE, 2)], ids=["a nullification", "of another view"]
)
def test_2_the_parent_certificate_must_certify_the_parent(kind: object, view: int) -> None:
    solo = Solo()
    certificate = (
        solo.certificate(NULLIFY, 1) if kind is NULLIFY else solo.certificate(NOTARIZE, view, 0, A)
    )
    solo.see(solo.proposal(3, 1, B, certificate))
    assert solo.core.status().view == 1


def test_2_a_proposal_brings_its_parents_certificate_and_the_core_jumps() -> None:
    solo = Solo()
    solo.see(solo.proposal(6, 5, B, solo.certificate(NOTARIZE, 5, 4, A)))
    status = solo.core.status()
    assert (status.view, status.certified_view) == (6, 5)
    assert solo.found(Fetch)
    assert solo.found(Judge)


def test_2_a_missing_nullification_between_is_asked_for_and_then_voted() -> None:
    solo = Solo(me=1)
    first = certified(solo, 1)
    solo.execute(A)
    solo.learn(NULLIFY, 3)
    asks = [send.message for send in solo.found(Send)]
    assert asks == [Ask(solo.epoch, False, (View(2),))] * 3
    proposal = solo.proposal(4, 1, B, first)
    solo.see(proposal)
    solo.judge(proposal)
    assert solo.said() == []
    solo.learn(NULLIFY, 2)
    assert kinds(solo.said()) == [(NOTARIZE, 4)]


def test_2_a_nullification_of_a_certified_view_is_asked_for_where_a_proposal_skips_it() -> None:
    solo = Solo(me=1)
    first = certified(solo, 1)
    solo.execute(A)
    certified(solo, 2, 1, C)
    solo.execute(C)
    assert solo.core.status().missing_views == ()
    proposal = solo.proposal(3, 1, B, first)
    solo.now += 1_000
    solo.see(proposal)
    assert solo.core.status().missing_views == (2,)
    solo.judge(proposal)
    assert solo.said() == []
    solo.learn(NULLIFY, 2)
    assert kinds(solo.said()) == [(NOTARIZE, 3)]


def test_2_one_notarize_per_view_whatever_the_leader_sends() -> None:
    solo = Solo()
    first, second = solo.proposal(1, 0, A, None), solo.proposal(1, 0, B, None)
    solo.see(first)
    solo.judge(first)
    solo.see(second)
    assert solo.found(DoubleSigned)
    solo.judge(second)
    assert solo.said() == []


def test_2_also_after_ones_own_nullify() -> None:
    solo = Solo()
    solo.feed(PendingChanged(True))
    solo.fire(TimerKind.LEADER)
    assert kinds(solo.said()) == [(NULLIFY, 1)]
    proposal = solo.proposal(1, 0, A, None)
    solo.see(proposal)
    solo.judge(proposal)
    assert kinds(solo.said()) == [(NOTARIZE, 1)]


def test_2_only_in_the_current_view() -> None:
    solo = Solo()
    proposal = solo.proposal(1, 0, A, None)
    solo.see(proposal)
    solo.learn(NULLIFY, 1)
    solo.judge(proposal)
    assert solo.said() == []


def test_2a_undecided_is_left_to_the_timer() -> None:
    solo = Solo()
    solo.see(solo.proposal(1, 0, A, None))
    solo.feed(PendingChanged(True))
    assert solo.said() == []
    solo.fire(TimerKind.ADVANCE)
    assert kinds(solo.said()) == [(NULLIFY, 1)]


def test_2b_judged_invalid_is_nullified_at_once() -> None:
    solo = Solo()
    proposal = solo.proposal(1, 0, A, None)
    solo.see(proposal)
    solo.judge(proposal, Verdict.INVALID)
    assert kinds(solo.said()) == [(NULLIFY, 1)]


def test_2b_a_child_of_an_epochs_last_block_is_nullified_at_once() -> None:
    solo = Solo()
    certificate = certified(solo, 1, 0, E)
    solo.execute(E, last=True)
    solo.see(solo.proposal(2, 1, B, certificate))
    assert kinds(solo.said()) == [(NULLIFY, 2)]


def test_2b_another_block_proposed_again_is_nullified_at_once() -> None:
    solo = Solo()
    certificate = certified(solo, 1)
    solo.execute(A)
    solo.see(solo.proposal(2, 1, A, certificate, b""))
    assert kinds(solo.said()) == [(NULLIFY, 2)]


def test_2b_a_proposal_beside_the_final_block_is_nullified_at_once() -> None:
    solo = Solo()
    first = certified(solo, 1)
    solo.sync(2, 1, B)
    solo.see(solo.proposal(3, 1, C, first))
    assert kinds(solo.said()) == [(NULLIFY, 3)]


def test_2_an_epochs_last_block_proposed_again_is_voted_without_another_judgement() -> None:
    solo = Solo()
    certificate = certified(solo, 1, 0, E)
    solo.execute(E, last=True)
    solo.see(solo.proposal(2, 1, E, certificate, b""))
    assert not solo.found(Judge)
    assert solo.said() == [solo.vote(NOTARIZE, 0, 2, 1, E).vote]


def test_2_the_first_block_of_an_epoch_carries_the_finalization_of_the_last() -> None:
    old = Hands(4, epoch=0, tag="old")
    finalization = old.certificate(FINALIZE, 9, 8, E)
    other = old.certificate(FINALIZE, 10, 9, E, (1, 2, 3))
    root = Root(E, finalization, old.validators)
    solo = Solo(epoch=1, root=root)
    proposal = solo.proposal(1, 0, A, other)
    solo.see(proposal)
    assert solo.found(Judge)
    for wrong in (
        None,
        old.certificate(FINALIZE, 9, 8, A),
        old.certificate(NOTARIZE, 9, 8, E),
        solo.certificate(FINALIZE, 9, 8, E),
    ):
        fresh = Solo(epoch=1, root=root)
        fresh.see(fresh.proposal(1, 0, A, wrong))
        assert not fresh.found(Judge)


# ---- rule 3: certify --------------------------------------------------------------------------


def test_3_a_quorum_of_notarize_is_a_notarization_and_opens_the_next_view() -> None:
    solo = Solo()
    for signer in (1, 2):
        solo.hear(NOTARIZE, signer, 1, 0, A)
        assert solo.core.status().view == 1
    solo.hear(NOTARIZE, 3, 1, 0, A)
    assert [c.certificate.signers for c in solo.found(Certified)] == [(1, 2, 3)]
    assert solo.core.status().view == 2


def test_3_a_wrong_signature_is_thrown_out_and_its_signer_may_vote_again() -> None:
    solo = Solo()
    solo.hear(NOTARIZE, 1, 1, 0, A, valid=False)
    solo.hear(NOTARIZE, 2, 1, 0, A)
    solo.hear(NOTARIZE, 3, 1, 0, A)
    assert solo.core.status().view == 1
    solo.hear(NOTARIZE, 1, 1, 0, A)
    assert solo.core.status().view == 2


def test_3a_finalize_follows_for_the_block_that_was_certified() -> None:
    solo = Solo()
    proposal = solo.proposal(1, 0, A, None)
    solo.see(proposal)
    solo.judge(proposal)
    certified(solo, 1, 0, B)
    assert solo.said() == []
    solo.execute(B)
    assert solo.said() == [solo.vote(FINALIZE, 0, 1, 0, B).vote]
    assert [persist.body for persist in solo.found(Persist)] == [B]


def test_3a_also_for_views_that_were_left_long_ago() -> None:
    solo = Solo()
    certified(solo, 1)
    certified(solo, 2, 1, B)
    solo.learn(NULLIFY, 3)
    solo.execute(A)
    assert solo.said() == [solo.vote(FINALIZE, 0, 1, 0, A).vote]


def test_3a_never_after_nullify() -> None:
    solo = Solo()
    solo.feed(PendingChanged(True))
    solo.fire(TimerKind.LEADER)
    certified(solo, 1)
    solo.execute(A)
    assert solo.said() == []


def test_3a_not_at_or_below_the_last_final_view() -> None:
    solo = Solo()
    certified(solo, 1)
    solo.sync(2, 1, B)
    solo.execute(A)
    assert solo.said() == []


def test_3b_a_certified_block_that_is_missing_is_fetched_from_its_signers() -> None:
    solo = Solo()
    certified(solo, 1)
    (fetch,) = solo.found(Fetch)
    assert fetch.block == A
    assert fetch.signers == (make_code(1), make_code(2), make_code(3))


def test_3b_a_late_proposal_of_a_certified_block_is_judged() -> None:
    solo = Solo()
    certified(solo, 1)
    proposal = solo.proposal(1, 0, A, None)
    solo.see(proposal)
    assert solo.found(Judge) == [Judge(proposal)]
    solo.judge(proposal)
    assert kinds(solo.said()) == [(FINALIZE, 1)]


def test_3b_a_certified_block_judged_invalid_as_proposed_is_fetched_before_more() -> None:
    solo = Solo()
    proposal = solo.proposal(1, 0, A, None)
    solo.see(proposal)
    solo.judge(proposal, Verdict.INVALID)
    certified(solo, 1)
    assert solo.found(Fetch)
    assert not solo.found(Diverged)


def test_3c_a_certified_block_with_other_roots_stops_the_core() -> None:
    solo = Solo()
    certificate = certified(solo, 1)
    solo.execute(A, matches=False)
    assert solo.found(Diverged) == [Diverged(A, certificate)]
    assert solo.hear(NOTARIZE, 1, 2, 1, B) == []


def test_3c_an_uncertified_block_cannot_stop_the_core() -> None:
    solo = Solo()
    assert solo.execute(A, matches=False) == []


# ---- rules 4 and 5: nullify, finalize ---------------------------------------------------------


def test_4_a_quorum_of_nullify_opens_the_next_view() -> None:
    solo = Solo()
    for signer in (1, 2, 3):
        solo.hear(NULLIFY, signer, 1)
    status = solo.core.status()
    assert (status.view, status.certified_view, status.limit_shift) == (2, 0, 1)


def test_4_never_after_finalize() -> None:
    solo = Solo(n=1)
    solo.feed(PendingChanged(True))
    solo.learn(NULLIFY, 1)
    assert solo.core.status().view == 2


def test_5_a_quorum_of_finalize_makes_final_whatever_the_view() -> None:
    solo = Solo()
    for signer in (1, 2, 3):
        solo.hear(FINALIZE, signer, 7, 6, A)
    assert [f.certificate.block for f in solo.found(Finalized)] == [A]
    status = solo.core.status()
    assert (status.view, status.final_view, status.certified_view) == (8, 7, 7)


def test_5_what_is_below_the_last_final_view_is_forgotten_and_refused() -> None:
    solo = Solo()
    certified(solo, 1)
    solo.learn(NULLIFY, 2)
    solo.learn(FINALIZE, 3, 1, B)
    before = solo.core.status()
    for kind, view, digest in ((NOTARIZE, 1, A), (FINALIZE, 2, A)):
        solo.learn(kind, view, 0, digest)
        assert solo.core.status() == before
    assert before.unexecuted == ()


def test_votes_are_admitted_to_ten_views_ahead_and_certificates_always() -> None:
    solo = Solo()
    for signer in (1, 2, 3):
        solo.hear(NULLIFY, signer, 12)
    assert solo.core.status().view == 1
    for signer in (1, 2, 3):
        solo.hear(NULLIFY, signer, 11)
    assert solo.core.status().view == 12
    solo.learn(NULLIFY, 500)
    assert solo.core.status().view == 501


def test_a_vote_counts_only_from_its_signer() -> None:
    solo = Solo()
    for signer in (1, 2, 3):
        solo.receive(1, VoteMessage(solo.vote(NULLIFY, signer, 1)))
    assert solo.core.status().voters == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((NOTARIZE, 1, 0, A), (NOTARIZE, 1, 0, B)),
        ((FINALIZE, 1, 0, A), (FINALIZE, 1, 0, B)),
        ((NULLIFY, 1), (FINALIZE, 1, 0, A)),
        ((FINALIZE, 1, 0, A), (NULLIFY, 1)),
    ],
)
def test_contradictions_are_proven(first: tuple, second: tuple) -> None:  # type: ignore[type-arg]
    solo = Solo()
    solo.hear(first[0], 3, *first[1:])
    solo.hear(second[0], 3, *second[1:])
    (double,) = solo.found(DoubleSigned)
    assert {double.first.vote.kind, double.second.vote.kind} == {first[0], second[0]}
    solo.hear(second[0], 3, *second[1:])
    assert not solo.found(DoubleSigned)


def test_a_certificate_accuses_who_said_something_else_here() -> None:
    solo = Solo()
    solo.hear(NOTARIZE, 3, 1, 0, A)
    solo.receive(1, CertificateMessage(solo.certificate(NOTARIZE, 1, 0, B, signers=(1, 2, 3))))
    (double,) = solo.found(DoubleSigned)
    assert {double.first.vote.block, double.second.vote.block} == {A, B}
    assert (double.first.signer, double.second.signer) == (3, 3)
    verify_evidence(double.first, double.second, solo.validators, FakeSigner.is_valid)


def test_a_certificate_accuses_nobody_of_a_vote_that_was_not_theirs() -> None:
    solo = Solo()
    solo.hear(NOTARIZE, 3, 1, 0, A, valid=False)
    solo.hear(NULLIFY, 2, 1)
    solo.receive(1, CertificateMessage(solo.certificate(NOTARIZE, 1, 0, B, signers=(1, 2, 3))))
    assert not solo.found(DoubleSigned)


def test_notarize_and_nullify_together_are_honest() -> None:
    solo = Solo()
    solo.hear(NOTARIZE, 3, 1, 0, A)
    solo.hear(NULLIFY, 3, 1)
    assert not solo.found(DoubleSigned)


def test_nobody_is_accused_by_a_wrong_signature() -> None:
    solo = Solo()
    solo.hear(NOTARIZE, 3, 1, 0, A, valid=False)
    solo.hear(NOTARIZE, 3, 1, 0, B)
    assert not solo.found(DoubleSigned)
    solo.hear(NOTARIZE, 3, 1, 0, C, valid=False)
    assert not solo.found(DoubleSigned)


def test_a_certificate_tells_of_votes_that_were_not_heard() -> None:
    solo = Solo()
    solo.hear(NOTARIZE, 3, 1, 0, B)
    assert not solo.found(DoubleSigned)
    certified(solo)  # of A, by 1, 2 and 3
    (double,) = solo.found(DoubleSigned)
    assert double.first.signer == double.second.signer == 3
    assert {double.first.vote.block, double.second.vote.block} == {A, B}


# ---- rule 5a: more than f ----------------------------------------------------------------------


def test_5a_a_rival_notarization_names_who_signed_both() -> None:
    solo = Solo()
    certified(solo)
    solo.receive(1, CertificateMessage(solo.certificate(NOTARIZE, 1, 0, B)))
    assert {double.first.signer for double in solo.found(DoubleSigned)} == {1, 2, 3}
    assert not solo.found(Forked)
    assert solo.core.status().view == 2


def test_5a_a_second_finalization_of_a_view_stops_the_peer() -> None:
    solo = Solo()
    first = solo.certificate(FINALIZE, 1, 0, A)
    solo.receive(1, CertificateMessage(first))
    solo.receive(1, CertificateMessage(first))
    assert not solo.found(Forked)
    rival = solo.certificate(FINALIZE, 1, 0, B)
    solo.receive(2, CertificateMessage(rival))
    assert solo.found(Forked) == [Forked(first, rival)]
    assert {double.first.signer for double in solo.found(DoubleSigned)} == {1, 2, 3}
    solo.hear(NOTARIZE, 2, 2, 1, C)
    assert solo.actions == []


def test_5a_a_nullification_of_the_final_view_accuses_its_signers() -> None:
    solo = Solo()
    solo.receive(1, CertificateMessage(solo.certificate(FINALIZE, 1, 0, A)))
    solo.receive(1, CertificateMessage(solo.certificate(NULLIFY, 1)))
    assert {double.first.signer for double in solo.found(DoubleSigned)} == {1, 2, 3}


def test_5a_a_forged_rival_is_nothing_and_is_checked_rarely() -> None:
    solo = Solo()
    solo.receive(1, CertificateMessage(solo.certificate(FINALIZE, 1, 0, A)))
    true = solo.certificate(FINALIZE, 1, 0, B)
    forged = Certificate(true.vote, true.signers, (*true.signatures[:2], true.signatures[0]))
    solo.receive(2, CertificateMessage(forged))
    solo.receive(2, CertificateMessage(true))  # within the same Δ/2
    assert not solo.found(Forked)
    solo.receive(3, CertificateMessage(true))
    assert solo.found(Forked)


# ---- rule 6: certificates travel --------------------------------------------------------------


def test_6_a_certificate_that_is_news_is_written_unsynced_and_sent_on_once() -> None:
    solo = Solo()
    certificate = solo.certificate(NULLIFY, 1)
    actions = solo.receive(1, CertificateMessage(certificate))
    assert isinstance(actions[0], Persist)
    assert not actions[0].sync
    assert Broadcast(CertificateMessage(certificate)) in actions
    assert solo.receive(2, CertificateMessage(certificate)) == []


def test_6_a_certificate_with_a_wrong_signature_changes_nothing() -> None:
    solo = Solo()
    certificate = solo.certificate(NULLIFY, 1)
    wrong = Certificate(
        certificate.vote,
        certificate.signers,
        (*certificate.signatures[:2], certificate.signatures[0]),
    )
    assert solo.receive(1, CertificateMessage(wrong)) == []


def test_6d_while_timers_run_votes_and_certificates_are_sent_again() -> None:
    solo = Solo(me=3)
    certified(solo, 1)
    solo.execute(A)
    proposal = solo.proposal(2, 1, B, solo.certificate(NOTARIZE, 1, 0, A))
    solo.see(proposal)
    solo.judge(proposal)
    solo.fire(TimerKind.RETRY)
    messages = [broadcast.message for broadcast in solo.found(Broadcast)]
    assert VoteMessage(solo.vote(FINALIZE, 3, 1, 0, A)) in messages
    assert VoteMessage(solo.vote(NOTARIZE, 3, 2, 1, B)) in messages
    assert CertificateMessage(solo.certificate(NOTARIZE, 1, 0, A)) in messages
    assert TimerKind.RETRY in solo.timers


def test_6d_a_leader_sends_its_whole_proposal_again() -> None:
    solo = Solo(me=1)
    solo.feed(PendingChanged(True))
    solo.propose(1, GENESIS, A)
    solo.fire(TimerKind.RETRY)
    assert [type(b.message) for b in solo.found(Broadcast)] == [Proposal]


def test_6e_those_behind_are_answered_at_a_limited_rate() -> None:
    solo = Solo()
    solo.learn(FINALIZE, 4, 3, A)
    solo.learn(NULLIFY, 5)
    solo.hear(NOTARIZE, 2, 2, 1, B)
    messages = [send.message for send in solo.found(Send)]
    assert messages == [
        CertificateMessage(solo.certificate(NULLIFY, 5)),
        CertificateMessage(solo.certificate(FINALIZE, 4, 3, A)),
    ]
    solo.hear(NOTARIZE, 2, 3, 1, B)
    assert not solo.found(Send)
    solo.now += solo.settings.delta_ms
    solo.hear(NULLIFY, 2, 3)
    assert solo.found(Send)


def test_an_ask_is_answered_with_what_is_held() -> None:
    solo = Solo()
    solo.learn(FINALIZE, 2, 1, A)
    solo.learn(NULLIFY, 3)
    certified(solo, 3, 2, B)
    solo.receive(2, Ask(solo.epoch, False, (View(1), View(3), View(9))))
    assert [send.message for send in solo.found(Send)] == [
        CertificateMessage(solo.certificate(FINALIZE, 2, 1, A)),
        CertificateMessage(solo.certificate(NOTARIZE, 3, 2, B)),
        CertificateMessage(solo.certificate(NULLIFY, 3)),
    ]
    solo.receive(2, Ask(solo.epoch, True, ()))
    assert not solo.found(Send)


# ---- rule 7: timers ---------------------------------------------------------------------------


def test_7a_timers_run_only_while_there_is_a_reason() -> None:
    solo = Solo()
    assert not {TimerKind.LEADER, TimerKind.ADVANCE} & solo.timers.keys()
    solo.feed(PendingChanged(True))
    assert solo.timers[TimerKind.LEADER].deadline_ms == solo.now + 1_000
    assert solo.timers[TimerKind.ADVANCE].deadline_ms == solo.now + 1_500
    solo.feed(PendingChanged(False))
    cancelled = {action.kind for action in solo.found(CancelTimer)}
    assert cancelled == {TimerKind.LEADER, TimerKind.ADVANCE, TimerKind.RETRY}
    solo.now += 700
    solo.feed(PendingChanged(True))
    assert solo.timers[TimerKind.LEADER].deadline_ms == solo.now + 1_000


def test_7_the_leader_timer_stops_at_the_leaders_notarize() -> None:
    solo = Solo()
    solo.feed(PendingChanged(True))
    solo.see(solo.proposal(1, 0, A, None))
    assert CancelTimer(TimerKind.LEADER) in solo.actions
    late = Solo()
    late.see(late.proposal(1, 0, A, None))
    late.feed(PendingChanged(True))
    assert TimerKind.LEADER not in late.timers
    assert TimerKind.ADVANCE in late.timers


def test_7a_f_plus_one_voters_are_a_reason() -> None:
    solo = Solo()
    solo.hear(NULLIFY, 2, 1)
    assert TimerKind.LEADER not in solo.timers
    solo.hear(NOTARIZE, 3, 1, 0, A)
    assert solo.core.status().reasons == ("f + 1 have voted in this view",)
    assert TimerKind.LEADER in solo.timers


def test_7a_a_certified_block_that_is_not_final_is_a_reason() -> None:
    solo = Solo()
    certified(solo, 1)
    assert TimerKind.LEADER in solo.timers
    solo.learn(FINALIZE, 1, 0, A)
    assert CancelTimer(TimerKind.LEADER) in solo.actions


def test_7a_the_heartbeat_is_a_reason_later_for_those_who_do_not_lead() -> None:
    solo = Solo()
    assert solo.timers[TimerKind.HEARTBEAT].deadline_ms == solo.now + 7_500
    assert Solo(me=1).timers[TimerKind.HEARTBEAT].deadline_ms == solo.now + 5_000
    solo.fire(TimerKind.HEARTBEAT)
    assert TimerKind.LEADER in solo.timers


def test_7b_timers_grow_with_nullified_views_and_fall_back_with_finalizations() -> None:
    solo = Solo()
    solo.feed(PendingChanged(True))
    spans = []
    for view in range(1, 10):
        solo.learn(NULLIFY, view)
        spans.append(solo.timers[TimerKind.LEADER].deadline_ms - solo.now)
    assert spans == [1500, 2250, 3375, 5062, 7593, 8000, 8000, 8000, 8000]
    assert solo.core.status().limit_shift == 9
    solo.learn(FINALIZE, 10, 0, A)
    assert solo.timers[TimerKind.LEADER].deadline_ms - solo.now == 7593
    assert solo.core.status().limit_shift == 8


def test_7b_a_view_counts_once() -> None:
    solo = Solo()
    solo.feed(PendingChanged(True))
    solo.fire(TimerKind.LEADER)
    solo.learn(NULLIFY, 1)
    assert solo.core.status().growth == 1


def test_7c_a_silent_leader_is_nullified_at_once_while_there_is_a_reason() -> None:
    solo = Solo()
    for view in range(1, 6):
        for signer in (2, 3):
            solo.hear(NULLIFY, signer, view)
        solo.receive(2, CertificateMessage(solo.certificate(NULLIFY, view, signers=(1, 2, 3))))
    assert solo.core.status().view == 6
    for view in (6, 7, 8):
        solo.receive(3, CertificateMessage(solo.certificate(NULLIFY, view, signers=(1, 2, 3))))
        solo.hear(NULLIFY, 2, view)
    assert solo.core.status().leader == make_code(1)
    assert solo.said() == []
    solo.feed(PendingChanged(True))
    assert kinds(solo.said()) == [(NULLIFY, 9)]


def test_a_cancelled_timer_that_fires_all_the_same_changes_nothing() -> None:
    solo = Solo()
    solo.feed(PendingChanged(True))
    timer = solo.timers[TimerKind.LEADER].timer
    solo.feed(PendingChanged(False))
    assert solo.feed(TimerFired(timer)) == []


# ---- rule 8: idle -----------------------------------------------------------------------------


def test_8_an_idle_leader_waits_for_the_finalization() -> None:
    solo = Solo(me=2)
    certified(solo, 1)
    solo.execute(A)
    assert not solo.found(Propose)
    assert solo.timers[TimerKind.IDLE].deadline_ms == solo.now + 500
    solo.learn(FINALIZE, 1, 0, A)
    assert CancelTimer(TimerKind.IDLE) in solo.actions
    assert not solo.found(Propose)
    solo.fire(TimerKind.HEARTBEAT)
    assert [request.empty_only for request in solo.found(Propose)] == [False]


def test_8_and_proposes_an_empty_block_if_it_does_not_come() -> None:
    solo = Solo(me=2)
    certified(solo, 1)
    solo.execute(A)
    solo.fire(TimerKind.IDLE)
    assert [request.empty_only for request in solo.found(Propose)] == [True]


def test_8_what_was_asked_for_transactions_that_no_longer_wait_is_not_proposed() -> None:
    solo = Solo(me=1)
    solo.feed(PendingChanged(True))
    assert solo.found(Propose)
    solo.feed(PendingChanged(False))
    solo.propose(1, GENESIS, A)
    assert solo.said() == []
    solo.feed(PendingChanged(True))
    assert solo.found(Propose)
    solo.propose(1, GENESIS, A)
    assert kinds(solo.said()) == [(NOTARIZE, 1)]


def test_8a_with_too_many_unfinalized_ancestors_only_empty_blocks() -> None:
    solo = Solo(me=1, settings=Settings(max_unfinalized=4))
    for view in range(1, 5):
        certified(solo, view, view - 1, block(f"block {view}"))
    solo.execute(block("block 4"))
    solo.feed(PendingChanged(True))
    assert not solo.found(Propose)
    solo.fire(TimerKind.IDLE)
    assert [request.empty_only for request in solo.found(Propose)] == [True]


def test_8b_a_peer_without_a_vote_asks_for_the_newest_finalization() -> None:
    solo = Solo(me=None)
    solo.feed(PendingChanged(True))
    for _ in range(3):
        solo.fire(TimerKind.HEARTBEAT)
        assert solo.found(Broadcast) == [Broadcast(Ask(solo.epoch, True, ()))]
    assert not {TimerKind.LEADER, TimerKind.ADVANCE, TimerKind.RETRY} & solo.timers.keys()


def test_a_peer_without_a_vote_follows_and_never_votes_or_writes() -> None:
    solo = Solo(me=None)
    proposal = solo.proposal(1, 0, A, None)
    solo.see(proposal)
    assert solo.found(Judge)
    solo.judge(proposal)
    assert solo.actions == []
    for signer in (0, 1, 2):
        solo.hear(NOTARIZE, signer, 1, 0, A)
    assert [type(action) for action in solo.actions if not isinstance(action, SetTimer)] == [
        Certified
    ]
    solo.learn(FINALIZE, 1, 0, A)
    assert solo.found(Finalized)
    assert solo.journal == []
    assert solo.core.records() == ()


# ---- rule 9: epochs ---------------------------------------------------------------------------


def test_9_the_epoch_ends_once_its_last_block_is_final_and_stored() -> None:
    solo = Solo()
    certified(solo, 1, 0, E)
    solo.execute(E, last=True)
    solo.learn(FINALIZE, 1, 0, E)
    assert solo.found(Finalized)
    assert not solo.found(EpochEnded)
    solo.sync(1, 0, E, last=True)
    assert solo.found(EpochEnded) == [EpochEnded(solo.certificate(FINALIZE, 1, 0, E))]
    assert solo.hear(NULLIFY, 1, 2) == []


def test_9_an_older_epoch_is_answered_unless_it_is_a_finalization() -> None:
    old = Hands(4, epoch=0)
    solo = Solo(epoch=1, root=Root(E, old.certificate(FINALIZE, 3, 2, E), old.validators))
    solo.receive(2, CertificateMessage(old.certificate(FINALIZE, 3, 2, E)))
    assert solo.actions == []
    solo.receive(2, VoteMessage(old.vote(NULLIFY, 2, 4)))
    assert solo.actions == [OlderEpoch(make_code(2), old.epoch)]
    solo.receive(2, VoteMessage(old.vote(NULLIFY, 2, 4)))
    assert solo.actions == []
    solo.receive(3, Ask(old.epoch, True, ()))
    assert solo.actions == [OlderEpoch(make_code(3), old.epoch)]


def test_9_a_newer_epoch_makes_the_receiver_ask() -> None:
    solo = Solo()
    new = Hands(4, epoch=2)
    solo.receive(2, VoteMessage(new.vote(NULLIFY, 2, 4)))
    assert solo.actions == [Send(make_code(2), Ask(solo.epoch, True, ()))]
    solo.receive(2, VoteMessage(new.vote(NULLIFY, 2, 4)))
    assert solo.actions == []


def test_9_an_answer_for_the_epoch_before_does_not_end_this_one() -> None:
    old = Hands(4, epoch=0)
    finalization = old.certificate(FINALIZE, 3, 2, E)
    solo = Solo(me=1, epoch=1, root=Root(E, finalization, old.validators))
    solo.execute(E, last=True)
    solo.feed(PendingChanged(True))
    assert [request.parent for request in solo.found(Propose)] == [E]


# ---- rule 10: recovery ------------------------------------------------------------------------


def report(solo: Solo, *certificates: Certificate, votes: tuple = ()) -> Report:  # type: ignore[type-arg]
    return Report(solo.epoch, solo.now, tuple(votes), certificates)


def test_10_a_restarted_validator_begins_behind_its_last_vote() -> None:
    solo = Solo()
    solo.feed(PendingChanged(True))
    solo.learn(NULLIFY, 1)
    solo.fire(TimerKind.LEADER)
    assert kinds(solo.said()) == [(NULLIFY, 2)]
    again = solo.restart()
    assert again.core.status().view == 2
    assert again.core.status().voted == (NULLIFY,)


def test_10_and_is_silent_until_f_plus_one_others_have_reported() -> None:
    solo = Solo()
    again = solo.restart()
    inquiries = [send.message for send in again.found(Send)]
    assert inquiries == [Inquiry(again.epoch, again.now)] * 3
    proposal = again.proposal(1, 0, A, None)
    again.see(proposal)
    again.judge(proposal)
    again.feed(PendingChanged(True))
    assert again.said() == []
    again.receive(1, report(again))
    again.receive(1, report(again))
    assert again.said() == []
    again.receive(2, report(again))
    assert again.found(Recovered) == [Recovered(View(1))]
    assert again.said() == [again.vote(NOTARIZE, 0, 1, 0, A).vote]


def test_10_reports_of_another_restart_do_not_count() -> None:
    again = Solo().restart()
    for sender in (1, 2, 3):
        again.receive(sender, Report(again.epoch, again.now + 1, (), ()))
    assert again.core.status().reports == 0


def test_10_and_until_every_certified_block_is_executed_with_its_ancestry() -> None:
    again = Solo().restart()
    newest = again.certificate(NOTARIZE, 5, 3, B)
    for sender in (1, 2):
        again.receive(sender, report(again, newest))
    assert again.core.status().recovering
    assert again.core.status().missing_views == (3,)
    again.execute(B)
    assert again.core.status().recovering
    certified(again, 3, 0, A)
    assert again.core.status().recovering
    again.execute(A)
    assert again.found(Recovered)


def test_10_what_is_below_a_later_final_view_no_longer_counts() -> None:
    again = Solo().restart()
    for sender in (1, 2):
        again.receive(sender, report(again, again.certificate(NOTARIZE, 5, 3, B)))
    assert again.core.status().recovering
    again.learn(FINALIZE, 6, 5, C)
    assert again.found(Recovered)


def test_10_a_report_with_a_wrong_certificate_does_not_count() -> None:
    again = Solo().restart()
    wrong = again.certificate(NOTARIZE, 5, 3, B, (0, 1))
    for sender in (1, 2):
        again.receive(sender, report(again, wrong))
    assert again.core.status().reports == 0
    assert again.core.status().view == 1


def test_10_what_was_said_is_not_contradicted_but_repeated() -> None:
    solo = Solo()
    first, second = solo.proposal(1, 0, A, None), solo.proposal(1, 0, B, None)
    solo.see(first)
    solo.judge(first)
    again = solo.restart()
    again.see(second)
    again.judge(second)
    for sender in (1, 2):
        again.receive(sender, report(again))
    assert again.said() == [again.vote(NOTARIZE, 0, 1, 0, A).vote]
    again.feed(PendingChanged(True))
    assert again.said() == []


def test_10_a_leader_sends_its_proposal_of_before_again() -> None:
    solo = Solo(me=1)
    solo.feed(PendingChanged(True))
    solo.propose(1, GENESIS, A)
    again = solo.restart()
    for sender in (0, 2):
        again.receive(sender, report(again))
    (message,) = [b.message for b in again.found(Broadcast)]
    assert isinstance(message, Proposal)
    assert message.signed.vote.block == A
    again.feed(PendingChanged(True))
    assert not again.found(Propose)


def test_10_an_inquiry_is_answered_with_the_askers_newest_votes() -> None:
    solo = Solo()
    solo.hear(NOTARIZE, 2, 1, 0, A)
    solo.hear(NULLIFY, 2, 1)
    certificate = certified(solo, 1)
    solo.receive(2, Inquiry(solo.epoch, 77))
    (send,) = [s for s in solo.found(Send) if isinstance(s.message, Report)]
    assert send == Send(
        make_code(2),
        Report(
            solo.epoch,
            77,
            (solo.vote(NOTARIZE, 2, 1, 0, A), solo.vote(NULLIFY, 2, 1)),
            (certificate,),
        ),
    )


def test_10a_a_newer_vote_of_ones_own_silences_for_the_epoch() -> None:
    again = Solo().restart()
    own = again.vote(NOTARIZE, 0, 3, 0, B)
    again.receive(1, report(again, votes=(own,)))
    assert again.found(KeyElsewhere) == [KeyElsewhere(own)]
    assert [persist.sync for persist in again.found(Persist)] == [True]
    for sender in (2, 3):
        again.receive(sender, report(again))
    assert not again.found(Recovered)
    assert not again.core.status().votes
    journal = replay([*Solo().journal, *again.journal])
    assert journal is not None
    assert journal.silenced == Silenced(own)
    assert replay(again.core.records()) == journal
    third = Solo(journal=journal, recovering=True)
    for sender in (1, 2, 3):
        third.receive(sender, report(third))
    assert not third.core.status().votes


def test_10a_a_certificate_with_a_vote_that_one_never_made_silences() -> None:
    solo = Solo()
    solo.learn(NOTARIZE, 1, 0, A, (0, 1, 2))
    assert solo.found(KeyElsewhere)
    other = Solo()
    other.learn(NOTARIZE, 1, 0, A, (1, 2, 3))
    assert not other.found(KeyElsewhere)


def test_10a_a_vote_over_ones_own_link_silences_unless_it_is_known() -> None:
    solo = Solo()
    solo.feed(PendingChanged(True))
    solo.fire(TimerKind.LEADER)
    solo.hear(NULLIFY, 0, 1)
    assert solo.core.status().votes
    solo.hear(NULLIFY, 0, 2, valid=False)
    assert solo.core.status().votes
    solo.hear(NULLIFY, 0, 2)
    assert solo.found(KeyElsewhere)
    assert not solo.core.status().votes


def test_10a_a_false_claim_does_not() -> None:
    again = Solo().restart()
    claim = again.vote(NOTARIZE, 0, 3, 0, B, valid=False)
    for sender in (1, 2):
        again.receive(sender, report(again, votes=(claim,)))
    assert not again.found(KeyElsewhere)
    assert again.core.status().reports == 0


def test_without_a_journal_no_vote_and_nothing_is_written() -> None:
    solo = Solo(recovering=True, may_vote=False)
    proposal = solo.proposal(1, 0, A, None)
    solo.see(proposal)
    solo.judge(proposal)
    certified(solo, 1)
    solo.feed(PendingChanged(True))
    assert solo.said() == []
    assert solo.journal == []


def test_a_proposal_beyond_the_window_costs_no_check_unless_its_certificate_is_news() -> None:
    solo = Solo()
    parent = certified(solo, 1)
    checks = FakeSigner.checks
    solo.see(solo.proposal(30, 1, B, parent))
    assert FakeSigner.checks == checks
    assert solo.core.status().view == 2
    solo.see(solo.proposal(30, 29, B, solo.certificate(NOTARIZE, 29, 28, A)))
    assert solo.core.status().view == 30
    assert solo.found(Judge)


def test_the_records_begin_a_new_journal() -> None:
    solo = Solo()
    solo.feed(PendingChanged(True))
    solo.learn(FINALIZE, 1, 0, A, (1, 2, 3))
    solo.sync(1, 0, A)
    solo.learn(NULLIFY, 2)
    solo.fire(TimerKind.LEADER)
    compact = Solo(journal=replay(solo.core.records()), recovering=True)
    full = solo.restart()
    assert compact.core.status() == full.core.status()
    assert len(solo.core.records()) == 4


def test_a_journal_of_another_set_is_refused() -> None:
    with pytest.raises(FormatError):
        Solo(n=7, journal=replay(Solo(n=4).journal), recovering=True)


def test_one_validator_alone_decides_at_once() -> None:
    solo = Solo(n=1)
    solo.feed(PendingChanged(True))
    solo.propose(1, GENESIS, A)
    assert kinds(solo.said()) == [(NOTARIZE, 1), (FINALIZE, 1)]
    assert solo.found(Finalized)
    syncs = [persist.sync for persist in solo.found(Persist)]
    assert syncs == [True, False, True, False]


def test_a_vote_costs_no_signature_check_before_a_quorum() -> None:
    solo = Solo(n=10)
    checks = FakeSigner.checks
    for signer in range(1, 6):
        solo.hear(NOTARIZE, signer, 1, 0, A)
    assert FakeSigner.checks == checks
