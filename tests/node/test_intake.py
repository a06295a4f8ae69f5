"""Transactions on their way in: what is promised, to whom, and what becomes of it."""

from collections.abc import Sequence

import pytest

from ledger import codec
from ledger.state import Reader
from ledger.transaction import Transaction, decode_transaction, join_signatures, sign_body
from node.errors import Refused
from node.intake import Answer, Intake
from node.mempool import MempoolLimits, Pending
from node.port import Phase, Status
from node.shares import MAX_WRONG
from tests.node.stage import Stage


class Desk(Stage):
    """A stage with an intake on it."""

    def __init__(self, limits: MempoolLimits | None = None) -> None:
        super().__init__(limits)
        self.added: list[tuple[list[Transaction], str | None]] = []
        self.answers: list[Answer] = []
        self.best: Reader = self.store.state
        self.intake = self.open()

    def open(self) -> Intake:
        """A new intake, as after a start."""
        return Intake(
            self.genesis.chain,
            self.genesis.consensus.transaction_window,
            self.store,
            self.journal,
            self.mempool,
            self.ports,
            lambda: self.best,
            self._was_added,
        )

    def _was_added(self, added: Sequence[Pending], sender: str | None) -> None:
        self.added.append(([pending.transaction for pending in added], sender))

    def submit(self, *items: bytes) -> None:
        """Hand in; the answers come to `answers`."""
        self.intake.submit(items, self.answers.extend)

    def settle(self) -> None:
        """Let checks and writes end."""
        self.ports.check()
        self.ports.write()

    def make_final(self, *items: Transaction) -> None:
        """Let a block with these become final, and the intake hear of it."""
        blocks = [self.make(items)]
        self.chain.add(blocks[0])
        self.finish(blocks)
        self.intake.fold(blocks)

    def codes(self) -> list[str]:
        """What was answered: phases, or codes of refusals."""
        return [
            answer.phase.value if isinstance(answer, Status) else answer.code
            for answer in self.answers
        ]


def test_accepted_is_said_when_the_disk_has_it() -> None:
    desk = Desk()
    item = desk.deposit()
    desk.submit(item.raw)
    desk.ports.check()
    assert desk.answers == []
    assert desk.added == [([item], None)]
    assert [sync for _, sync, _ in desk.ports.writing] == [True]
    desk.ports.write()
    assert desk.answers == [Status(item.id, Phase.ACCEPTED)]
    assert list(desk.journal.scan_accepted()) == [(item.id, item.raw)]
    assert desk.intake.list_accepted() == [item.raw]


def test_a_second_client_hears_no_sooner() -> None:
    """What is known but not yet on the disk is no promise yet either."""
    desk = Desk()
    item = desk.deposit()
    desk.submit(item.raw)
    desk.ports.check()
    desk.submit(item.raw)
    desk.ports.check()
    assert desk.answers == []
    desk.ports.write()
    assert desk.codes() == ["accepted", "accepted"]
    desk.submit(item.raw)
    desk.ports.check()
    assert desk.codes() == ["accepted"] * 3


def test_each_answer_stands_at_its_place() -> None:
    desk = Desk()
    good, late = desk.deposit(), desk.deposit(until=500)
    forged = join_signatures(desk.deposit().body, [bytes(64)])
    desk.submit(b"garbage", good.raw, late.raw, forged, good.raw)
    desk.settle()
    assert desk.codes() == ["encoding", "accepted", "until-too-far", "bad-signature", "busy"]
    assert desk.intake.refused_count == 4


def test_what_can_never_be_is_refused() -> None:
    desk = Desk()
    party = desk.population.parties[0]
    pay = {"amount_micro_yuan": 1, "reference": "", "to": desk.population.regions[0]}
    desk.make_final()
    bank = [desk.founder(desk.population.bank)]
    desk.submit(
        desk.deposit(until=1).raw,
        desk.sign("settlement.pay", pay, [(party.code, party.keys[0])]).raw,
        desk.sign("settlement.nothing", {}, bank).raw,
        desk.sign("settlement.deposit", {}, bank).raw,
    )
    desk.settle()
    assert desk.codes() == ["expired", "unknown-signer", "unknown-kind", "bad-data"]


def test_nothing_handed_in_is_nothing() -> None:
    desk = Desk()
    heard: list[list[Answer]] = []
    desk.intake.submit([], heard.append)
    desk.settle()
    assert heard == [[]]


def test_final_is_told_to_who_waits() -> None:
    desk = Desk()
    item = desk.deposit()
    desk.submit(item.raw)
    desk.settle()
    heard: list[Status] = []
    desk.intake.wait(item.id, heard.append)
    give_up = desk.intake.wait(item.id, heard.append)
    give_up()
    give_up()
    desk.make_final(item)
    assert heard == [Status(item.id, Phase.FINAL, "ok", 1, 0)]
    assert desk.intake.get_status(item.id) == heard[0]
    assert len(desk.mempool) == 0
    assert desk.intake.list_accepted() == []
    desk.submit(item.raw)
    desk.settle()
    assert desk.answers[-1] == heard[0]
    assert list(desk.journal.scan_accepted()) == []


def test_what_became_final_while_it_was_checked_is_not_taken_again() -> None:
    desk = Desk()
    mine, theirs = desk.deposit(), desk.deposit()
    desk.submit(mine.raw)
    desk.intake.receive([theirs.raw], "peer")
    desk.make_final(mine, theirs)
    desk.settle()
    assert desk.answers == [Status(mine.id, Phase.FINAL, "ok", 1, 0)]
    assert len(desk.mempool) == 0
    assert desk.intake.list_accepted() == []
    assert desk.added == []


def test_what_was_over_while_it_was_checked_is_not_taken() -> None:
    desk = Desk()
    mine, theirs = desk.deposit(until=1), desk.deposit(until=1)
    desk.submit(mine.raw)
    desk.intake.receive([theirs.raw], "peer")
    desk.make_final()
    desk.settle()
    assert desk.codes() == ["expired"]
    assert len(desk.mempool) == 0


def test_what_is_over_is_told() -> None:
    desk = Desk()
    item = desk.deposit(until=1)
    desk.submit(item.raw)
    desk.settle()
    heard: list[Status] = []
    desk.intake.wait(item.id, heard.append)
    desk.make_final()
    assert heard == [Status(item.id, Phase.INVALID, "expired")]
    assert desk.intake.get_status(item.id) == heard[0]


def test_what_peers_send_is_kept_in_memory_only() -> None:
    desk = Desk()
    item = desk.deposit()
    desk.intake.receive([item.raw, b"garbage", item.raw], "peer")
    assert desk.intake.is_checking(item.hash)
    desk.settle()
    assert not desk.intake.is_checking(item.hash)
    assert desk.added == [([item], "peer")]
    assert desk.intake.get_status(item.id) is None
    assert list(desk.journal.scan_accepted()) == []
    desk.intake.receive([item.raw], "other")
    assert desk.ports.verifying == []
    # A client may hand in what peers sent before; it is a promise then.
    desk.submit(item.raw)
    desk.settle()
    assert desk.codes() == ["accepted"]
    assert len(desk.mempool) == 1


def test_forged_transactions_of_peers_are_left() -> None:
    desk = Desk()
    forged = join_signatures(desk.deposit().body, [bytes(64)])
    desk.intake.receive([forged], "peer")
    desk.settle()
    assert len(desk.mempool) == 0
    assert desk.added == []


def test_bounds_hold_for_a_whole_batch() -> None:
    desk = Desk(MempoolLimits(20_000, 1 << 26, 3))
    desk.submit(*(desk.deposit().raw for _ in range(6)))
    desk.settle()
    assert sorted(desk.codes()) == ["accepted"] * 3 + ["quota"] * 3
    assert len(desk.mempool) == 3


def register(desk: Desk, turn: int = 0) -> Transaction:
    """The registration of a party, or its second key."""
    party = desk.population.parties[0]
    key = party.keys[turn]
    data = {"certificate": party.certificates[turn], "code": party.code}
    if not turn:
        data |= {"credit_code": "", "name": "a party", "role": ""}
    signers = [desk.founder(party.issuer), (f"key:{key.public.hex()}", key)]
    return desk.sign("identity.rotate" if turn else "identity.register", data, signers)


def pay(desk: Desk, turn: int = 0, until: int = 100) -> Transaction:
    party = desk.population.parties[0]
    data = {"amount_micro_yuan": 1, "reference": "", "to": desk.population.regions[0]}
    return desk.sign("settlement.pay", data, [(party.code, party.keys[turn])], until)


def test_a_rotated_key_ends_what_it_signed() -> None:
    desk = Desk()
    desk.make_final(register(desk))
    mine, theirs = pay(desk), pay(desk)
    desk.submit(mine.raw)
    desk.intake.receive([theirs.raw], "peer")
    desk.settle()
    assert len(desk.mempool) == 2
    desk.make_final(register(desk, 1))
    assert len(desk.mempool) == 0
    assert desk.intake.get_status(mine.id) == Status(mine.id, Phase.INVALID, "key-rotated")
    desk.submit(pay(desk).raw, pay(desk, 1).raw)
    desk.settle()
    assert desk.codes() == ["accepted", "bad-signature", "accepted"]


def test_promises_are_made_under_keys_that_stand() -> None:
    """A key that only a certified block gives may be lost with it: that is no promise to make."""
    desk = Desk()
    desk.make_final(register(desk))
    (block,) = desk.grow([register(desk, 1)])
    desk.best = block.layer
    old, new = pay(desk, 0), pay(desk, 1)
    desk.submit(old.raw, new.raw)
    desk.settle()
    assert desk.codes() == ["accepted", "bad-signature"]
    # From a peer it is worth keeping: it will be good as soon as that block is final.
    desk.intake.receive([new.raw], "peer")
    desk.settle()
    assert desk.mempool.get(new.hash) is not None


def test_a_key_rotated_while_it_was_checked_is_noticed() -> None:
    desk = Desk()
    desk.make_final(register(desk))
    desk.submit(pay(desk).raw)
    desk.make_final(register(desk, 1))
    desk.settle()
    assert desk.codes() == ["bad-signature"]
    assert len(desk.mempool) == 0


def test_promises_outlive_the_process() -> None:
    desk = Desk()
    desk.make_final(register(desk))
    kept, over, final, signed = desk.deposit(), desk.deposit(until=3), desk.deposit(), pay(desk)
    desk.submit(kept.raw, over.raw, final.raw, signed.raw)
    desk.settle()
    desk.mempool.remove_ids([item.id for item in (kept, over, final, signed)])
    for items in ([final], [register(desk, 1)]):
        blocks = [desk.make(items)]
        desk.chain.add(blocks[0])
        desk.finish(blocks)
    desk.added.clear()
    again = desk.open()
    again.restore()
    desk.settle()
    assert desk.added == [([kept], None)]
    phases = [again.get_status(item.id) for item in (kept, over, final, signed)]
    assert [status and (status.phase.value, status.code) for status in phases] == [
        ("accepted", ""),
        ("invalid", "expired"),
        ("final", "ok"),
        ("accepted", ""),  # the store may be older than the promise: nothing is said of its key
    ]
    assert dict(desk.journal.scan_accepted()) == {kept.id: kept.raw, signed.id: signed.raw}
    assert again.list_accepted() == [kept.raw]


def test_promises_outlive_the_store() -> None:
    """The store was lost, the journal was not: who signed is not known yet when it starts."""
    before = Desk()
    joined = register(before)
    before.make_final(joined)
    signed, late = pay(before), pay(before, until=2)
    before.submit(signed.raw, late.raw)
    before.settle()
    desk = Desk()
    for id_, raw in before.journal.scan_accepted():
        desk.journal.disk.write([desk.journal.compose_accepted(id_, raw)], sync=True)
    desk.intake.restore()
    desk.settle()
    assert desk.added == []
    assert desk.intake.get_status(signed.id) == Status(signed.id, Phase.ACCEPTED)
    desk.make_final(joined)
    desk.settle()
    assert [item.id for items, _ in desk.added for item in items] == [signed.id, late.id]
    assert desk.intake.list_accepted() == [signed.raw, late.raw]
    desk.make_final(signed)
    assert desk.intake.get_status(signed.id) == Status(
        signed.id, Phase.FINAL, "insufficient-balance", 2, 0
    )
    assert desk.intake.get_status(late.id) == Status(late.id, Phase.INVALID, "expired")
    desk.settle()
    assert list(desk.journal.scan_accepted()) == []


def test_what_was_promised_waits_for_room_after_a_restart() -> None:
    desk = Desk(MempoolLimits(2, 1 << 20, 5))
    mine = [desk.deposit(), desk.deposit()]
    desk.submit(*[item.raw for item in mine])
    desk.settle()
    desk.mempool.remove_ids([item.id for item in mine])
    theirs = [desk.deposit(), desk.deposit()]
    again = desk.intake = desk.open()
    again.receive([item.raw for item in theirs], "peer")
    desk.settle()
    assert len(desk.mempool) == 2
    again.restore()
    desk.settle()
    assert len(desk.mempool) == 2
    assert again.get_status(mine[0].id) == Status(mine[0].id, Phase.ACCEPTED)
    desk.make_final(*theirs)
    desk.settle()
    assert {item.transaction.id for item in desk.mempool} == {item.id for item in mine}
    assert set(again.list_accepted()) == {item.raw for item in mine}


def test_what_waits_for_room_is_checked_once_there_is_some() -> None:
    """Each signature once: not those of all that wait, whenever one of them finds room."""
    desk = Desk(MempoolLimits(4, 1 << 20, 5))
    mine = [desk.deposit() for _ in range(4)]
    desk.submit(*[item.raw for item in mine])
    desk.settle()
    desk.mempool.remove_ids([item.id for item in mine])
    theirs = [desk.deposit() for _ in range(3)]
    desk.pend(*theirs)
    again = desk.intake = desk.open()
    again.restore()
    assert [len(jobs) for jobs, _ in desk.ports.verifying] == [1]
    desk.settle()
    desk.make_final(*theirs[:2])
    assert [len(jobs) for jobs, _ in desk.ports.verifying] == [2]
    desk.settle()
    desk.make_final(theirs[2])
    assert [len(jobs) for jobs, _ in desk.ports.verifying] == [1]
    desk.settle()
    assert {item.transaction.id for item in desk.mempool} == {item.id for item in mine}


def test_a_promise_whose_other_copy_goes_waits_for_room() -> None:
    desk = Desk(MempoolLimits(1, 1 << 20, 5))
    desk.make_final(register(desk))
    (block,) = desk.grow([register(desk, 1)])
    desk.best = block.layer
    mine = pay(desk)
    keys = desk.population.parties[0].keys
    other = decode_transaction(sign_body(mine.body, desk.domain, keys[1:2]), desk.genesis.chain)
    desk.intake.receive([other.raw], "peer")
    desk.settle()
    desk.submit(mine.raw)
    desk.settle()
    assert desk.codes() == ["accepted"]
    suspect = desk.mempool.get(other.hash)
    assert suspect is not None
    # The block with the other key is lost; while mine is checked, somebody takes its room.
    desk.intake.reject_rotated([suspect])
    rival = desk.deposit()
    desk.pend(rival)
    desk.settle()
    assert desk.mempool.get(mine.hash) is None
    desk.make_final(rival)
    desk.settle()
    assert desk.mempool.get(mine.hash) is not None
    assert desk.intake.list_accepted() == [mine.raw]


def test_what_a_restart_found_may_be_over_before_it_is_checked() -> None:
    desk = Desk()
    item = desk.deposit(until=1)
    desk.submit(item.raw)
    desk.settle()
    desk.mempool.remove_ids([item.id])
    again = desk.intake = desk.open()
    again.restore()
    desk.make_final()
    desk.settle()
    assert again.get_status(item.id) == Status(item.id, Phase.INVALID, "expired")
    assert again.list_accepted() == []


@pytest.mark.parametrize("code", ["wrong-chain", "signature-count"])
def test_refusals_name_their_reason(code: str) -> None:
    desk = Desk()
    item = desk.deposit()
    if code == "wrong-chain":
        raw = item.raw.replace(desk.genesis.chain.encode(), b"x" * len(desk.genesis.chain))
    else:
        raw = join_signatures(item.body, [])
    desk.submit(raw)
    desk.settle()
    assert isinstance(desk.answers[0], Refused)
    assert desk.codes() == [code]
    assert decode_transaction(item.raw, desk.genesis.chain) == item


def test_a_peer_of_wrong_signatures_is_let_go() -> None:
    desk = Desk()
    desk.ports.connected = ["A", "B"]
    for _ in range(MAX_WRONG + 1):
        item = desk.deposit()
        forged = join_signatures(item.body, [bytes(64)])
        desk.intake.receive([forged], "A")
        desk.settle()
    assert desk.ports.connected == ["B"]


def test_a_large_transaction_of_very_many_values_is_not_decoded() -> None:
    desk = Desk()
    body = b"\xdd" + (60_000).to_bytes(4, "big") + b"\x90" * 60_000
    desk.submit(codec.encode([body, [bytes(64)]]))
    desk.settle()
    (answer,) = desk.answers
    assert isinstance(answer, Refused)
    assert "more than" in str(answer)
