"""The limits of blocks, which the genesis fixes for the whole network."""

from dataclasses import dataclass

from ledger.genesis import Genesis


@dataclass(frozen=True, slots=True)
class BlockLimits:
    """Counts, bytes and heights."""

    transactions: int
    size_bytes: int
    window: int
    interval_ms: int


def limits_of_genesis(genesis: Genesis) -> BlockLimits:
    """What the genesis document says."""
    consensus = genesis.consensus
    return BlockLimits(
        transactions=consensus.max_block_transactions,
        size_bytes=consensus.max_block_bytes,
        window=consensus.transaction_window,
        interval_ms=consensus.block_interval_ms,
    )
