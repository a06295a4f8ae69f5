"""A coverage-guided campaign: `make fuzz N=<seconds for each target>` (atheris, the extra `fuzz`).

Each target runs in a process of its own, with its seeds and what earlier campaigns found new ground
with (build/fuzz/corpus). What breaks a property is kept in build/fuzz/found, and belongs into
tests/fuzz/findings.py once it is understood.
"""

import argparse
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.fuzz.registry import TARGETS

BUILD = Path(__file__).parent.parent.parent / "build" / "fuzz"
MOST_BYTES = 64 * 1024
MOST_MEMORY_MB = 2048
SLOW_S = 10
_RUNS = re.compile(r"Done (\d+) runs|stat::number_of_executed_units: *(\d+)")
_COVERAGE = re.compile(r"cov: (\d+)")


@dataclass(frozen=True)
class Run:
    """What came of one target."""

    name: str
    runs: int
    coverage: int
    corpus: int
    found: list[Path]


def run_target(name: str, seconds: int) -> Run:
    """Fuzz one target in a process of its own."""
    folder = re.sub(r"[^a-z0-9]+", "-", name.lower())
    corpus, found = BUILD / "corpus" / folder, BUILD / "found" / folder
    for path in (corpus, found):
        path.mkdir(parents=True, exist_ok=True)
    for seed in TARGETS[name].seeds():
        (corpus / sha256(seed).hexdigest()[:16]).write_bytes(seed)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.fuzz.harness",
            name,
            str(corpus),
            f"-artifact_prefix={found}/",
            f"-max_total_time={seconds}",
            f"-max_len={MOST_BYTES}",
            f"-rss_limit_mb={MOST_MEMORY_MB}",
            f"-timeout={SLOW_S}",
            "-print_final_stats=1",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    (found / "log").write_text(done.stdout + done.stderr)
    runs = [int(a or b) for a, b in _RUNS.findall(done.stderr)]
    covered = [int(value) for value in _COVERAGE.findall(done.stderr)]
    breaking = [path for path in found.iterdir() if path.name != "log"]
    if done.returncode and not breaking:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    size = sum(1 for _ in corpus.iterdir())
    return Run(name, max(runs, default=0), max(covered, default=0), size, breaking)


def main() -> None:
    """Run the targets that are named, or all, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}")
    chosen = parser.parse_args()
    began = time.monotonic()
    results = []
    for name in chosen.targets or TARGETS:
        result = run_target(name, chosen.seconds)
        results.append(result)
        verdict = f"FOUND {', '.join(map(str, result.found))}" if result.found else "holds"
        print(
            f"{name:32} {result.runs:>10,} runs  {result.coverage:>6} edges  "
            f"{result.corpus:>5} inputs  {verdict}",
            flush=True,
        )
    total = sum(result.runs for result in results)
    print(f"{len(results)} targets, {total:,} runs, {time.monotonic() - began:.0f} s")
    if any(result.found for result in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
