"""Making blocks: what goes into one, and when."""

from consensus.action import Propose
from ledger.primitives import Epoch, View
from node.limits import BlockLimits, limits_of_genesis
from node.mempool import Pending
from node.propose import Proposer
from tests.node.stage import Stage, digest, public


def make(stage: Stage) -> Proposer:
    return Proposer(
        stage.population.regions[0],
        stage.chain,
        stage.mempool,
        stage.ports,
        limits_of_genesis(stage.genesis),
        stage.votes,
    )


def request(stage: Stage, empty_only: bool = False, shift: int = 0) -> Propose:
    return Propose(View(1), View(0), stage.store.hash, None, empty_only, shift)


def test_what_waits_is_proposed() -> None:
    stage = Stage()
    items = [stage.deposit() for _ in range(3)]
    stage.pend(*items)
    sealed = make(stage).propose(request(stage), Epoch(0), stage.validators)
    assert sealed is not None
    assert list(sealed.transactions) == items
    header = sealed.block.header
    assert (header.view, header.proposer) == (1, stage.population.regions[0])
    assert header.time_ms == max(stage.genesis.time_ms + 1, stage.ports.wall_ms())
    empty = make(stage).propose(request(stage, empty_only=True), Epoch(0), stage.validators)
    assert empty is not None
    assert empty.transactions == ()


def test_without_its_parent_there_is_no_block() -> None:
    stage = Stage()
    gone = Propose(View(2), View(1), digest(1), None, False, 0)
    assert make(stage).propose(gone, Epoch(0), stage.validators) is None


def test_ancestors_are_not_repeated() -> None:
    stage = Stage()
    items = [stage.deposit(), stage.deposit()]
    stage.pend(*items)
    (block,) = stage.grow(items[:1])
    above = Propose(View(2), View(1), block.block.hash, None, False, 0)
    sealed = make(stage).propose(above, Epoch(0), stage.validators)
    assert sealed is not None
    assert list(sealed.transactions) == items[1:]


def test_limits_shrink() -> None:
    stage = Stage()
    stage.pend(*(stage.deposit() for _ in range(60)))
    sizes = []
    for shift in (0, 1, 9):
        sealed = make(stage).propose(request(stage, shift=shift), Epoch(0), stage.validators)
        assert sealed is not None
        sizes.append(len(sealed.transactions))
    assert sizes == [40, 20, 16]


def test_other_keys_than_the_parents_are_stale() -> None:
    stage = Stage()
    good, stale = stage.deposit(), stage.deposit()
    stage.pend(good)
    stage.mempool.add(Pending(stale, (public(1),)))
    proposer = make(stage)
    for _ in range(2):
        sealed = proposer.propose(request(stage), Epoch(0), stage.validators)
        assert sealed is not None
        assert list(sealed.transactions) == [good]
    assert [item.transaction for item in proposer.stale.values()] == [stale]


def test_a_lone_transaction_is_not_kept_waiting_and_a_busy_chain_is() -> None:
    stage = Stage()
    proposer = make(stage)
    assert proposer.compute_wait_ms(request(stage)) == 0
    stage.pend(stage.deposit())
    assert proposer.compute_wait_ms(request(stage)) == 0
    stage.grow([stage.deposit()])
    stage.ports.now_ms = 1_000
    proposer.last_block_ms = 990
    assert (
        proposer.compute_wait_ms(request(stage)) == stage.genesis.consensus.block_interval_ms - 10
    )
    assert proposer.compute_wait_ms(request(stage, empty_only=True)) == 0
    stage.pend(*(stage.deposit() for _ in range(40)))
    assert proposer.compute_wait_ms(request(stage)) == 0


def test_limits_never_shrink_beyond_what_the_genesis_allows() -> None:
    stage = Stage()
    stage.pend(*(stage.deposit() for _ in range(8)))
    limits = BlockLimits(transactions=5, size_bytes=64 * 1024, window=100, interval_ms=20)
    proposer = Proposer(
        stage.population.regions[1],
        stage.chain,
        stage.mempool,
        stage.ports,
        limits,
        stage.votes,
    )
    for shift in range(4):
        sealed = proposer.propose(request(stage, shift=shift), Epoch(0), stage.validators)
        assert sealed is not None
        assert len(sealed.transactions) == 5
