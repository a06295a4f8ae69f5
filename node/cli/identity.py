"""`suanlian identity`: codes, requests and certificates."""

import datetime
import time
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.code import (
    CLASSES,
    PROVINCES,
    RESOURCE_CLASSES,
    compose_code,
    format_code,
    parse_code,
)
from ledger.primitives import Code
from ledger.x509 import Certificate, verify_certificate, verify_root
from node.ceremony import make_root
from node.cli.keys import read_code
from node.cli.output import AsJson, CommandError, show_fields, write_file
from node.cli.standing import show_status
from node.enrolment import (
    NODE_CLASSES,
    VALIDITY_DAYS,
    MemberKeys,
    Profile,
    Validity,
    certify,
    check_request,
    decode_request,
    encode_request,
    issue,
    make_request,
)
from node.keys import KeyFile, Role, load_certificates, load_key, save_certificates

app = typer.Typer(help="Codes, requests and certificates.", no_args_is_help=True)
codes = typer.Typer(help="Compose, check and read codes.", no_args_is_help=True)
certificates = typer.Typer(help="Issue, show and check certificates.", no_args_is_help=True)
app.add_typer(codes, name="code")
app.add_typer(certificates, name="certificate")

app.command("status")(show_status)

Days = Annotated[int, typer.Option(help="How many days it is valid from now.", min=1, max=36_500)]
Out = Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")]
OwnCode = Annotated[str, typer.Option(help="The code, if the key file has none.")]
PeerKeyFile = Annotated[Path | None, typer.Option(help="A node's peer key file.")]
ValidatorKeyFile = Annotated[
    Path | None, typer.Option(help="A regional node's validator key file.")
]
RequestFile = Annotated[Path, typer.Option(help="The request file of the member.")]


@codes.command("compose")
def compose(
    kind: Annotated[str, typer.Argument(help="Class: N R I A P U M C S.")],
    place: Annotated[str, typer.Argument(help="Six digits of GB/T 2260; 000000 nationwide.")],
    registrant: Annotated[str, typer.Argument(help="Five characters out of the number block.")],
    industry: Annotated[str, typer.Option(help="GB/T 4754 letter A-T, or 0.")] = "0",
    resource_class: Annotated[str, typer.Option(help="Two digits; 00 for none.")] = "00",
    serial: Annotated[str, typer.Option(help="Seven characters.")] = "0000000",
    as_json: AsJson = False,
) -> None:
    """Compose a code; its check characters are computed."""
    code = compose_code(kind, place, registrant, industry, resource_class, serial)
    show_fields("Code", _describe_code(code), as_json)


@codes.command("check")
def check_code(
    code: Annotated[str, typer.Argument(help="A code, plain or grouped.")], as_json: AsJson = False
) -> None:
    """Check a code; exits with 1 if it is wrong."""
    show_fields("The code is right", {"code": read_code(code), "valid": True}, as_json)


@codes.command("show")
def show_code(
    code: Annotated[str, typer.Argument(help="A code, plain or grouped.")], as_json: AsJson = False
) -> None:
    """Show what a code says."""
    show_fields("Code", _describe_code(read_code(code)), as_json)


@app.command()
def request(
    network: Annotated[str, typer.Option(help="The network's name, as in its genesis.")],
    identity_key: Annotated[Path, typer.Option(help="The identity or party key file.")],
    out: Out,
    code: OwnCode = "",
    peer_key: PeerKeyFile = None,
    validator_key: ValidatorKeyFile = None,
    peer_endpoint: Annotated[str, typer.Option(help="A node's host:port for peers.")] = "",
    http_endpoint: Annotated[str, typer.Option(help="A node's http(s) URL.")] = "",
    name: Annotated[str, typer.Option(help="A name for people.")] = "",
    role: Annotated[str, typer.Option(help="Of an authority: bank, bureau, ...")] = "",
    days: Days = VALIDITY_DAYS,
    as_json: AsJson = False,
) -> None:
    """Ask the issuer for an identity certificate, with proofs that the keys are held."""
    identity = load_key(identity_key, Role.IDENTITY, Role.PARTY)
    owner = _find_code(identity, code)
    keys = _load_member_keys(owner, identity, peer_key, validator_key)
    profile = Profile(owner, peer_endpoint, http_endpoint, name, role)
    made = make_request(network, profile, keys, Validity.from_days(_now_ms(), days))
    check_request(made)
    write_file(out, encode_request(made))
    fields = {"path": str(out), "code": owner, "identity_key": made.identity_key.hex()}
    show_fields("Request made: send it to the issuer", fields, as_json)


@certificates.command("root")
def certify_root(
    key: Annotated[Path, typer.Option(help="The root key file, on a machine without network.")],
    out: Out,
    days: Days = 2 * VALIDITY_DAYS,
    as_json: AsJson = False,
) -> None:
    """Make the national root's certificate, signed by itself."""
    root = load_key(key, Role.ROOT)
    code = _find_code(root, "")
    data = make_root(code, root.key, Validity.from_days(_now_ms(), days))
    _save(out, [data], as_json)


@certificates.command("issue")
def issue_identity(
    request: RequestFile,
    key: Annotated[Path, typer.Option(help="The issuer's key file: root or identity.")],
    out: Out,
    issuer: Annotated[str, typer.Option(help="The issuer's code, if the key has none.")] = "",
    days: Days = VALIDITY_DAYS,
    as_json: AsJson = False,
) -> None:
    """Issue an identity certificate for a request whose proofs hold."""
    asked = decode_request(request.read_text("utf-8"))
    signer = load_key(key, Role.ROOT, Role.IDENTITY)
    issuer_code = _find_code(signer, issuer)
    _check_issuer(issuer_code, signer.role, asked.code)
    done = certify(asked, issuer_code, signer.key, Validity.from_days(_now_ms(), days))
    _save(out, [done.certificate], as_json)


@certificates.command("peer")
def issue_peer(
    identity_key: Annotated[Path, typer.Option(help="The node's identity key file.")],
    identity_certificate: Annotated[Path, typer.Option(help="The node's identity certificate.")],
    peer_key: Annotated[Path, typer.Option(help="The peer key file.")],
    out: Out,
    days: Days = VALIDITY_DAYS,
    as_json: AsJson = False,
) -> None:
    """Issue a peer certificate with the node's own identity key, as a file for TLS."""
    identity = load_key(identity_key, Role.IDENTITY)
    above = load_certificates(identity_certificate)[0]
    if above.public_key != identity.key.public:
        raise CommandError(
            f"{identity_certificate} is not for the key in {identity_key}: give the certificate "
            "that the issuer gave for it"
        )
    public = load_key(peer_key, Role.PEER).key.public
    validity = Validity.from_days(_now_ms(), days)
    data = issue(above.subject, above.subject, public, identity.key, validity, False)
    _save(out, [data, above.der], as_json)


@certificates.command("show")
def show_certificate(
    path: Annotated[Path, typer.Argument(help="A PEM file.")], as_json: AsJson = False
) -> None:
    """Show the first certificate of a file."""
    fields = _describe_certificate(load_certificates(path)[0])
    show_fields("Certificate", fields, as_json)


@certificates.command("check")
def check_certificate(
    path: Annotated[Path, typer.Argument(help="A PEM file; each is issued by the next.")],
    root: Annotated[Path, typer.Option(help="The certificate of the national root.")],
    issuer: Annotated[
        Path | None, typer.Option(help="The issuer's certificate, if not in the file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the chain of a file up to the root, and its validity now."""
    chain = load_certificates(path)
    if issuer is not None:
        chain.append(load_certificates(issuer)[0])
    top = load_certificates(root)[0]
    verify_root(top)
    if chain[-1].der != top.der:
        chain.append(top)
    _check_chain(chain)
    fields = {**_describe_certificate(chain[0]), "chain": [item.subject for item in chain]}
    show_fields("The chain holds up to the root", fields, as_json)


def _check_chain(chain: list[Certificate]) -> None:
    for lower, upper in pairwise(chain):
        if not upper.is_authority or upper.subject != lower.issuer:
            raise CommandError(f"{upper.subject} is not the issuer of {lower.subject}")
        verify_certificate(lower, upper.public_key)
    now_ms = _now_ms()
    for certificate in chain:
        if not certificate.is_valid_at(now_ms):
            raise CommandError(
                f"the chain holds, but the certificate of {certificate.subject} is valid from "
                f"{_describe_time(certificate.not_before_ms)} to "
                f"{_describe_time(certificate.not_after_ms)} only: ask its issuer for a new one"
            )


def _save(path: Path, data: list[bytes], as_json: bool) -> None:
    if path.exists():
        raise CommandError(f"{path} is already there: move it away, or choose another file")
    save_certificates(path, data)
    fields = {"path": str(path), **_describe_certificate(load_certificates(path)[0])}
    show_fields("Certificate issued", fields, as_json)


def _find_code(key: KeyFile, given: str) -> Code:
    """The code of a key file, or the one given beside it."""
    code = read_code(given or key.code) if given or key.code else None
    if code is None:
        raise CommandError(f"{key.path} names no code: give it on the command line")
    if key.code and code != key.code:
        raise CommandError(f"{key.path} belongs to {key.code}, not to {code}")
    return code


def _load_member_keys(
    code: Code, identity: KeyFile, peer: Path | None, validator: Path | None
) -> MemberKeys:
    if (peer is not None) != (code[0] in NODE_CLASSES):
        raise CommandError(f"{code}: nodes (N, R, I) need --peer-key, others have none")
    if (validator is not None) != (code[0] == "R"):
        raise CommandError(f"{code}: regional nodes need --validator-key, others have none")
    return MemberKeys(
        identity.key,
        load_key(peer, Role.PEER).key if peer else None,
        load_key(validator, Role.VALIDATOR).key if validator else None,
    )


def _check_issuer(issuer: Code, role: Role, subject: Code) -> None:
    """The root certifies nodes, authorities and auditors, a regional node its own parties."""
    by_root = subject[0] in "NRIAM"
    if by_root and role is not Role.ROOT:
        raise CommandError(f"{subject} is certified by the national root: use the root key")
    if not by_root and (issuer[0] != "R" or issuer[1:3] != subject[1:3]):
        raise CommandError(
            f"{subject} is certified by the regional node of its region {subject[1:3]}, "
            f"not by {issuer}"
        )


def _describe_code(code: Code) -> dict[str, Any]:
    fields = parse_code(code)
    return {
        "code": code,
        "grouped": format_code(code),
        "class": CLASSES[fields.kind],
        "place": fields.place,
        "region": PROVINCES.get(fields.region, "nationwide"),
        "industry": fields.industry,
        "registrant": fields.registrant,
        "resource_class": RESOURCE_CLASSES[fields.resource_class],
        "serial": fields.serial,
    }


def _describe_certificate(certificate: Certificate) -> dict[str, Any]:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "may_issue": certificate.is_authority,
        "public_key": certificate.public_key.hex(),
        "serial": f"{certificate.serial:x}",
        "not_before": _describe_time(certificate.not_before_ms),
        "not_after": _describe_time(certificate.not_after_ms),
    }


def _describe_time(time_ms: int) -> str:
    moment = datetime.datetime.fromtimestamp(time_ms / 1000, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
