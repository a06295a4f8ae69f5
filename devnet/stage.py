"""What a scenario shows while it works: one line a step, checked off when it came out right."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape


@dataclass(slots=True)
class Step:
    """A step that runs; `note` says what came out."""

    text: str
    show: Callable[[str], None]
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Add what is worth knowing of the outcome."""
        self.notes.append(text)

    def progress(self, text: str) -> None:
        """Say how far the step is."""
        self.show(f"{self.text}: {text}")


class Stage:
    """Prints the steps of a scenario."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line of its own."""
        self.console.print(text, highlight=False, soft_wrap=True)

    def title(self, text: str) -> None:
        """Print the heading of a part."""
        self.say(f"\n[bold]{escape(text)}[/]")

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[Step]:
        """Run a step behind a spinner; its line is printed when it is over."""
        begun = time.monotonic()
        with self.console.status(escape(text), spinner="dots") as line:
            step = Step(text, lambda shown: line.update(escape(shown)))
            try:
                yield step
            except BaseException:
                line.stop()
                self._print("[bold red]✗[/]", step, time.monotonic() - begun)
                raise
        self._print("[green]✓[/]", step, time.monotonic() - begun)

    def _print(self, mark: str, step: Step, seconds: float) -> None:
        time_ = f"[dim]{seconds:5.1f} s[/]"
        self.say(f" {mark} {time_}  {escape(step.text)}")
        for note in step.notes:
            self.say(f"            [dim]{escape(note)}[/]")
