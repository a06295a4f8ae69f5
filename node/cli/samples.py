"""`suanlian samples`: the root that a meter receipt carries, and the answer when one is asked for.

A file of samples has one a line; it stays with the provider. See `node.client.samples`.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.output import AsJson, CommandError, print_json, show_fields
from node.client.samples import compute_samples_root, load_samples, open_sample

app = typer.Typer(help="Root and single samples of a meter's file.", no_args_is_help=True)

SamplesFile = Annotated[Path, typer.Argument(help="A file with one sample a line.")]


@app.command("root")
def show_root(file: SamplesFile, as_json: AsJson = False) -> None:
    """Show the count and the root of a file, as a receipt carries them."""
    lines = load_samples(file)
    root = compute_samples_root(lines).hex()
    show_fields("Samples", {"samples_count": len(lines), "samples_root": root}, as_json)


@app.command("open")
def show_sample(
    file: SamplesFile,
    index: Annotated[int, typer.Argument(help="Which line, from 0.", min=0)],
    lease: Annotated[str, typer.Option(help="The lease that was asked about.")],
    epoch: Annotated[int, typer.Option(help="The meter epoch that was asked about.", min=0)],
) -> None:
    """Print the data of a `metering.answer`, for `tx submit --data -`."""
    try:
        opened = open_sample(load_samples(file), index)
    except IndexError as error:
        raise CommandError(f"{error}: is it the file of epoch {epoch}?") from None
    data: dict[str, Any] = {
        "epoch": epoch,
        "index": index,
        "leaf": {"$hex": opened.line.hex()},
        "lease": lease,
        "path": [{"$hex": node.hex()} for node in opened.path],
    }
    print_json(data)
