"""Making blocks: what a leader puts into one, and when.

1. Transactions in order of arrival, alive at the height, in no ancestor, their signatures checked
   under the keys that the parent's state names.
2. At least `interval_ms` lies between blocks, unless nothing is under way (a lone transaction is
   not kept waiting) or a block would be full. Without it tiny blocks burn the processors.
"""

from consensus.action import Propose
from consensus.validators import ValidatorSet
from ledger.crypto import Domain
from ledger.primitives import Digest, Epoch, TimeMs
from ledger.sealed import SealedBlock
from node.chain import Chain
from node.execution import Frame, Parent, execute_block
from node.judge import resolve_keys
from node.limits import BlockLimits
from node.mempool import Mempool, Pending
from node.ports import Ports

MIN_TRANSACTIONS = 16  # of a block whose limits were halved, where the genesis allows as many
MIN_BYTES = 128 * 1024


class Proposer:
    """Composes the blocks that this peer proposes."""

    def __init__(
        self,
        code: str,
        chain: Chain,
        mempool: Mempool,
        ports: Ports,
        limits: BlockLimits,
        domain: Domain,
    ) -> None:
        self._code = code
        self._chain = chain
        self._mempool = mempool
        self._ports = ports
        self._limits = limits
        self._domain = domain
        self.last_block_ms = 0  # monotonic, of the last block with transactions seen or made
        # Met with signatures under other keys than the parent's state names, by hash.
        self.stale: dict[Digest, Pending] = {}

    def compute_wait_ms(self, request: Propose) -> int:
        """How long to wait before making this block."""
        if request.empty_only or not len(self._mempool):
            return 0
        is_idle = not any(sealed.transactions for sealed in self._chain)
        is_full = len(self._mempool) >= self._limits.transactions >> request.limit_shift
        if is_idle or is_full:
            return 0
        since = self._ports.monotonic_ms() - self.last_block_ms
        return max(0, self._limits.interval_ms - since)

    def propose(
        self, request: Propose, epoch: Epoch, validators: ValidatorSet
    ) -> SealedBlock | None:
        """The block, executed; None when its parent is no longer here."""
        parent = self._chain.find_parent(request.parent)
        if parent is None:
            return None
        chosen = [] if request.empty_only else self._select(parent, request.limit_shift)
        certificate = request.parent_certificate
        frame = Frame(
            epoch=epoch,
            view=request.view,
            time_ms=TimeMs(max(parent.header.time_ms + 1, self._ports.wall_ms())),
            proposer=self._code,
            parent_certificate=b"" if certificate is None else certificate.encode(),
        )
        transactions = [pending.transaction for pending in chosen]
        if transactions:
            self.last_block_ms = self._ports.monotonic_ms()
        return execute_block(parent, frame, transactions, validators, self._domain)

    def _select(self, parent: Parent, limit_shift: int) -> list[Pending]:
        height = parent.header.height + 1
        limits = self._limits
        count = min(limits.transactions, max(limits.transactions >> limit_shift, MIN_TRANSACTIONS))
        size = min(limits.size_bytes, max(limits.size_bytes >> limit_shift, MIN_BYTES))
        taken = self._chain.list_branch_ids(parent.hash)
        chosen: list[Pending] = []
        for pending in self._mempool.select(height, count, size, taken):
            if pending.transaction.until > height + self._limits.window:
                continue
            if resolve_keys(parent.state, pending.transaction) == pending.keys:
                chosen.append(pending)
            else:
                self.stale[pending.transaction.hash] = pending
        return chosen
