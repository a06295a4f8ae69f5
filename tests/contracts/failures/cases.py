"""How a case is declared: what happens before, and the attempt that fails with just that code."""

from collections.abc import Callable, Sequence

from ledger.code import compose_code
from ledger.codec import Value
from tests.contracts.trade import Trade

Attempt = tuple[Sequence[str] | str, dict[str, Value]]
Case = Callable[[Trade], Attempt]
CASES: dict[tuple[str, str], list[Case]] = {}
SUSPENSION = {"note": "", "reason": "investigation"}
STRANGER = compose_code("U", "110100", "0A777", "I")
SECOND_REGION = compose_code("R", "530000", "00006", serial="0000001")
NO_LEASE = "lease-" + "0" * 32 + "-0"
NO_OFFER = "offer-" + "0" * 32 + "-0"
NO_DEMAND = "demand-" + "0" * 32 + "-0"
OTHER_RESOURCE = compose_code("C", "520100", "0E002", "I", "20", "0000001")
OTHER_INDUSTRY = compose_code("I", "000000", "00021", "J")
MISSING_RESOURCE = compose_code("C", "520100", "0E001", "I", "20", "0000009")


def case(kind: str, *codes: str) -> Callable[[Case], Case]:
    """The first case of each code."""

    def add(function: Case) -> Case:
        for code in codes:
            assert (kind, code) not in CASES
            CASES[kind, code] = [function]
        return function

    return add


def another(kind: str, *codes: str) -> Callable[[Case], Case]:
    """One more case of a code that a call fails with in more places than one."""

    def add(function: Case) -> Case:
        for code in codes:
            CASES.setdefault((kind, code), []).append(function)
        return function

    return add


def offered(trade: Trade, **changes: Value) -> Trade:
    trade.set_up()
    trade.make_offer(**changes)
    return trade


def matched(trade: Trade) -> Trade:
    offered(trade).take()
    return trade
