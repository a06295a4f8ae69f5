"""One target under atheris: `python -m tests.fuzz.harness TARGET [libFuzzer's arguments]`."""

import gc
import resource
import sys

import atheris

with atheris.instrument_imports(include=["ledger", "consensus", "node"]):
    from tests.fuzz.registry import TARGETS

from tests.fuzz.target import check, check_memory

MEASURED_EACH = 64  # one run in so many is traced, which slows it down


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    target = TARGETS[sys.argv[1]]
    for seed in target.seeds():
        check(target, seed)
    number = 0

    def run(data: bytes) -> None:
        nonlocal number
        number += 1
        if number % MEASURED_EACH:
            check(target, data)
        else:
            check_memory(target, data)

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.freeze()
    atheris.Setup([sys.argv[0], *sys.argv[2:]], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
