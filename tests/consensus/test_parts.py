"""The small parts of the core: ancestry, tally, voting, timers, presence, limits, judgements."""

import pytest
from toy_chain import GENESIS, FakeSigner, make_code
from toy_solo import FINALIZE, NOTARIZE, NULLIFY, Hands, block

from consensus.action import CancelTimer, SetTimer
from consensus.ancestry import Ancestry
from consensus.event import Timer, TimerKind, Verdict
from consensus.judgement import JUDGEMENTS_PER_VIEW, Judgement
from consensus.limiter import MAX_PEERS, Limiter
from consensus.presence import Presence
from consensus.recovery import Recovery
from consensus.root import Root
from consensus.settings import Settings
from consensus.tally import (
    MAX_VIEWS,
    STATEMENTS_PER_SIGNER,
    VIEWS_AHEAD,
    VIEWS_BEHIND,
    Tally,
)
from consensus.timers import MAX_GROWTH, Timers
from consensus.vote import SignedVote
from consensus.voting import Voice, Voting
from ledger.errors import FormatError, SignatureError
from ledger.primitives import Epoch, View

A, B, C = block("A"), block("B"), block("C")


class TestAncestry:
    def make(self) -> tuple[Ancestry, Hands]:
        return Ancestry(Root(GENESIS)), Hands()

    def test_begins_at_the_root(self) -> None:
        ancestry, _ = self.make()
        assert ancestry.find_block(View(0)) == GENESIS
        assert ancestry.find_certificate(View(0)) is None
        assert ancestry.find_entry(View(1)) is None
        assert ancestry.find_gaps(View(0), View(1)) == []

    def test_gaps_lie_strictly_between(self) -> None:
        ancestry, hands = self.make()
        ancestry.add(hands.certificate(NOTARIZE, 2, 0, A))
        ancestry.add(hands.certificate(NULLIFY, 4))
        assert ancestry.find_gaps(View(2), View(6)) == [3, 5]
        assert ancestry.find_gaps(View(2), View(3)) == []
        assert ancestry.certified_view == 2

    def test_both_certificates_of_a_view_are_kept_and_served_once(self) -> None:
        ancestry, hands = self.make()
        nullification = hands.certificate(NULLIFY, 2)
        notarization = hands.certificate(NOTARIZE, 2, 0, A)
        ancestry.add(nullification)
        assert ancestry.is_news(NOTARIZE, View(2))
        ancestry.add(notarization)
        assert not ancestry.is_news(NULLIFY, View(2))
        assert ancestry.list_all() == [notarization, nullification]
        assert ancestry.find_entry(View(3)) == notarization

    def test_a_finalization_drops_what_is_at_or_below(self) -> None:
        ancestry, hands = self.make()
        for view in (1, 2, 3):
            ancestry.add(hands.certificate(NOTARIZE, view, view - 1, block(f"{view}")))
            ancestry.add(hands.certificate(NULLIFY, view))
        final = hands.certificate(FINALIZE, 2, 1, block("2"))
        ancestry.add(final)
        assert ancestry.notarizations.keys() == ancestry.nullifications.keys() == {3}
        assert ancestry.final_block == block("2") == ancestry.find_block(View(2))
        assert ancestry.certified_view == 3
        assert ancestry.is_certified(block("3"))
        assert not ancestry.is_certified(block("1"))
        assert ancestry.list_all()[0] == final

    def test_counts_what_is_not_final_and_misses_parents(self) -> None:
        ancestry, hands = self.make()
        ancestry.add(hands.certificate(NOTARIZE, 1, 0, A))
        ancestry.add(hands.certificate(NOTARIZE, 5, 3, C))
        assert ancestry.find_missing_parents() == [3]
        assert ancestry.count_unfinalized() == 1
        ancestry.add(hands.certificate(NOTARIZE, 3, 1, B))
        assert ancestry.find_missing_parents() == []
        assert ancestry.count_unfinalized() == 3


class TestTally:
    def make(self, n: int = 4) -> tuple[Tally, Hands]:
        hands = Hands(n)
        return Tally(hands.epoch, hands.validators, FakeSigner.is_valid), hands

    def test_the_window(self) -> None:
        tally, hands = self.make()
        for view, final_view, current, admitted in (
            (1, 0, 1, True),
            (5, 5, 9, False),
            (6, 5, 9, True),
            (9 + VIEWS_AHEAD, 5, 9, True),
            (10 + VIEWS_AHEAD, 5, 9, False),
            (500 - VIEWS_BEHIND, 5, 500, True),
            (499 - VIEWS_BEHIND, 5, 500, False),
        ):
            vote = hands.vote(NULLIFY, 1, view).vote
            assert tally.is_admitted(vote, View(final_view), View(current)) == admitted
        other = Hands(4, epoch=1).vote(NULLIFY, 1, 1).vote
        assert not tally.is_admitted(other, View(0), View(1))
        assert not tally.is_admitted(Hands(7).vote(NULLIFY, 1, 1).vote, View(0), View(1))

    def test_nothing_is_checked_before_a_quorum(self) -> None:
        tally, hands = self.make(7)
        checks = FakeSigner.checks
        for signer in range(4):
            assert tally.add(hands.vote(NULLIFY, signer, 1), True).certificate is None
        assert FakeSigner.checks == checks
        added = tally.add(hands.vote(NULLIFY, 4, 1), True)
        assert FakeSigner.checks == checks + 5
        assert added.certificate == hands.certificate(NULLIFY, 1)

    def test_what_was_verified_is_not_checked_again(self) -> None:
        tally, hands = self.make()
        for signer in range(3):
            tally.add(hands.vote(NULLIFY, signer, 1), True)
        checks = FakeSigner.checks
        tally.verify(hands.certificate(NULLIFY, 1))
        assert tally.is_verified(hands.vote(NULLIFY, 2, 1))
        assert FakeSigner.checks == checks
        with pytest.raises(SignatureError):
            tally.verify(_spoil(hands))

    def test_only_the_wrong_ones_are_thrown_out(self) -> None:
        tally, hands = self.make()
        tally.add(hands.vote(NULLIFY, 0, 1, valid=False), True)
        tally.add(hands.vote(NULLIFY, 1, 1), True)
        assert tally.add(hands.vote(NULLIFY, 2, 1), True).certificate is None
        assert tally.count_voters(View(1)) == 2
        assert tally.add(hands.vote(NULLIFY, 3, 1), True).certificate is not None

    def test_a_signer_has_few_slots_in_a_view(self) -> None:
        tally, hands = self.make()
        for number in range(20):
            tally.add(hands.vote(NOTARIZE, 1, 1, 0, block(f"{number}")), True)
        assert len(tally.find_newest(1)) <= STATEMENTS_PER_SIGNER

    def test_evidence_comes_once(self) -> None:
        tally, hands = self.make()
        tally.add(hands.vote(NOTARIZE, 1, 1, 0, A), True)
        assert tally.add(hands.vote(NOTARIZE, 1, 1, 0, B), True).evidence is not None
        assert tally.add(hands.vote(NOTARIZE, 1, 1, 0, C), True).evidence is None

    def test_an_unwanted_certificate_is_not_made(self) -> None:
        tally, hands = self.make()
        checks = FakeSigner.checks
        for signer in range(4):
            assert tally.add(hands.vote(NULLIFY, signer, 1), False).certificate is None
        assert FakeSigner.checks == checks

    def test_views_that_nothing_finalizes_make_room(self) -> None:
        tally, hands = self.make()
        tally.add(hands.vote(NULLIFY, 3, 2), True)  # and is down from then on
        last = 3 * MAX_VIEWS
        for view in range(1, last + 1):
            for signer in range(3):
                tally.add(hands.vote(NULLIFY, signer, view), False)
            assert len(tally) <= MAX_VIEWS + 4
        assert tally.count_votes() <= 4 * STATEMENTS_PER_SIGNER * len(tally)
        assert all(tally.count_voters(View(view)) == 3 for view in range(last - MAX_VIEWS, last))
        assert tally.find_newest(3) == (hands.vote(NULLIFY, 3, 2),)
        # Old certificates that come late do not displace what is new.
        for view in range(1, last - 2 * MAX_VIEWS):
            tally.take(hands.certificate(NULLIFY, view))
            assert len(tally) <= MAX_VIEWS + 4
        assert all(tally.count_voters(View(view)) == 3 for view in range(last - MAX_VIEWS, last))

    def test_newest_votes_and_pruning(self) -> None:
        tally, hands = self.make()
        assert tally.find_newest(1) == ()
        for view in (1, 3, 2):
            tally.add(hands.vote(NULLIFY, 1, view), True)
        assert tally.find_newest(1) == (hands.vote(NULLIFY, 1, 3),)
        tally.prune(View(4))
        assert tally.find_newest(1) == ()


def _spoil(hands: Hands):  # type: ignore[no-untyped-def]
    good = hands.certificate(NULLIFY, 2)
    return type(good)(good.vote, good.signers, (*good.signatures[:2], good.signatures[0]))


class TestVoting:
    def make(self) -> tuple[Voting, Hands]:
        hands = Hands()
        return Voting(Voice(2, hands.signers[2].sign)), hands

    def test_each_kind_once_and_never_nullify_with_finalize(self) -> None:
        for first, allowed in (
            (NOTARIZE, {NULLIFY, FINALIZE}),
            (NULLIFY, {NOTARIZE}),
            (FINALIZE, {NOTARIZE}),
        ):
            voting, hands = self.make()
            digest, parent = (
                (A, 0) if first is not NULLIFY else (hands.vote(NULLIFY, 2, 1).vote.block, 0)
            )
            voting.sign(hands.vote(first, 2, 1, parent, digest).vote)
            assert {
                kind for kind in (NOTARIZE, NULLIFY, FINALIZE) if voting.may_say(kind, View(1))
            } == allowed
            assert voting.may_say(first, View(2))

    def test_saying_it_all_the_same_is_a_bug(self) -> None:
        voting, hands = self.make()
        voting.sign(hands.vote(NULLIFY, 2, 1).vote)
        with pytest.raises(AssertionError):
            voting.sign(hands.vote(FINALIZE, 2, 1, 0, A).vote)

    def test_signs_remembers_and_forgets(self) -> None:
        voting, hands = self.make()
        signed = voting.sign(hands.vote(NOTARIZE, 2, 1, 0, A).vote)
        assert signed == hands.vote(NOTARIZE, 2, 1, 0, A)
        assert voting.is_known(signed.vote)
        assert not voting.is_known(hands.vote(NOTARIZE, 2, 1, 0, B).vote)
        voting.sign(hands.vote(NULLIFY, 2, 3).vote)
        assert voting.newest_view() == 3
        voting.prune(View(1))
        assert [record.signed.vote.view for record in voting.list_all()] == [3]

    def test_without_a_voice_there_is_no_index(self) -> None:
        assert Voting(None).index is None


class TestTimers:
    def test_only_the_last_change_of_a_kind_leaves(self) -> None:
        timers = Timers(Epoch(0))
        timers.start(TimerKind.LEADER, 10)
        timers.cancel(TimerKind.LEADER)
        timers.start(TimerKind.LEADER, 20)
        timers.start(TimerKind.RETRY, 5)
        timers.cancel(TimerKind.RETRY, TimerKind.IDLE)
        assert timers.drain() == [
            SetTimer(Timer(TimerKind.LEADER, Epoch(0), 2), 20),
            CancelTimer(TimerKind.RETRY),
        ]
        assert timers.drain() == []
        assert not timers.take(Timer(TimerKind.LEADER, Epoch(0), 1))
        assert timers.take(Timer(TimerKind.LEADER, Epoch(0), 2))
        assert not timers.take(Timer(TimerKind.LEADER, Epoch(0), 2))

    def test_growth_is_bounded_on_both_sides(self) -> None:
        timers = Timers(Epoch(0))
        timers.fall_back()
        assert timers.compute_duration(1000) == 1000
        for _ in range(20):
            timers.grow()
        assert timers.growth == MAX_GROWTH
        assert timers.compute_duration(1000) == 8000


class TestPresence:
    def test_who_is_silent(self) -> None:
        presence = Presence(Hands().validators, 0, View(1))
        assert presence.list_silent(View(4)) == []
        assert not presence.is_silent(1, View(5))  # nobody was heard: it may be this peer's link
        presence.hear(2, View(5))
        presence.hear(3, View(5))
        assert presence.list_silent(View(5)) == [1]
        assert presence.is_silent(1, View(5))
        assert not presence.is_silent(2, View(5))
        presence.hear(1, View(6))
        assert not presence.is_silent(1, View(6))


class TestLimiter:
    def test_once_in_an_interval(self) -> None:
        limiter = Limiter()
        assert limiter.take("a", make_code(1), 100, 50)
        assert not limiter.take("a", make_code(1), 149, 50)
        assert limiter.take("b", make_code(1), 149, 50)
        assert limiter.take("a", make_code(2), 149, 50)
        assert limiter.take("a", make_code(1), 150, 50)

    def test_its_memory_is_bounded(self) -> None:
        limiter = Limiter()
        for number in range(3 * MAX_PEERS):
            assert limiter.take("a", make_code(number), 1, 50)
        assert len(limiter._last_ms) == MAX_PEERS


class TestJudgement:
    def test_asks_once_and_takes_one_answer(self) -> None:
        hands = Hands()
        judgement = Judgement(GENESIS)
        votes = [hands.vote(NOTARIZE, 1, 1, 0, block(f"{i}")).vote for i in range(3)]
        assert not judgement.judge(votes[0], Verdict.VALID, False)
        assert judgement.ask(votes[0])
        assert not judgement.ask(votes[0])
        assert [judgement.ask(vote) for vote in votes[1:]] == [True, False]
        assert JUDGEMENTS_PER_VIEW == 2
        assert judgement.judge(votes[0], Verdict.INVALID, False)
        assert not judgement.judge(votes[0], Verdict.VALID, False)
        assert not judgement.is_executed(votes[0].block)

    def test_the_root_is_executed_and_not_last_whatever_comes(self) -> None:
        judgement = Judgement(GENESIS)
        judgement.execute(GENESIS, True)
        assert judgement.find_last(GENESIS) is False

    def test_a_finalization_forgets_all_but_what_still_counts(self) -> None:
        hands = Hands()
        judgement = Judgement(GENESIS)
        for digest in (A, B, C):
            judgement.execute(digest, False)
            assert judgement.persist(digest) == digest
            assert judgement.persist(digest) is None
        judgement.hold(hands.proposal(5, 3, C, None))
        judgement.prune(View(3), B, [])
        assert [judgement.is_executed(digest) for digest in (GENESIS, A, B, C)] == [
            False,
            False,
            True,
            True,
        ]
        judgement.leave(View(6))
        assert judgement.find(View(5)) is None


class TestRecovery:
    @pytest.mark.parametrize(("n", "needed"), [(1, 0), (2, 1), (3, 1), (4, 2), (7, 3)])
    def test_f_plus_one_others(self, n: int, needed: int) -> None:
        recovery = Recovery(Hands(n).validators, is_over=False)
        for index in range(needed):
            assert not recovery.has_reports()
            recovery.report(index)
            recovery.report(index)
        assert recovery.has_reports()
        assert recovery.count_reports() == needed


class TestSettings:
    def test_relations(self) -> None:
        settings = Settings()
        assert settings.leader_timeout_ms < settings.advance_timeout_ms < settings.heartbeat_ms
        for wrong in (
            {"delta_ms": 0},
            {"delta_ms": 60_001},
            {"heartbeat_ms": 1_999},
            {"max_unfinalized": 0},
        ):
            with pytest.raises(FormatError):
                Settings(**wrong)


class TestSignedVote:
    def test_validity_needs_member_set_and_signature(self) -> None:
        hands = Hands()
        good = hands.vote(NULLIFY, 1, 1)
        assert good.is_valid(hands.validators, FakeSigner.is_valid)
        for wrong in (
            SignedVote(good.vote, 2, good.signature),
            SignedVote(good.vote, 9, good.signature),
            Hands(7).vote(NULLIFY, 1, 1),
        ):
            assert not wrong.is_valid(hands.validators, FakeSigner.is_valid)
