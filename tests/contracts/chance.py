"""Calls by chance: any kind that the registry has, made of what stands in the state.

Values are drawn from a payload's JSON schema (`devnet.simulator.payloads`). Ids are mostly of
objects that exist, signers mostly those whom the objects name, times near now: enough of it is
legal that lives go on, and the rest is wrong in every way that a payload of the right shape can be.
Where chance alone would never find what fits, `plausible` says what does.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from contracts.call import Call
from contracts.life import compute_terminal
from contracts.registry import BY_NAME, CALLS
from contracts.table import get_table_name
from devnet.simulator.payloads import NothingFits, PayloadChance
from ledger.code import is_code
from ledger.codec import Value
from ledger.crypto import SigningKey
from ledger.record import Record
from ledger.transaction import key_signer
from tests.contracts.world import HOUR_MS, NATIONAL, World, make_keys

Data = dict[str, Any]
Fit = Callable[["Chance", Data], Sequence[str] | None]
FITS: dict[str, Fit] = {}  # by kind, see `plausible`
DAY_MS = 24 * HOUR_MS
_OBJECT = re.compile(r"([a-z]+)-[0-9a-f]{32}-[0-9]+")
_ENDS = {
    table.name: (table.state, compute_terminal(table.life))
    for table in BY_NAME.values()
    if table.life is not None
}


def fits(*kinds: str) -> Callable[[Fit], Fit]:
    """What makes calls of some kinds plausible."""

    def add(function: Fit) -> Fit:
        for kind in kinds:
            assert kind not in FITS
            FITS[kind] = function
        return function

    return add


@dataclass(frozen=True)
class Object:
    """What a call can be about: its id, its record's value, and whether its life is over."""

    name: str
    value: Any
    ended: bool


@dataclass
class Chance(PayloadChance):
    """Draws calls for a world as it stands."""

    world: World
    rng: Random

    # --- what there is

    @cached_property
    def codes(self) -> list[str]:
        """Codes of identities and resources."""
        state = self.world.state
        keys = [*state.scan(b"identity\x00"), *state.scan(b"resource\x00")]
        return [key.split(b"\x00")[1].decode() for key, _ in keys]

    @cached_property
    def objects(self) -> dict[str, list[Object]]:
        """All objects by their type, the younger ones last."""
        found: dict[str, list[tuple[int, Object]]] = {}
        for key, record in self.world.state.records.items():
            name = key.split(b"\x00")[-2].decode("ascii", "replace")
            matched = _OBJECT.fullmatch(name)
            if matched:
                entry = (record.created, Object(name, record.value, _is_over(key, record)))
                found.setdefault(matched[1], []).append(entry)
        return {
            type_: [entry[1] for entry in sorted(entries, key=lambda entry: entry[0])]
            for type_, entries in found.items()
        }

    def find(self, name: str) -> Any:
        """The value of an object, or nothing."""
        of_type = self.objects.get(name.partition("-")[0], ())
        return next((item.value for item in of_type if item.name == name), None)

    def has(self, type_: str) -> bool:
        """Whether there is an object of a type that lives."""
        return any(not item.ended for item in self.objects.get(type_, ()))

    def pick(self, type_: str, is_fit: Callable[[Any], object]) -> str:
        """One of the objects of a type that fit, a young one if there are many."""
        names = [item.name for item in self.objects.get(type_, ()) if is_fit(item.value)]
        return str(self.one(names[-6:]))

    def pick_code(self, classes: str) -> str:
        """One of the codes of some classes."""
        return str(self.one([code for code in self.codes if code[0] in classes]))

    def pick_id(self, type_: str) -> str:
        """The id of an object, mostly of one that lives."""
        living = self.objects.get(type_, [])
        if self.often(90):
            living = [item for item in living if not item.ended] or living
        if self.often():
            return str(self.one(living[-6:]).name)
        return f"{type_}-{'0' * 32}-0"

    def now_ms(self) -> int:
        """The time of the world."""
        return self.world.time_ms

    def now_height(self) -> int:
        """Its height."""
        return self.world.height

    # --- keys

    def find_key(self, code: str, public: bytes) -> SigningKey:
        """The signing key of somebody's public key, as far as chance made it."""
        keys = [make_keys(name) for name in (code, *_list_successors(code), "root")]
        return next((key for key in keys if key.public == public), keys[0])

    def find_new_key(self, code: str, public: bytes) -> SigningKey:
        """A key for somebody that is another than the one that stands."""
        return next(key for key in map(make_keys, _list_successors(code)) if key.public != public)

    def find_issuing_key(self, issuer: str) -> SigningKey:
        """What signs the certificates of an issuer: the root, or its identity key."""
        if issuer[0] == "N":
            return self.find_key(NATIONAL, self.world.value(b"root\x00")["key"])
        identity = self.world.value(b"identity\x00" + issuer.encode() + b"\x00")
        return self.find_key(issuer, identity["key"] if identity else b"")

    # --- a call

    def make(self, kind: str) -> tuple[list[str], dict[str, Value]]:
        """Signers and data of a call; raises NothingFits, mostly, where it would be in vain."""
        call = CALLS[kind]
        data: Data = self.draw(call.payload)
        signers = None
        fit = FITS.get(kind)
        if fit is not None and self.often():
            try:
                signers = fit(self, data)
            except NothingFits:
                if self.often(80):
                    raise
        if signers is None:
            signers = self._draw_signers(call, data)
        return list(signers), data

    # --- who signs

    def _draw_signers(self, call: Call, data: dict[str, Any]) -> list[str]:
        related = self.list_related(data)
        signers: list[str] = []
        for role in call.signers:
            if role.optional and not self.often(50):
                break
            if role.classes == "k":
                signers.append(key_signer(make_keys(data.get("code", "new")).public))
                continue
            near = [code for code in related if code[0] in role.classes and code not in signers]
            pool = [code for code in self.codes if code[0] in role.classes]
            pool = [code for code in pool if code not in signers]
            if near and self.often(90):
                signers.append(near[0] if self.often(70) else self.one(near))
            elif pool:
                signers.append(self.one(pool))
        return signers

    def list_related(self, data: Mapping[str, Any]) -> list[str]:
        """The codes that data and the records of its objects name, and the regions of those."""
        texts = [value for value in data.values() if isinstance(value, str)]
        found = [text for text in texts if _is_code(text)]
        if "to" in data:
            return []
        for text in texts:
            if _OBJECT.fullmatch(text):
                value = self.find(text) or {}
                found += [item for item in value.values() if _is_code(item)]
                found += self.list_owners(text)
        for code in [code for code in found if code[0] == "C"]:
            resource = self.world.value(b"resource\x00" + code.encode() + b"\x00")
            found += [resource["provider"]] if resource else []
        regions = [code for code in self.codes if code[0] == "R"]
        # The region of a resource before that of a consumer: so they sign.
        for code in sorted(found, key=lambda code: code[0]):
            found += [region for region in regions if region[1:3] == code[1:3]]
        return list(dict.fromkeys(found))

    def list_owners(self, name: str) -> list[str]:
        """The codes in the key of an object's record."""
        for key in self.world.state.records:
            fields = key.split(b"\x00")
            if fields[-2] == name.encode():
                texts = [part.decode("ascii", "replace") for part in fields]
                return [text for text in texts if _is_code(text)]
        return []


def _is_over(key: bytes, record: Record) -> bool:
    field_, ends = _ENDS.get(get_table_name(key), ("", ()))
    return bool(field_) and record.value[field_] in ends


def _list_successors(code: str) -> list[str]:
    return [f"{code} {number}" for number in (2, 3)]


def _is_code(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 24 and is_code(value)
