"""Codes: who or what something is, in 24 characters for ever.

    1      class: N national, R regional, I industry, A authority, P provider, U consumer,
           M auditor, C computing resource, S service
    2-7    place, GB/T 2260
    8      industry, GB/T 4754 section A to T, or 0
    9-13   registrant, base 36
    14-15  resource class
    16-22  serial, base 36
    23-24  check characters, ISO/IEC 7064 MOD 1271-36

1. Only uppercase letters and digits; one spelling per code.
2. The place of N is 000000, that of R is PP0000; PP is a province. Authorities, industry nodes and
   auditors may be of the whole country, 000000.
3. Providers and consumers have serial 0 and resource class 00; their resources and services carry
   their registrant. A resource has a class of its own.

Shown grouped: C-520100-I-0A001-20-0000001-84.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from ledger.errors import FormatError
from ledger.primitives import Code

CODE_LENGTH: Final = 24
NATIONWIDE: Final = "000000"
PROVINCES: Final = {
    "11": "北京",
    "12": "天津",
    "13": "河北",
    "14": "山西",
    "15": "内蒙古",
    "21": "辽宁",
    "22": "吉林",
    "23": "黑龙江",
    "31": "上海",
    "32": "江苏",
    "33": "浙江",
    "34": "安徽",
    "35": "福建",
    "36": "江西",
    "37": "山东",
    "41": "河南",
    "42": "湖北",
    "43": "湖南",
    "44": "广东",
    "45": "广西",
    "46": "海南",
    "50": "重庆",
    "51": "四川",
    "52": "贵州",
    "53": "云南",
    "54": "西藏",
    "61": "陕西",
    "62": "甘肃",
    "63": "青海",
    "64": "宁夏",
    "65": "新疆",
    "71": "台湾",
    "81": "香港",
    "82": "澳门",
}
CLASSES: Final = {
    "N": "national node",
    "R": "regional node",
    "I": "industry node",
    "A": "authority",
    "P": "provider",
    "U": "consumer",
    "M": "auditor",
    "C": "computing resource",
    "S": "service",
}
RESOURCE_CLASSES: Final = {
    "00": "none",
    "10": "general",
    "20": "intelligent",
    "30": "supercomputing",
    "40": "edge",
    "50": "storage",
    "60": "network",
    "70": "model service",
}
_SHAPE = re.compile(
    r"([NRIAPUMCS])([0-9]{6})([A-T0])([0-9A-Z]{5})([0-9]{2})([0-9A-Z]{7})([0-9A-Z]{2})"
)
_DIGITS_ONLY = re.compile(r"[0-9A-Z]+")
_MODULUS = 1271
_RADIX = 36
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class CodeFields:
    """What a code says. `kind` is its class, `resource_class` one of RESOURCE_CLASSES."""

    kind: str
    place: str
    industry: str
    registrant: str
    resource_class: str
    serial: str

    @property
    def region(self) -> str:
        """The province prefix; 00 for the whole country."""
        return self.place[:2]


def compute_check_characters(text: str) -> str:
    """The two ISO/IEC 7064 MOD 1271-36 characters that follow `text` of `[0-9A-Z]`."""
    if _DIGITS_ONLY.fullmatch(text) is None:
        raise FormatError("check characters follow digits and letters", "bad-code")
    # Horner's scheme, in C: the sum of the digits times their powers is the number in base 36.
    check = (1 - int(text, _RADIX) * _RADIX * _RADIX) % _MODULUS
    return _DIGITS[check // _RADIX] + _DIGITS[check % _RADIX]


@lru_cache(maxsize=8192)
def parse_code(text: str) -> CodeFields:
    """The fields of a code; raises FormatError with the code `bad-code`."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise FormatError("a code is 24 characters of a class, digits and letters", "bad-code")
    *groups, check = match.groups()
    fields = CodeFields(*groups)
    _check_fields(fields)
    if compute_check_characters(text[:22]) != check:
        raise FormatError("the check characters of the code are wrong", "bad-code")
    return fields


def is_code(text: str) -> bool:
    """Whether `text` is a code, check characters included."""
    try:
        parse_code(text)
    except FormatError:
        return False
    return True


def compose_code(
    kind: str,
    place: str,
    registrant: str,
    industry: str = "0",
    resource_class: str = "00",
    serial: str = "0000000",
) -> Code:
    """The code of its fields; raises FormatError with the code `bad-code`."""
    text = f"{kind}{place}{industry}{registrant}{resource_class}{serial}"
    if len(text) != CODE_LENGTH - 2 or _SHAPE.fullmatch(text + "00") is None:
        raise FormatError("the fields of the code have the wrong form", "bad-code")
    code = text + compute_check_characters(text)
    parse_code(code)
    return Code(code)


def format_code(code: str) -> str:
    """The grouped form that people read."""
    cuts = (0, 1, 7, 8, 13, 15, 22, 24)
    return "-".join(code[start:end] for start, end in pairwise(cuts))


def parse_grouped(text: str) -> Code:
    """The code of its grouped form; raises FormatError with the code `bad-code`."""
    code = text.replace("-", "")
    parse_code(code)
    if format_code(code) != text:
        raise FormatError("the code is not grouped 1-6-1-5-2-7-2", "bad-code")
    return Code(code)


def _check_fields(fields: CodeFields) -> None:
    kind, place = fields.kind, fields.place
    if not _is_place(kind, place):
        raise FormatError(f"{place} is no place for class {kind}", "bad-code")
    if fields.resource_class not in RESOURCE_CLASSES:
        raise FormatError(f"there is no resource class {fields.resource_class}", "bad-code")
    if kind not in "CS" and fields.resource_class != "00":
        raise FormatError("only resources and services have a resource class", "bad-code")
    if kind == "C" and fields.resource_class == "00":
        raise FormatError("a resource has a resource class", "bad-code")
    if kind in "PU" and fields.serial != "0000000":
        raise FormatError("providers and consumers have serial 0", "bad-code")


def _is_place(kind: str, place: str) -> bool:
    if kind == "N":
        return place == NATIONWIDE
    if kind == "R":
        return place[:2] in PROVINCES and place[2:] == "0000"
    return place[:2] in PROVINCES or (kind in "IAM" and place == NATIONWIDE)
