"""Who applies to become a node, and every step on the way to one that takes part."""

from dataclasses import dataclass
from typing import Any

from stdnum.cn import uscc

from contracts.application import APPLICATIONS, MATERIALS
from ledger.code import compose_code
from ledger.codec import Value
from ledger.result import Result
from ledger.transaction import key_signer
from ledger.x509 import issue_certificate
from tests.contracts.world import (
    BEGIN_MS,
    BUREAU,
    END_MS,
    HOUR_MS,
    NATIONAL,
    World,
    make_document,
    make_keys,
    make_state_root,
)

HEBEI = compose_code("R", "130000", "00006", serial="0000001")
INDUSTRY_NODE = compose_code("I", "000000", "00021", "J")
COMMUNICATIONS = compose_code("A", "130000", "00040")
INDUSTRY_AUTHORITY = compose_code("A", "130000", "00041")
OTHER_AUTHORITY = compose_code("A", "140000", "00042")
AUDITORS = (compose_code("M", "000000", "00050"), compose_code("M", "000000", "00051"))
APPLICANT = key_signer(make_keys("applicant").public)
OTHER_APPLICANT = key_signer(make_keys("other applicant").public)
CAPITAL = 50_000_000 * 10**6
NO_APPLICATION = "application-" + "0" * 32 + "-0"
POINTS = {
    "financial_stability": 80,
    "operational_experience": 75,
    "policy_alignment": 70,
    "technical_capability": 90,
}
HEBEI_BLOCK = [20 * 36**3, 21 * 36**3 - 1]


def make_credit_code(number: int) -> str:
    """The Unified Social Credit Code of somebody who is made up."""
    body = f"91130100MA0{number:06d}"
    return body + uscc.calc_check_digit(body)


BUILDER, OPERATOR, PARTNER = (make_credit_code(number) for number in (1, 2, 3))
STRANGERS = tuple(make_credit_code(number) for number in range(10, 14))


def draft_data(code: str = HEBEI, **changes: Value) -> dict[str, Value]:
    """A draft that qualifies, for the node that will have this code."""
    is_regional = code[0] == "R"
    return {
        "construction": construction(),
        "industry": "" if is_regional else code[7],
        "materials": [{**make_document(kind), "kind": kind} for kind in MATERIALS],
        "members": [],
        "operating": operating(),
        "place": code[1:7],
        "route": "regional" if is_regional else "unit",
        "sector": "" if is_regional else "artificial-intelligence",
        **changes,
    }


def construction(**changes: Value) -> dict[str, Value]:
    return {
        "capital_micro_yuan": CAPITAL,
        "credit_code": BUILDER,
        "evidence": make_document("capacity"),
        "name": "算力建设有限公司",
        **changes,
    }


def operating(**changes: Value) -> dict[str, Value]:
    return {
        "credit_code": OPERATOR,
        "defaults": 0,
        "facilities": "two halls in Zhangjiakou",
        "licence": "B1-20260001",
        "name": "算力运营有限公司",
        "personnel": 40,
        "public_institution": False,
        **changes,
    }


@dataclass
class Newcomer:
    """An applicant and those who judge it, in a world where they are registered."""

    world: World
    code: str = HEBEI
    applicant: str = APPLICANT
    application: str = ""

    def set_up(self) -> "Newcomer":
        """The authorities of Hebei and two auditors, once."""
        world = self.world
        if world.value(b"identity\x00%b\x00" % COMMUNICATIONS.encode()) is None:
            world.register(COMMUNICATIONS, NATIONAL, "communications")
            world.register(INDUSTRY_AUTHORITY, NATIONAL, "industry")
            world.register(OTHER_AUTHORITY, NATIONAL, "communications")
            for auditor in AUDITORS:
                world.register(auditor, NATIONAL)
        return self

    def open_window(self, length_ms: int = 30 * 24 * HOUR_MS) -> "Newcomer":
        """A round from now on, unless one is open."""
        now = self.world.time_ms
        data = {"closes_ms": now + length_ms, "opens_ms": now}
        assert self.world.run("admission.open_window", NATIONAL, **data).code in (
            "ok",
            "window-open",
        )
        return self

    def draft(self, **changes: Value) -> "Newcomer":
        data = draft_data(self.code, **changes)
        result = self.world.do("admission.draft", self.applicant, **data)
        self.application = result.events[0]["about"][0]
        return self

    def endorse(self) -> "Newcomer":
        for authority in (COMMUNICATIONS, INDUSTRY_AUTHORITY)[: 2 if self.code[0] == "R" else 1]:
            self.do("admission.endorse", authority)
        return self

    def submit(self) -> "Newcomer":
        self.do("admission.submit", self.applicant)
        return self

    def review(self) -> "Newcomer":
        self.do("admission.review", BUREAU)
        return self

    def score(self, **changes: Value) -> "Newcomer":
        for reviewer in (BUREAU, *AUDITORS):
            self.do("admission.score", reviewer, **{**POINTS, **changes})
        return self

    def decide(self, outcome: str = "admitted") -> "Newcomer":
        self.do("admission.decide", BUREAU, note="", outcome=outcome)
        return self

    def drafted(self, **changes: Value) -> "Newcomer":
        return self.set_up().draft(**changes)

    def submitted(self, **changes: Value) -> "Newcomer":
        return self.drafted(**changes).endorse().open_window().submit()

    def admitted(self) -> "Newcomer":
        return self.submitted().review().score().decide()

    def admission(self, **changes: Value) -> tuple[list[str], dict[str, Value]]:
        """The signers and data with which the national node makes it a node."""
        identity, peer = make_keys(self.code), make_keys(self.code + "peer")
        certificate = issue_certificate(
            self.code, self.code, peer.public, identity, 3, BEGIN_MS, END_MS, False
        )
        keys = [identity, peer]
        if self.code[0] == "R":
            keys.append(make_keys(self.code + "validator"))
        data: dict[str, Value] = {
            "application": self.application,
            "certificate": self.world.certificate(self.code, NATIONAL, identity),
            "code": self.code,
            "http_endpoint": "http://127.0.0.1:8000",
            "number_block": HEBEI_BLOCK if self.code[0] == "R" else [],
            "peer_certificate": certificate,
            "peer_endpoint": "127.0.0.1:7000",
            **changes,
        }
        return [NATIONAL, *(key_signer(key.public) for key in keys)], data

    def admit(self) -> Result:
        signers, data = self.admission()
        return self.world.do("membership.admit", signers, **data)

    def do(self, kind: str, signers: Any, **data: Value) -> Result:
        return self.world.do(kind, signers, application=self.application, **data)

    def run(self, kind: str, signers: Any, **data: Value) -> Result:
        return self.world.run(kind, signers, application=self.application, **data)

    @property
    def record(self) -> Any:
        """The application."""
        return self.world.value(APPLICATIONS.make_key(self.application))


def admit(world: World, code: str = HEBEI) -> Newcomer:
    """Everything from the draft to a node that is admitted and has not connected."""
    newcomer = Newcomer(world, code).admitted()
    newcomer.admit()
    return newcomer


def declare(world: World, code: str = HEBEI, passed: bool = True) -> None:
    """Declare the profile of the genesis."""
    run = make_document("run")
    world.do("standards.declare", code, name="kubernetes-1", passed=passed, run=run, version=1)


def connection(world: World, code: str = HEBEI, **changes: Value) -> tuple[Any, dict[str, Value]]:
    """The signers and data of a node's connect."""
    signers = [code]
    if code[0] == "R":
        signers.append(key_signer(make_keys(code + "validator").public))
    data: dict[str, Value] = {
        "height": world.height,
        "state_root": make_state_root(world.height),
        "through": "",
        **changes,
    }
    return signers, data


def bar_data(*at_fault: str) -> dict[str, Value]:
    """A finding of false information."""
    return {"at_fault": list(at_fault), "evidence": make_document("finding"), "note": ""}


def announcement() -> dict[str, Value]:
    return {"documents": [make_document("decision")], "note": "", "title": "第一批"}
