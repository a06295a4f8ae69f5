"""The errors of the SDK, each with what to do next.

ClientError
├── Unreachable     no answer: try again, or another peer; resubmitting is always safe
├── Rejected        the peer answered with a problem document; `retry` says whether to try again
├── NotFinal        accepted, but not final in the time given: wait again, nothing is lost
├── WrongChain      the peer keeps another chain than the one that was pinned: check the address
├── Unexpected      the answer is not what a peer of this version sends: check the address
└── PartError       a draft or signature file is damaged, or does not belong to the others
"""

from typing import Any, Final

# What reading a document raises that is not what was asked for; a number may be infinite in JSON.
MALFORMED: Final = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


class ClientError(Exception):
    """An error of the SDK; `retry` says whether the same call may succeed later."""

    retry = False


class Unreachable(ClientError):
    """No answer came; a submission may have arrived, and resubmitting it is safe."""

    retry = True


class Rejected(ClientError):
    """The peer answered with a problem document (RFC 9457)."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.code = str(document.get("code", "unknown"))
        status = document.get("status")
        self.status = status if type(status) is int else 0
        self.detail = str(document.get("detail", ""))
        self.retry = document.get("retry") is True
        self.retry_after_s = _read_seconds(document.get("retry_after_s"))
        title = str(document.get("title", self.code))
        super().__init__(f"{title}: {self.detail} [{self.code}]" if self.detail else title)


class NotFinal(ClientError):
    """The transaction was accepted and is not final yet."""

    retry = True

    def __init__(self, id_: str, seconds: float) -> None:
        super().__init__(
            f"{id_} is not final after {seconds:g} s; it stays accepted until its last height: "
            "wait again"
        )
        self.id = id_


class WrongChain(ClientError):
    """The peer keeps another chain."""


class Unexpected(ClientError):
    """The answer is not one of this API."""


class PartError(ClientError):
    """A draft or signature file cannot be used."""


def _read_seconds(value: Any) -> float | None:
    try:
        return None if value is None else max(0.0, float(value))
    except (TypeError, ValueError):
        return None
