"""Where a node is found: `host:port` for peers, an http(s) URL for clients.

One rule for the genesis document and for every change of an endpoint later, so that whatever final
state says of a node can be dialled.
"""

import re

from ledger import shape
from ledger.codec import Value
from ledger.errors import FormatError

MAX_ENDPOINT = 255
MAX_PORT = 65_535

_HOST = r"(?:\[[0-9a-f:.]+\]|[0-9A-Za-z.-]+)"
_PEER = re.compile(rf"{_HOST}:([1-9][0-9]{{0,4}})")
_HTTP = re.compile(rf"https?://{_HOST}(?::([1-9][0-9]{{0,4}}))?")


def check_peer_endpoint(value: Value) -> str:
    """`host:port`, an IPv6 host in brackets; raises FormatError."""
    return _check(value, _PEER, "host:port")


def check_http_endpoint(value: Value) -> str:
    """An http or https URL without a path; raises FormatError."""
    return _check(value, _HTTP, "an http(s) URL")


def _check(value: Value, pattern: re.Pattern[str], form: str) -> str:
    endpoint = shape.check_text(value, "an endpoint", MAX_ENDPOINT)
    match = pattern.fullmatch(endpoint)
    if match is None or int(match[1] or 0) > MAX_PORT:
        raise FormatError(f"the endpoint {endpoint} is not {form}")
    return endpoint
