"""What must hold in every state, as checkers: each returns what is wrong, in
words.

They read whole tables: for tests, simulation and audits, not for the path of a block.

1. Money: balances + what leases hold and freeze = what banks issued; no bucket is negative; what
   was funded of a lease is held, frozen, billed or refunded.
2. Capacity, at every instant: what open leases reserve is at most what is attested of their
   resource and at most what their offer offers; metered is at most allocated times time.
3. Codes hold, the issuer had the number block and the region; one regional node stands for a
   region.
4. Ends: whoever is at a final state stays as it is, has an actor and a reason, and holds nothing.
5. Derived tables are what the records say.
"""

from collections.abc import Iterator
from typing import Final

from contracts import market
from contracts.account import ACCOUNTS
from contracts.agreement import LEASES, LIFE, RUNNING, WAITING, Lease, compute_window_end
from contracts.calendar import compute_course
from contracts.life import Life, compute_terminal
from contracts.registry import DERIVED, TABLES, rebuild_derived
from contracts.resource import RESOURCES
from contracts.standing import IDENTITIES
from ledger.code import is_code, parse_code
from ledger.codec import Value
from ledger.record import make_key
from ledger.state import Layer, Reader

_LIVES: Final[tuple[tuple[bytes, str, Life], ...]] = tuple(
    (table.prefix, table.state, table.life) for table in TABLES if table.life is not None
)


def check_invariants(state: Reader) -> list[str]:
    """What is wrong with a state; nothing, if all is well."""
    return [
        *_check_money(state),
        *_check_capacity(state),
        *_check_identities(state),
        *_check_leases(state),
        *_check_derived(state),
    ]


def check_step(before: Reader, layer: Layer) -> list[str]:
    """What is wrong with a block: every step of a life is one of its table, and ends are final."""
    return list(_check_step(before, layer))


def _check_step(before: Reader, layer: Layer) -> Iterator[str]:
    last: dict[bytes, str] = {}
    for key, record in layer.versions:
        for prefix, field, life in _LIVES:
            if key.startswith(prefix):
                old = before.get(key)
                state = last.get(key, "" if old is None else old.value[field])
                last[key] = record.value[field]
                if state in compute_terminal(life):
                    if field == "state":
                        yield f"{key!r} changed after its end as {state}"
                elif state not in ("", last[key]) and not _is_step(life, state, last[key]):
                    yield f"{key!r} went from {state} to {last[key]}"


def _is_step(life: Life, state: str, following: str) -> bool:
    return any(start == state and end == following for (start, _), end in life.items())


def _check_money(state: Reader) -> Iterator[str]:
    balances = issued = held = 0
    for key, record in state.scan(ACCOUNTS.prefix):
        if record.value["balance"] < 0 or record.value.get("issued", 0) < 0:
            yield f"{key!r} is negative"
        balances += record.value["balance"]
        issued += record.value.get("issued", 0)
    for key, record in state.scan(LEASES.prefix):
        lease: Lease = record.value
        frozen = sum(receipt["frozen_micro_yuan"] for receipt in lease["open"])
        held += lease["held_micro_yuan"] + frozen
        if min(lease["held_micro_yuan"], lease["remainder"], frozen) < 0:
            yield f"{key!r} has a negative bucket"
        spent = lease["billed_micro_yuan"] + lease["refunded_micro_yuan"]
        if lease["funded_micro_yuan"] != lease["held_micro_yuan"] + frozen + spent:
            yield f"{key!r} has lost or made money"
    if balances + held != issued:
        yield f"balances {balances} and holds {held} are not what was issued, {issued}"


def _check_capacity(state: Reader) -> Iterator[str]:
    calendars: dict[str, dict[int, int]] = {}
    for key, record in state.scan(LEASES.prefix):
        lease: Lease = record.value
        if lease["state"] in WAITING or lease["state"] in RUNNING:
            for subject in filter(None, (lease["resource"], lease["offer"])):
                changes = calendars.setdefault(subject, {})
                for time_ms, units in (
                    (lease["starts_ms"], lease["units"]),
                    (compute_window_end(lease), -lease["units"]),
                ):
                    changes[time_ms] = changes.get(time_ms, 0) + units
        metered_ms = lease["metered_ms"] - lease["activated_ms"]
        if lease["used_unit_seconds"] * 1000 > lease["units"] * metered_ms:
            yield f"{key!r} is metered above what it has"
    for key, record in state.scan(RESOURCES.prefix):
        yield from _check_calendar(calendars, _last_field(key), record.value["attested_units"])
    for key, record in state.scan(market.OFFERS.prefix):
        yield from _check_calendar(calendars, _last_field(key), record.value["units"])
    if calendars:
        yield "a lease is of no resource or no offer"


def _check_calendar(calendars: dict[str, dict[int, int]], subject: str, most: int) -> Iterator[str]:
    for time_ms, reserved in compute_course(calendars.pop(subject, {})):
        if reserved > most:
            yield f"{subject} is oversold at {time_ms}: {reserved} of {most}"
        if reserved < 0:
            yield f"{subject} has a calendar below nothing"


def _check_identities(state: Reader) -> Iterator[str]:
    standing: dict[str, str] = {}
    for key, record in state.scan(IDENTITIES.prefix):
        code, value = _last_field(key), record.value
        if not is_code(code):
            yield f"{code} is no code"
            continue
        fields = parse_code(code)
        if fields.kind == "R" and value["status"] != "revoked":
            if fields.region in standing:
                yield f"{code} and {standing[fields.region]} stand for one region"
            standing[fields.region] = code
        issuer = state.get(IDENTITIES.make_key(value["issuer"]))
        if issuer is None:
            yield f"{code} has no issuer"
        elif value["reason"] != "founded" and fields.kind in "PUS":
            number = int(fields.registrant, 36)
            owned = any(first <= number <= last for first, last in issuer.value["blocks"])
            if not owned or value["issuer"][1:3] != fields.region:
                yield f"{code} is not for {value['issuer']} to issue"


def _check_leases(state: Reader) -> Iterator[str]:
    for key, record in state.scan(LEASES.prefix):
        lease: Lease = record.value
        if lease["state"] in compute_terminal(LIFE):
            if not lease["closed_by"] or not lease["reason"]:
                yield f"{key!r} ended without an actor or a reason"
            if lease["held_micro_yuan"] or lease["open"]:
                yield f"{key!r} ended and still holds money"


def _check_derived(state: Reader) -> Iterator[str]:
    wanted = rebuild_derived(state)
    found: dict[bytes, Value] = {}
    for name in DERIVED:
        found.update(state.scan_derived(make_key(name)))
    for key in sorted({*wanted, *found}):
        if wanted.get(key) != found.get(key):
            yield f"derived {key!r} is {found.get(key)!r}, not {wanted.get(key)!r}"


def _last_field(key: bytes) -> str:
    return key.split(b"\x00")[-2].decode("ascii")
