"""Who lies in a run, and how."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Who lies (a place among the validators), and the names of the habits; `Twin` stands alone."""

    place: int
    habits: tuple[str, ...]
