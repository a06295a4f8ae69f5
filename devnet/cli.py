"""`suanlian devnet`: a whole network on this machine, to play with, to watch and to break."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from devnet import tail
from devnet.errors import DevnetError
from devnet.folder import DEFAULT_FOLDER, is_founded, load_folder
from devnet.founding import PROVINCES, DevnetSpec, make_short_rules
from devnet.launcher import Launcher, Progress, ignore, start_devnet
from ledger.code import PROVINCES as ALL_PROVINCES
from node.cli.output import AsJson, print_note, show_fields, show_table

app = typer.Typer(help="A whole network on this machine.", no_args_is_help=True)

MAX_REGIONS = 12
LOOPBACK = "127.0.0.1,localhost"
Where = Annotated[Path, typer.Option("--dir", help="The folder of the devnet.")]
NodeName = Annotated[str, typer.Argument(metavar="NODE", help="A label, such as region-11.")]


@app.callback()
def begin() -> None:
    """A whole network on this machine."""
    # A proxy of the environment must not stand between us and our own peers.
    for name in ("no_proxy", "NO_PROXY"):
        others = os.environ.get(name)
        os.environ[name] = f"{others},{LOOPBACK}" if others else LOOPBACK


@app.command()
def up(
    path: Where = DEFAULT_FOLDER,
    regions: Annotated[
        int, typer.Option(help="Regional nodes, which vote.", min=4, max=MAX_REGIONS)
    ] = len(PROVINCES),
    epoch_seconds: Annotated[
        int, typer.Option(help="The length of a meter epoch.", min=1, max=3600)
    ] = 10,
    as_json: AsJson = False,
) -> None:
    """Start a network, which stays up; one that stands in the folder goes on where it was."""
    if is_founded(path):
        launcher = _start_again(path)
    else:
        provinces = _choose_provinces(regions)
        rules = make_short_rules(epoch_seconds * 1000)
        with _progress(as_json) as show:
            spec = DevnetSpec(provinces=provinces, rules=rules)
            launcher = start_devnet(path, spec, tethered=False, progress=show)
    _show_nodes(launcher, as_json)
    launcher.close()
    if not as_json:
        where = "" if path == DEFAULT_FOLDER else f" --dir {path}"
        print_note(
            f"Look at it with `suanlian devnet status{where}`, "
            f"stop it with `suanlian devnet down{where}`."
        )


@app.command()
def status(path: Where = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Ask every peer how far it is and what it waits for."""
    launcher = _find(path)
    rows = [_ask_status(launcher, node.label) for node in launcher.folder.nodes]
    columns = {
        "label": "node",
        "state": "state",
        "height": "height",
        "epoch": "epoch",
        "view": "view",
        "votes": "votes",
        "state_root": "state root",
        "waiting_for": "waits for",
    }
    shown = rows if as_json else [{**row, "state_root": row["state_root"][:16]} for row in rows]
    show_table(f"Devnet {launcher.folder.chain}", columns, shown, as_json)


@app.command()
def demo(
    path: Annotated[
        Path | None, typer.Option("--dir", help="The folder; a temporary one without.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the network up.")] = False,
    trace: Annotated[
        Path | None,
        typer.Option(help="A folder with the cluster trace openb, whose jobs are traded."),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Jobs of the trace to play.", min=1)] = 200,
    seconds: Annotated[
        int, typer.Option(help="How long the trace's events take.", min=10, max=3600)
    ] = 70,
) -> None:
    """Trade a GPU on a network of six peers, kill one, prove what happened, stop it."""
    # Loaded here so that the other commands need not carry the scenarios.
    console = Console(highlight=False)
    if trace is None:
        import_module("devnet.demo").run_demo(path, keep, console)
    else:
        import_module("devnet.trace_demo").run_trace_demo(trace, path, keep, console, jobs, seconds)


@app.command()
def admission(
    path: Annotated[
        Path | None, typer.Option("--dir", help="The folder; a temporary one without.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the network up.")] = False,
) -> None:
    """Let a fifth region join a network, bar a sixth for ever, let another retire."""
    console = Console(highlight=False)
    import_module("devnet.admission_demo").run_admission(path, keep, console)


@app.command()
def logs(
    node: Annotated[str, typer.Argument(metavar="[NODE]", help="A label; all without.")] = "",
    path: Where = DEFAULT_FOLDER,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many to begin with.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they come.")] = False,
) -> None:
    """Print what peers log."""
    folder = load_folder(path)
    labels = [folder.find(node).label] if node else [item.label for item in folder.nodes]
    tail.print_logs([(label, folder.log(label)) for label in labels], lines, follow)


@app.command()
def kill(node: NodeName, path: Where = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """End a peer at once, as a crash would (SIGKILL)."""
    launcher = _find(path)
    launcher.kill(node)
    show_fields("Killed", {"node": launcher.folder.find(node).label}, as_json)


@app.command()
def restart(node: NodeName, path: Where = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Start a peer again, after stopping it if it runs."""
    launcher = _find(path, may_be_down=True)
    label = launcher.folder.find(node).label
    launcher.stop([label])
    launcher.start([label])
    with _progress(as_json) as show:
        launcher.wait_ready([label], progress=show)
    show_fields("Restarted", {"node": label, "pid": launcher.process(label).pid}, as_json)


@app.command()
def down(
    path: Where = DEFAULT_FOLDER,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the folder too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop the network; its folder stays, and `up` goes on from there."""
    launcher = _find(path, may_be_down=remove)
    running = launcher.running
    killed = launcher.stop()
    if remove:
        shutil.rmtree(path)
    fields = {"stopped": len(running), "killed": killed, "removed": remove}
    show_fields("The devnet is down", fields, as_json)


def _start_again(path: Path) -> Launcher:
    launcher = Launcher(load_folder(path), tethered=False)
    running = launcher.running
    if len(running) == len(launcher.folder.nodes):
        raise DevnetError(
            f"the devnet in {path} is up already: `suanlian devnet status --dir {path}` shows it, "
            "`suanlian devnet down` stops it"
        )
    stopped = [node.label for node in launcher.folder.nodes if node.label not in running]
    launcher.start(stopped)
    launcher.wait_ready()
    return launcher


def _find(path: Path, may_be_down: bool = False) -> Launcher:
    """The devnet of a folder; raises DevnetError when nothing of it runs."""
    launcher = Launcher(load_folder(path), tethered=False)
    if not may_be_down and not launcher.running:
        raise DevnetError(
            f"the devnet in {path} is down: start it with `suanlian devnet up --dir {path}`"
        )
    return launcher


def _choose_provinces(count: int) -> Sequence[str]:
    others = [province for province in sorted(ALL_PROVINCES) if province not in PROVINCES]
    return sorted([*PROVINCES, *others[: count - len(PROVINCES)]])


def _show_nodes(launcher: Launcher, as_json: bool) -> None:
    folder = launcher.folder
    rows = [
        {
            "label": node.label,
            "code": node.code,
            "role": node.role,
            "http": node.http,
            "peer": node.peer,
            "pid": launcher.process(node.label).pid,
        }
        for node in folder.nodes
    ]
    columns = {"label": "node", "code": "code", "role": "role", "http": "API"}
    if as_json:
        fields = {"chain": folder.chain, "genesis_hash": folder.genesis_hash.hex()}
        show_fields("", {**fields, "nodes": rows}, True)
        return
    show_table(f"Devnet {folder.chain}", columns, rows, False)
    print_note(f"genesis hash {folder.genesis_hash.hex()}")


def _ask_status(launcher: Launcher, label: str) -> dict[str, Any]:
    row: dict[str, Any] = {"label": label, "state_root": "", "waiting_for": []}
    if not launcher.process(label).is_running:
        return {**row, "state": "down"}
    try:
        answer = httpx.get(
            f"{launcher.folder.find(label).http}/v1/status", timeout=5.0, trust_env=False
        ).json()
    except (httpx.HTTPError, ValueError) as error:
        return {**row, "state": "no answer", "waiting_for": [type(error).__name__]}
    row["state"] = "ready" if answer["ready"] else "not ready"
    names = ("height", "epoch", "view", "votes", "state_root", "waiting_for", "code")
    return {**row, **{name: answer[name] for name in names}}


@contextlib.contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    """A line on stderr that says how far things are; nothing for programs."""
    if quiet:
        yield ignore
        return
    with Console(stderr=True).status("founding the network") as line:
        yield line.update


def _register() -> None:
    """Add the commands of modules that may not be there."""
    commands = {
        "sabotage": "devnet.sabotage_cli",
        "sim": "devnet.sim_cli",
        "model": "devnet.model_cli",
        "bench": "devnet.bench_cli",
        "chaos": "devnet.chaos_cli",
        "join": "devnet.join_cli",
        "selection": "devnet.selection_cli",
        "trace": "devnet.trace_cli",
    }
    for name, module in commands.items():
        if find_spec(module) is not None:
            app.command(name)(getattr(import_module(module), name))


_register()
