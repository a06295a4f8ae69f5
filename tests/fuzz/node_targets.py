"""What a peer reads of peers, clients and files, and what clients read of peers."""

import asyncio
import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ledger import codec
from ledger.crypto import SigningKey
from ledger.errors import FormatError, LedgerError
from ledger.genesis import MAX_GENESIS_BYTES
from ledger.snapshot import Body as SnapshotBody
from ledger.snapshot import Manifest as SnapshotManifest
from ledger.snapshot import StatePart, verify_body, verify_state_part
from node import snapshot_frames
from node.api import keys
from node.api.audit import parse_industry, parse_order, parse_region, parse_time
from node.api.cursors import compose_cursor, read_cursor
from node.api.parameters import (
    parse_cursor,
    parse_digest,
    parse_final,
    parse_number,
    parse_seconds,
    parse_switch,
    parse_word,
)
from node.api.problems import Problem
from node.api.statements import parse_code
from node.api.submission import Submission, read_json, read_msgpack
from node.backup import MANIFEST, BackupError, read_manifest
from node.check.headers import read_final
from node.client import calls
from node.client.bundle import Bundle, BundleError, decode_bundle
from node.client.calls import Call, read_answer
from node.client.errors import ClientError, PartError
from node.client.parts import Part, make_draft, read_draft, read_part
from node.client.state import StateParser, compose_frames
from node.client.statement import join_statement
from node.client.stream import StreamParser
from node.client.verify import verify_bundle
from node.config import load_config, parse_address, read_genesis
from node.enrolment import (
    Profile,
    Validity,
    decode_request,
    encode_request,
    make_keys,
    make_request,
)
from node.errors import ConfigError, NetworkError
from node.frames import MAX_FRAME_BYTES, BlockBody, decode_frame, encode_frame
from node.greeting import check_hello
from node.keys import Role, load_certificates, load_key, save_certificates, save_key
from node.link import Link, LinkLimits, Traffic
from node.sync import block_of_body
from tests.fuzz import seeds
from tests.fuzz.ledger_targets import list_certificates
from tests.fuzz.target import Target

MAX_BATCH = 64
SCOPE = ("a list", "filter", None)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _read_file(name: str, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
    """Reads bytes as a file of this name."""

    def read_bytes(data: bytes) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.touch(0o600)
            path.write_bytes(data)
            return read(path)

    return read_bytes


@cache
def _write_file(write: Callable[[Path], object]) -> bytes:
    """The bytes that something writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write(path)
        return path.read_bytes()


# --- between peers


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
            snapshot_frames.HeaderPart(7, 0, (body.header,)),
            snapshot_frames.ResultPart(7, 1, b"", ((b"leaf",),), b""),
            snapshot_frames.BodyPart(7, 1, (SnapshotBody(body.raws, finalization),)),
        )
    )


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
PEERS = (
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
    Target("state part", read_state_part, (LedgerError,), list_snapshot_frames, ()),
    Target("body of a snapshot", read_snapshot_body, (LedgerError,), seeds.list_frames, ()),
    Target(
        "mfinal",
        read_final,
        (LedgerError,),
        lambda: (codec.encode([7, [bytes(32)]]),),
        ("node.check.headers:read_final",),
        lambda value: codec.encode([value[0], list(value[1])]),
    ),
)

# --- clients of a peer


def write_submission(submission: Submission) -> bytes:
    """The body of MessagePack that a submission came in."""
    return submission.raws[0] if submission.single else codec.encode(list(submission.raws))


@cache
def list_bodies() -> tuple[bytes, ...]:
    """Submissions in MessagePack."""
    raws = seeds.get_body().raws
    return (raws[0], codec.encode(list(raws)))


@cache
def list_json_bodies() -> tuple[bytes, ...]:
    """Submissions in JSON."""
    from base64 import b64encode

    items = []
    for raw in seeds.get_body().raws:
        body, signatures = codec.decode(raw)
        shown = [b64encode(item).decode() for item in signatures]
        items.append({"body": b64encode(body).decode(), "signatures": shown})
    return (json.dumps(items[0]).encode(), json.dumps(items).encode())


def read_position(data: bytes) -> object:
    """A cursor of a list."""
    return read_cursor(parse_cursor(_text(data)), SCOPE, (int, bytes))


_PARSERS: tuple[tuple[str, Callable[[str], Any], str], ...] = (
    ("node.api.parameters:parse_number", parse_number, "17"),
    ("node.api.parameters:parse_digest", parse_digest, "ab" * 32),
    ("node.api.parameters:parse_switch", parse_switch, "true"),
    ("node.api.parameters:parse_seconds", parse_seconds, "2.5"),
    ("node.api.parameters:parse_word", parse_word, "lease.close"),
    ("node.api.parameters:parse_cursor", parse_cursor, "AAAA"),
    ("node.api.parameters:parse_final", parse_final, "final"),
    ("node.api.audit:parse_time", parse_time, "2026-04-02T00:00:00+08:00"),
    ("node.api.audit:parse_order", parse_order, "newest"),
    ("node.api.audit:parse_region", parse_region, "52"),
    ("node.api.audit:parse_industry", parse_industry, "I"),
    ("node.api.statements:parse_code", parse_code, seeds.MEMBER),
    ("node.config:parse_address", parse_address, "[::1]:8080"),
)


def _make_parameter(entry: str, parse: Callable[[str], Any], seed: str) -> Target:
    name = f"parameter {entry.partition(':')[2]}"
    return Target(
        name, lambda data: parse(_text(data)), (ValueError,), lambda: (seed.encode(),), (entry,)
    )


CLIENTS = (
    Target(
        "submission",
        lambda data: read_msgpack(data, MAX_BATCH),
        (Problem,),
        list_bodies,
        ("node.api.submission:read_msgpack",),
        write_submission,
    ),
    Target(
        "submission in JSON",
        lambda data: read_json(data, MAX_BATCH),
        (Problem,),
        list_json_bodies,
        ("node.api.submission:read_json",),
        is_json=True,
    ),
    Target(
        "cursor",
        read_position,
        (Problem, ValueError),
        lambda: (compose_cursor(SCOPE, [7, b"key"]).encode(),),
        ("node.api.cursors:read_cursor",),
        lambda position: compose_cursor(SCOPE, position).encode(),
    ),
    Target(
        "fields of a key",
        lambda data: keys.join(_text(data).split("/")),
        (FormatError,),
        lambda: (b"lease/R520000000001000000001VO/0x0000000000000007", b"price/gpu-1"),
        (),
    ),
    *(_make_parameter(*parser) for parser in _PARSERS),
)

# --- files and documents


@cache
def get_draft() -> bytes:
    """A draft with a signature."""
    stage = seeds.get_stage()
    raw = seeds.get_body().raws[0]
    return make_draft(stage.genesis.hash, codec.decode(raw)[0]).encode().encode()


@cache
def get_part() -> bytes:
    """A signature of one signer."""
    body, signatures = codec.decode(seeds.get_body().raws[0])
    del body
    return Part("ab" * 32, seeds.MEMBER, signatures[0]).encode().encode()


@cache
def get_request() -> bytes:
    """A request for a certificate."""
    profile = Profile(seeds.MEMBER, "peer.example:7000", "https://peer.example", name="贵州")
    validity = Validity.from_days(1_775_059_200_999, 365)
    return encode_request(
        make_request("trial", profile, make_keys(seeds.MEMBER, b"a seed"), validity)
    ).encode()


@cache
def get_manifest() -> bytes:
    """What a backup says of itself."""
    document = {
        "version": 1,
        "store_format": 1,
        "chain": "a-chain",
        "genesis_hash": "ab" * 32,
        "height": 7,
        "block": "cd" * 32,
        "state_root": "ef" * 32,
        "entries": 9,
        "files": [{"name": "000005.ldb", "size": 3, "sha256": "01" * 32}],
    }
    return json.dumps(document).encode()


CONFIGURATION = f"""
version = 1
code = "{seeds.MEMBER}"
genesis_hash = "{"ab" * 32}"
[listen]
http = "127.0.0.1:8080"
""".encode()


def _save_key(path: Path) -> None:
    save_key(path, Role.PEER, SigningKey.from_seed(bytes(32)), seeds.MEMBER)


def _save_certificates(path: Path) -> None:
    save_certificates(path, list_certificates())


FILES = (
    Target(
        "request file",
        lambda data: decode_request(_text(data)),
        (FormatError,),
        lambda: (get_request(),),
        ("node.enrolment:decode_request",),
        is_json=True,
    ),
    Target(
        "draft",
        lambda data: read_draft(_text(data)),
        (PartError,),
        lambda: (get_draft(),),
        ("node.client.parts:read_draft",),
        is_json=True,
    ),
    Target(
        "part",
        lambda data: read_part(_text(data)),
        (PartError,),
        lambda: (get_part(),),
        ("node.client.parts:read_part",),
        is_json=True,
    ),
    Target(
        "manifest",
        _read_file(MANIFEST, lambda path: read_manifest(path.parent)),
        (BackupError,),
        lambda: (get_manifest(),),
        ("node.backup:read_manifest",),
        is_json=True,
    ),
    Target(
        "key file",
        _read_file("a.key", load_key),
        (ConfigError,),
        lambda: (_write_file(_save_key),),
        ("node.keys:load_key",),
    ),
    Target(
        "certificate file",
        _read_file("a.pem", load_certificates),
        (ConfigError,),
        lambda: (_write_file(_save_certificates),),
        ("node.keys:load_certificates",),
    ),
    Target(
        "genesis file",
        _read_file("genesis.bin", read_genesis),
        (ConfigError,),
        lambda: (seeds.get_stage().genesis.data,),
        ("node.config:read_genesis",),
        buffer_bytes=MAX_GENESIS_BYTES,
    ),
    Target(
        "configuration",
        _read_file("node.toml", load_config),
        (ConfigError,),
        lambda: (CONFIGURATION,),
        ("node.config:load_config",),
    ),
)

# --- what clients hear of peers


def write_bundle(found: tuple[Bundle, bool]) -> bytes:
    """The text of a bundle; one whose digest is wrong has no other."""
    bundle, is_whole = found
    return bundle.encode() if is_whole else b""


def read_whole_bundle(data: bytes) -> tuple[Bundle, bool]:
    """A bundle whose digest is right."""
    bundle, is_whole = decode_bundle(data)
    if not is_whole:
        raise BundleError("digest", "is of another text")
    return bundle, is_whole


def _read_call(call: Call[Any]) -> Callable[[bytes], Any]:
    return lambda data: read_answer(200, "application/json", data, call)


def _read_problem(data: bytes) -> Any:
    return read_answer(429, "application/problem+json", data, calls.get_document("/"))


@cache
def get_chain_answer() -> bytes:
    """The answer of `GET /v1/genesis`."""
    from base64 import b64encode

    genesis = seeds.get_stage().genesis
    document = {
        "document": b64encode(genesis.data).decode(),
        "hash": genesis.hash.hex(),
        "chain": genesis.chain,
    }
    return json.dumps(document).encode()


OUTCOME = b'{"id":"ab","status":"final","code":"ok","height":"7","index":"0"}'
REFUSED = b'{"status":"refused","problem":{"code":"busy","status":503,"retry_after_s":"1.5"}}'
PROBLEM = b'{"code":"busy","status":429,"title":"Full","retry":true,"retry_after_s":"1.5"}'
PAGE = b'{"items":[{"a":"1"}],"next":null}'
STATEMENT = json.dumps(
    [
        {
            "first_height": "1",
            "last_height": "9",
            "at_height": "9",
            "next": None,
            "opening": {"free": "5"},
            "closing": {"free": "7"},
            "items": [
                {
                    "id": "x",
                    "changes": {"free": "2"},
                    "after": {"free": "7"},
                    "postings": [
                        {"bucket": "free", "change": "2"},
                        {"bucket": "issued", "change": "2"},
                    ],
                }
            ],
        }
    ]
).encode()


def read_statement(data: bytes) -> Any:
    """The pages of a statement, each as a client reads it."""
    call: Call[Any] = Call("GET", "/v1/statements", list)
    pages = _read_call(call)(data)
    return join_statement(pages)


def read_state(data: bytes) -> Any:
    """The stream of a whole state."""
    parser = StateParser()
    frames = parser.feed(data)
    parser.finish()
    return frames


@cache
def get_state_stream() -> bytes:
    """A short one."""
    return b"".join(compose_frames(b"bundle", [(b"k", b"v")], [(b"d", b"")]))


PEOPLE = (
    Target(
        "bundle",
        read_whole_bundle,
        (BundleError,),
        lambda: (seeds.get_bundle().encode(),),
        ("node.client.bundle:decode_bundle",),
        write_bundle,
        is_json=True,
    ),
    Target(
        "verified bundle",
        lambda data: verify_bundle(data, seeds.get_bundle_hash()),
        (BundleError,),
        lambda: (seeds.get_bundle().encode(),),
        (),
        is_json=True,
    ),
    Target(
        "answer: outcome",
        _read_call(calls.submit(b"", None)),
        (ClientError,),
        lambda: (OUTCOME, REFUSED),
        ("node.client.outcome:read_outcome", "node.client.calls:read_answer"),
        is_json=True,
    ),
    Target(
        "answer: outcomes",
        _read_call(calls.submit_many([b"", b""], None)),
        (ClientError,),
        lambda: (b"[" + OUTCOME + b"," + REFUSED + b"]",),
        (),
        is_json=True,
    ),
    Target(
        "answer: page",
        _read_call(calls.list_records("t", (), None)),
        (ClientError,),
        lambda: (PAGE,),
        (),
        is_json=True,
    ),
    Target(
        "answer: height",
        _read_call(calls.get_height()),
        (ClientError,),
        lambda: (b'{"header":{"height":"7"}}',),
        (),
        is_json=True,
    ),
    Target(
        "answer: chain",
        _read_call(calls.get_chain()),
        (ClientError,),
        lambda: (get_chain_answer(),),
        (),
        is_json=True,
    ),
    Target(
        "answer: problem",
        _read_problem,
        (ClientError,),
        lambda: (PROBLEM,),
        ("node.client.calls:read_refusal",),
        is_json=True,
    ),
    Target(
        "statement",
        read_statement,
        (ClientError,),
        lambda: (STATEMENT,),
        (),
        is_json=True,
    ),
    Target(
        "events",
        lambda data: StreamParser().feed(data),
        (ClientError,),
        lambda: (b'id: 7:0\nevent: result\ndata: {"code":"ok"}\n\n: still here\n\n',),
        (),
    ),
    Target("state stream", read_state, (ClientError,), lambda: (get_state_stream(),), ()),
)

TARGETS = (*PEERS, *CLIENTS, *FILES, *PEOPLE)
