"""Identities and nodes: registration, keys, and who connects."""

from collections.abc import Sequence

from ledger.code import compose_code, parse_code
from ledger.crypto import SigningKey
from ledger.primitives import Code
from ledger.transaction import key_signer
from ledger.x509 import issue_certificate
from tests.contracts.chance import Chance, Data, fits
from tests.contracts.world import BEGIN_MS, END_MS, NATIONAL, make_keys, make_state_root

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@fits("identity.register")
def register(chance: Chance, data: Data) -> Sequence[str] | None:
    """Somebody new, out of a number block of an issuer."""
    class_ = chance.one("PUPUSAMI")
    issuer = chance.pick_code("R" if class_ in "PUS" else "N")
    place = f"{issuer[1:3]}0100" if class_ in "PUS" else "000000"
    fields = ("I", "70", f"{chance.rng.randrange(10**6):07}") if class_ == "S" else ("I",)
    registrant = _draw_registrant(chance, issuer, class_)
    code = data["code"] = compose_code(class_, place, registrant, *fields)
    key = make_keys(code)
    data["certificate"] = certify(chance, code, issuer, key)
    data["role"] = chance.one(("bank", "bureau")) if class_ == "A" else ""
    return issuer, key_signer(key.public)


def _draw_registrant(chance: Chance, issuer: str, class_: str) -> str:
    """A number of the issuer's; for a service one that somebody has."""
    near = [code for code in chance.codes if code[1:3] == issuer[1:3] and code[0] in "PU"]
    if class_ == "S" and near:
        return parse_code(chance.one(near)).registrant
    identity = chance.world.value(b"identity\x00" + issuer.encode() + b"\x00")
    first, last = chance.one(identity["blocks"] or [[1, 2]])
    number, text = chance.rng.randint(first, last), ""
    for _ in range(5):
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
    return text


def certify(chance: Chance, code: str, issuer: str, key: SigningKey) -> bytes:
    signing = chance.find_issuing_key(issuer)
    authority = code[0] in "NRI"
    return issue_certificate(
        Code(code), Code(issuer), key.public, signing, 9, BEGIN_MS, END_MS, authority
    )


@fits("identity.rotate")
def rotate(chance: Chance, data: Data) -> Sequence[str] | None:
    """A new key, for the holder or its issuer to give."""
    code = data["code"] = chance.one([code for code in chance.codes if code[0] != "C"])
    identity = chance.world.value(b"identity\x00" + code.encode() + b"\x00")
    key = chance.find_new_key(code, identity["key"])
    data["certificate"] = certify(chance, code, identity["issuer"], key)
    return chance.one((code, identity["issuer"])), key_signer(key.public)


@fits("identity.suspend", "identity.revoke")
def suspend(chance: Chance, data: Data) -> Sequence[str] | None:
    """Rather one of those who are many."""
    if chance.often(90):
        data["code"] = chance.one([code for code in chance.codes if code[0] in "PUS"][-6:])
    identity = chance.world.value(b"identity\x00" + data["code"].encode() + b"\x00")
    return (chance.one((identity["issuer"], identity["issuer"], NATIONAL)),)


@fits("identity.name_successor")
def name_successor(chance: Chance, data: Data) -> None:
    """For an issuer that is not active."""
    issuers = [
        key.split(b"\x00")[1].decode()
        for key, record in chance.world.state.scan(b"identity\x00R")
        if record.value["status"] != "active"
    ]
    data["issuer"] = chance.one(issuers)


@fits("identity.resume")
def resume(chance: Chance, data: Data) -> Sequence[str] | None:
    """Somebody who is suspended, by who did it."""
    suspended = [
        (key.split(b"\x00")[1].decode(), record.value["actor"])
        for key, record in chance.world.state.scan(b"identity\x00")
        if record.value["status"] == "suspended"
    ]
    data["code"], actor = chance.one(suspended)
    return (actor,)


@fits("identity.rotate_peer")
def rotate_peer(chance: Chance, data: Data) -> Sequence[str] | None:
    """A new peer key, certified by the identity key."""
    code = chance.pick_code("NRI")
    identity = chance.world.value(b"identity\x00" + code.encode() + b"\x00")
    signing, key = chance.find_key(code, identity["key"]), make_keys(f"{code} peer")
    data["certificate"] = issue_certificate(
        Code(code), Code(code), key.public, signing, 3, BEGIN_MS, END_MS, False
    )
    return code, key_signer(key.public)


@fits("identity.rotate_validator")
def rotate_validator(chance: Chance, _data: Data) -> Sequence[str] | None:
    """A key that no node has, mostly."""
    code = chance.pick_code("R")
    return code, key_signer(make_keys(f"{code} {chance.rng.randrange(100)}").public)


@fits("membership.connect")
def connect(chance: Chance, data: Data) -> Sequence[str] | None:
    """A node that was admitted, at a block of now."""
    waiting = [
        code
        for code in chance.codes
        if _get_status(chance, code) == "admitted" or (code[0] in "RI" and chance.often(10))
    ]
    code = chance.one(waiting)
    data["height"] = chance.world.height
    data["state_root"] = make_state_root(data["height"])
    data["through"] = "" if code[0] == "R" else chance.pick_code("R")
    voice = key_signer(make_keys(f"{code}validator").public)
    return (code, voice) if code[0] == "R" else (code,)


@fits("membership.reconnect")
def reconnect(chance: Chance, data: Data) -> Sequence[str] | None:
    """An industry node that is active."""
    industries = [code for code in chance.codes if code[0] == "I"]
    data["through"] = chance.pick_code("R")
    return (chance.one([code for code in industries if _get_status(chance, code) == "active"]),)


def _get_status(chance: Chance, code: str) -> str:
    node = chance.world.value(b"node\x00" + code.encode() + b"\x00")
    return node["status"] if node else ""
