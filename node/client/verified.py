"""What a bundle proved, for programs and for people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.primitives import Digest

_DAY_MS = 86_400_000
_UNITS = ((_DAY_MS, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))


@dataclass(frozen=True, slots=True)
class Proved:
    """One claim that holds; `fields` are JSON values, `lines` the same for people."""

    type: str
    subject: str
    lines: tuple[str, ...]
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReliedOn:
    """A validator set that the proof relies on: those who signed could have lied together."""

    epoch: int
    validators: tuple[str, ...]
    signers: tuple[str, ...]
    height: int  # of the block that they finalized


@dataclass(frozen=True, slots=True)
class Verified:
    """A bundle whose every part holds; the last of `relied_on` finalized the anchor."""

    chain: str
    genesis_hash: Digest
    height: int
    block: Digest
    time_ms: int
    relied_on: tuple[ReliedOn, ...]
    proved: tuple[Proved, ...]
    age_ms: int | None
    times: Mapping[int, int] = field(default_factory=dict)  # ms, of the headers it has, by height

    def iterate_lines(self) -> Iterator[str]:
        """The report for people."""
        yield f"verified against chain {self.chain}"
        yield f"  genesis {self.genesis_hash.hex()}"
        yield f"  anchored at block {self.height} of {show_time(self.time_ms)}{self._age()}"
        yield f"  block {self.block.hex()}"
        for epoch in self.relied_on:
            share = f"{len(epoch.signers)} of {len(epoch.validators)}"
            yield (
                f"  relies on epoch {epoch.epoch}: {share} validators signed block "
                f"{epoch.height}: {', '.join(epoch.signers)}"
            )
        for item in self.proved:
            yield f"{item.type} {item.subject}".rstrip()
            yield from (f"  {line}" for line in item.lines)

    def as_json(self) -> dict[str, Any]:
        """The report for programs: numbers as text, digests in hex."""
        return {
            "verified": True,
            "chain": self.chain,
            "genesis_hash": self.genesis_hash.hex(),
            "height": str(self.height),
            "block": self.block.hex(),
            "time_ms": str(self.time_ms),
            "age_ms": None if self.age_ms is None else str(self.age_ms),
            "relied_on": [
                {
                    "epoch": str(epoch.epoch),
                    "height": str(epoch.height),
                    "signers": list(epoch.signers),
                    "validators": list(epoch.validators),
                }
                for epoch in self.relied_on
            ],
            "proved": [
                {"type": item.type, "subject": item.subject} | item.fields for item in self.proved
            ],
        }

    def _age(self) -> str:
        return "" if self.age_ms is None else f", {show_span(self.age_ms)} ago"


def show_time(time_ms: int) -> str:
    """A time in UTC to the millisecond."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    except OverflowError:
        return f"{time_ms} ms"
    return f"{moment.strftime('%Y-%m-%d %H:%M:%S')}.{time_ms % 1000:03} UTC"


def show_span(span_ms: int) -> str:
    """A span of time in the unit that suits it."""
    if span_ms < 0:
        return f"minus {show_span(-span_ms)}"
    for unit_ms, unit in _UNITS:
        if span_ms >= unit_ms:
            return f"{span_ms // unit_ms} {unit}"
    return f"{span_ms} ms"
