"""A command of `suanlian` that ends when whoever started it ends: `python -m devnet.tether ...`.

Standard input is a pipe whose other end the parent holds and never writes to. When the parent is
gone, however it went, the pipe ends, and this process tells itself to stop.
"""

import os
import signal
import sys
import threading
import time

from node.cli.main import run

GRACE_S = 5.0


def main() -> None:
    """Run the command line behind a watch on the parent."""
    watch_parent()
    sys.exit(run(sys.argv[1:]))


def watch_parent() -> None:
    """Tell this process to stop once its standard input ends."""
    threading.Thread(target=_watch, name="tether", daemon=True).start()


def _watch() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    main()
