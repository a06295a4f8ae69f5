"""Free ports of this machine, for peers that find each other by fixed addresses.

The ports lie below the range out of which systems take the local ports of outgoing connections:
else a restarted peer could find its port taken by somebody's connection.
"""

import random
import socket

from devnet.errors import DevnetError

HOST = "127.0.0.1"
FIRST_PORT = 12_000
LAST_PORT = 29_999


def find_ports(count: int) -> list[int]:
    """So many ports that nobody listens on now; raises DevnetError."""
    candidates = list(range(FIRST_PORT, LAST_PORT + 1))
    random.shuffle(candidates)
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            return found
        if is_free(port):
            found.append(port)
    raise DevnetError(f"fewer than {count} ports are free between {FIRST_PORT} and {LAST_PORT}")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
