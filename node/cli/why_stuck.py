"""`suanlian why-stuck`: what a peer waits for, from whom, since when, and what to do about it."""

import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from node.cli.output import AsJson, CommandError, print_json, show_fields, show_table
from node.cli.remote import DEFAULT_PEER, GenesisHash, PeerUrl, connect
from node.client.verified import show_time
from node.diagnosis import Finding, diagnose

app = typer.Typer(help="Say what a peer waits for.")

_COLUMNS: Final = {
    "weight": "",
    "code": "finding",
    "what": "what",
    "since": "since",
    "who": "who",
    "advice": "what to do",
}


@app.command("why-stuck")
def why_stuck(
    peer: PeerUrl = DEFAULT_PEER,
    genesis: GenesisHash = "",
    file: Annotated[
        Path | None, typer.Option(help="A saved answer of /v1/status, instead of asking a peer.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a peer waits for, from whom and since when; exits with 1 if that keeps it from its
    work, with 0 if it is well or has warnings only."""
    status = _ask(peer, genesis) if file is None else _load(file)
    try:
        findings = diagnose(status)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise CommandError("this is not the status of a peer of this version") from None
    _show(status, findings, as_json)
    if any(finding.is_stuck for finding in findings):
        raise typer.Exit(1)


def _ask(peer: str, genesis: str) -> dict[str, Any]:
    with connect(peer, genesis) as client:
        return client.get_status()


def _load(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CommandError(f"{path} is not a JSON object")
    return found


def _show(status: dict[str, Any], findings: list[Finding], as_json: bool) -> None:
    is_stuck = any(finding.is_stuck for finding in findings)
    if as_json:
        documents = [finding.to_document() for finding in findings]
        print_json({"code": status["code"], "stuck": is_stuck, "findings": documents})
        return
    fields = {
        "peer": f"{status['code']} ({status['role']})",
        "height": status["height"],
        "epoch_and_view": f"{status['epoch']} / {status['view']}",
        "last_final": show_time(int(status["final_at_ms"])),
        "verdict": "stuck" if is_stuck else "well, with warnings" if findings else "well",
    }
    show_fields("The peer", fields, as_json=False)
    if findings:
        rows = [
            {
                "weight": "stuck" if finding.is_stuck else "warning",
                "code": finding.code,
                "what": finding.what,
                "since": "-" if finding.since_ms is None else show_time(finding.since_ms),
                "who": list(finding.who),
                "advice": finding.advice,
            }
            for finding in findings
        ]
        show_table("What it waits for", _COLUMNS, rows, as_json=False)
