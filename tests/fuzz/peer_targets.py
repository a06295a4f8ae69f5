"""What a peer reads of other peers."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from ledger import codec, merkle
from ledger.block import decode_header
from ledger.errors import FormatError, LedgerError
from ledger.snapshot import Body as SnapshotBody
from ledger.snapshot import (
    BodyPart,
    HeaderPart,
    ResultPart,
    StatePart,
    verify_body,
    verify_state_part,
)
from ledger.snapshot import Manifest as SnapshotManifest
from ledger.tree import compute_state_root
from node import snapshot_frames
from node.errors import NetworkError
from node.frames import MAX_FRAME_BYTES, BlockBody, decode_frame, encode_frame
from node.greeting import check_hello
from node.lineage import read_offer
from node.link import Link, LinkLimits, Traffic
from node.sync import block_of_body
from tests.fuzz import seeds
from tests.fuzz.target import Target


@cache
def list_snapshot_frames() -> tuple[bytes, ...]:
    """Frames about snapshots."""
    body = seeds.get_body()
    manifest = SnapshotManifest(body.header, 3, bytes(64), bytes(64))
    finalization = seeds.get_certificate().encode()
    ended = snapshot_frames.Ended(body.header, finalization, seeds.get_stage().validators.encode())
    envelope = codec.encode([0, b"a", 1, 0, 0, 0, b"", {"x": 1}])
    return tuple(
        encode_frame(frame)
        for frame in (
            snapshot_frames.WantSnapshot(),
            snapshot_frames.Offer(None),
            snapshot_frames.Offer(manifest, finalization),
            snapshot_frames.WantEpochs(0),
            snapshot_frames.EpochEnds(0, (ended,)),
            snapshot_frames.WantPart(7, snapshot_frames.PartKind.STATE, 0, 0, 0),
            StatePart(7, 0, bytes(32), ((b"a", envelope),), bytes(32)),
            HeaderPart(7, 0, (body.header,)),
            ResultPart(7, 1, b"", ((b"leaf",),), b""),
            BodyPart(7, 1, (SnapshotBody(body.raws, finalization),)),
        )
    )


@cache
def list_offers() -> tuple[bytes, ...]:
    """Offers of a snapshot whose roots lead to those of its header, and of none."""
    header = replace(
        decode_header(seeds.get_body().header),
        state_root=compute_state_root(3, bytes(32)),
        history_root=merkle.compute_root([bytes(32)]),
    )
    manifest = SnapshotManifest(header.encode(), 3, bytes(32), bytes(32))
    offers = (snapshot_frames.Offer(manifest, b"any"), snapshot_frames.Offer(None))
    return tuple(map(encode_frame, offers))


def read_offer_frame(data: bytes) -> object:
    """What is offered to who joins."""
    frame = decode_frame(data)
    if not isinstance(frame, snapshot_frames.Offer):
        raise FormatError("not an offer")
    return read_offer(frame)


def read_hello(data: bytes) -> object:
    """The first frame of a connection."""
    return check_hello(decode_frame(data), seeds.get_stage().genesis, seeds.MEMBER)


def read_state_part(data: bytes) -> object:
    """A part of a snapshot whose chunk it does not fit."""
    frame = decode_frame(data)
    if not isinstance(frame, StatePart):
        raise FormatError("not a part of a state")
    manifest = SnapshotManifest(seeds.get_body().header, 3, bytes(32), bytes(32))
    return verify_state_part(manifest, frame)


def read_snapshot_body(data: bytes) -> object:
    """A body whose header is certified."""
    frame = decode_frame(data)
    if not isinstance(frame, BlockBody):
        raise FormatError("not a body")
    sent = SnapshotBody(frame.raws, frame.parent_certificate)
    return verify_body(seeds.get_sealed().block.header, seeds.get_body().header, sent)


def read_block(data: bytes) -> object:
    """A block with the real body under another header."""
    body = seeds.get_body()
    return block_of_body(BlockBody(data, body.raws, body.parent_certificate))


class _Transport:
    def set_write_buffer_limits(self, high: int) -> None:
        pass


class _Writer:
    transport = _Transport()


def _read_link(most: int | None, passes: bool) -> Callable[[bytes], Any]:
    """Reads a frame off a connection; larger ones are refused, or read past."""

    async def read(data: bytes) -> Any:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        writer: Any = _Writer()
        link = Link("a peer", reader, writer, LinkLimits(MAX_FRAME_BYTES, 8, 1024), Traffic())
        return await (link.read_small(most or 0) if passes else link.read(most))

    return lambda data: _loop().run_until_complete(read(data))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


@cache
def list_framed() -> tuple[bytes, ...]:
    """Frames with their lengths."""
    return tuple(len(frame).to_bytes(4, "big") + frame for frame in seeds.list_frames())


_CUT = (LedgerError, NetworkError, EOFError)
TARGETS = (
    Target("link", _read_link(None, False), _CUT, list_framed, ("node.link:Link.read",)),
    Target("link of a stranger", _read_link(1024, False), _CUT, list_framed, ()),
    Target(
        "link that passes over",
        _read_link(64, True),
        _CUT,
        list_framed,
        ("node.link:Link.read_small",),
    ),
    Target(
        "frame",
        decode_frame,
        (LedgerError,),
        lambda: (*seeds.list_frames(), *list_snapshot_frames()),
        ("node.frames:decode_frame",),
        encode_frame,
    ),
    Target("hello", read_hello, (LedgerError, NetworkError), seeds.list_frames, ()),
    Target("block of a frame", read_block, (LedgerError,), lambda: (seeds.get_body().header,), ()),
    Target("offer", read_offer_frame, (LedgerError,), list_offers, ("node.lineage:read_offer",)),
    Target("state part", read_state_part, (LedgerError,), list_snapshot_frames, ()),
    Target("body of a snapshot", read_snapshot_body, (LedgerError,), seeds.list_frames, ()),
)
