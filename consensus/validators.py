"""The validator set of an epoch: who votes, with which key, and who leads a view.

Members stand in the order of their codes; a validator's *index* is its place in that order, and
votes and certificates name it by that index. The set's hash is the SHA-256 of its canonical
encoding [[code, key], ...] and stands in every vote, so that a signature made for one set never
counts in another.
"""

from collections.abc import Iterable
from typing import Final

from consensus.field import read_bytes, read_list, read_text
from ledger.codec import Value, decode, encode
from ledger.crypto import sha256
from ledger.errors import FormatError
from ledger.primitives import KEY_BYTES, Code, Digest, PublicKey, View

MAX_VALIDATORS: Final = 64  # 34 regions today
MAX_CODE_CHARACTERS: Final = 64
_MAX_SET_BYTES: Final = MAX_VALIDATORS * (MAX_CODE_CHARACTERS * 4 + KEY_BYTES + 16)


class ValidatorSet:
    """An immutable, ordered set of (code, key) pairs; n = 3f + 1 tolerates f faulty members."""

    __slots__ = ("_index", "codes", "f", "hash", "keys", "n", "quorum")

    def __init__(self, members: Iterable[tuple[Code, PublicKey]]) -> None:
        """Sort the members by code; FormatError for none, too many, or any given twice."""
        ordered = sorted(members)
        if not 1 <= len(ordered) <= MAX_VALIDATORS:
            raise FormatError(f"a validator set has 1 to {MAX_VALIDATORS} members")
        self.codes: Final = tuple(code for code, _ in ordered)
        self.keys: Final = tuple(key for _, key in ordered)
        self._index: Final = {code: index for index, code in enumerate(self.codes)}
        if len(self._index) != len(ordered) or len(dict.fromkeys(self.keys)) != len(ordered):
            raise FormatError("a validator set names a code or a key twice")
        for code, key in ordered:
            read_text(code, MAX_CODE_CHARACTERS, "code of a validator")
            read_bytes(key, KEY_BYTES, KEY_BYTES, "key of a validator")
        self.n: Final = len(ordered)
        self.f: Final = (self.n - 1) // 3
        self.quorum: Final = self.n - self.f
        self.hash: Final[Digest] = sha256(self.encode())

    def leader(self, view: View) -> int:
        """The index of the validator that proposes in `view`."""
        return view % self.n

    def find_index(self, code: Code) -> int | None:
        """The index of `code`, None for a stranger."""
        return self._index.get(code)

    def to_value(self) -> Value:
        """[[code, key], ...] in the order of the codes."""
        return [[code, key] for code, key in zip(self.codes, self.keys, strict=True)]

    def encode(self) -> bytes:
        """The canonical bytes; their SHA-256 is `hash`."""
        return encode(self.to_value())

    @classmethod
    def from_value(cls, value: Value) -> "ValidatorSet":
        """Read a decoded value; FormatError where it is not what `to_value` makes."""
        pairs: list[tuple[Code, PublicKey]] = []
        for item in read_list(value, 1, MAX_VALIDATORS, "a validator set"):
            code, key = read_list(item, 2, 2, "a validator")
            pairs.append(
                (
                    Code(read_text(code, MAX_CODE_CHARACTERS, "code of a validator")),
                    PublicKey(read_bytes(key, KEY_BYTES, KEY_BYTES, "key of a validator")),
                )
            )
        if pairs != sorted(pairs):
            raise FormatError("the validators are not in the order of their codes")
        return cls(pairs)

    @classmethod
    def decode(cls, data: bytes) -> "ValidatorSet":
        """Read canonical bytes; EncodingError or FormatError for anything else."""
        return cls.from_value(decode(data, _MAX_SET_BYTES))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ValidatorSet) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def __len__(self) -> int:
        return self.n

    def __repr__(self) -> str:
        return f"ValidatorSet(n={self.n}, hash={self.hash.hex()[:16]})"
