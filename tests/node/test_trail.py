"""The trail as a peer makes it: whom a block shows, and the same after a restart."""

from dataclasses import replace

from consensus.certificate import Certificate
from consensus.vote import Vote, VoteKind
from ledger.primitives import Epoch, Signature, View
from ledger.trail import Trail
from node.trail import extend_trail, load_trail
from tests.node.stage import Stage


def make_certificate(stage: Stage, epoch: int, signers: tuple[int, ...]) -> bytes:
    vote = Vote(
        Epoch(epoch), View(1), VoteKind.NOTARIZE, View(0), stage.store.hash, stage.validators.hash
    )
    return Certificate(vote, signers, (Signature(bytes(64)),) * len(signers)).encode()


def test_a_block_shows_its_proposer_and_who_certified_its_parent() -> None:
    stage = Stage()
    header = stage.make().block.header
    regions = list(stage.population.regions)
    members = tuple(stage.validators.codes)
    parent = Trail((), members)
    trail = extend_trail(parent, header, make_certificate(stage, 0, (1, 3)), members)
    assert trail.steps[-1].shown == (regions[0], regions[1], regions[3])
    assert trail.get_state_root(header.height) == header.state_root
    assert trail.is_live(regions[3], 1) and not trail.is_live(regions[2], 1)
    # Nothing to read shows nobody but who proposed.
    assert extend_trail(parent, header, b"", members).steps[-1].shown == (regions[0],)


def test_the_first_block_of_an_epoch_carries_a_certificate_of_the_old_set() -> None:
    stage = Stage()
    header = replace(stage.make().block.header, epoch=Epoch(1), proposer="B")
    certificate = make_certificate(stage, 0, (0, 2))
    trail = extend_trail(Trail((), ("A", "B", "C", "D")), header, certificate, ("B", "C"))
    assert trail.steps[-1].shown == ("B", "A", "C")
    assert trail.members == ("B", "C")
    again = extend_trail(trail, replace(header, height=header.height + 1), certificate, ("B", "C"))
    assert again.steps[-1].shown == ("B",)  # index 0 is B now, 2 nobody


def test_a_store_gives_it_back() -> None:
    stage = Stage()
    blocks = stage.grow([stage.deposit()], [], [])
    assert blocks[1].trail.steps[:-1] == blocks[0].trail.steps
    stage.finish(blocks)
    parent = stage.chain.find_parent(stage.store.hash)
    assert parent is not None
    assert parent.trail == blocks[-1].trail == load_trail(stage.store, stage.genesis)


def test_losing_branches_have_trails_of_their_own() -> None:
    stage = Stage()
    (winner,) = stage.grow([])
    loser = stage.make([stage.deposit()], view=5)
    assert winner.trail.steps[0] == loser.trail.steps[0]
    assert winner.trail.steps[1] != loser.trail.steps[1]
