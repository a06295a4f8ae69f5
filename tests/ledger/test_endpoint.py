"""Endpoints: what can be dialled, and nothing else."""

import pytest

from ledger.endpoint import check_http_endpoint, check_peer_endpoint
from ledger.errors import FormatError


@pytest.mark.parametrize("text", ["peer.example:7000", "127.0.0.1:1", "[::1]:65535"])
def test_where_peers_listen(text: str) -> None:
    assert check_peer_endpoint(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "peer.example", "peer.example:", "peer:0", "peer:65536", "peer:99999", "::1:7000", "a b:1",
     "http://peer:1", "peer:1/", "x" * 255 + ":1", "节点:7000", 7],
)  # fmt: skip
def test_where_nobody_listens(text: object) -> None:
    with pytest.raises(FormatError):
        check_peer_endpoint(text)


@pytest.mark.parametrize(
    "text", ["https://peer.example", "http://[::1]:8080", "http://10.0.0.1:80"]
)
def test_where_clients_ask(text: str) -> None:
    assert check_http_endpoint(text) == text


@pytest.mark.parametrize("text", ["peer:80", "https://peer/path", "http://peer:65536", "ftp://p"])
def test_where_no_client_asks(text: str) -> None:
    with pytest.raises(FormatError):
        check_http_endpoint(text)
