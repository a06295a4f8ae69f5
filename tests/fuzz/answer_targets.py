"""What clients read of peers: bundles, answers and streams."""

import json
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from typing import Any

from node.client import calls
from node.client.bundle import Bundle, BundleError, decode_bundle
from node.client.calls import Call, read_answer
from node.client.errors import ClientError
from node.client.state import StateParser, compose_frames
from node.client.statement import join_statement
from node.client.stream import StreamParser
from node.client.verify import verify_bundle
from tests.fuzz import seeds
from tests.fuzz.target import Target


def read_whole_bundle(data: bytes) -> Bundle:
    """A bundle whose digest is right; of one whose digest is wrong there is another text."""
    bundle, is_whole = decode_bundle(data)
    if not is_whole:
        raise BundleError("digest", "is of another text")
    return bundle


def _read_call(call: Call[Any]) -> Callable[[bytes], Any]:
    return lambda data: read_answer(200, "application/json", data, call)


def _read_problem(data: bytes) -> Any:
    return read_answer(429, "application/problem+json", data, calls.get_document("/"))


@cache
def get_chain_answer() -> bytes:
    """The answer of `GET /v1/genesis`."""
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


TARGETS = (
    Target(
        "bundle",
        read_whole_bundle,
        (BundleError,),
        lambda: (seeds.get_bundle().encode(),),
        ("node.client.bundle:decode_bundle",),
        lambda bundle: bundle.encode(),
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
