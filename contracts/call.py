"""How a contract declares its calls: kind, payload, signers, failures, handler.

1. `check_call` refuses what can never be valid, in this order: `unknown-kind`, `bad-data` naming
   the field, `missing-signer`. It needs no state.
2. When a call executes, its signers are judged first, one after the other, then the handler runs;
   it raises its failures in the order in which the declaration lists them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from contracts.context import Context
from contracts.errors import CallError, Failure, require
from contracts.payload import Payload

__all__ = ["Call", "CallError", "Due", "Failure", "Role", "require"]

KEY_CLASS = "k"  # the class of a `key:` signer, which is no code
STANDING_FAILURES = (
    "signer-unknown",
    "signer-revoked",
    "signer-suspended",
    "signer-expired",
    "signer-inactive",
)
OLD_BUSINESS = ("suspended", "expired")  # the standings in which what was begun goes on


@dataclass(frozen=True, slots=True)
class Role:
    """One signer of a call: what it is called, and the classes of codes it may be of."""

    name: str
    classes: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of transaction.

    `tolerates` lists the standings (suspended, expired, inactive) in which its signers may still
    act: old business goes on, what is expired may be renewed, and a node that is not active yet
    prepares to be. `changes` and `events` are for people.
    """

    kind: str
    title: str
    payload: type[Payload]
    signers: tuple[Role, ...]
    failures: Mapping[str, str]
    handler: Callable[[Context, Any], None]
    changes: str
    events: tuple[str, ...]
    tolerates: tuple[str, ...] = ()

    def parse(self, data: dict[str, Any]) -> Payload:
        """The payload of a transaction's data; raises CallError naming the first wrong field."""
        # The refusal is raised outside: as its context pydantic's error would live on, and with it,
        # since Python's collector cannot look into it, every frame that led here (a test).
        try:
            payload: Payload = self.payload.__pydantic_validator__.validate_python(data)
        except ValidationError as error:
            fault = _describe(error)
        else:
            return payload
        raise CallError("bad-data", fault)

    def check_signers(self, signers: Sequence[str]) -> None:
        """Raise CallError unless the signers are those that the call needs, in order."""
        given = len(signers)
        fits = given <= len(self.signers)
        for place, role in enumerate(self.signers):
            # A code begins with its class, a `key:` signer with the k that stands for its own.
            fits = fits and (signers[place][0] in role.classes if place < given else role.optional)
        if not fits:
            wanted = ", ".join(role.name for role in self.signers)
            raise CallError("missing-signer", f"{self.kind} is signed by: {wanted}")


def _describe(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "data"
    return f"{field}: {first['msg']}"


@dataclass(frozen=True, slots=True)
class Due:
    """One kind of work that a block does itself when its time has come.

    `clocks` are its queues: `time` for moments that the parties agreed, `working` for deadlines
    that punish silence. The handler gets the record's key.
    """

    action: str
    title: str
    clocks: tuple[str, ...]
    handler: Callable[[Context, bytes], None]
    changes: str
    events: tuple[str, ...]
