"""The errors of a peer.

NodeError
├── Refused             a submission that can never be ordered, or not now (`retry` says which)
├── ConfigError         the operator's files do not fit together
├── Diverged            this peer computed other roots than a certified block has: it stops
├── Restart             no failure: this peer begins anew, in another way
├── Fork                two blocks are final that are no ancestors of each other: it stops
├── KeyInUse            another peer votes with this one's key, right now: it stops
└── NetworkError        the other peer is not who it should be, or speaks garbage
"""


class NodeError(Exception):
    """An error of a peer; `code` is stable."""

    code = "node"
    exit_code = 1  # of a process that stops for it; 3 where no start helps before somebody looked

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class Refused(NodeError):
    """A transaction was not taken; with `retry` the same bytes may be taken later."""

    code = "refused"

    def __init__(self, message: str, code: str, retry: bool = False) -> None:
        super().__init__(message, code)
        self.retry = retry


class ConfigError(NodeError):
    """The configuration cannot be used; the message names the key and says what to do."""

    code = "config"


class Diverged(NodeError):
    """A certified block has other roots than this peer computed."""

    code = "diverged"
    exit_code = 3


class Restart(NodeError):
    """This peer ends what it does and begins anew, as its disks then say.

    `joins` says that it looks for a snapshot then.
    """

    code = "restart"

    def __init__(self, message: str, joins: bool) -> None:
        super().__init__(message)
        self.joins = joins


class Fork(NodeError):
    """More validators are faulty than the protocol bears."""

    code = "fork"
    exit_code = 3


class KeyInUse(NodeError):
    """Somebody else votes with this validator's key, now."""

    code = "key-in-use"
    exit_code = 3

    def __init__(self, code: str, key: bytes, why: str) -> None:
        super().__init__(
            f"the validator key {key.hex()[:16]} of {code} is in use elsewhere right now: {why}. "
            "This peer stops. Find the other one, and leave one of them off; make a new key and "
            "register it (identity.rotate_validator)."
        )


def make_fork(one: bytes, other: bytes) -> Fork:
    """The error of two final blocks."""
    return Fork(
        f"block {one.hex()} is final, and so is {other.hex()}, which is not its ancestor: more "
        "than a third of the validators signed twice. This peer stops; keep its folder as evidence."
    )


class NetworkError(NodeError):
    """The connection cannot be used."""

    code = "network"
