"""Failures of interface profiles and of what nodes declare."""

from typing import Any

from contracts.standards import INITIAL_NAME, MAX_PROFILES
from tests.contracts.failures.cases import SECOND_REGION, Attempt, case
from tests.contracts.trade import Trade
from tests.contracts.world import GUIZHOU, NATIONAL, make_document


def publication(**changes: Any) -> dict[str, Any]:
    return {
        "document": make_document("profile"),
        "name": "slurm-1",
        "title": "Jobs handed over as Slurm scripts",
        "version": 1,
        **changes,
    }


def declaration(**changes: Any) -> dict[str, Any]:
    return {
        "name": INITIAL_NAME,
        "passed": True,
        "run": make_document("run"),
        "version": 1,
        **changes,
    }


WITHDRAWAL = {"name": INITIAL_NAME, "note": "unsafe", "version": 1}


@case("standards.publish", "too-many-profiles")
def _(trade: Trade) -> Attempt:
    world = trade.world
    results = world.block(
        *(
            world.make("standards.publish", NATIONAL, **publication(name=f"profile-{number}"))
            for number in range(1, MAX_PROFILES)
        )
    )
    assert {result.code for result in results} == {"ok"}
    return NATIONAL, publication()


@case("standards.publish", "wrong-version")
def _(trade: Trade) -> Attempt:
    return NATIONAL, publication(version=2)


@case("standards.withdraw", "unknown-standard")
def _(trade: Trade) -> Attempt:
    return NATIONAL, {**WITHDRAWAL, "version": 2}


@case("standards.withdraw", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.world.do("standards.withdraw", NATIONAL, **WITHDRAWAL)
    return NATIONAL, WITHDRAWAL


@case("standards.declare", "unknown-node")
def _(trade: Trade) -> Attempt:
    trade.world.register(SECOND_REGION, NATIONAL)
    return SECOND_REGION, declaration()


@case("standards.declare", "unknown-standard")
def _(trade: Trade) -> Attempt:
    return GUIZHOU, declaration(version=2)


@case("standards.declare", "wrong-state")
def _(trade: Trade) -> Attempt:
    trade.world.do("standards.withdraw", NATIONAL, **WITHDRAWAL)
    return GUIZHOU, declaration()
