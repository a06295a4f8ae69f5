"""Who was heard lately, counted in views (rule 7: a silent leader is not waited for)."""

from consensus.validators import ValidatorSet
from ledger.primitives import View


class Presence:
    """The view in which each validator was last heard."""

    __slots__ = ("_heard", "_me", "_validators")

    def __init__(self, validators: ValidatorSet, me: int | None, view: View) -> None:
        self._validators = validators
        self._me = me
        self._heard = [view] * validators.n

    def hear(self, index: int, view: View) -> None:
        """A message came from this validator while this peer was in `view`."""
        self._heard[index] = view

    def list_silent(self, view: View) -> list[int]:
        """The validators that were not heard for n views."""
        floor = view - self._validators.n
        return [
            index for index, heard in enumerate(self._heard) if heard <= floor and index != self._me
        ]

    def is_silent(self, index: int, view: View) -> bool:
        """Whether this one was not heard for n views while q others (the peer counted) were."""
        floor = view - self._validators.n
        if self._heard[index] > floor:
            return False
        silent = len(self.list_silent(view))
        return self._validators.n - silent >= self._validators.quorum
