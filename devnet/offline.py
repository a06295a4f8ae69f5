"""Verifying a bundle where no network can be: `python -m devnet.offline BUNDLE GENESIS_HASH`.

Before anything of ours is loaded, sockets are replaced by something that refuses, and an audit hook
of the interpreter refuses whatever would reach for one by another way, or start a process that
could. The file and the hash are all that goes in; the report goes out as JSON.
"""

import sys
from typing import Any, NoReturn

BANNED = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system")


class SocketsBlocked(Exception):
    """Something reached for the network."""


def _refuse(*_arguments: Any, **_named: Any) -> NoReturn:
    raise SocketsBlocked("sockets are blocked here")


class _NoSocket:
    """Stands where the class of sockets stood; modules may derive from it, and that is all."""

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        _refuse()


def _watch(event: str, _arguments: tuple[Any, ...]) -> None:
    if event.startswith(BANNED):
        raise SocketsBlocked(f"{event} is blocked here")


def block_sockets() -> None:
    """Make this process unable to reach a network, for good."""
    import socket

    socket.socket = _NoSocket  # type: ignore[misc,assignment]
    socket.create_connection = _refuse
    socket.getaddrinfo = _refuse
    sys.addaudithook(_watch)


def check_blocked() -> None:
    """Raise AssertionError if a connection could be tried at all."""
    import _socket

    for make in (lambda: _socket.socket(), lambda: __import__("socket").socket()):
        try:
            make()
        except SocketsBlocked:
            continue
        raise AssertionError("a socket could be made")


def main() -> int:
    """Verify a bundle; 0 and a report, or 1 and what broke."""
    block_sockets()
    check_blocked()
    import json
    from pathlib import Path

    from ledger.errors import LedgerError
    from ledger.primitives import Digest
    from node.client.verify import verify_bundle

    path, genesis_hash = Path(sys.argv[1]), Digest(bytes.fromhex(sys.argv[2]))
    try:
        verified = verify_bundle(path.read_bytes(), genesis_hash)
    except LedgerError as error:
        print(json.dumps({"verified": False, "error": str(error)}))
        return 1
    report = verified.as_json() | {"lines": list(verified.iterate_lines())}
    print(json.dumps(report, ensure_ascii=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
