"""A peer whose clock can be set wrong: `python -m devnet.chaos.peer node run --config FILE`.

It is what `suanlian node run` is, with another wall clock, and ends with whoever started it.
"""

import sys
from pathlib import Path

from devnet.chaos.clock import FILE_NAME, ShiftedClock
from devnet.tether import watch_parent
from node.app import run_peer
from node.cli.output import EXPECTED, print_error
from node.config import load_config
from node.logs import setup_logs

MODULE = "devnet.chaos.peer"


def main() -> None:
    """Run the peer of the configuration that the last argument names."""
    watch_parent()
    path = Path(sys.argv[-1])
    try:
        config = load_config(path)
        setup_logs(config.log_level)
        sys.exit(run_peer(config, ShiftedClock(path.with_name(FILE_NAME)).read_ms))
    except EXPECTED as error:
        print_error(error, as_json=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
