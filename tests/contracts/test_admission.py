"""Admission: from a draft to a node that votes, and what bars somebody for ever."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contracts import machine
from contracts.admission import ROUNDS, make_round_key
from contracts.application import APPLICATIONS, BARS, LIFE, MATERIALS
from contracts.invariants import check_invariants, check_step
from contracts.life import compute_terminal
from contracts.nodes import NODES
from contracts.review import ANNOUNCEMENTS
from contracts.rules import VERSION_1
from contracts.standing import make_identity_key
from ledger.code import compose_code
from ledger.codec import Value
from tests.contracts.newcomer import (
    APPLICANT,
    AUDITORS,
    BUILDER,
    CAPITAL,
    COMMUNICATIONS,
    HEBEI,
    HEBEI_BLOCK,
    INDUSTRY_AUTHORITY,
    INDUSTRY_NODE,
    OPERATOR,
    OTHER_APPLICANT,
    OTHER_AUTHORITY,
    PARTNER,
    POINTS,
    STRANGERS,
    Newcomer,
    announcement,
    bar_data,
    connection,
    construction,
    declare,
    draft_data,
    operating,
)
from tests.contracts.world import (
    BUREAU,
    HOUR_MS,
    NATIONAL,
    REGIONS,
    MemoryState,
    World,
    make_document,
    make_keys,
    make_world,
)

DAY_MS = 24 * HOUR_MS
MEMBERS = [{"credit_code": PARTNER, "name": "伙伴"}]


def test_the_whole_way_of_a_region(world: World) -> None:
    newcomer = Newcomer(world).admitted()
    assert newcomer.record["state"] == "admitted"
    newcomer.do("admission.announce", BUREAU, **announcement())
    newcomer.admit()
    declare(world)
    signers, data = connection(world)
    world.do("membership.connect", signers, **data)
    world.block()
    codes = [code for code, _ in machine.compute_validators(world.state)]
    assert codes == sorted([*REGIONS, HEBEI])
    identity = world.value(make_identity_key(HEBEI))
    assert (identity["credit_code"], identity["reason"]) == (OPERATOR, "admitted")
    assert identity["blocks"] == [HEBEI_BLOCK]
    assert newcomer.record["node"] == HEBEI
    # It issues out of its own block at once.
    world.register(compose_code("P", "130100", "0K001", "I"), HEBEI)
    assert check_invariants(world.state) == []


def test_a_region_may_have_another_node_after_a_revocation(world: World) -> None:
    Newcomer(world).admitted().admit()
    world.do("identity.revoke", NATIONAL, code=HEBEI, note="", reason="superseded")
    world.do("admission.close_window", NATIONAL, note="")
    code = compose_code("R", "130000", "00007", serial="0000001")
    second = Newcomer(world, code, OTHER_APPLICANT).admitted()
    signers, data = second.admission(number_block=[22 * 36**3, 23 * 36**3 - 1])
    world.do("membership.admit", signers, **data)
    assert world.value(NODES.make_key(code))["status"] == "admitted"
    assert check_invariants(world.state) == []


def test_an_application_keeps_what_was_said(world: World) -> None:
    record = Newcomer(world).submitted().record
    assert record["applicant"] == APPLICANT
    assert [item["kind"] for item in record["materials"]] == list(MATERIALS)
    assert record["materials"][0]["sha256"] == make_document(MATERIALS[0])["sha256"]
    assert record["construction"]["capital_micro_yuan"] == CAPITAL
    assert [code for code, *_ in record["endorsements"]] == [COMMUNICATIONS, INDUSTRY_AUTHORITY]
    assert (record["round"], record["place"], record["state"]) == (1, "130000", "submitted")


def test_one_endorsement_of_two_leaves_a_regional_draft(world: World) -> None:
    newcomer = Newcomer(world).drafted()
    newcomer.do("admission.endorse", INDUSTRY_AUTHORITY)
    assert newcomer.record["state"] == "draft"
    newcomer.do("admission.endorse", COMMUNICATIONS)
    assert newcomer.record["state"] == "endorsed"


@pytest.mark.parametrize(
    ("route", "required", "submits"),
    [
        ("unit", 1, "ok"),
        ("unit", 2, "not-endorsed"),
        ("consortium", 1, "ok"),
        ("consortium", 2, "not-endorsed"),
        ("recommended", 1, "not-endorsed"),
        ("recommended", 2, "not-endorsed"),
    ],
)
def test_whether_an_industry_node_needs_a_recommendation(
    route: str, required: int, submits: str
) -> None:
    world = make_world(recommendation_required=required)
    newcomer = Newcomer(world, INDUSTRY_NODE).set_up().open_window()
    newcomer.draft(route=route, members=MEMBERS if route == "consortium" else [])
    assert newcomer.run("admission.submit", newcomer.applicant).code == submits
    if submits != "ok":
        # It is for the whole country: an authority of any place will do, and one is enough.
        newcomer.do("admission.endorse", OTHER_AUTHORITY)
        assert newcomer.record["state"] == "endorsed"
        newcomer.submit()


def test_an_industry_node_is_admitted_without_a_vote(world: World) -> None:
    newcomer = Newcomer(world, INDUSTRY_NODE).admitted()
    newcomer.admit()
    declare(world, INDUSTRY_NODE)
    signers, data = connection(world, INDUSTRY_NODE, through=REGIONS[0])
    world.do("membership.connect", signers, **data)
    world.block()
    assert world.value(NODES.make_key(INDUSTRY_NODE))["status"] == "active"
    assert len(machine.compute_validators(world.state)) == len(REGIONS)
    assert check_invariants(world.state) == []


def test_several_industry_nodes_serve_one_letter(world: World) -> None:
    Newcomer(world, INDUSTRY_NODE).admitted().admit()
    second = Newcomer(world, compose_code("I", "000000", "00022", "J"), OTHER_APPLICANT)
    second.admitted().admit()
    assert second.record["node"] != INDUSTRY_NODE


def test_a_public_institution_needs_no_licence(world: World) -> None:
    institution = operating(licence="", public_institution=True)
    assert Newcomer(world).submitted(operating=institution).record["state"] == "submitted"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("industry", "I"),
        ("sector", "finance"),
        ("members", MEMBERS),
        ("place", "130100"),
        ("place", "990000"),
        ("route", "unit"),
        ("construction", construction(credit_code="91130100MA00000010")),
        ("materials", [{**make_document("x"), "kind": "poem"}]),
        ("materials", [{**make_document("x"), "kind": MATERIALS[0]}] * 17),
    ],
)
def test_what_is_no_draft(world: World, field: str, value: Value) -> None:
    assert (
        world.run("admission.draft", APPLICANT, **draft_data(**{field: value})).code == "bad-data"
    )


def test_a_consortium_names_each_member_once(world: World) -> None:
    data = draft_data(INDUSTRY_NODE, route="consortium", members=MEMBERS * 2)
    assert world.run("admission.draft", APPLICANT, **data).code == "bad-data"


# Rounds


def test_a_window_ends_at_its_moment(world: World) -> None:
    """The first round closes at 2026-04-02T00:00+08:00, exclusive."""
    newcomer = Newcomer(world).drafted().endorse()
    closes_ms = world.time_ms + 10_000
    world.do("admission.open_window", NATIONAL, opens_ms=1, closes_ms=closes_ms)
    submission = world.make(
        "admission.submit", newcomer.applicant, application=newcomer.application
    )
    (late,) = world.block(submission, after_ms=closes_ms - world.time_ms)
    assert late.code == "window-closed"
    world.do("admission.open_window", NATIONAL, opens_ms=1, closes_ms=closes_ms + DAY_MS)
    newcomer.submit()
    assert newcomer.record["round"] == 2


def test_a_round_may_be_closed_early(world: World) -> None:
    newcomer = Newcomer(world).drafted().endorse().open_window()
    world.do("admission.close_window", NATIONAL, note="enough")
    assert newcomer.run("admission.submit", newcomer.applicant).code == "window-closed"
    record = world.value(make_round_key(1))
    assert (record["closed_by"], record["closes_ms"]) == (NATIONAL, world.time_ms - 1000)
    assert len(list(world.state.scan(ROUNDS.prefix))) == 1


def test_review_may_begin_while_the_window_is_open(world: World) -> None:
    assert Newcomer(world).submitted().review().record["state"] == "under review"


def test_a_region_applies_once_in_a_round_and_again_in_the_next(world: World) -> None:
    first = Newcomer(world).submitted().review().decide("rejected")
    second = Newcomer(world, applicant=OTHER_APPLICANT).draft().endorse()
    assert second.run("admission.submit", OTHER_APPLICANT).code == "region-applied"
    world.do("admission.close_window", NATIONAL, note="")
    second.open_window().submit()
    assert (first.record["round"], second.record["round"]) == (1, 2)


@pytest.mark.parametrize("ending", ["withdraw", "bar"])
def test_what_is_withdrawn_or_barred_makes_room(world: World, ending: str) -> None:
    first = Newcomer(world).submitted()
    if ending == "withdraw":
        first.do("admission.withdraw", APPLICANT, reason="superseded")
    else:
        first.do("admission.bar", BUREAU, **bar_data(OPERATOR))
    second = Newcomer(world, applicant=OTHER_APPLICANT)
    second.draft(operating=operating(credit_code=STRANGERS[0])).endorse().submit()
    assert check_invariants(world.state) == []


# Drafts


def test_a_draft_expires() -> None:
    world = make_world(draft_window_ms=HOUR_MS)
    drafts = [Newcomer(world).drafted(), Newcomer(world).drafted().endorse()]
    kept = Newcomer(world).submitted()
    world.block(after_ms=HOUR_MS)
    assert [draft.record["state"] for draft in drafts] == ["expired", "expired"]
    assert kept.record["state"] == "submitted"
    assert drafts[0].run("admission.endorse", COMMUNICATIONS).code == "wrong-state"
    assert check_invariants(world.state) == []


def test_drafts_are_bounded_by_place_and_make_room() -> None:
    world = make_world(drafts_per_place=2)
    first = Newcomer(world).drafted()
    Newcomer(world).draft()
    full = world.run("admission.draft", APPLICANT, **draft_data())
    assert full.code == "too-many-drafts"
    Newcomer(world, INDUSTRY_NODE).draft()  # another place
    first.do("admission.withdraw", COMMUNICATIONS, reason="unfounded")
    Newcomer(world).draft()
    assert check_invariants(world.state) == []


@pytest.mark.parametrize("authority", [BUREAU, COMMUNICATIONS, INDUSTRY_AUTHORITY])
def test_an_authority_over_its_place_may_do_away_with_a_draft(world: World, authority: str) -> None:
    newcomer = Newcomer(world).drafted()
    newcomer.do("admission.withdraw", authority, reason="unfounded")
    record = newcomer.record
    assert (record["state"], record["decided_by"]) == ("withdrawn", authority)


@pytest.mark.parametrize("by", [APPLICANT, BUREAU])
def test_who_was_admitted_and_does_not_come_keeps_nobody_waiting(world: World, by: str) -> None:
    first = Newcomer(world).admitted()
    first.do("admission.withdraw", by, reason="lapsed")
    second = Newcomer(world, applicant=OTHER_APPLICANT).admitted()
    second.admit()
    assert (first.record["state"], second.record["node"]) == ("withdrawn", HEBEI)
    assert check_invariants(world.state) == []


# Decisions


def test_the_mean_of_the_scores_decides(world: World) -> None:
    newcomer = Newcomer(world).submitted().review()
    totals = (VERSION_1["admission_score_minimum"] - 20, 280, 300)
    for reviewer, total in zip((BUREAU, *AUDITORS), totals, strict=True):
        points = dict.fromkeys(POINTS, total // 4)
        newcomer.do("admission.score", reviewer, **points)
    newcomer.decide()
    assert newcomer.record["scores"][0] == [BUREAU, 65, 65, 65, 65]


def test_each_outcome_is_announced_once(world: World) -> None:
    newcomer = Newcomer(world).admitted()
    newcomer.do("admission.announce", BUREAU, **announcement())
    newcomer.do("admission.bar", BUREAU, **bar_data(OPERATOR))
    newcomer.do("admission.announce", BUREAU, **announcement())
    prefix = ANNOUNCEMENTS.make_key(newcomer.application)
    outcomes = [key.split(b"\x00")[2] for key, _ in world.state.scan(prefix)]
    assert outcomes == [b"admitted", b"barred"]


# Bars


@pytest.mark.parametrize(
    "state",
    ["draft", "endorsed", "submitted", "under review", "admitted", "rejected", "withdrawn"],
)
def test_false_information_bars_wherever_it_is_found(world: World, state: str) -> None:
    newcomer = Newcomer(world).drafted()
    steps: list[Any] = [
        newcomer.endorse,
        newcomer.open_window,
        newcomer.submit,
        newcomer.review,
        newcomer.score,
    ]
    if state == "withdrawn":
        newcomer.do("admission.withdraw", APPLICANT, reason="withdrawn")
    elif state in ("admitted", "rejected"):
        for step in steps:
            step()
        newcomer.decide(state)
    else:
        while newcomer.record["state"] != state:
            steps.pop(0)()
    newcomer.do("admission.bar", BUREAU, **bar_data(BUILDER))
    assert newcomer.record["state"] == "barred"
    assert check_invariants(world.state) == []


def test_a_bar_is_for_ever_and_for_whoever_is_at_fault(world: World) -> None:
    newcomer = Newcomer(world, INDUSTRY_NODE).drafted(route="consortium", members=MEMBERS)
    newcomer.do("admission.bar", BUREAU, **bar_data(OPERATOR, PARTNER))
    assert set(world.state.records) >= {BARS.make_key(OPERATOR), BARS.make_key(PARTNER)}
    roles: list[dict[str, Value]] = [
        {"construction": construction(credit_code=OPERATOR, name="under another name")},
        {"operating": operating(credit_code=PARTNER)},
        {
            "operating": operating(credit_code=STRANGERS[0]),
            "route": "consortium",
            "members": [{"credit_code": PARTNER, "name": "again"}],
        },
    ]
    world.block(after_ms=1000 * DAY_MS)
    for role in roles:
        again = draft_data(INDUSTRY_NODE, **role)
        assert world.run("admission.draft", OTHER_APPLICANT, **again).code == "entity-barred"
    # The builder was not at fault.
    Newcomer(world, HEBEI, OTHER_APPLICANT).draft(operating=operating(credit_code=STRANGERS[1]))
    # More may be found later, in the same application.
    newcomer.do("admission.bar", BUREAU, **bar_data(PARTNER, BUILDER))
    assert world.value(BARS.make_key(PARTNER))["since_ms"] < world.time_ms - DAY_MS
    assert world.value(BARS.make_key(BUILDER))["application"] == newcomer.application


def test_a_node_of_barred_ones_stays_until_a_ballot_removes_it(world: World) -> None:
    newcomer = Newcomer(world).admitted()
    newcomer.admit()
    newcomer.do("admission.bar", BUREAU, **bar_data(OPERATOR))
    declare(world)
    signers, data = connection(world)
    world.do("membership.connect", signers, **data)
    world.block()
    assert world.value(NODES.make_key(HEBEI))["status"] == "active"
    assert check_invariants(world.state) == []


def test_barred_is_the_end_of_everything() -> None:
    assert compute_terminal(LIFE) == ("barred",)
    states = {state for state, _ in LIFE}
    assert {state for state, event in LIFE if event == "bar"} == states
    assert not any(key.startswith("admission.unbar") for key in machine.CALLS)


# Changed keys


def test_changed_keys(world: World) -> None:
    counts: dict[str, int] = {}

    def note(name: str) -> None:
        counts[name] = len(world.layer.records)

    newcomer = Newcomer(world).set_up().open_window()
    note("window")
    newcomer.draft()
    note("draft")
    newcomer.do("admission.endorse", COMMUNICATIONS)
    note("endorse")
    newcomer.do("admission.endorse", INDUSTRY_AUTHORITY)
    newcomer.submit()
    note("submit")
    newcomer.review()
    note("review")
    newcomer.score()
    note("score")
    newcomer.decide()
    note("decide")
    newcomer.do("admission.announce", BUREAU, **announcement())
    note("announce")
    newcomer.admit()
    note("admit")
    declare(world)
    signers, data = connection(world)
    world.do("membership.connect", signers, **data)
    note("connect")
    world.block()
    note("activate")
    newcomer.do("admission.bar", BUREAU, **bar_data(BUILDER, OPERATOR))
    note("bar of two")
    assert counts == {
        "window": 2,
        "draft": 1,
        "endorse": 2,
        "submit": 1,
        "review": 2,
        "score": 2,
        "decide": 2,
        "announce": 2,
        "admit": 4,
        "connect": 2,
        "activate": 1,
        "bar of two": 4,
    }


# Whatever happens


@settings(max_examples=60, deadline=None)
@given(
    capital=st.integers(CAPITAL - 2, CAPITAL + 2),
    licensed=st.booleans(),
    public=st.booleans(),
    defaults=st.integers(0, 2),
    kinds=st.sets(st.sampled_from(MATERIALS)),
)
def test_who_qualifies(
    capital: int, licensed: bool, public: bool, defaults: int, kinds: set[str]
) -> None:
    world = make_world()
    newcomer = Newcomer(world, INDUSTRY_NODE).set_up().open_window()
    newcomer.draft(
        construction=construction(capital_micro_yuan=capital),
        operating=operating(
            licence="B1" if licensed else "", public_institution=public, defaults=defaults
        ),
        materials=[{**make_document(kind), "kind": kind} for kind in sorted(kinds)],
    )
    faults = [
        code
        for code, is_wrong in (
            ("capital-too-low", capital < CAPITAL),
            ("no-licence", not licensed and not public),
            ("in-default", defaults > 0),
            ("material-missing", len(kinds) < len(MATERIALS)),
        )
        if is_wrong
    ]
    result = newcomer.run("admission.submit", newcomer.applicant)
    assert result.code == (faults[0] if faults else "ok")


class Round(RuleBasedStateMachine):
    """Applicants, authorities and the bureau do what comes to their minds; much of it fails."""

    @initialize()
    def found(self) -> None:
        self.world = make_world(draft_window_ms=6 * HOUR_MS, drafts_per_place=3)
        self.newcomer = Newcomer(self.world).set_up().open_window(12 * HOUR_MS)
        self.names: list[str] = []
        self.before = MemoryState()
        self.barred: set[str] = set()

    def _run(self, kind: str, signers: Any, **data: Value) -> str:
        self.before.records = dict(self.world.state.records)
        self.before.derived = dict(self.world.state.derived)
        result = self.world.run(kind, signers, **data)
        if kind == "admission.draft" and result.code == "ok":
            self.names.append(result.events[0]["about"][0])
        return result.code

    @rule(
        applicant=st.sampled_from([APPLICANT, OTHER_APPLICANT]),
        code=st.sampled_from([HEBEI, INDUSTRY_NODE]),
        builder=st.sampled_from([BUILDER, *STRANGERS]),
        operator=st.sampled_from([OPERATOR, *STRANGERS]),
    )
    def draft(self, applicant: str, code: str, builder: str, operator: str) -> None:
        data = draft_data(
            code,
            construction=construction(credit_code=builder),
            operating=operating(credit_code=operator),
        )
        outcome = self._run("admission.draft", applicant, **data)
        assert (outcome == "entity-barred") == bool({builder, operator} & self.barred)

    @rule(
        choice=st.integers(0, 100),
        step=st.sampled_from(
            [
                ("admission.endorse", COMMUNICATIONS, {}),
                ("admission.endorse", INDUSTRY_AUTHORITY, {}),
                ("admission.submit", APPLICANT, {}),
                ("admission.submit", OTHER_APPLICANT, {}),
                ("admission.withdraw", APPLICANT, {"reason": "withdrawn"}),
                ("admission.review", BUREAU, {}),
                ("admission.score", BUREAU, POINTS),
                ("admission.score", AUDITORS[0], POINTS),
                ("admission.score", AUDITORS[1], POINTS),
                ("admission.decide", BUREAU, {"note": "", "outcome": "admitted"}),
                ("admission.decide", BUREAU, {"note": "", "outcome": "rejected"}),
                ("admission.announce", BUREAU, announcement()),
            ]
        ),
    )
    def go_on(self, choice: int, step: tuple[str, str, dict[str, Value]]) -> None:
        if self.names:
            kind, signer, data = step
            name = self.names[choice % len(self.names)]
            self._run(kind, signer, application=name, **data)

    @rule(choice=st.integers(0, 100), code=st.sampled_from([HEBEI, INDUSTRY_NODE]))
    def hurry(self, choice: int, code: str) -> None:
        """Take one application all the way, as far as it will go."""
        if not self.names:
            return
        self.newcomer.application = self.names[choice % len(self.names)]
        self.newcomer.code = code
        for step in (
            ("admission.endorse", COMMUNICATIONS, {}),
            ("admission.endorse", INDUSTRY_AUTHORITY, {}),
            ("admission.submit", self.newcomer.record["applicant"], {}),
            ("admission.review", BUREAU, {}),
            *(("admission.score", reviewer, POINTS) for reviewer in (BUREAU, *AUDITORS)),
            ("admission.decide", BUREAU, {"note": "", "outcome": "admitted"}),
        ):
            kind, signer, data = step
            self._run(kind, signer, application=self.newcomer.application, **data)
        signers, data = self.newcomer.admission()
        self._run("membership.admit", signers, **data)

    @rule(choice=st.integers(0, 100), of_operator=st.booleans())
    def bar(self, choice: int, of_operator: bool) -> None:
        if self.names and len(self.barred) < 3:
            name = self.names[choice % len(self.names)]
            record = self.world.value(APPLICATIONS.make_key(name))
            code = record["operating" if of_operator else "construction"]["credit_code"]
            outcome = self._run("admission.bar", BUREAU, application=name, **bar_data(code))
            assert outcome == ("already-barred" if code in self.barred else "ok")
            self.barred.add(code)

    @rule(after_ms=st.sampled_from([1000, HOUR_MS, 4 * HOUR_MS]))
    def wait(self, after_ms: int) -> None:
        self.before.records = dict(self.world.state.records)
        self.before.derived = dict(self.world.state.derived)
        self.world.block(after_ms=after_ms)

    @rule()
    def next_round(self) -> None:
        self._run("admission.close_window", NATIONAL, note="")
        now = self.world.time_ms
        self._run("admission.open_window", NATIONAL, opens_ms=now, closes_ms=now + 12 * HOUR_MS)

    @invariant()
    def all_is_well(self) -> None:
        assert check_invariants(self.world.state) == []
        if self.before.records:
            assert check_step(self.before, self.world.layer) == []
        for code in self.barred:
            assert self.world.value(BARS.make_key(code)) is not None


TestRound = Round.TestCase
TestRound.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_keys_of_an_applicant_are_nobodys_identity(world: World) -> None:
    """The key that drafts has no account and takes part in nothing else."""
    Newcomer(world).drafted()
    account = f"account\x00{APPLICANT}\x00".encode()
    assert world.state.get(account) is None
    assert make_keys("applicant").public.hex() in APPLICANT
