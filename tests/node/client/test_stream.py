"""Parsing the stream of events, however its bytes arrive."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.client import Unexpected
from node.client.stream import MAX_MESSAGE_BYTES, Message, StreamParser

TEXT = (
    b": hello\n\nretry: 1000\n\n"
    b'id: 1:0\nevent: result\ndata: {"a":"\xc3\xa4"}\n\n'
    b"id: 1:9\n\n"
    b':\n\nid: 2:0\nevent: block\ndata: {"b":"2"}\n\n'
)
MESSAGES = [Message("1:0", "result", {"a": "ä"}), Message("2:0", "block", {"b": "2"})]


@given(st.lists(st.integers(0, len(TEXT)), max_size=20))
def test_any_cut_gives_the_same_messages(cuts: list[int]) -> None:
    parser = StreamParser()
    edges = [0, *sorted(cuts), len(TEXT)]
    found = [message for start, end in pairwise(edges) for message in parser.feed(TEXT[start:end])]
    assert found == MESSAGES
    assert parser.last_id == "2:0"


def test_a_bare_id_moves_on() -> None:
    parser = StreamParser("1:0")
    assert parser.feed(b"id: 7:3\n\n") == []
    assert parser.last_id == "7:3"


def test_half_a_message_is_forgotten() -> None:
    parser = StreamParser()
    parser.feed(b'id: 1:0\ndata: {"half')
    parser.restart()
    assert parser.feed(b'id: 1:0\ndata: {"a":1}\n\n') == [Message("1:0", "message", {"a": 1})]


def test_nonsense_is_refused() -> None:
    with pytest.raises(Unexpected):
        StreamParser().feed(b"data: {\n\n")
    with pytest.raises(Unexpected):
        StreamParser().feed(b"x" * (MAX_MESSAGE_BYTES + 1))
