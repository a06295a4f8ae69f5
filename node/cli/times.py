"""Times as people write them on the command line, and the options that take a span of them."""

import datetime
from typing import Annotated, Final

import typer

from node.cli.output import CommandError

_DAY: Final = "a time such as 2026-04-01T08:00+08:00; without an offset it is UTC"
From = Annotated[str, typer.Option("--from", help=f"From when on: {_DAY}.")]
To = Annotated[str, typer.Option("--to", help=f"Until when, exclusive: {_DAY}.")]


def read_time(text: str) -> int:
    """Milliseconds of a time as people write it; raises CommandError."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text} is not {_DAY}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (moment - epoch) // datetime.timedelta(milliseconds=1)
