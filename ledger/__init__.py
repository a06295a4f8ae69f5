"""What is recorded: encoding, keys, certificates, transactions, blocks, Merkle trees, state, store, proofs."""
