"""Text that people write: what can be printed, by a rule of our own.

1. What Python calls printable follows the Unicode database of its version: a character that is new
   in one is none in the other. Validators with two versions would disagree about a transaction, and
   whoever sent such a character would divide them. So the characters that are refused stand here.
2. Refused are controls, format characters (they hide text, or turn it round), separators other than
   the space, surrogates, what is for private use, and what will never be a character. All others
   are let through, also those that nobody has assigned yet.
"""

import re
from typing import Final

# First and last of each range, as Unicode 14.0 has them; of the tags (U+E0000) the whole block.
REFUSED: Final[tuple[tuple[int, int], ...]] = (
    (0x00, 0x1F),
    (0x7F, 0xA0),
    (0xAD, 0xAD),
    (0x600, 0x605),
    (0x61C, 0x61C),
    (0x6DD, 0x6DD),
    (0x70F, 0x70F),
    (0x890, 0x891),
    (0x8E2, 0x8E2),
    (0x1680, 0x1680),
    (0x180E, 0x180E),
    (0x2000, 0x200F),
    (0x2028, 0x202F),
    (0x205F, 0x206F),
    (0x3000, 0x3000),
    (0xD800, 0xF8FF),
    (0xFDD0, 0xFDEF),
    (0xFEFF, 0xFEFF),
    (0xFFF0, 0xFFFB),
    (0xFFFE, 0xFFFF),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x13438),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    *((plane + 0xFFFE, plane + 0xFFFF) for plane in range(0x10000, 0xF0000, 0x10000)),
    (0xE0000, 0xE007F),
    (0xF0000, 0x10FFFF),
)
_UNPRINTABLE: Final = re.compile(
    "[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in REFUSED) + "]"
)


def is_printable(text: str) -> bool:
    """Whether all characters of a text can be printed; those of an empty one can."""
    return _UNPRINTABLE.search(text) is None
