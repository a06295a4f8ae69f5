"""The trail of blocks as a peer makes it: with each block it executes, and anew when it starts.

The signers of a certificate are indexes into the validator set of its epoch: that of the block
which carries it, or, for the first block of an epoch, that of the block's parent.
"""

from collections.abc import Sequence

from consensus.certificate import Certificate
from ledger.block import Header, decode_header
from ledger.errors import LedgerError
from ledger.genesis import Genesis
from ledger.primitives import Epoch
from ledger.store import Store
from ledger.trail import MAX_STEPS, Step, Trail
from node.epochs import find_validators


def extend_trail(
    trail: Trail, header: Header, parent_certificate: bytes, members: tuple[str, ...]
) -> Trail:
    """The trail with a block on its parent's; `members` are the codes of the block's epoch."""
    signers = _list_signers(parent_certificate, header.epoch, members, trail.members)
    shown = tuple(dict.fromkeys(code for code in (header.proposer, *signers) if code))
    return trail.extended(Step(header.height, header.state_root, shown), members)


def load_trail(store: Store, genesis: Genesis, height: int | None = None) -> Trail:
    """The trail of a store's last block, or of the block at another final height."""
    last = store.height if height is None else height
    first = max(0, last + 1 - MAX_STEPS)
    # The block before them is read for its epoch's members only.
    before = store.get_header_bytes(max(0, first - 1))
    assert before is not None, "headers are never pruned"
    trail = Trail((), find_members(store, genesis, decode_header(before).epoch))
    for step in range(first, last + 1):
        block = store.get_block(step)
        assert block is not None, "the last blocks are never pruned"
        members = find_members(store, genesis, block.header.epoch)
        trail = extend_trail(trail, block.header, block.parent_certificate, members)
    return trail


def find_members(store: Store, genesis: Genesis, epoch: int) -> tuple[str, ...]:
    """The codes of the validators of an epoch, by index."""
    return tuple(find_validators(store, genesis, epoch).codes)


def _list_signers(
    data: bytes, epoch: Epoch, members: Sequence[str], before: Sequence[str]
) -> list[str]:
    """Who signed a parent's certificate; nobody where there is none."""
    try:
        certificate = Certificate.decode(data)
    except LedgerError:
        return []
    codes = members if certificate.epoch == epoch else before
    return [codes[index] for index in certificate.signers if index < len(codes)]
