"""`suanlian keys`: make, show and list key files."""

from pathlib import Path
from typing import Annotated

import typer

from ledger.code import parse_code, parse_grouped
from ledger.primitives import Code
from node.cli.output import AsJson, CommandError, show_fields, show_table
from node.keys import Role, list_keys, load_key, make_key, save_key

app = typer.Typer(help="Make, show and list key files.", no_args_is_help=True)

NODE_CLASSES = "NRI"
_CLASSES = {
    Role.ROOT: "N",
    Role.IDENTITY: NODE_CLASSES,
    Role.PEER: NODE_CLASSES,
    Role.VALIDATOR: "R",
    Role.PARTY: "APUMS",
}


@app.command()
def new(
    path: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    role: Annotated[Role, typer.Option(help="What the key is for.")],
    code: Annotated[str, typer.Option(help="The code it belongs to, if it has one.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a key. The file is readable by its owner only."""
    owner = read_code(code) if code else ""
    if owner and owner[0] not in _CLASSES[role]:
        raise CommandError(
            f"{owner} has no {role.value} key: that role is for codes of class "
            f"{', '.join(_CLASSES[role])}"
        )
    key = make_key()
    save_key(path, role, key, owner)
    fields = {"path": str(path), "role": role.value, "code": owner, "public": key.public.hex()}
    show_fields("Key made", fields, as_json)


@app.command()
def show(
    path: Annotated[Path, typer.Argument(help="A key file.")], as_json: AsJson = False
) -> None:
    """Show a key file without its secret."""
    found = load_key(path)
    fields = {
        "path": str(path),
        "role": found.role.value,
        "code": found.code,
        "public": found.key.public.hex(),
        "signer": f"key:{found.key.public.hex()}",
    }
    show_fields("Key", fields, as_json)


@app.command("list")
def list_all(
    folder: Annotated[Path, typer.Argument(help="Where to look, subfolders included.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """List the key files of a folder."""
    rows = [
        {
            "path": str(item.path),
            "role": item.role,
            "code": item.code,
            "public": item.public,
            "problem": item.problem,
        }
        for item in list_keys(folder)
    ]
    columns = {"path": "file", "role": "role", "code": "code", "public": "public key"}
    if any(row["problem"] for row in rows):
        columns["problem"] = "problem"
    show_table("Keys", columns, rows, as_json)


def read_code(text: str) -> Code:
    """A code as people type it, plain or grouped; raises FormatError."""
    if "-" in text:
        return parse_grouped(text)
    parse_code(text)
    return Code(text)
