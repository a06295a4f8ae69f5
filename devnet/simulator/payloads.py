"""Payloads by chance: of any kind that the registry has, from its JSON schema and what there is.

The shape is right, the rest mostly not: ids are mostly of objects that exist, codes of the right
class, times near now. So what is drawn is well formed, and enough of it is legal.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import Annotated, Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from contracts.payload import Payload
from ledger.code import compose_code
from ledger.primitives import Code

YUAN: Final = 1_000_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
UNITS: Final = 8_000
AMOUNTS: Final = (1, 999, YUAN, 20 * YUAN, 100 * YUAN, 10**12)
TIMES: Final = (-HOUR_MS, -1, 1, 60_000, HOUR_MS, 10 * HOUR_MS, 30 * DAY_MS, 400 * DAY_MS)
COUNTS: Final = (0, 1, 2, 3, 50, 10_000)
NAMED: Final[Mapping[str, Sequence[Any]]] = {
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
WORDS: Final = (
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
EXAMPLES: Final = (
    Code("N0000000000000000000004Q"),
    compose_code("R", "520000", "00001", serial="0000001"),
    compose_code("I", "000000", "00020", "I"),
    compose_code("A", "000000", "00010"),
    compose_code("P", "520100", "0E001", "I"),
    compose_code("U", "110100", "0A001", "I"),
    compose_code("M", "000000", "00030"),
    compose_code("C", "520100", "0E001", "I", "20", "0000001"),
    compose_code("S", "520100", "0E001", "I", "70", "0000001"),
)
RARELY: Final = 3  # percent of what is drawn without regard to what fits


class NothingFits(Exception):
    """Nothing is there that a call could be about."""


class PayloadChance(ABC):
    """Draws payloads. What there is, is for a subclass to say: codes, ids, time and height."""

    rng: Random

    @abstractmethod
    def pick_code(self, classes: str) -> str:
        """One of the codes of some classes; raises NothingFits."""
        ...

    @abstractmethod
    def pick_id(self, type_: str) -> str:
        """The id of an object of a type; raises NothingFits."""
        ...

    @abstractmethod
    def now_ms(self) -> int:
        """The time of the chain."""
        ...

    @abstractmethod
    def now_height(self) -> int:
        """The height of the chain."""
        ...

    def often(self, percent: int = 100 - RARELY) -> bool:
        """Whether something happens that mostly does."""
        return self.rng.randrange(100) < percent

    def one(self, items: Sequence[Any]) -> Any:
        """One of some things; raises NothingFits where there is none."""
        if not items:
            raise NothingFits
        return self.rng.choice(items)

    def draw(self, payload: type[Payload]) -> dict[str, Any]:
        """A payload of this class."""
        schema = _get_schema(payload)
        data = self._object(payload, schema, schema.get("$defs", {}))
        self._order(data)
        return data

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
            value = self.now_ms() + self.one(TIMES)
        elif name.endswith("seconds"):
            value = self.one((60, 600, 3_600))
        elif name in ("first", "last"):
            value = 40_000_000 + self.rng.randrange(1_000_000)
        elif name.endswith("height"):
            value = self.now_height() + self.one((-1, 0, 5, 50))
        else:
            value = self.one(COUNTS)
        return int(min(max(value, low), high))

    def _text(self, name: str, payload: type[Payload] | None, schema: dict[str, Any]) -> Any:
        if schema.get("format") == "binary":
            return bytes(max(schema.get("minLength", 0), 1))
        pattern = schema.get("pattern", "")
        object_ = re.match(r"\^([a-z]+)-\[0-9a-f\]", pattern)
        if object_:
            return self.pick_id(object_[1])
        if payload is not None:
            classes = _list_classes(payload, name)
            if classes:
                optional = _accepts(payload, name, "") and self.often(50)
                return "" if optional else self.pick_code(classes)
            accepted = [word for word in WORDS if _accepts(payload, name, word)]
        else:
            accepted = [word for word in WORDS if re.search(pattern, word)]
        return self.one(accepted[:2]) if accepted else "x" * schema.get("minLength", 1)

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
