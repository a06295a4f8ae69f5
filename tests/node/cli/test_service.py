"""`suanlian service` against the API of a peer whose nodes have something to show."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contracts.public import DOCUMENT, MESSAGE, entry_data, pool_data
from tests.node.cli.conftest import Suanlian
from tests.node.cli.serving import serve
from tests.node.publication import Publication
from tests.node.stage import Stage

Ask = Callable[..., Any]


class Shown:
    """A region that shows one of everything, and has ended one of everything."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.node, self.other = self.stage.population.regions[:2]
        self.signer = [self.stage.founder(self.node)]
        self.entry = self.do("service.list", **entry_data())
        self.do("service.list", **entry_data(name="old"))
        self.do("service.delist", name="old")
        self.pool = self.do("pool.create", **pool_data())
        self.do("pool.close", pool=self.do("pool.create", **pool_data()))
        ends_ms = self.stage.store.header.time_ms + 3_600_000
        notice = {"documents": [], "ends_ms": ends_ms, "text": "", "title": "Soon"}
        self.notice = self.do("service.announce", **notice, topic="outage")
        old = self.do("service.announce", **notice, topic="warning")
        self.do("service.withdraw_notice", note="", notice=old)
        case = {"about": "", "category": "trade", "message": MESSAGE, "node": self.node}
        self.case = self.do("help.open", **case, subject="Why?")
        self.do("help.close", case=self.do("help.open", **case, subject="How?"), reason="solved")
        self.incident = self.report()
        old = self.report()
        for kind in ("security.contain", "security.resolve"):
            self.do(kind, document=DOCUMENT, incident=old)

    def report(self) -> str:
        return self.do(
            "security.report",
            affected=[],
            category="network",
            document=DOCUMENT,
            occurred_ms=1,
            predecessor="",
            severity=2,
            title="A line was cut",
        )

    def do(self, kind: str, **data: Any) -> str:
        """A final block of one transaction; what it is about."""
        (sealed,) = blocks = self.stage.grow([self.stage.sign(kind, data, self.signer)])
        self.stage.finish(blocks)
        (result,) = sealed.results
        assert result.code == "ok", (kind, result.code)
        return str(result.events[0]["about"][0])


@pytest.fixture(scope="module")
def shown() -> Shown:
    return Shown()


@pytest.fixture(scope="module")
def url(shown: Shown) -> Iterator[str]:
    with serve(Publication(shown.stage, "", "").peer) as url:
        yield url


@pytest.mark.parametrize("what", ["directory", "notices", "cases", "incidents", "pools"])
def test_what_stands_is_listed_and_what_ended_when_asked(
    what: str, ask: Ask, shown: Shown, url: str
) -> None:
    (standing,) = ask("service", what, "--peer", url)
    names = {
        "directory": "help-desk",
        "notices": shown.notice,
        "cases": shown.case,
        "incidents": shown.incident,
        "pools": shown.pool,
    }
    assert (standing["id"], standing["node"]) == (names[what], shown.node)
    assert len(ask("service", what, "--all", "--peer", url)) == 2
    assert len(ask("service", what, shown.node, "--peer", url)) == 1
    assert ask("service", what, shown.other, "--peer", url) == []


def test_tables_are_for_people(suanlian: Suanlian, shown: Shown, url: str) -> None:
    incidents = suanlian("service", "incidents", "--all", "--peer", url, "--most", 2)
    assert "A line was cut" in incidents.out
    assert "2026-" in incidents.out
    assert "there may be more" in incidents.err
    assert "kubernetes" not in suanlian("service", "pools", "--peer", url).out


def test_a_wrong_code_is_said(suanlian: Suanlian, url: str) -> None:
    assert suanlian("service", "pools", "R1", "--peer", url).code == 1
