"""The small types that must not be mixed, and the bounds that every part shares."""

from typing import NewType

Height = NewType("Height", int)  # of a block; 0 is the genesis
View = NewType("View", int)  # of consensus, counted anew in every epoch
Epoch = NewType("Epoch", int)  # a span of blocks with one validator set, from 0
Digest = NewType("Digest", bytes)  # 32 bytes of SHA-256
PublicKey = NewType("PublicKey", bytes)  # 32 bytes of Ed25519
Signature = NewType("Signature", bytes)  # 64 bytes of Ed25519
Code = NewType("Code", str)  # an identity, 24 characters (ledger.code)
MicroYuan = NewType("MicroYuan", int)  # 1 CNY = 1 000 000
TimeMs = NewType("TimeMs", int)  # milliseconds since the Unix epoch, from the block

DIGEST_BYTES = 32
KEY_BYTES = 32
SIGNATURE_BYTES = 64
NONCE_BYTES = 16
ZERO_DIGEST = Digest(bytes(DIGEST_BYTES))

MAX_AMOUNT = (
    1 << 63
) - 1  # of micro-yuan, unit-seconds, milliseconds: all fit a signed 64-bit word
MAX_HEIGHT = (1 << 48) - 1
