"""The parts that payloads are made of: strict models, and fields with bounds and descriptions.

A payload has exactly the fields of its model, of exactly their types: nothing is converted. The
descriptions are what docs/spec/rules.md shows.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Literal, TypedDict

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from stdnum.cn import uscc

from contracts.text import is_printable
from ledger.code import is_code
from ledger.primitives import MAX_AMOUNT

MAX_UNITS = 10**9  # thousandths: a million cards
MAX_PRICE = 10**12  # micro-yuan a unit-hour: a million yuan
MAX_SECONDS = 10 * 366 * 86_400
MAX_NOTE = 200
MAX_CERTIFICATE = 1024
MAX_REGISTRANT = 36**5 - 1
MAX_EPOCH = 1 << 32
FULL_BP = 10_000
MAX_DOCUMENT = 1 << 40


class Payload(BaseModel):
    """The data of one kind of transaction."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _of_class(classes: str) -> Callable[[str], str]:
    @lru_cache(maxsize=8192)
    def check(code: str) -> str:
        if not is_code(code) or code[0] not in classes:
            raise ValueError(f"not a code of class {' or '.join(classes)}")
        return code

    return check


def _is_plain(text: str) -> str:
    if not is_printable(text):
        raise ValueError("has characters that cannot be printed")
    return text


def _check_credit_code(text: str) -> str:
    if not uscc.is_valid(text) or uscc.compact(text) != text:
        raise ValueError("not a Unified Social Credit Code")
    return text


def _check_optional_credit_code(text: str) -> str:
    return _check_credit_code(text) if text else text


def check_voucher(name: str, micro_yuan: int) -> None:
    """Raise ValueError unless a voucher and an amount out of it are both named, or neither."""
    if bool(name) != bool(micro_yuan):
        raise ValueError("a voucher and the amount out of it go together")


IdentityCode = Annotated[
    str, AfterValidator(_of_class("NRIAPUMS")), Field(description="code of an identity")
]
IssuedCode = Annotated[
    str, AfterValidator(_of_class("RIAPUMS")), Field(description="code of an identity, not N")
]
RegionalCode = Annotated[
    str, AfterValidator(_of_class("R")), Field(description="code of a regional node")
]
NodeCode = Annotated[str, AfterValidator(_of_class("NRI")), Field(description="code of a node")]
NewCode = Annotated[
    str, AfterValidator(_of_class("RI")), Field(description="code of a regional or industry node")
]
ProviderCode = Annotated[
    str, AfterValidator(_of_class("P")), Field(description="code of a provider")
]
ConsumerCode = Annotated[
    str, AfterValidator(_of_class("U")), Field(description="code of a consumer")
]
TraderCode = Annotated[
    str, AfterValidator(_of_class("PU")), Field(description="code of a provider or consumer")
]
ResourceCode = Annotated[
    str, AfterValidator(_of_class("C")), Field(description="code of a resource")
]
IndustryCode = Annotated[
    str, AfterValidator(_of_class("I")), Field(description="code of an industry node")
]
Venue = Annotated[
    IndustryCode | Literal[""],
    Field(description="industry node at whose venue it is, or empty for none"),
]
OfferId = Annotated[
    str, Field(pattern=r"^offer-[0-9a-f]{32}-[0-9]{1,4}$", description="id of an offer")
]
DemandId = Annotated[
    str, Field(pattern=r"^demand-[0-9a-f]{32}-[0-9]{1,4}$", description="id of a demand")
]
QuoteId = Annotated[
    str, Field(pattern=r"^quote-[0-9a-f]{32}-[0-9]{1,4}$", description="id of a quote")
]
LeaseId = Annotated[
    str, Field(pattern=r"^lease-[0-9a-f]{32}-[0-9]{1,4}$", description="id of a lease")
]
VoucherId = Annotated[
    str, Field(pattern=r"^voucher-[0-9a-f]{32}-[0-9]{1,4}$", description="id of a voucher")
]
VoucherName = Annotated[
    str,
    Field(pattern=r"^(voucher-[0-9a-f]{32}-[0-9]{1,4})?$", description="id of a voucher, or empty"),
]
Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT, description="micro-yuan")]
OptionalAmount = Annotated[int, Field(ge=0, le=MAX_AMOUNT, description="micro-yuan, 0 for none")]
Price = Annotated[int, Field(ge=1, le=MAX_PRICE, description="micro-yuan a whole unit-hour")]
Units = Annotated[int, Field(ge=1, le=MAX_UNITS, description="thousandths of a unit")]
Seconds = Annotated[int, Field(ge=1, le=MAX_SECONDS, description="seconds")]
Notice = Annotated[int, Field(ge=0, le=MAX_SECONDS, description="seconds, 0 for none")]
TimeMs = Annotated[int, Field(ge=1, le=MAX_AMOUNT, description="time in ms")]
StartMs = Annotated[
    int, Field(ge=0, le=MAX_AMOUNT, description="time in ms to start at, 0 for now")
]
Count = Annotated[int, Field(ge=0, le=MAX_AMOUNT, description="count")]
EpochNumber = Annotated[int, Field(ge=0, le=MAX_EPOCH, description="number of the meter epoch")]
UnitSeconds = Annotated[int, Field(ge=0, le=MAX_AMOUNT, description="used thousandth-unit seconds")]
BasisPoints = Annotated[int, Field(ge=0, le=FULL_BP, description="basis points")]
SlaClass = Annotated[int, Field(ge=0, le=1, description="0 without credits, 1 with credits")]
Registrant = Annotated[
    int, Field(ge=0, le=MAX_REGISTRANT, description="registrant number, base 36 read as an integer")
]
CreditCode = Annotated[
    str, AfterValidator(_check_credit_code), Field(description="Unified Social Credit Code")
]
OptionalCreditCode = Annotated[
    str,
    AfterValidator(_check_optional_credit_code),
    Field(description="Unified Social Credit Code, or empty"),
]
Hash = Annotated[bytes, Field(min_length=32, max_length=32, description="32 bytes")]
Der = Annotated[
    bytes, Field(min_length=1, max_length=MAX_CERTIFICATE, description="X.509 certificate, DER")
]
Name = Annotated[
    str,
    Field(min_length=1, max_length=120, description="name"),
    AfterValidator(_is_plain),
]
Note = Annotated[
    str, Field(max_length=MAX_NOTE, description="text, may be empty"), AfterValidator(_is_plain)
]
Reference = Annotated[
    str, Field(pattern=r"^[ -~]{0,64}$", description="reference in ASCII, may be empty")
]
Label = Annotated[str, Field(pattern=r"^[ -~]{1,64}$", description="label in ASCII")]


class DocumentRecord(TypedDict):
    """A document in a record."""

    location: str
    media_type: str
    sha256: bytes
    size: int


class Document(Payload):
    """A document that is kept off the ledger, and by which anybody knows it again."""

    location: Annotated[
        str, Field(pattern=r"^[!-~]{1,255}$", description="where it is kept, in ASCII")
    ]
    media_type: Annotated[
        str, Field(pattern=r"^[a-z0-9.+-]{1,63}/[a-z0-9.+-]{1,63}$", description="media type")
    ]
    sha256: Annotated[Hash, Field(description="SHA-256")]
    size: Annotated[int, Field(ge=0, le=MAX_DOCUMENT, description="bytes")]

    def make_record(self) -> DocumentRecord:
        """The document as a record names it, whatever else a call says of it."""
        return {
            "location": self.location,
            "media_type": self.media_type,
            "sha256": self.sha256,
            "size": self.size,
        }
