"""`suanlian node`: found a network, set a peer up, check it and run it."""

import shutil
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from ledger.genesis import ConsensusLimits, Genesis
from ledger.x509 import verify_root
from node.ceremony import assemble, check_entry, check_founding
from node.cli.backup import backup, restore
from node.cli.check import check
from node.cli.keys import read_code
from node.cli.output import AsJson, CommandError, print_note, show_fields, write_file
from node.cli.replay import replay
from node.config import (
    FILE_NAME,
    Config,
    Http,
    Keys,
    Listen,
    compose_config,
    describe_faults,
    load_config,
    load_credentials,
    load_genesis,
    read_genesis,
)
from node.enrolment import Certified, decode_request
from node.keys import KeyFile, Role, load_certificates, load_key, save_certificates, save_key
from node.logs import setup_logs

app = typer.Typer(help="Found a network, set a peer up, run it.", no_args_is_help=True)

ConfigPath = Annotated[Path, typer.Option("--config", help="The configuration of the peer.")]
ChainFile = Annotated[
    Path,
    typer.Option(
        help="PEM: the peer certificate, then the identity certificate that issued it "
        "(`suanlian identity certificate peer` makes it)."
    ),
]
ValidatorKeyFile = Annotated[
    Path | None, typer.Option(help="The validator key file; without it, an observer.")
]
BehindProxy = Annotated[
    bool, typer.Option("--behind-proxy", help="A proxy ends TLS before the HTTP API.")
]


@app.command("assemble-genesis")
def assemble_genesis(
    network: Annotated[str, typer.Option(help="The network's name: lowercase, digits, hyphens.")],
    root: Annotated[Path, typer.Option(help="The certificate of the national root.")],
    member: Annotated[
        list[str],
        typer.Option(help="REQUEST:CERTIFICATE, the files of one founder; once for each."),
    ],
    out: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")],
    as_json: AsJson = False,
) -> None:
    """Assemble the genesis document (the national node does)."""
    certified = [_read_member(text) for text in member]
    top = load_certificates(root)[0]
    verify_root(top)
    genesis = assemble(network, time.time_ns() // 1_000_000, top.der, certified, ConsensusLimits())
    write_file(out, genesis.data)
    show_fields("Genesis assembled", {"path": str(out), **_describe_genesis(genesis)}, as_json)


@app.command("check-genesis")
def check_genesis(
    path: Annotated[Path, typer.Argument(help="The genesis document.")],
    genesis_hash: Annotated[str, typer.Option(help="The hash that others pinned.")] = "",
    request: Annotated[
        Path | None, typer.Option(help="Your own request, to compare your entry with.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a genesis document before its hash is pinned (every region does)."""
    genesis = read_genesis(path, genesis_hash)
    check_founding(genesis)
    if request is not None:
        check_entry(genesis, decode_request(request.read_text("utf-8")))
    show_fields("The genesis document holds", _describe_genesis(genesis), as_json)
    if not as_json:
        print_note("Compare the hash with the other regions by another channel, then pin it.")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where the peer will live; not there yet.")],
    code: Annotated[str, typer.Option(help="The code of the node.")],
    genesis: Annotated[Path, typer.Option(help="The genesis document.")],
    genesis_hash: Annotated[str, typer.Option(help="Its hash, which you checked.")],
    peer_key: Annotated[Path, typer.Option(help="The peer key file.")],
    certificate: ChainFile,
    validator_key: ValidatorKeyFile = None,
    peer: Annotated[str, typer.Option(help="host:port to listen on for peers.")] = "0.0.0.0:7000",
    http: Annotated[str, typer.Option(help="host:port of the HTTP API.")] = "127.0.0.1:8080",
    behind_proxy: BehindProxy = False,
    as_json: AsJson = False,
) -> None:
    """Set up the folder of a peer: configuration, document, keys and certificates."""
    config = _make_config(code, genesis_hash, peer, http, behind_proxy, validator_key is not None)
    document = read_genesis(genesis, genesis_hash)
    check_founding(document)
    keys = {config.keys.peer_key: load_key(peer_key, Role.PEER)}
    if validator_key is not None:
        keys[config.keys.validator_keys[0]] = load_key(validator_key, Role.VALIDATOR)
    _set_up(folder, config, document, keys, certificate)
    fields = _describe_config(config.resolve(folder.absolute()), document)
    show_fields("Peer set up", fields, as_json)
    if not as_json:
        print_note(f"Start it with `suanlian node run --config {folder / FILE_NAME}`.")


@app.command("check-config")
def check_config(config: ConfigPath = Path(FILE_NAME), as_json: AsJson = False) -> None:
    """Check a peer's configuration, its genesis, keys and certificates."""
    loaded = load_config(config)
    genesis = load_genesis(loaded)
    load_credentials(loaded)
    show_fields("The configuration holds", _describe_config(loaded, genesis), as_json)


@app.command()
def run(config: ConfigPath = Path(FILE_NAME)) -> None:
    """Run the peer until SIGTERM or SIGINT; exits with 1 if it had to stop by itself."""
    # Imported here so that the other commands need not load a whole peer.
    from node.app import run_peer

    loaded = load_config(config)
    setup_logs(loaded.log_level)
    raise typer.Exit(run_peer(loaded))


app.command()(backup)
app.command()(restore)
app.command()(check)
app.command()(replay)


def _read_member(text: str) -> Certified:
    request, _, certificate = text.partition(":")
    if not certificate:
        raise CommandError(f"--member {text}: give REQUEST:CERTIFICATE, two files of one founder")
    asked = decode_request(Path(request).read_text("utf-8"))
    return Certified(asked, load_certificates(Path(certificate))[0].der)


def _make_config(
    code: str, genesis_hash: str, peer: str, http: str, behind_proxy: bool, votes: bool
) -> Config:
    try:
        return Config(
            code=read_code(code),
            genesis_hash=genesis_hash,
            listen=Listen(peer=peer, http=http),
            keys=Keys(validator_keys=(Path("keys/validator.key"),) if votes else ()),
            http=Http(plain=behind_proxy),
        )
    except ValidationError as error:
        raise CommandError(f"the configuration would not hold: {describe_faults(error)}") from None


def _set_up(
    folder: Path, config: Config, genesis: Genesis, keys: dict[Path, KeyFile], chain: Path
) -> None:
    """Make the folder whole or not at all: it is laid out and checked beside its place."""
    if folder.exists():
        raise CommandError(f"{folder} is already there: move it away, or choose another folder")
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        for path, found in keys.items():
            save_key(draft / path, found.role, found.key, config.code)
        save_certificates(
            draft / config.keys.peer_certificate, [item.der for item in load_certificates(chain)]
        )
        write_file(draft / config.genesis_path, genesis.data)
        write_file(draft / FILE_NAME, compose_config(config))
        made = load_config(draft / FILE_NAME)
        load_genesis(made)
        load_credentials(made)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _describe_genesis(genesis: Genesis) -> dict[str, Any]:
    return {
        "chain": genesis.chain,
        "hash": genesis.hash.hex(),
        "time_ms": str(genesis.time_ms),
        "national": genesis.national.code,
        "regions": [region.code for region in genesis.regions],
        "records": len(genesis.records),
    }


def _describe_config(config: Config, genesis: Genesis) -> dict[str, Any]:
    return {
        "code": config.code,
        "chain": genesis.chain,
        "genesis_hash": config.genesis_hash,
        "votes": bool(config.keys.validator_keys),
        "peers_at": config.listen.peer,
        "http_at": config.listen.http,
        "data": str(config.data_dir),
    }
