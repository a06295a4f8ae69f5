"""The text of docs/spec/rules.md: `python -m contracts.document > docs/spec/rules.md`.

The text is a pure function of the registry, so that it cannot say what the code does not do.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from inspect import getdoc
from typing import Annotated, Any, get_args, get_origin, get_type_hints, is_typeddict

from contracts import receipt, visibility
from contracts import rules as rule_set
from contracts.call import KEY_CLASS, STANDING_FAILURES, Call, Due, Role
from contracts.life import Life, compute_terminal
from contracts.machine import BROKEN, MAX_DUE_ITEMS, MAX_GAP_MS
from contracts.payload import Payload
from contracts.registry import CALLS, DUE, MODULES, TABLES
from contracts.table import Table
from contracts.views import QUERIES, Query
from contracts.visibility import get_visibility
from ledger.code import CLASSES

_STANDING = ", ".join(f"`{code}`" for code in STANDING_FAILURES)
_HEAD = f"""# Transactions and their rules

Written from the declarations in `contracts/` by `python -m contracts.document`; a test holds it to
them.

1. A transaction is refused before it enters a block, in this order: `unknown-kind`; `bad-data`,
   naming the field; `missing-signer`. The payload has exactly the fields listed, all of them.
2. In a block its signers are judged first, one after the other:
   {_STANDING}.
   Calls that go on with old business, renew what is expired, or prepare a node that is not active
   yet, tolerate what they say. A `key:` signer has no standing.
3. Then the failures listed are checked in the order in which they stand. The first that applies is
   the transaction's code, and it changes nothing but its signers' `count` and `head`. So does
   `{BROKEN}`, the code of a transaction that would break an invariant: a fault of these
   rules, not of its signers.
4. Amounts are micro-yuan, units thousandths of a card or core, usage thousandth-unit seconds, times
   milliseconds since 1970, shares basis points. All are integers.
5. A block does due work before its transactions, at most {MAX_DUE_ITEMS} items of each queue and
   as many more as it has transactions, in the order of their time. *Working time* is block time
   less all gaps of more than {MAX_GAP_MS} ms between two blocks; a gap is recorded as a due item
   with the event `clock.gap`. Then come the turns of demands that wait for selection, within bounds
   of their own.
6. An event is about all parties, resources and objects that it concerns.
7. Where a lease gives back what it holds and has a part of a voucher, the voucher changes beside
   what is listed, and, where something of it was spent or lapses, its issuer's account.
"""
_QUERIES = """What `statistics.publish` names and `GET /v1/statistics` computes. A result is
{"height", "query", "rows", "time_ms"}, its digest the SHA-256 of its canonical encoding. Columns
that name a row's group are texts, the others integers.
"""
_CLOCKS: Mapping[str, str] = {
    "time": "block time",
    "working": "working time",
    "selection": "block time, in the queue of selection",
}
_VISIBILITY = f"""```
{visibility.__doc__}```
"""
_LIVES: tuple[tuple[str, Life], ...] = (
    *((table.title, table.life) for table in TABLES if table.life is not None),
    ("Receipt of a lease", receipt.LIFE),
    ("Dispute of a receipt", receipt.DISPUTE_LIFE),
)


def compute_document() -> str:
    """The whole document."""
    parts = [_HEAD, "## Kinds\n", *_list_kinds()]
    parts += ["## Transactions\n", *(_describe_call(call) for call in CALLS.values())]
    parts += ["## Due work\n", *(_describe_due(due) for due in DUE.values())]
    payloads = _list_parts(call.payload for call in CALLS.values())
    parts += ["## Maps in payloads\n", "Types above that begin with a capital letter.\n"]
    parts += [_describe_payload(payload) for payload in payloads]
    parts += ["## Lives\n", *(_describe_life(name, life) for name, life in _LIVES)]
    parts += ["## Records\n", _VISIBILITY, *(_describe_table(table) for table in TABLES)]
    layouts = _list_parts(table.layout for table in TABLES)
    parts += [_describe_layout(f"`{layout.__name__}`", layout) for layout in layouts]
    parts += ["## Queries\n", _QUERIES, *(_describe_query(query) for query in QUERIES.values())]
    parts += ["## Rules of version 1\n", _list_rules(rule_set.VERSION_1)]
    parts += ["## Contracts\n", *_list_contracts()]
    return "\n".join(parts)


def _list_kinds() -> Iterator[str]:
    rows = [f"| `{call.kind}` | {call.title} | {_signers(call)} |" for call in CALLS.values()]
    yield "\n".join(["| kind | what | signed by |", "|---|---|---|", *rows, ""])


def _describe_call(call: Call) -> str:
    lines = [f"### `{call.kind}`\n", f"{call.title}.\n"]
    lines += [f"- Signed by: {_signers(call)}."]
    if call.tolerates:
        lines += [f"- Its signers may be {' or '.join(call.tolerates)}."]
    lines += [f"- Changes: {call.changes}."]
    lines += [f"- Events: {_codes(call.events)}.\n", _list_fields(call.payload)]
    lines += [_list_failures(call.failures)]
    return "\n".join(lines)


def _list_failures(failures: Mapping[str, str]) -> str:
    """What must hold, in the order in which it is checked."""
    rows = [f"| {place} | {holds} | `{code}` |" for place, (code, holds) in _count(failures)]
    return "\n".join(["| | what must hold | else |", "|---|---|---|", *rows, ""])


def _count(failures: Mapping[str, str]) -> Iterator[tuple[int, tuple[str, str]]]:
    return enumerate(failures.items(), start=1)


def _describe_due(due: Due) -> str:
    lines = [f"### `{due.action}`\n", f"{due.title}.\n", f"- Clock: {_clocks(due)}."]
    return "\n".join([*lines, f"- Changes: {due.changes}.", f"- Events: {_codes(due.events)}.\n"])


def _clocks(due: Due) -> str:
    return " or ".join(_CLOCKS[clock] for clock in due.clocks)


def _signers(call: Call) -> str:
    return "; ".join(_signer(role) for role in call.signers)


def _signer(role: Role) -> str:
    if role.classes == KEY_CLASS:
        return role.name
    return f"{role.name} ({', '.join(role.classes)})"


def _codes(codes: tuple[str, ...]) -> str:
    return ", ".join(f"`{code}`" for code in codes)


def _list_parts(wholes: Iterable[type]) -> list[type]:
    """The payloads, or the layouts, that lie within others, in the order of their names."""
    found: set[type] = set()
    hints = [hint for whole in wholes for hint in _list_hints(whole)]
    while hints:
        hint = hints.pop()
        hints += get_args(hint)
        if isinstance(hint, type) and _is_map(hint) and hint not in found:
            found.add(hint)
            hints += _list_hints(hint)
    return sorted(found, key=lambda part: part.__name__)


def _list_hints(whole: type) -> list[object]:
    if issubclass(whole, Payload):
        return [field.annotation for field in whole.model_fields.values()]
    return list(get_type_hints(whole).values())


def _is_map(hint: type) -> bool:
    return is_typeddict(hint) or issubclass(hint, Payload)


def _describe_payload(payload: type[Payload]) -> str:
    return f"### `{payload.__name__}`\n\n{getdoc(payload)}\n\n{_list_fields(payload)}"


def _list_fields(payload: type[Payload]) -> str:
    if not payload.model_fields:
        return "No fields.\n"
    rows = [
        f"| `{name}` | `{_type(field.annotation)}` | {field.description or ''} |"
        for name, field in sorted(payload.model_fields.items())
    ]
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *rows, ""])


def _type(annotation: object) -> str:
    if annotation in (int, str, bytes, bool):
        assert isinstance(annotation, type)
        return annotation.__name__
    if isinstance(annotation, type) and issubclass(annotation, Payload):
        return annotation.__name__
    if get_origin(annotation) is Annotated:
        return _type(get_args(annotation)[0])
    if get_origin(annotation) is list:
        return f"list[{_type(get_args(annotation)[0])}]"
    text = str(annotation)
    if text.startswith("dict"):
        return "map"
    return "int" if text.startswith("typing.Literal[1") else "str"


def _describe_life(name: str, life: Life) -> str:
    steps = [
        f"    {_node(state)} --> {_node(end)}: {event}" for (state, event), end in life.items()
    ]
    starts = dict.fromkeys(state for state, _ in life if state not in life.values())
    first = [f"    [*] --> {_node(state)}" for state in starts or [next(iter(life))[0]]]
    last = [f"    {_node(state)} --> [*]" for state in compute_terminal(life)]
    diagram = ["```mermaid", "stateDiagram-v2", *first, *steps, *last, "```", ""]
    return "\n".join([f"### {name}\n", *diagram])


def _node(state: str) -> str:
    """A state as the diagram's language can name it."""
    return state.replace("-", "_").replace(" ", "_")


def _describe_table(table: Table[Any]) -> str:
    key = "".join(f" `{part}` 0x00" for part in (table.name, *table.fields))
    derived = f" Derived tables: {_codes(table.derives)}." if table.derives else ""
    text = f"Key:{key}.{derived} For: {get_visibility(table.name)}.\n"
    return _describe_layout(table.title, table.layout, text)


def _describe_layout(name: str, layout: type, *lines: str) -> str:
    fields = get_type_hints(layout)
    rows = [f"| `{field}` | `{_layout_type(hint)}` |" for field, hint in sorted(fields.items())]
    head = [f"### {name}\n", *lines, f"{getdoc(layout)}\n", "| field | type |", "|---|---|"]
    return "\n".join([*head, *rows, ""])


def _layout_type(hint: object) -> str:
    text = hint.__name__ if isinstance(hint, type) else str(hint)
    return re.sub(r"\b(contracts\.\w+|typing)\.", "", text).replace(" | ", " or ")


def _describe_query(query: Query) -> str:
    rows = [f"| `{column}` | {meaning} |" for column, meaning in query.columns.items()]
    head = [f"### `{query.name}`\n", f"{query.title}.\n", "| column | meaning |", "|---|---|"]
    return "\n".join([*head, *rows, ""])


def _list_rules(integers: Mapping[str, int]) -> str:
    rows = [
        f"| `{name}` | {rule_set.MEANINGS[name]} | {integer} | {_show_integer(name, integer)} |"
        f" {' to '.join(map(str, rule_set.compute_bounds(name)))} |"
        for name, integer in sorted(integers.items())
    ]
    relations = [f"- {text}" for text, _ in rule_set.RELATIONS]
    head = ["| rule | what it says | integer | that is | bounds |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows, "", "Between rules of one version:\n", *relations, ""])


def _show_integer(name: str, integer: int) -> str:
    """A rule as people say it; nothing where the integer says it itself."""
    if name.endswith("_bp"):
        return f"{integer // 100}.{integer % 100:02} %"
    if name.endswith("_micro_yuan"):
        return f"{integer // 10**6} yuan"
    if name.endswith("_ms"):
        units = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms"))
        length_ms, unit = next(item for item in units if integer % item[0] == 0)
        return f"{integer // length_ms} {unit}"
    return ""


def _list_contracts() -> Iterator[str]:
    yield "Classes of codes: " + ", ".join(f"{key} {name}" for key, name in CLASSES.items()) + ".\n"
    for module in MODULES:
        assert module.__doc__ is not None
        name = module.__name__.rpartition(".")[2]
        yield f"### `{name}`\n\n```\n{module.__doc__.strip()}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(compute_document())
