"""Double signing, from contradictory votes on the wire to one record on every peer."""

import pytest

from consensus.evidence import order_evidence
from consensus.message import VoteMessage, encode_message
from consensus.vote import VoteKind
from contracts.evidence import DOUBLE_SIGNINGS, MAX_OF_KEY
from devnet.simulator.kernel import MS, SECOND
from ledger.crypto import sha256
from ledger.primitives import ZERO_DIGEST, View
from node.evidence import make_reader
from node.frames import Consensus
from node.reporter import MAX_OF_VALIDATOR
from tests.node.court import LIAR, TWO_BLOCKS, Court, Say


@pytest.mark.parametrize(
    "pair",
    [
        TWO_BLOCKS,
        ((VoteKind.FINALIZE, sha256(b"one")), (VoteKind.FINALIZE, sha256(b"two"))),
        ((VoteKind.NULLIFY, ZERO_DIGEST), (VoteKind.FINALIZE, sha256(b"one"))),
    ],
)
def test_two_contradictory_votes_are_on_the_ledger_of_every_peer(pair: tuple[Say, Say]) -> None:
    court = Court()
    view = court.lie([0, 2, 3], pair)
    court.simulation.wait(lambda: court.is_recorded(view), 2 * SECOND)
    found = court.find(court.processes[0], view)
    # The peer behind the accused reports at once, and the others need not.
    assert found["reporter"] == court.regions[LIAR + 1]
    assert found["kinds"] == [kind.name.lower() for kind, _ in sorted(pair, key=lambda say: say[0])]
    proven = make_reader(court.domain)(found["key"], found["evidence"])
    assert proven is not None and (proven.epoch, proven.view) == (0, view)
    court.run(10 * court.heartbeat_us)
    assert court.count_reports() == ["ok"]
    assert [len(process.replica.reporter) for process in court.processes] == [0, 0, 0, 0]
    court.simulation.liars = frozenset({court.regions[LIAR]})
    court.simulation.audit()


def test_whoever_alone_saw_it_reports_it_when_its_turn_comes() -> None:
    court = Court()
    view = court.lie([0])
    court.run(court.heartbeat_us)
    assert court.find(court.processes[0], view) is None
    court.simulation.wait(lambda: court.is_recorded(view), 3 * court.heartbeat_us)
    assert court.find(court.processes[3], view)["reporter"] == court.regions[0]


def test_who_says_one_thing_to_some_and_another_to_others_is_found_by_a_certificate() -> None:
    """No peer hears both votes from the liar: one of them comes in a certificate."""
    court = Court()
    key = court.simulation.population.voter_keys(court.liar)[0]
    view = View(court.processes[0].replica.core.view + 1)
    other = VoteMessage(court.sign(key, view, VoteKind.NOTARIZE, sha256(b"another")))
    court.processes[0].deliver(court.liar, Consensus(encode_message(other)))
    while court.processes[0].replica.core.view <= view:
        raw = court.simulation.load.make_probe(court.processes[0].replica.store.height)
        id_ = court.simulation.hand_in(court.processes[2], raw)
        court.simulation.wait(lambda id_=id_: court.simulation.is_final(id_))
    court.simulation.wait(lambda: court.is_recorded(view), 6 * court.heartbeat_us)


def test_an_epoch_that_ended_meanwhile_still_counts() -> None:
    """The accused has another key by the time that it is reported, and so has the reporter."""
    court = Court()
    view = court.lie([0])
    for turn, place in enumerate((LIAR, 0), start=1):
        raw = court.simulation.load.make_voter_rotation(court.regions[place], 1)
        court.simulation.hand_in(court.processes[2], raw)
        court.simulation.wait(
            lambda turn=turn: all(
                process.replica.core.status().epoch == turn for process in court.processes
            )
        )
    court.simulation.wait(lambda: court.is_recorded(view), 6 * court.heartbeat_us)
    found = court.find(court.processes[2], view)
    assert found["key"] == court.simulation.population.voter_keys(court.liar)[0].public


def test_a_report_that_was_accepted_survives_a_crash() -> None:
    court = Court()
    reporter = court.processes[LIAR + 1]
    # Nobody else is there to take it on.
    for process in court.processes:
        if process is not reporter:
            process.crash()
    view = court.lie([LIAR + 1])
    court.run(200 * MS)
    assert len(reporter.replica.intake.list_accepted()) == 1
    reporter.crash()
    for process in court.processes:
        process.start()
    court.simulation.wait(lambda: court.is_recorded(view))


def test_a_liar_costs_its_witnesses_little() -> None:
    court = Court()
    views = [court.lie([LIAR + 1], ahead=2 + turn) for turn in range(8)]
    reporter = court.processes[LIAR + 1].replica.reporter
    assert len(reporter) == MAX_OF_VALIDATOR
    court.simulation.wait(lambda: court.is_recorded(views[0]))
    court.run(2 * court.heartbeat_us)
    assert len(reporter) == 0
    store = court.processes[0].replica.store
    assert len(list(store.state.scan(DOUBLE_SIGNINGS.prefix))) == MAX_OF_VALIDATOR


def test_what_the_ledger_needs_no_more_is_not_reported() -> None:
    """Seen again, as after a restart; and once a key has more than enough against it."""
    court = Court()
    view = court.lie([LIAR + 1])
    court.simulation.wait(lambda: court.is_recorded(view))
    court.run(2 * court.heartbeat_us)
    reporter = court.processes[LIAR + 1].replica.reporter
    key = court.simulation.population.voter_keys(court.liar)[0]

    def see(at: View) -> None:
        first, second = (court.sign(key, at, *say) for say in TWO_BLOCKS)
        reporter.saw(*order_evidence(first, second), court.validators)

    see(view)
    assert len(reporter) == 0
    for ahead in range(1, MAX_OF_KEY):
        see(View(view + ahead))
        court.simulation.wait(lambda ahead=ahead: court.is_recorded(View(view + ahead)))
        court.run(2 * court.heartbeat_us)
    see(View(view + MAX_OF_KEY))
    assert len(reporter) == 0
    court.run(2 * court.heartbeat_us)
    assert court.count_reports() == ["ok"] * MAX_OF_KEY
