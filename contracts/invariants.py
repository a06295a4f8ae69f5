"""What must hold in every state, as checkers: each returns what is wrong, in words.

They read whole tables: for tests, simulation and audits. On the path of a block stand the guards
(`contracts.guards`), which look at what changed; both read the declarations of the tables.

1. Money: balances + what leases hold and freeze + whatever else holds money = what was issued; no
   bucket is negative.
2. Capacity, at every instant: what open leases reserve is at most what is attested of their
   resource and at most what their offer offers.
3. Codes hold, the issuer had the number block and the region; one regional node stands for a
   region.
4. At most one application of a region stands in a round, at most one is admitted without a node;
   nobody applies who was barred; a node is retired when its identity is revoked.
5. A member of a pool is in an open one of its scope, and of each scope in one only.
6. Each record holds its table's own equations: an end has an actor and a reason and holds nothing,
   what was funded of a lease is held, frozen, billed or refunded, and so on.
7. What vouchers say that leases have of them is what leases have, and their issuers count them.
8. The bills of a lease follow from its final meters, its price and the rules it was made under:
   what was billed, with the remainder, is the charge of all settled epochs. Of a lease that has
   settled more epochs than its record keeps, the last one is looked at alone.
9. A validator key is one node's, now or formerly; double signings are by keys of the accused, and
   who was accused was so on the ground of one.
10. Derived tables are what the records say.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from contracts.account import ACCOUNTS
from contracts.agreement import ENDED, LEASES, OPEN, Lease, compute_window_end
from contracts.application import APPLICATIONS, BARS, list_entities
from contracts.ballot import BALLOTS
from contracts.billing import SCALE, compute_charge, compute_credit_bp
from contracts.calendar import compute_course, list_oversold
from contracts.context import Rules
from contracts.evidence import DOUBLE_SIGNINGS, make_evidence_key
from contracts.guards import check_steps
from contracts.nodes import FORMER_KEYS, NODES, RETIRED
from contracts.pool import MEMBERS, POOLS
from contracts.proposal import DOUBLE_SIGNING
from contracts.receipt import Settled, is_course
from contracts.registry import DERIVED, TABLES, rebuild_derived
from contracts.rules import RULES
from contracts.standing import IDENTITIES
from contracts.table import ISSUED, count_money, get_last_field, get_owner
from contracts.voucher import VOUCHERS
from ledger.code import is_code, parse_code
from ledger.codec import Value
from ledger.record import make_key
from ledger.state import Layer, Reader


@dataclass(slots=True)
class Check:
    """One concern: how many `things` were looked at, figures for people, and what is wrong."""

    name: str
    things: str
    count: int = 0
    figures: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def run_checks(state: Reader, time_ms: int = 0) -> list[Check]:
    """All checks of a state; of capacity from a moment on."""
    return [
        _check_money(state),
        _check_capacity(state, time_ms),
        _check_identities(state),
        _check_admission(state),
        _check_pools(state),
        _check_records(state),
        _check_vouchers(state),
        _check_bills(state),
        _check_voices(state),
        _check_derived(state),
    ]


def check_invariants(state: Reader) -> list[str]:
    """What is wrong with a state; nothing, if all is well."""
    return [wrong for check in run_checks(state) for wrong in check.wrong]


def check_step(before: Reader, layer: Layer) -> list[str]:
    """What is wrong with a block: every step of a life is one of its table, and ends are final.

    So are the steps of receipts and their disputes, which lie in the records of leases.
    """
    return [*check_steps(before, layer), *_check_receipts(before, layer)]


def _check_receipts(before: Reader, layer: Layer) -> Iterator[str]:
    last: dict[bytes, Lease] = {}
    for key, record in layer.versions:
        if not key.startswith(LEASES.prefix):
            continue
        lease: Lease = record.value
        old = before.get(key)
        previous = last.get(key, None if old is None else old.value)
        last[key] = lease
        if previous is not None and not is_course(
            previous["open"], lease["open"], lease["settled"]
        ):
            yield f"{key!r} has a receipt or a dispute that took a step out of its life"


def _check_money(state: Reader) -> Check:
    check = Check("money is conserved", "records that hold money")
    total = 0
    for table in TABLES:
        if table.money is None:
            continue
        for key, record in state.scan(table.prefix):
            buckets = table.money(key, record.value)
            check.count += 1
            total += count_money(buckets)
            for name, micro_yuan in buckets.items():
                check.figures[name] = check.figures.get(name, 0) + micro_yuan
                if micro_yuan < 0:
                    check.wrong.append(f"{key!r} has a negative bucket: {name} {micro_yuan}")
    if total:
        check.wrong.append(
            f"buckets are {total} micro-yuan above what was {ISSUED}: {check.figures}"
        )
    return check


def _check_capacity(state: Reader, time_ms: int) -> Check:
    check = Check("nothing is oversold", "resources and offers")
    calendars: dict[str, dict[int, int]] = {}
    for _, record in state.scan(LEASES.prefix):
        lease: Lease = record.value
        if lease["state"] in OPEN:
            for subject in filter(None, (lease["resource"], lease["offer"])):
                changes = calendars.setdefault(subject, {})
                for moment_ms, units in (
                    (lease["starts_ms"], lease["units"]),
                    (compute_window_end(lease), -lease["units"]),
                ):
                    changes[moment_ms] = changes.get(moment_ms, 0) + units
    for table in TABLES:
        if table.capacity is None:
            continue
        for key, record in state.scan(table.prefix):
            check.count += 1
            subject, most = get_last_field(key), table.capacity(record.value)
            check.wrong += _check_calendar(subject, calendars.pop(subject, {}), most, time_ms)
    if calendars:
        check.wrong.append(f"a lease is of no resource or no offer: {sorted(calendars)[0]}")
    return check


def _check_calendar(
    subject: str, changes: dict[int, int], most: int, time_ms: int
) -> Iterator[str]:
    for moment_ms, reserved in list_oversold(changes, most, time_ms):
        yield f"{subject} is oversold at {moment_ms}: {reserved} of {most}"
    if any(reserved < 0 for _, reserved in compute_course(changes)):
        yield f"{subject} has a calendar below nothing"


def _check_identities(state: Reader) -> Check:
    check = Check("codes are their issuers' to give", "identities")
    check.wrong += _list_wrong_identities(state, check)
    return check


def _list_wrong_identities(state: Reader, check: Check) -> Iterator[str]:
    standing: dict[str, str] = {}
    for key, record in state.scan(IDENTITIES.prefix):
        code, value = get_last_field(key), record.value
        check.count += 1
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


def _check_admission(state: Reader) -> Check:
    check = Check("nodes were admitted", "applications and nodes")
    bars = {get_last_field(key): record.value for key, record in state.scan(BARS.prefix)}
    places: dict[bytes, str] = {}
    for key, record in state.scan(APPLICATIONS.prefix):
        check.count += 1
        name, application = get_last_field(key), record.value
        for place in APPLICATIONS.project(key, application).entries:
            if places.setdefault(place, name) != name:
                check.wrong.append(f"{name} and {places[place]} stand for one region")
        last_ms = max(application["drafted_ms"], application["submitted_ms"])
        for code in list_entities(application):
            if code in bars and last_ms > bars[code]["since_ms"]:
                check.wrong.append(f"{name} names {code}, who was barred before")
        if application["node"] and state.get(NODES.make_key(application["node"])) is None:
            check.wrong.append(f"{name} has a node that there is not")
    for key, record in state.scan(NODES.prefix):
        check.count += 1
        identity = state.get(IDENTITIES.make_key(get_last_field(key)))
        is_revoked = identity is None or identity.value["status"] == "revoked"
        if is_revoked != (record.value["status"] == RETIRED):
            check.wrong.append(f"{key!r} is {record.value['status']}, and its identity is not so")
    return check


def _check_pools(state: Reader) -> Check:
    check = Check("resources are in pools once", "members of pools")
    pools = {get_last_field(key): record.value for key, record in state.scan(POOLS.prefix)}
    pooled: set[tuple[str, str]] = set()
    for key, record in state.scan(MEMBERS.prefix):
        member = record.value
        if member["state"] != "joined":
            continue
        check.count += 1
        pool = pools[key.split(b"\x00")[1].decode("ascii")]
        if pool["state"] != "open" or pool["scope"] != member["scope"]:
            check.wrong.append(f"{key!r} is in a pool that is closed or of another scope")
        subject = (get_last_field(key), member["scope"])
        if subject in pooled:
            check.wrong.append(f"{subject[0]} is in two pools of a {subject[1]}")
        pooled.add(subject)
    return check


def _check_records(state: Reader) -> Check:
    check = Check("records hold their own equations", "records with equations")
    for table in TABLES:
        if table.check is not None:
            for key, record in state.scan(table.prefix):
                check.count += 1
                check.wrong += table.check(key, record.value)
    return check


def _check_vouchers(state: Reader) -> Check:
    check = Check("leases have of vouchers what these say", "vouchers")
    lent: dict[str, int] = {}
    for _, record in state.scan(LEASES.prefix):
        part = record.value["voucher"]
        if part is not None and record.value["state"] not in ENDED:
            had = part["funded_micro_yuan"] - part["refunded_micro_yuan"]
            lent[part["id"]] = lent.get(part["id"], 0) + had
    for key, record in state.scan(VOUCHERS.prefix):
        check.count += 1
        held, had = record.value["held_micro_yuan"], lent.pop(get_last_field(key), 0)
        if held != had:
            check.wrong.append(f"{key!r} says that leases have {held} of it, and they have {had}")
    check.wrong += _list_wrong_issuers(state)
    check.wrong += [f"a lease has a part of {name}, which is no voucher" for name in sorted(lent)]
    return check


def _list_wrong_issuers(state: Reader) -> Iterator[str]:
    """Issued less lapsed and covered, and spent less covered, are what an account counts."""
    issued: dict[str, int] = {}
    spent: dict[str, int] = {}
    for _, record in state.scan(VOUCHERS.prefix):
        voucher = record.value
        lasting = voucher["amount_micro_yuan"] - voucher["lapsed_micro_yuan"]
        issued[voucher["issuer"]] = issued.get(voucher["issuer"], 0) + lasting
        spent[voucher["issuer"]] = spent.get(voucher["issuer"], 0) + voucher["spent_micro_yuan"]
    for key, record in state.scan(ACCOUNTS.prefix):
        code, account = get_last_field(key), record.value
        if code[0] == "R":
            covered = issued.get(code, 0) - account["vouchers_issued"]
            if covered < 0 or covered != spent.get(code, 0) - account["vouchers_spent"]:
                yield f"{code} counts other vouchers than it issued"


def _check_bills(state: Reader) -> Check:
    check = Check("bills follow from meters", "leases that were billed")
    versions = {
        record.value["version"]: Rules(record.value["version"], record.value["integers"])
        for _, record in state.scan(RULES.prefix)
    }
    for key, record in state.scan(LEASES.prefix):
        lease: Lease = record.value
        if lease["settled"]:
            check.count += 1
            if not _is_billed_by_meters(lease, versions[lease["rules"]]):
                check.wrong.append(f"{key!r} was billed something else than its meters say")
    return check


def _is_billed_by_meters(lease: Lease, rules: Rules) -> bool:
    """Whether bills and remainder are what the settled epochs cost (rule 8)."""
    charges = []
    for entry in (Settled(*figures) for figures in lease["settled"]):
        credit_bp = compute_credit_bp(rules, lease["sla_class"], entry.availability_bp)
        charge = compute_charge(entry.used_unit_seconds, lease["price_micro_yuan"], credit_bp)
        charges.append(charge)
    receipt = lease["receipt"]
    assert receipt is not None
    if not 0 <= receipt["billed_micro_yuan"] - charges[-1] // SCALE <= 1:
        return False
    if len(charges) + len(lease["open"]) < lease["epoch"]:
        return True
    ahead = sum(claim["billed_micro_yuan"] for claim in lease["open"])
    billed = lease["billed_micro_yuan"] - ahead
    return billed * SCALE + lease["remainder"] == sum(charges)


def _check_voices(state: Reader) -> Check:
    check = Check("validator keys are one node's", "keys and double signings")
    holders = {
        bytes.fromhex(get_last_field(key)): record.value["code"]
        for key, record in state.scan(FORMER_KEYS.prefix)
    }
    for key, record in state.scan(NODES.prefix):
        code, voice = get_last_field(key), record.value["validator_key"]
        if voice and holders.setdefault(voice, code) != code:
            check.wrong.append(f"{code} and {holders[voice]} have one validator key")
    check.count = len(holders)
    for key, record in state.scan(DOUBLE_SIGNINGS.prefix):
        check.count += 1
        code = get_owner(key, record.value)
        if holders.get(record.value["key"]) != code:
            check.wrong.append(f"{code} is accused of what it has no key for")
    for key, record in state.scan(BALLOTS.prefix):
        ballot = record.value
        ground = ballot["details"]
        if ground.get("reason") == DOUBLE_SIGNING:
            wanted = make_evidence_key(ballot["subject"], ground["epoch"], ground["view"])
            if state.get(wanted) is None:
                check.wrong.append(f"{get_last_field(key)} rests on evidence that there is not")
    return check


def _check_derived(state: Reader) -> Check:
    check = Check("derived tables are what the records say", "derived values")
    wanted = rebuild_derived(state)
    found: dict[bytes, Value] = {}
    for name in DERIVED:
        found.update(state.scan_derived(make_key(name)))
    check.count = len(wanted)
    for key in sorted({*wanted, *found}):
        if wanted.get(key) != found.get(key):
            check.wrong.append(f"derived {key!r} is {found.get(key)!r}, not {wanted.get(key)!r}")
    return check
