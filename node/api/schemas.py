"""The schemas of answers, by name; every integer of the ledger is text."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Schema = dict[str, Any]

_NUMBER: Final[Schema] = {"type": "string", "pattern": "^-?(0|[1-9][0-9]*)$"}
_DIGEST: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_HEX: Final[Schema] = {"type": "string", "pattern": "^([0-9a-f]{2})*$"}
_TEXT: Final[Schema] = {"type": "string"}
_SWITCH: Final[Schema] = {"type": "boolean"}
_BASE64: Final[Schema] = {"type": "string", "contentEncoding": "base64"}
_ANY: Final[Schema] = {"description": "A value of the ledger: integers as text, bytes as hex."}
_NEXT: Final[Schema] = {
    "type": ["string", "null"],
    "description": "`cursor` of the next page; null at the end.",
}


def _object(properties: Mapping[str, Any], optional: Sequence[str] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _page(items: Schema, **others: Schema) -> Schema:
    return _object({**others, "items": _list(items), "next": _NEXT})


_KEY: Final[Schema] = {
    "type": "array",
    "items": _TEXT,
    "description": "The table, then the fields; integers as `0x` and their hex.",
}
_PLACE: Final = {"height": _NUMBER, "index": _NUMBER}
_RECORD: Final = {
    "key": _KEY,
    "value": _ANY,
    "version": _NUMBER,
    "created_height": _NUMBER,
    **_PLACE,
    "previous_hash": {"type": ["string", "null"]},
    "hash": _DIGEST,
}
_QUERY: Final = {
    "query": _TEXT,
    "title": _TEXT,
    "columns": _list(
        _object(
            {
                "name": _TEXT,
                "type": {"type": "string", "enum": ["text", "integer"]},
                "meaning": _TEXT,
            }
        )
    ),
}
_EVENT: Final = _object({"about": _list(_TEXT), "data": _ANY, "type": _TEXT})
_BUCKETS: Final[Schema] = {
    "type": "object",
    "additionalProperties": _NUMBER,
    "description": "Micro-yuan by the name of the bucket: `balances`, `issued`, ...",
}
_PHASES: Final[Schema] = {"type": "string", "enum": ["accepted", "final", "invalid"]}
_STATUS: Final = {
    "id": _DIGEST,
    "status": _PHASES,
    "code": {**_TEXT, "description": "`ok`, the failure, or why it is invalid."},
    **_PLACE,
}
_LATER: Final = ("code", "height", "index")
_TRANSACTION: Final = _object(
    {
        "hash": _DIGEST,
        "kind": _TEXT,
        "signers": _list(_TEXT),
        "until": _NUMBER,
        "nonce": _HEX,
        "data": _ANY,
        "raw": _BASE64,
    }
)
_CHANGE: Final = _object({"key": _KEY, "version": _NUMBER})
_HEADER_DIGESTS: Final = (
    "parent",
    "parent_certificate_hash",
    "transactions_root",
    "results_root",
    "state_root",
    "history_root",
    "validators_hash",
    "next_validators_hash",
)
_HEADER_NUMBERS: Final = (
    "epoch",
    "view",
    "height",
    "time_ms",
    "transactions_count",
    "results_count",
    "rules_version",
)

SCHEMAS: Final[Mapping[str, Schema]] = {
    "Problem": _object(
        {
            "type": {"type": "string", "format": "uri-reference"},
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "code": _TEXT,
            "retry": _SWITCH,
            "retry_after_s": _TEXT,
        },
        ("retry_after_s",),
    ),
    "ProblemKind": _object(
        {
            "code": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "advice": _TEXT,
            "retry": _SWITCH,
        }
    ),
    "ProblemCatalogue": _object({"items": _list(_ref("ProblemKind"))}),
    "SignedTransaction": _object({"body": _BASE64, "signatures": _list(_BASE64)})
    | {"additionalProperties": False},
    "TransactionStatus": _object(_STATUS, _LATER),
    "RefusedStatus": _object(
        {"status": {"type": "string", "enum": ["refused"]}, "problem": _ref("Problem")}
    ),
    "Transaction": _TRANSACTION,
    "Event": _EVENT,
    "Result": _object(
        {
            "code": _TEXT,
            "events": _list(_ref("Event")),
            "changes": _list(_CHANGE),
        }
    ),
    "TransactionView": _object(
        {
            **_STATUS,
            "time_ms": _NUMBER,
            "transaction": _ref("Transaction"),
            "result": _ref("Result"),
        },
        (*_LATER, "time_ms", "transaction", "result"),
    ),
    "Header": _object(
        {"chain": _TEXT, "proposer": _TEXT}
        | dict.fromkeys(_HEADER_NUMBERS, _NUMBER)
        | dict.fromkeys(_HEADER_DIGESTS, _DIGEST)
    ),
    "Block": _object(
        {
            "hash": _DIGEST,
            "header": _ref("Header"),
            "transactions": _list(
                _object(
                    {
                        "id": _DIGEST,
                        "index": _NUMBER,
                        "code": _TEXT,
                        "events": _list(_ref("Event")),
                        "transaction": {"oneOf": [_ref("Transaction"), {"type": "null"}]},
                    }
                )
            ),
        },
        ("transactions",),
    ),
    "BlockPage": _page(_ref("Block")),
    "Record": _object(_RECORD),
    "CurrentRecord": _object({"at_height": _NUMBER, "record": _ref("Record")}),
    "RecordPage": _page(_ref("Record"), at_height=_NUMBER),
    "Maker": _object(
        {
            "id": _DIGEST,
            "kind": _TEXT,
            "signers": _list(_TEXT),
            **_PLACE,
            "time_ms": _NUMBER,
            "rules_version": _NUMBER,
        }
    ),
    "HistoryPage": _page(
        _object(
            _RECORD
            | {
                "changes": {
                    "type": ["array", "null"],
                    "items": _object({"path": _TEXT, "before": _ANY, "after": _ANY}),
                    "description": "Each field that differs from the version before.",
                },
                "made_by": {"oneOf": [_ref("Maker"), {"type": "null"}]},
            }
        ),
        at_height=_NUMBER,
    ),
    "AuditPage": _page(
        _object(
            {
                "id": _DIGEST,
                "kind": _TEXT,
                "code": _TEXT,
                "signers": _list(_TEXT),
                **_PLACE,
                "time_ms": _NUMBER,
                "rules_version": _NUMBER,
                "events": {"type": ["array", "null"], "items": _ref("Event")},
                "changes": {"type": ["array", "null"], "items": _CHANGE},
            }
        ),
        at_height=_NUMBER,
        complete_from=_NUMBER,
    ),
    "StatementPage": _page(
        _object(
            {
                "id": _DIGEST,
                "kind": _TEXT,
                "signers": _list(_TEXT),
                **_PLACE,
                "time_ms": _NUMBER,
                "events": _list(_TEXT),
                "objects": _list(_TEXT),
                "epoch": {"type": ["string", "null"]},
                "reference": _TEXT,
                "changes": _BUCKETS,
                "after": _BUCKETS,
                "postings": _list(
                    _object({"key": _KEY, "party": _TEXT, "bucket": _TEXT, "change": _NUMBER})
                ),
            }
        ),
        at_height=_NUMBER,
        party=_TEXT,
        first_height=_NUMBER,
        last_height=_NUMBER,
        opening=_BUCKETS,
        closing=_BUCKETS,
    ),
    "QueryList": _object({"items": _list(_object(_QUERY))}),
    "StatisticResult": _object(
        {
            **_QUERY,
            "height": _NUMBER,
            "time_ms": _NUMBER,
            "state_root": _DIGEST,
            "result_sha256": _DIGEST,
            "rows": _list({"type": "object", "additionalProperties": _TEXT}),
        }
    ),
    "Genesis": _object(
        {"chain": _TEXT, "hash": _DIGEST, "document": _BASE64, "transaction_window": _NUMBER}
    ),
    "Status": {"type": "object", "description": "What the peer says of itself."},
    "Health": _object({"status": _TEXT}),
    "Ready": _object({"ready": _SWITCH, "reasons": _list(_TEXT)}),
}
