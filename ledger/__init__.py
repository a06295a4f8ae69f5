"""What is recorded: encoding, keys, transactions, blocks, Merkle trees, state, store, proofs."""
