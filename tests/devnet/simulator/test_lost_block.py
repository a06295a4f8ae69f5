"""A certified block that lost to a nullification, and a restarted peer that holds its certificate.

One validator alone sees a view's block certified, tells another, which goes down before it has the
block. The other two give up on the view, and the chain goes on without that block: no peer has it
any more. The one that comes back knows the certificate, and no block for it, from its journal. It
may vote again only once every certified block is executed here; but certificates at or below a
later final view no longer count.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from consensus.journal import Held, decode_record
from consensus.message import Proposal, VoteMessage, decode_message
from consensus.vote import VoteKind
from devnet.simulator.kernel import MS, SECOND
from devnet.simulator.plan import Plan
from devnet.simulator.process import Process
from devnet.simulator.simulation import Simulation
from ledger.primitives import Code, Digest, View
from node.frames import Consensus, Frame
from tests.devnet.simulator.test_cases import agree


@dataclass
class Heard:
    """What was said of a view, and of the next one."""

    view: View
    blocks: dict[str, Digest] = field(default_factory=dict)
    nullified: set[str] = field(default_factory=set)
    has_next: bool = False

    def __call__(self, code: str, frame: Frame) -> None:
        message = decode_message(frame.message) if isinstance(frame, Consensus) else None
        if isinstance(message, Proposal):
            vote = message.signed.vote
            if vote.view == self.view:
                self.blocks.setdefault(code, vote.block)
            self.has_next = self.has_next or vote.view == self.view + 1
        elif isinstance(message, VoteMessage):
            vote = message.signed.vote
            if (vote.view, vote.kind) == (self.view, VoteKind.NULLIFY):
                self.nullified.add(code)


def held_blocks(process: Process) -> set[Digest]:
    """The certified blocks in a journal."""
    records = map(decode_record, (data for _, data in process.journal_disk.scan(b"j", b"k")))
    return {item.certificate.block for item in records if isinstance(item, Held)}


def step_until(simulation: Simulation, holds: Callable[[], bool], seconds: int = 20) -> None:
    """Go on in small steps: what is wanted lasts for a moment only."""
    end_us = simulation.kernel.now_us + seconds * SECOND
    while not holds():
        assert simulation.kernel.now_us < end_us
        simulation.kernel.run_until(simulation.kernel.now_us + MS)


def test_a_restarted_peer_does_not_wait_for_a_certified_block_that_lost() -> None:
    simulation = Simulation(5, Plan())
    simulation.start_all()
    simulation.kernel.run_until(1 * SECOND)
    agree(simulation, simulation.processes[0])
    simulation.kernel.run_until(simulation.kernel.now_us + 500 * MS)
    members = simulation.processes[0].replica.validators
    view = simulation.processes[0].replica.core.status().view
    codes = [members.codes[(view + turn) % 4] for turn in range(4)]
    by_code = {process.code: process for process in simulation.processes}
    leader, following, knowing, victim = (by_code[code] for code in codes)
    lost = lose(simulation, view, codes, by_code)
    for process in (leader, following, knowing):
        assert process.replica.serving.find_body(lost) is None, "nobody has it any more"
    victim.start()
    assert lost in held_blocks(victim)
    assert lost in victim.replica.core.status().unexecuted, "it begins by waiting for it"
    simulation.wait(lambda: victim.replica.core.status().votes, 20 * SECOND)
    leader.crash()
    agree(simulation, following)  # the vote of the one that came back is needed
    leader.start()
    agree(simulation, victim)
    simulation.audit()


def lose(
    simulation: Simulation, view: View, codes: list[Code], by_code: dict[str, Process]
) -> Digest:
    """Let a block be certified in a view, and lose; the hash of it."""
    leader, following, knowing, victim = codes
    links, heard = simulation.links, Heard(view)
    simulation.listeners.append(heard)
    alone = [(knowing, leader), (knowing, following)]
    no_body = [(leader, victim), (following, victim)]
    links.block([*alone, *no_body, (knowing, victim)], is_noticed=False)
    simulation.hand_in(by_code[leader], simulation.load.make_probe(simulation.chain.height))
    step_until(simulation, lambda: heard.nullified >= {leader, following, victim})
    block = heard.blocks[leader]
    assert by_code[knowing].replica.core.status().certified_view == view
    links.block([*alone, *no_body], is_noticed=False)
    step_until(simulation, lambda: block in held_blocks(by_code[victim]))
    by_code[victim].journal_disk.write([], sync=True)
    by_code[victim].crash()
    step_until(simulation, lambda: heard.has_next)
    simulation.kernel.run_until(simulation.kernel.now_us + 1 * MS)
    links.unblock()
    simulation.listeners.clear()
    for code in (leader, following, knowing):
        agree(simulation, by_code[code])
    assert all(block != sealed.block.hash for sealed in simulation.chain.blocks.values())
    return block
