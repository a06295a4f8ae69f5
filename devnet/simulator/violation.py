"""What a run ends with when something that must always hold did not."""


class Violation(AssertionError):
    """A named checker's finding."""

    def __init__(self, checker: str, detail: str) -> None:
        super().__init__(f"{checker}: {detail}")
        self.checker = checker
        self.detail = detail
