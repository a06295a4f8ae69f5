"""Reading answers: what is not of this API is refused as such."""

import json
from typing import Any

import pytest

from node.client import Rejected, Unexpected, calls
from node.client.calls import Call, read_answer
from node.client.outcome import read_outcome
from node.client.retry import Retry

PROBLEM = {"code": "busy", "status": 503, "title": "Full", "detail": "x", "retry": True}


def read(call: Call[Any], value: Any, status: int = 200, kind: str = "application/json") -> Any:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return read_answer(status, kind, content, call)


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (calls.submit(b"", None), {"status": "strange"}),
        (calls.submit(b"", None), {}),
        (calls.submit(b"", None), []),
        (calls.submit(b"", None), {"status": "final", "height": "x"}),
        (calls.submit_many([b"", b""], None), [{"status": "accepted"}]),
        (calls.submit_many([b""], None), {}),
        (calls.get_height(), {"header": {}}),
        (calls.get_height(), None),
        (calls.list_records("t", (), None), {"items": {}}),
        (calls.list_records("t", (), None), {"items": [], "next": 7}),
        (calls.get_document("/"), []),
        (calls.get_chain(), {"document": "AAAA"}),
        (calls.get_chain(), {"document": "!"}),
        (calls.get_chain(), {}),
        (calls.get_document("/"), b"{"),
    ],
)
def test_a_malformed_answer_is_refused(call: Call[Any], value: Any) -> None:
    with pytest.raises(Unexpected):
        read(call, value)


def test_another_kind_of_answer_is_refused() -> None:
    with pytest.raises(Unexpected, match="address of a peer"):
        read(calls.get_document("/"), b"<html>", kind="text/html; charset=utf-8")


def test_a_problem_is_raised_with_its_hints() -> None:
    document = PROBLEM | {"retry_after_s": "1.5"}
    with pytest.raises(Rejected) as caught:
        read(calls.get_document("/"), document, 503, "application/problem+json")
    assert (caught.value.code, caught.value.status, caught.value.retry) == ("busy", 503, True)
    assert caught.value.retry_after_s == 1.5
    assert Retry(most_s=1.0).compute_wait_s(caught.value, 1) == 1.0
    assert Retry(attempts=2).compute_wait_s(caught.value, 2) is None
    with pytest.raises(Rejected):
        read(calls.get_document("/"), [], 500)


def test_a_refused_entry_carries_its_problem() -> None:
    outcome = read_outcome({"status": "refused", "problem": PROBLEM})
    assert (outcome.status, outcome.code, outcome.height) == ("refused", "busy", -1)
    assert outcome.is_settled
    assert not outcome.is_ok


def test_paths_are_encoded_by_segment() -> None:
    call = calls.get_record("price", ("a/b", "?x", "0x07"))
    assert call.path == "/v1/records/price/a%2Fb/%3Fx/0x07"


def test_waits_grow_and_are_bounded() -> None:
    retry = Retry(attempts=10, first_s=0.1, most_s=1.0)
    waits = [retry.backoff_s(attempt) for attempt in range(1, 30)]
    assert all(0.05 <= wait <= 1.0 for wait in waits)
    assert waits[10] >= 0.5
