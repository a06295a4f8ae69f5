"""Statistics as their readers check them: the digest of a result, out of what a peer sent."""

from typing import Any

from ledger import codec
from ledger.crypto import sha256
from ledger.errors import LedgerError
from node.client.errors import Unexpected


def compute_result_digest(document: dict[str, Any]) -> str:
    """The SHA-256, in hex, of the result that an answer of `/v1/statistics` shows.

    It is computed from the rows; the digest that stands beside them is not looked at. Raises
    Unexpected.
    """
    try:
        types = {column["name"]: column["type"] for column in document["columns"]}
        rows = [
            {name: int(value) if types[name] == "integer" else value for name, value in row.items()}
            for row in document["rows"]
        ]
        result = {
            "height": int(document["height"]),
            "query": document["query"],
            "rows": rows,
            "time_ms": int(document["time_ms"]),
        }
        return sha256(codec.encode(result)).hex()
    except (KeyError, TypeError, ValueError, AttributeError, LedgerError) as error:
        raise Unexpected(f"the statistic is malformed: {error}") from None
