"""The floor: from where on a store has what it need not keep for ever.

    mfloor    canonical [lowest block with a body, with results, with entries in the index,
              lowest height after which the state can be read]

Block 0 is always there with its body and results. A store without `mfloor` has everything. What
lies below may still be there for a while: nobody may rely on it.
"""

from dataclasses import dataclass

from ledger import codec, schema, shape
from ledger.keyvalue import Change, Readable
from ledger.primitives import MAX_HEIGHT


@dataclass(frozen=True, slots=True)
class Floor:
    """The lowest heights; 1 and 0 where nothing is missing."""

    body: int = 1
    results: int = 1
    index: int = 1
    state: int = 0

    def has_body(self, height: int) -> bool:
        """Whether the transactions of a final block are here."""
        return height == 0 or height >= self.body

    def has_results(self, height: int) -> bool:
        """Whether the results of a final block are here."""
        return height == 0 or height >= self.results

    def compose(self) -> Change:
        """What says so on disk."""
        value = codec.encode([self.body, self.results, self.index, self.state])
        return schema.META_FLOOR, value


def read_floor(view: Readable) -> Floor:
    """The floor of a store, or of a snapshot of its disk; raises EncodingError or FormatError."""
    data = view.get(schema.META_FLOOR)
    if data is None:
        return Floor()
    fields = shape.check_tuple(codec.decode(data), "mfloor", 4)
    lows = (1, 1, 1, 0)
    for value, low in zip(fields, lows, strict=True):
        shape.check_integer(value, "a height of mfloor", low, MAX_HEIGHT)
    return Floor(*fields)
