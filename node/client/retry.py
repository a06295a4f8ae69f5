"""When to try again, and how long to wait before."""

import random
from dataclasses import dataclass

from node.client.errors import ClientError, Rejected


@dataclass(frozen=True, slots=True)
class Retry:
    """At most `attempts` in all; waits double from `first_s` to `most_s`, with jitter.

    Every call of the API may be repeated: a resubmitted transaction answers with what became of
    the first.
    """

    attempts: int = 4
    first_s: float = 0.2
    most_s: float = 5.0

    def compute_wait_s(self, error: ClientError, attempt: int) -> float | None:
        """Seconds until the next attempt, or None to give up; `attempt` counts from 1."""
        if not error.retry or attempt >= self.attempts:
            return None
        asked = error.retry_after_s if isinstance(error, Rejected) else None
        if asked is not None:
            return min(asked, self.most_s)
        return self.backoff_s(attempt)

    def backoff_s(self, attempt: int) -> float:
        """A wait that grows, between half and the whole of its step."""
        step = min(self.most_s, self.first_s * 2.0 ** min(attempt - 1, 16))
        return step * random.uniform(0.5, 1.0)  # noqa: S311  jitter is no secret


NO_RETRY = Retry(attempts=1)
