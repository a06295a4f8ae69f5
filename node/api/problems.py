"""Problem documents (RFC 9457): every refusal has a stable code, a status and what to do about it.

    {"type": "/problems/<code>", "title": ..., "status": 422, "detail": ..., "code": "<code>",
     "retry": false}

`retry` says whether the same request may succeed later; `retry_after_s`, where given, when. The
catalogue is served at `/problems` and is what the type URIs lead to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.errors import Refused


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """What all problems of one code have in common."""

    status: int
    title: str
    advice: str
    retry: bool = False


_SENT = "Correct the request; the same bytes fail again."
_SIGNED = "Make and sign the transaction anew; the same bytes fail again."

CATALOGUE: Final[Mapping[str, ProblemKind]] = {
    # the request as such
    "bad-request": ProblemKind(400, "The request is malformed", _SENT),
    "bad-json": ProblemKind(400, "The body is not the JSON that is asked for", _SENT),
    "bad-parameter": ProblemKind(400, "A parameter has a wrong value", _SENT),
    "unknown-parameter": ProblemKind(400, "A parameter is not known here", _SENT),
    "bad-cursor": ProblemKind(
        400, "The cursor was not made by this list", "Begin the list anew, without a cursor."
    ),
    "bad-batch": ProblemKind(400, "The body is neither a transaction nor a batch", _SENT),
    "not-found": ProblemKind(404, "There is no such thing here", "Check the id, height or key."),
    "method-not-allowed": ProblemKind(405, "The method is not allowed here", _SENT),
    "body-timeout": ProblemKind(408, "The body did not arrive in time", "Send it again.", True),
    "pruned": ProblemKind(
        410, "This peer no longer keeps it", "Ask an archive, such as the national node."
    ),
    "too-many": ProblemKind(400, "More than one answer can hold", "Ask for less at once."),
    "not-yet": ProblemKind(503, "Not there yet", "Try again after the next block.", True),
    "too-large": ProblemKind(413, "Larger than is allowed", "Send less at once."),
    "unsupported-media-type": ProblemKind(
        415,
        "The content type is not taken",
        "Send application/msgpack or application/json, without a content encoding.",
    ),
    "too-many-requests": ProblemKind(429, "Too many requests", "Wait, then send it again.", True),
    "too-many-open": ProblemKind(
        429, "Too many requests of this client are open", "Close some, then try again.", True
    ),
    "internal": ProblemKind(500, "The peer failed", "Try again, or tell the operator.", True),
    # a transaction that could never be valid
    "encoding": ProblemKind(400, "Not MessagePack", _SENT),
    "non-canonical": ProblemKind(400, "Not in canonical form", _SENT),
    "too-deep": ProblemKind(400, "Nested too deep", _SENT),
    "format": ProblemKind(400, "Not the form of a transaction", _SENT),
    "bad-data": ProblemKind(400, "The data does not fit the kind", _SIGNED),
    "bad-code": ProblemKind(400, "A code is not well formed", _SIGNED),
    "signature-count": ProblemKind(400, "Signers and signatures do not match", _SENT),
    "wrong-chain": ProblemKind(422, "Made for another chain", _SIGNED),
    "unknown-kind": ProblemKind(422, "There is no such kind of transaction", _SIGNED),
    "unknown-signer": ProblemKind(
        422, "A signer is not known to the ledger", "Register the identity first, then sign anew."
    ),
    "missing-signer": ProblemKind(422, "A signer that the kind needs is missing", _SIGNED),
    "extra-signer": ProblemKind(422, "A signer stands there whom the kind does not ask", _SIGNED),
    "signature": ProblemKind(422, "A signature is wrong", _SIGNED),
    "bad-signature": ProblemKind(422, "A signature is wrong", _SIGNED),
    "expired": ProblemKind(422, "Its last height is past", _SIGNED),
    "key-rotated": ProblemKind(422, "The signer has another key by now", _SIGNED),
    "until-too-far": ProblemKind(422, "Its last height is too far ahead", _SIGNED),
    "duplicate": ProblemKind(422, "Another transaction of this id is known", _SIGNED),
    # a transaction that is not taken now
    "quota": ProblemKind(
        429, "The signer has too many waiting", "Wait until some are final.", True
    ),
    "busy": ProblemKind(503, "The peer is full", "Try again, or another peer.", True),
    "not-ready": ProblemKind(503, "The peer is not ready", "Try again, or another peer.", True),
}


class Problem(Exception):
    """A request that is answered with a problem document; `extra` are further members."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        retry: bool | None = None,
        retry_after_s: float | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        kind = CATALOGUE.get(code)
        self.code = code
        self.detail = detail
        self.retry = retry if retry is not None else kind is not None and kind.retry
        self.retry_after_s = retry_after_s
        self.extra = extra or {}
        self.title = kind.title if kind is not None else code.replace("-", " ").capitalize()
        if status is None:
            status = kind.status if kind is not None else (503 if self.retry else 422)
        self.status = status

    def as_json(self) -> dict[str, Any]:
        """The document."""
        document: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "retry": self.retry,
        }
        if self.retry_after_s is not None:
            document["retry_after_s"] = f"{self.retry_after_s:.3f}"
        return document | dict(self.extra)


def as_problem(refused: Refused) -> Problem:
    """The problem of a transaction that was not taken."""
    return Problem(refused.code, str(refused), retry=refused.retry)
