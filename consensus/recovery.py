"""What a restarted validator waits for before it votes again."""

from consensus.validators import ValidatorSet


class Recovery:
    """Reports of others on one's own newest votes; `incarnation` tells this restart's answers."""

    __slots__ = ("_needed", "_reports", "incarnation", "is_over")

    def __init__(self, validators: ValidatorSet, is_over: bool) -> None:
        self._needed = min(validators.f + 1, validators.n - 1)
        self._reports: dict[int, None] = {}
        self.incarnation = 0
        self.is_over = is_over

    def report(self, index: int) -> None:
        """Another validator has reported no newer vote of one's own."""
        self._reports[index] = None

    def count_reports(self) -> int:
        """How many others have reported."""
        return len(self._reports)

    def has_reports(self) -> bool:
        """Whether f + 1 others have reported: at least one of them is honest."""
        return len(self._reports) >= self._needed
