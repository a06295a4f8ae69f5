"""Who agrees: Simplex BFT as a pure state machine over opaque digests (docs/spec/consensus.md).

`core` is the state machine, `event` and `action` are what goes in and comes out, `message` is what
travels, `certificate` stands alone for verifiers.
"""
