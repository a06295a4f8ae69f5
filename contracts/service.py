"""The service centre of a node: the directory of what it offers, and its notices.

    key    entry 0x00 node 0x00 name 0x00              the directory of a node is a prefix
    value  {"contact", "duty", "node", "rules", "state", "summary", "title", "url"}
    key    notice 0x00 node 0x00 notice id 0x00        the notices of a node are a prefix
    value  {"documents", "ends_ms", "node", "reason", "rules", "starts_ms", "state", "text",
            "title", "topic"}

1. A node lists what it offers under a name of its own, one of its duties each; listing a name again
   writes its entry anew, and what is no longer offered is delisted. At most `MAX_ENTRIES` of a node
   are listed at one time.
2. A notice is published for a time and ends by itself; before, its node may withdraw it with a
   reason. Nothing of it ever changes: who has more to say publishes another. Authorities publish
   notices too. At most `MAX_NOTICES` of one publisher stand at one time.
3. Directory and notices are for the public.

Derived: the object index of notices, an entry in a due queue, and the sums
`entry_count 0x00 node` and `notice_count 0x00 node` of what stands.
"""

from typing import Annotated, Final, Literal, TypedDict

from pydantic import AfterValidator, Field

from contracts.call import OLD_BUSINESS, Call, Due, Role
from contracts.context import Context
from contracts.errors import Failure, require
from contracts.life import STEP_FAILURES, compute_next
from contracts.payload import Document, DocumentRecord, Label, Name, Note, Payload, TimeMs
from contracts.table import Projection, Table, get_last_field, make_due_key, make_object_key
from contracts.text import is_printable
from ledger.codec import Value
from ledger.record import make_key

ENTRY_LIFE: Final = {("listed", "delist"): "delisted", ("delisted", "list"): "listed"}
NOTICE_LIFE: Final = {
    ("published", "withdraw"): "withdrawn",
    ("published", "expire"): "expired",
}
MAX_ENTRIES: Final = 64  # listed at one time, of one node
MAX_NOTICES: Final = 64  # standing at one time, of one publisher
MAX_DOCUMENTS: Final = 8  # of one notice
MAX_TEXT: Final = 2_000
MAX_STANDING_MS: Final = 366 * 86_400_000  # how long a notice may stand


class Entry(TypedDict):
    """The value of an entry in a directory."""

    contact: str
    duty: str
    node: str
    rules: int
    state: str
    summary: str
    title: str
    url: str


class NoticeRecord(TypedDict):
    """The value of a notice; `reason` is that of its withdrawal."""

    documents: list[DocumentRecord]
    ends_ms: int
    node: str
    reason: str
    rules: int
    starts_ms: int
    state: str
    text: str
    title: str
    topic: str


def _is_text(text: str) -> str:
    if not is_printable(text.replace("\n", "")):
        raise ValueError("has characters that cannot be printed")
    return text


Text = Annotated[
    str,
    Field(max_length=MAX_TEXT, description="text in lines, may be empty"),
    AfterValidator(_is_text),
]
EntryName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", description="name of an entry")
]
NoticeId = Annotated[
    str, Field(pattern=r"^notice-[0-9a-f]{32}-[0-9]{1,4}$", description="id of a notice")
]


class ListEntry(Payload):
    """What a node offers, and how it is reached."""

    contact: Label
    duty: Annotated[
        Literal[
            "identity",
            "scheduling",
            "monitoring",
            "help",
            "aggregation",
            "selection",
            "security",
            "market",
        ],
        Field(
            description="identity, scheduling, monitoring, help, aggregation, selection, security"
            " or market"
        ),
    ]
    name: EntryName
    summary: Text
    title: Name
    url: Annotated[
        str,
        Field(pattern=r"^(https?://[!-~]{1,247})?$", description="http(s) URL, or empty"),
    ]


class Delist(Payload):
    """What a node no longer offers."""

    name: EntryName


class Announce(Payload):
    """A notice to everybody."""

    documents: Annotated[
        list[Document],
        Field(max_length=MAX_DOCUMENTS, description="what goes with it: location, media_type, ..."),
    ]
    ends_ms: TimeMs
    text: Text
    title: Name
    topic: Annotated[
        Literal["announcement", "maintenance", "outage", "rules", "standards", "warning"],
        Field(description="announcement, maintenance, outage, rules, standards or warning"),
    ]


class WithdrawNotice(Payload):
    """The end of a notice before its time."""

    note: Note
    notice: NoticeId


def make_entry_count_key(node: str) -> bytes:
    """Derived: how many entries of a node are listed."""
    return make_key("entry_count", node)


def make_notice_count_key(node: str) -> bytes:
    """Derived: how many notices of a publisher stand."""
    return make_key("notice_count", node)


def _project_entry(_key: bytes, entry: Entry) -> Projection:
    is_listed = entry["state"] == "listed"
    return Projection(sums={make_entry_count_key(entry["node"]): 1} if is_listed else {})


def _project_notice(key: bytes, notice: NoticeRecord) -> Projection:
    name = get_last_field(key)
    entries: dict[bytes, Value] = {make_object_key(name): key}
    if notice["state"] != "published":
        return Projection(entries)
    entries[make_due_key("time", notice["ends_ms"], "service.expire_notice", name)] = key
    return Projection(entries, {make_notice_count_key(notice["node"]): 1})


ENTRIES: Final[Table[Entry]] = Table(
    "entry", Entry, ("node", "name"), _project_entry, derives=("entry_count",), life=ENTRY_LIFE
)
NOTICES: Final[Table[NoticeRecord]] = Table(
    "notice",
    NoticeRecord,
    ("node", "id"),
    _project_notice,
    derives=("due", "notice_count", "object"),
    life=NOTICE_LIFE,
)


def list_entry(ctx: Context, call: ListEntry) -> None:
    """List what a node offers, or write its entry anew."""
    # who may: any node
    key = ENTRIES.make_key(ctx.actor, call.name)
    before = ENTRIES.get(ctx, key)

    # what must hold
    is_listed = before is not None and before["state"] == "listed"
    count = ctx.get_derived(make_entry_count_key(ctx.actor)) or 0
    require(is_listed or count < MAX_ENTRIES, "too-many-entries")

    # what changes
    entry: Entry = {
        "contact": call.contact,
        "duty": call.duty,
        "node": ctx.actor,
        "rules": ctx.rules.version,
        "state": "listed",
        "summary": call.summary,
        "title": call.title,
        "url": call.url,
    }
    ENTRIES.put(ctx, key, entry)
    ctx.emit("service.listed", (ctx.actor,), duty=call.duty, name=call.name, title=call.title)


def delist(ctx: Context, call: Delist) -> None:
    """Say that a node no longer offers something."""
    # who may: any node, of its own
    key = ENTRIES.make_key(ctx.actor, call.name)
    entry = ENTRIES.get(ctx, key)
    if entry is None:
        raise Failure("unknown-entry")

    # what must hold
    state = compute_next(ENTRY_LIFE, entry["state"], "delist")

    # what changes
    ENTRIES.put(ctx, key, {**entry, "state": state})
    ctx.emit("service.delisted", (ctx.actor,), name=call.name)


def announce(ctx: Context, call: Announce) -> None:
    """Publish a notice."""
    # who may: any node or authority

    # what must hold
    require(call.ends_ms > ctx.time_ms, "until-in-past")
    require(call.ends_ms <= ctx.time_ms + MAX_STANDING_MS, "too-long")
    count = ctx.get_derived(make_notice_count_key(ctx.actor)) or 0
    require(count < MAX_NOTICES, "too-many-notices")

    # what changes
    name = ctx.make_object_id("notice")
    record: NoticeRecord = {
        "documents": [document.make_record() for document in call.documents],
        "ends_ms": call.ends_ms,
        "node": ctx.actor,
        "reason": "",
        "rules": ctx.rules.version,
        "starts_ms": ctx.time_ms,
        "state": "published",
        "text": call.text,
        "title": call.title,
        "topic": call.topic,
    }
    NOTICES.put(ctx, NOTICES.make_key(ctx.actor, name), record)
    ctx.emit("service.announced", (name, ctx.actor), title=call.title, topic=call.topic)


def withdraw_notice(ctx: Context, call: WithdrawNotice) -> None:
    """End a notice before its time."""
    # who may
    found = NOTICES.find(ctx, call.notice)
    if found is None:
        raise Failure("unknown-notice")
    key, notice = found
    require(ctx.actor == notice["node"], "not-owner")

    # what must hold
    state = compute_next(NOTICE_LIFE, notice["state"], "withdraw")

    # what changes
    NOTICES.put(ctx, key, {**notice, "reason": call.note, "state": state})
    ctx.emit("service.notice_withdrawn", (call.notice, ctx.actor), note=call.note)


def expire_notice(ctx: Context, key: bytes) -> None:
    """End a notice whose time is over."""
    notice = NOTICES.get(ctx, key)
    assert notice is not None
    state = compute_next(NOTICE_LIFE, notice["state"], "expire")
    NOTICES.put(ctx, key, {**notice, "state": state})
    ctx.emit("service.notice_expired", (get_last_field(key), notice["node"]))


_NODE = Role("node", "NRI")
_PUBLISHER = Role("node or authority", "NRIA")

CALLS = (
    Call(
        kind="service.list",
        title="List what a node offers in its directory",
        payload=ListEntry,
        signers=(_NODE,),
        failures={"too-many-entries": f"fewer than {MAX_ENTRIES} other entries are listed"},
        handler=list_entry,
        changes="the entry; the node's account",
        events=("service.listed",),
    ),
    Call(
        kind="service.delist",
        title="Take an entry out of a directory",
        payload=Delist,
        signers=(_NODE,),
        failures={"unknown-entry": "the node has an entry of this name", **STEP_FAILURES},
        handler=delist,
        changes="the entry; the node's account",
        events=("service.delisted",),
        tolerates=OLD_BUSINESS,
    ),
    Call(
        kind="service.announce",
        title="Publish a notice",
        payload=Announce,
        signers=(_PUBLISHER,),
        failures={
            "until-in-past": "it ends after the block's time",
            "too-long": f"it stands for at most {MAX_STANDING_MS // 86_400_000} days",
            "too-many-notices": f"fewer than {MAX_NOTICES} of the publisher's stand",
        },
        handler=announce,
        changes="the notice; the publisher's account",
        events=("service.announced",),
    ),
    Call(
        kind="service.withdraw_notice",
        title="End a notice before its time",
        payload=WithdrawNotice,
        signers=(_PUBLISHER,),
        failures={
            "unknown-notice": "the notice exists",
            "not-owner": "it is the actor's own",
            **STEP_FAILURES,
        },
        handler=withdraw_notice,
        changes="the notice; the publisher's account",
        events=("service.notice_withdrawn",),
        tolerates=OLD_BUSINESS,
    ),
)

DUE = (
    Due(
        action="service.expire_notice",
        title="End a notice whose time is over",
        clocks=("time",),
        handler=expire_notice,
        changes="the notice",
        events=("service.notice_expired",),
    ),
)

TABLES = (ENTRIES, NOTICES)
