"""The errors of the contracts package.

    ContractError               has a stable `code`
    ├── CallError               a transaction that can never be valid: it enters no block
    ├── Failure                 a transaction that breaks a rule: only its code is recorded
    └── FoundingError           founders that no chain can begin with

All blame the input. A CallError is for ever; after a Failure the same call may succeed later.

    BrokenInvariant             due work that no rules may do: a fault of ours, and nobody goes on
"""

from collections.abc import Sequence


class ContractError(Exception):
    """An error of the contracts; `code` is stable and safe to show to the other side."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code


class CallError(ContractError):
    """The transaction has no known kind, no payload of its shape, or not the signers it needs."""


class Failure(ContractError):
    """A rule that the transaction breaks in the state in which it executes."""


class FoundingError(ContractError):
    """The founders do not make a network."""

    def __init__(self, message: str) -> None:
        super().__init__("founding", message)


class BrokenInvariant(Exception):
    """Due work came to what must never be; whoever meets it stops, loudly."""

    def __init__(self, height: int, wrong: Sequence[str]) -> None:
        super().__init__(f"block {height} breaks what must always hold: {'; '.join(wrong)}")
        self.height = height
        self.wrong = tuple(wrong)


def require(holds: object, code: str) -> None:
    """Raise the failure `code` unless the rule holds."""
    if not holds:
        raise Failure(code)
