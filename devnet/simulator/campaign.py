"""Many seeds: on several processors, with a log that a later campaign goes on from.

A log is of one state of the code: each line names it, and a log of another one is refused.
"""

import gc
import json
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Final

from devnet.errors import DevnetError
from devnet.simulator.run import Report, run_seed

_ROOT: Final = Path(__file__).parents[2]
_PACKAGES: Final = ("ledger", "consensus", "contracts", "node", "devnet/simulator")
MOST_WAITING = 4  # seeds for each processor that are handed out ahead


def run_campaign(seeds: Sequence[int], jobs: int, log: Path | None = None) -> Iterator[Report]:
    """The reports of all seeds, as they come; those that the log has are not run again."""
    code = compute_code_digest()
    known = {} if log is None else read_log(log, code)
    done = [known[seed] for seed in seeds if seed in known]
    yield from done
    for report in _run_all([seed for seed in seeds if seed not in known], jobs):
        if log is not None:
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"code": code, **report.as_json()}) + "\n")
        yield report


def compute_code_digest() -> str:
    """What tells this state of the code from others: of all that a run executes, in hex."""
    digest = sha256()
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            digest.update(f"{path.relative_to(_ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def read_log(path: Path, code: str) -> dict[int, Report]:
    """The reports of a campaign's log by seed; a last line that was cut off is dropped.

    Raises DevnetError where it is no log, or of another state of the code than `code`.
    """
    if not path.exists():
        return {}
    lines = path.read_bytes().split(b"\n")
    reports: dict[int, Report] = {}
    for line in lines[:-1]:
        try:
            data = json.loads(line)
            written = data.pop("code")
            report = Report.from_json(data)
        except (ValueError, KeyError, TypeError) as error:
            raise DevnetError(f"{path} is not a campaign's log of this version: {error}") from None
        if written != code:
            raise DevnetError(
                f"{path} is of another state of the code ({written}, not {code}): begin another log"
            )
        reports[report.seed] = report
    if lines[-1]:
        path.write_bytes(b"".join(line + b"\n" for line in lines[:-1]))
    return reports


def _run_all(seeds: Sequence[int], jobs: int) -> Iterator[Report]:
    if jobs == 1:
        yield from map(run_seed, seeds)
        return
    with ProcessPoolExecutor(jobs, initializer=_begin) as pool:
        ahead = jobs * MOST_WAITING
        waiting = deque(pool.submit(_run_one, seed) for seed in seeds[:ahead])
        for seed in seeds[ahead:]:
            yield waiting.popleft().result()
            waiting.append(pool.submit(_run_one, seed))
        while waiting:
            yield waiting.popleft().result()


def _run_one(seed: int) -> Report:
    report = run_seed(seed)
    gc.collect()
    return report


def _begin() -> None:
    """What goes wrong in a run is meant to: the peers' own warnings would hide what was found.
    The collector of garbage comes between runs: a seventh of the time was its own."""
    logging.disable(logging.CRITICAL)
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
