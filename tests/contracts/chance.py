"""Calls by chance: any kind that the registry has, made of what stands in the state.

Values are drawn from a payload's JSON schema. Ids are mostly of objects that exist, signers mostly
those whom the objects name, times near now: enough of it is legal that lives go on, and the rest is
wrong in every way that a payload of the right shape can be. Where chance alone would never find
what fits, `plausible` says what does.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from random import Random
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from contracts.call import Call
from contracts.life import compute_terminal
from contracts.payload import Payload
from contracts.registry import BY_NAME, CALLS
from contracts.table import get_table_name
from ledger.code import compose_code, is_code
from ledger.codec import Value
from ledger.crypto import SigningKey
from ledger.record import Record
from ledger.transaction import key_signer
from tests.contracts.trade import AUDITOR, CONSUMER, INDUSTRY, PROVIDER, RESOURCE, UNITS, YUAN
from tests.contracts.world import BANK, GUIZHOU, HOUR_MS, NATIONAL, World, make_keys

Data = dict[str, Any]
Fit = Callable[["Chance", Data], Sequence[str] | None]
FITS: dict[str, Fit] = {}  # by kind, see `plausible`
DAY_MS = 24 * HOUR_MS
AMOUNTS = (1, 999, YUAN, 20 * YUAN, 100 * YUAN, 10**12)
TIMES = (-HOUR_MS, -1, 1, 60_000, HOUR_MS, 10 * HOUR_MS, 30 * DAY_MS, 400 * DAY_MS)
COUNTS = (0, 1, 2, 3, 50, 10_000)
NAMED: Mapping[str, Sequence[Any]] = {
    "availability_bp": (10_000, 9_989, 0),
    "credit_code": ("91520115MA6DKQ1K2L", "91110000802100433B", ""),
    "interface": ("kubernetes-1", "kubernetes-1", "slurm-1"),
    "latency_ms": (1, 5, 20),
    "minimum_units": (1, 1000),
    "reference": ("", "a payment"),
    "regions": ([], [], ["52"]),
    "resource_class": ("20", "20", "20", "10", ""),
    "sector": ("I",),
    "share_bp": (1, 5_000, 10_000),
    "units": (1, 1000, 2500, UNITS),
    "version": (1, 1, 2),
}
# What a text may be where nothing better is known: the first ones that its field accepts.
WORDS = (
    "52",
    "11",
    "kubernetes-1",
    "slurm-1",
    "text/plain",
    "http://127.0.0.1:8000",
    "127.0.0.1:7000",
    "x",
    "",
    "91520115MA6DKQ1K2L",
)
# A code of each class.
EXAMPLES = (
    NATIONAL,
    GUIZHOU,
    INDUSTRY,
    BANK,
    PROVIDER,
    CONSUMER,
    AUDITOR,
    RESOURCE,
    compose_code("S", "520100", "0E001", "I", "70", "0000001"),
)
RARELY = 3  # percent of what is drawn without regard to what fits
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


class NothingFits(Exception):
    """Nothing is there that a call could be about."""


@dataclass(frozen=True)
class Object:
    """What a call can be about: its id, its record's value, and whether its life is over."""

    name: str
    value: Any
    ended: bool


@dataclass
class Chance:
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

    def often(self, percent: int = 100 - RARELY) -> bool:
        return self.rng.randrange(100) < percent

    def one(self, items: Sequence[Any]) -> Any:
        if not items:
            raise NothingFits
        return self.rng.choice(items)

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
        schema = _get_schema(call.payload)
        data: Data = self._object(call.payload, schema, schema.get("$defs", {}))
        self._order(data)
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

    def _object(
        self, payload: type[Payload] | None, schema: dict[str, Any], defs: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            name: self._value(name, payload, part, defs)
            for name, part in schema.get("properties", {}).items()
        }

    def _value(
        self, name: str, payload: type[Payload] | None, schema: dict[str, Any], defs: dict[str, Any]
    ) -> Any:
        if "$ref" in schema:
            return self._value(name, None, defs[schema["$ref"].rpartition("/")[2]], defs)
        if "anyOf" in schema:
            chosen = {**schema, **self.one(schema["anyOf"])}
            del chosen["anyOf"]
            return self._value(name, payload, chosen, defs)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            named = [item for item in NAMED.get(name, ()) if item in schema["enum"]]
            return self.one(named or schema["enum"])
        if name in NAMED and self.often():
            fitting = [item for item in NAMED[name] if _has_type(item, schema)]
            if fitting:
                return self.one(fitting)
        match schema.get("type"):
            case "object":
                return self._object(None, schema, defs)
            case "array":
                least = schema.get("minItems", 0)
                count = max(least, self.rng.randint(0, 2))
                count = min(count, schema.get("maxItems", count))
                return [self._value(name, None, schema["items"], defs) for _ in range(count)]
            case "boolean":
                return self.often(50)
            case "integer":
                return self._integer(name, schema)
            case _:
                return self._text(name, payload, schema)

    def _integer(self, name: str, schema: dict[str, Any]) -> int:
        low, high = schema.get("minimum", 0), schema.get("maximum", 1 << 40)
        if name.endswith("_micro_yuan"):
            value = self.one(AMOUNTS)
        elif name.endswith("_ms"):
            value = self.world.time_ms + self.one(TIMES)
        elif name.endswith("seconds"):
            value = self.one((60, 600, 3_600))
        elif name in ("first", "last"):
            value = 40_000_000 + self.rng.randrange(1_000_000)
        elif name.endswith("height"):
            value = self.world.height + self.one((-1, 0, 5, 50))
        else:
            value = self.one(COUNTS)
        return int(min(max(value, low), high))

    def _text(self, name: str, payload: type[Payload] | None, schema: dict[str, Any]) -> Any:
        if schema.get("format") == "binary":
            return bytes(max(schema.get("minLength", 0), 1))
        pattern = schema.get("pattern", "")
        object_ = re.match(r"\^([a-z]+)-\[0-9a-f\]", pattern)
        if object_:
            return self._id(object_[1])
        if payload is not None:
            classes = _list_classes(payload, name)
            if classes:
                optional = _accepts(payload, name, "") and self.often(50)
                return "" if optional else self.pick_code(classes)
            accepted = [word for word in WORDS if _accepts(payload, name, word)]
        else:
            accepted = [word for word in WORDS if re.search(pattern, word)]
        return self.one(accepted[:2]) if accepted else "x" * schema.get("minLength", 1)

    def _id(self, type_: str) -> str:
        """The id of an object, mostly of one that lives."""
        living = self.objects.get(type_, [])
        if self.often(90):
            living = [item for item in living if not item.ended] or living
        if self.often():
            return str(self.one(living[-6:]).name)
        return f"{type_}-{'0' * 32}-0"

    def _order(self, data: dict[str, Any]) -> None:
        """What begins before it ends, mostly."""
        for low, high in (
            ("starts_ms", "ends_ms"),
            ("earliest_ms", "latest_ms"),
            ("opens_ms", "closes_ms"),
            ("minimum_seconds", "maximum_seconds"),
            ("minimum_units", "units"),
            ("first", "last"),
        ):
            if low in data and high in data and data[low] > data[high] and self.often():
                data[low], data[high] = data[high], data[low]
        if data.get("voucher") == "":
            data["voucher_micro_yuan"] = 0

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


@lru_cache(maxsize=1024)
def _get_schema(payload: type[Payload]) -> dict[str, Any]:
    return payload.model_json_schema()


@lru_cache(maxsize=1024)
def _get_adapter(payload: type[Payload], name: str) -> TypeAdapter[Any]:
    info = payload.model_fields[name]
    annotation: Any = info.annotation
    for part in info.metadata:
        annotation = Annotated[annotation, part]
    return TypeAdapter(annotation, config=ConfigDict(strict=True))


@lru_cache(maxsize=1 << 16)
def _accepts(payload: type[Payload], name: str, text: str) -> bool:
    """Whether a field takes a text."""
    try:
        _get_adapter(payload, name).validate_python(text)
    except ValidationError:
        return False
    return True


@lru_cache(maxsize=1024)
def _list_classes(payload: type[Payload], name: str) -> str:
    """The classes of codes that a field takes; none, if it is no field of codes."""
    # Of each class one code; what takes any text of their length is not for codes.
    if _accepts(payload, name, "x" * 24):
        return ""
    return "".join(code[0] for code in EXAMPLES if _accepts(payload, name, code))


def _has_type(item: Any, schema: dict[str, Any]) -> bool:
    type_ = {"integer": int, "array": list, "string": str}.get(schema.get("type", ""))
    if type_ is None or not isinstance(item, type_):
        return False
    if isinstance(item, str):
        return re.search(schema.get("pattern", ""), item) is not None
    return not isinstance(item, int) or item >= schema.get("minimum", 0)


def _is_code(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 24 and is_code(value)
