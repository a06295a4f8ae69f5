"""What is known of a peer."""

from typing import Any

from ledger.primitives import ZERO_DIGEST
from node.contact import OFFSETS, Contact
from node.frames import Hello

NOW_MS = 1_700_000_000_000


def say(contact: Contact, ahead_ms: int) -> None:
    contact.hear_hello(Hello(1, ZERO_DIGEST, "A", 7, NOW_MS + ahead_ms), NOW_MS)


def test_a_hello_that_waited_does_not_make_a_clock_slow() -> None:
    nobody: Any = None
    contact = Contact(nobody, nobody, is_full=True)
    say(contact, 5)
    say(contact, -2_500)
    assert contact.offset_ms == 5
    assert contact.height == 7


def test_a_clock_that_is_slow_is_found_out() -> None:
    nobody: Any = None
    contact = Contact(nobody, nobody, is_full=True)
    say(contact, 0)
    for _ in range(OFFSETS):
        say(contact, -3_000)
    assert contact.offset_ms == -3_000
