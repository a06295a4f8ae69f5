"""Requests in tests: an answer with its document, and problems held to their form."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

MSGPACK = "application/msgpack"


@dataclass
class Answer:
    """An answer with its body read."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Web:
    """A client that reads everything."""

    def __init__(self, client: "TestClient[Any, Any]") -> None:
        self.client = client

    async def get(self, path: str, **how: Any) -> Answer:
        async with self.client.get(path, **how) as response:
            return await _read(response)

    async def post(self, body: bytes, query: str = "", kind: str = MSGPACK, **how: Any) -> Answer:
        headers = {"Content-Type": kind, **how.pop("headers", {})}
        path = f"/v1/transactions{query}"
        async with self.client.post(path, data=body, headers=headers, **how) as response:
            return await _read(response)

    async def post_json(self, value: Any, query: str = "") -> Answer:
        return await self.post(json.dumps(value).encode(), query, "application/json")

    async def get_json(self, path: str, **how: Any) -> Any:
        answer = await self.get(path, **how)
        assert answer.status == 200, answer.body
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return answer.json


def check_problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """Hold an answer to RFC 9457 and to the expected code; the document."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.body
    document: dict[str, Any] = answer.json
    assert (answer.status, document["code"]) == (status, code), document
    assert document["status"] == status
    assert document["type"] == f"/problems/{code}"
    assert document["title"]
    assert document["detail"]
    assert type(document["retry"]) is bool
    return document


async def _read(response: ClientResponse) -> Answer:
    return Answer(response.status, response.headers, await response.read())
