"""docs/spec/http.md says what the code does."""

import re
from pathlib import Path

from node.api.app import list_routes
from node.api.limits import MAX_PATH_CHARACTERS, Limits
from node.api.problems import CATALOGUE

TEXT = (Path(__file__).parents[3] / "docs" / "spec" / "http.md").read_text("utf-8")


def test_every_route_is_named() -> None:
    for route in list_routes():
        path = re.sub(r"\{.*", "", route.path)
        assert f"{path}" in TEXT, route.path


def test_every_code_in_the_table_is_in_the_catalogue() -> None:
    section = TEXT[TEXT.index("## 2.") : TEXT.index("## 3.")]
    rows = [row for row in section.splitlines() if re.match(r"\| \d", row)]
    for row in rows:
        statuses, codes = row.strip("|").split("|")
        for code in re.findall(r"`([a-z-]+)`", codes):
            assert str(CATALOGUE[code].status) in statuses, code


def test_the_bounds_are_the_defaults() -> None:
    limits = Limits()
    for number in (
        int(limits.requests_per_s),
        limits.requests_burst,
        int(limits.transactions_per_s),
        limits.transactions_burst,
        limits.max_batch,
        limits.waiters,
        limits.waiters_per_client,
        limits.streams,
        limits.connections,
        limits.max_page,
        MAX_PATH_CHARACTERS,
    ):
        shown = f"{number:,}".replace(",", " ") if number >= 1000 else str(number)
        assert shown in TEXT, number
    assert f"{limits.max_body_bytes // 1024**2} MiB" in TEXT
