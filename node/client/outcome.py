"""What the peer says of a transaction."""

from dataclasses import dataclass, field
from typing import Any

from node.client.errors import MALFORMED, Rejected, Unexpected

PHASES = ("accepted", "final", "invalid", "refused")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a transaction came.

    `status` is accepted, final, invalid or refused; `code` is the result's when final (`ok` or a
    failure), the reason when invalid or refused. `height` and `index` are -1 until final.
    `document` is the peer's whole answer.
    """

    id: str
    status: str
    code: str = ""
    height: int = -1
    index: int = -1
    problem: Rejected | None = None
    document: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_settled(self) -> bool:
        """Whether nothing will change any more."""
        return self.status != "accepted"

    @property
    def is_ok(self) -> bool:
        """Whether it is final and did what it asked for."""
        return self.status == "final" and self.code == "ok"


def read_outcome(document: Any) -> Outcome:
    """The outcome of one entry of an answer; raises Unexpected."""
    try:
        status = document["status"]
        if status not in PHASES:
            raise Unexpected(f"the peer calls a transaction {status!r}")
        problem = Rejected(document["problem"]) if "problem" in document else None
        code = problem.code if problem is not None else ""
        return Outcome(
            id=document.get("id", ""),
            status=status,
            code=document.get("code", code),
            height=int(document.get("height", -1)),
            index=int(document.get("index", -1)),
            problem=problem,
            document=document,
        )
    except MALFORMED as error:
        raise Unexpected(f"the peer's answer about a transaction is malformed: {error}") from None
