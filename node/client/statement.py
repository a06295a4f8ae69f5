"""Statements as they come from a peer: joined out of pages, and added up again."""

from collections.abc import Iterable, Mapping
from typing import Any

from node.client.errors import MALFORMED, Unexpected

Document = dict[str, Any]


def join_statement(pages: Iterable[Document]) -> Document:
    """One statement out of all its pages; raises Unexpected unless everything adds up.

    Each page opens as the one before closed, and goes on at the next block; each movement leaves
    what was there before and its changes; in each, the postings of all sides together are zero.
    """
    joined: Document = {}
    for page in pages:
        try:
            _check_page(page, joined)
            ends = {name: page[name] for name in ("closing", "last_height", "next", "at_height")}
        except MALFORMED as error:
            raise Unexpected(f"the peer's statement is malformed: {error}") from None
        if not joined:
            joined = {**page, "items": []}
        joined["items"] += page["items"]
        joined |= ends
    return joined


def _check_page(page: Document, before: Document) -> None:
    if before:
        continues = int(page["first_height"]) == int(before["last_height"]) + 1
        if not continues or _differs(_read(page["opening"]), _read(before["closing"])):
            raise Unexpected("the peer's statement does not go on where its page before ended")
    buckets = _read(page["opening"])
    for item in page["items"]:
        for name, change in _read(item["changes"]).items():
            buckets[name] = buckets.get(name, 0) + change
        if _differs(_read(item["after"]), buckets) or _sum_postings(item["postings"]):
            raise Unexpected(f"the movement {item['id']} of the peer's statement does not add up")
    closing = _read(page["closing"])
    if _differs(buckets, closing):
        raise Unexpected("the peer's statement does not close with what its movements leave")


def _read(buckets: Mapping[str, str]) -> dict[str, int]:
    return {name: int(text) for name, text in buckets.items()}


def _differs(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    """Whether any bucket holds something else; one that is not named holds nothing."""
    return any(one.get(name, 0) != other.get(name, 0) for name in {**one, **other})


def _sum_postings(postings: Iterable[Mapping[str, Any]]) -> int:
    """Zero: what one side has more, another has less, and what was issued stands against it."""
    return sum(
        -int(posting["change"])
        if posting["bucket"].startswith("issued")
        else int(posting["change"])
        for posting in postings
    )
