"""Standards: profiles by version, and who speaks them."""

import hashlib
from pathlib import Path

from contracts.standards import (
    INITIAL_DOCUMENT,
    INITIAL_NAME,
    is_conformant,
    is_published,
    make_standard_key,
)
from tests.contracts.failures.standards import WITHDRAWAL, declaration, publication
from tests.contracts.world import GUIZHOU, NATIONAL, SICHUAN, World

DOCS = Path(__file__).parents[2]


def test_the_first_profile_is_the_page(world: World) -> None:
    text = (DOCS / INITIAL_DOCUMENT["location"]).read_bytes()
    assert INITIAL_DOCUMENT["sha256"] == hashlib.sha256(text).digest()
    assert INITIAL_DOCUMENT["size"] == len(text)
    assert is_published(world.look(), INITIAL_NAME)
    assert not is_published(world.look(), "slurm-1")
    # A name that begins with that of another is another.
    assert not is_published(world.look(), "kubernetes")


def test_versions_count_from_one(world: World) -> None:
    world.do("standards.publish", NATIONAL, **publication())
    world.do("standards.publish", NATIONAL, **publication(version=2))
    world.do("standards.withdraw", NATIONAL, **{**WITHDRAWAL, "name": "slurm-1"})
    assert is_published(world.look(), "slurm-1")
    world.do("standards.withdraw", NATIONAL, **{**WITHDRAWAL, "name": "slurm-1", "version": 2})
    assert not is_published(world.look(), "slurm-1")
    # What was withdrawn comes back as a further version.
    again = world.run("standards.publish", NATIONAL, **publication(version=2))
    assert again.code == "wrong-version"
    world.do("standards.publish", NATIONAL, **publication(version=3))
    assert is_published(world.look(), "slurm-1")
    first = world.value(make_standard_key("slurm-1", 1))
    assert (first["state"], first["actor"], first["note"]) == ("withdrawn", NATIONAL, "unsafe")


def test_only_the_national_node_publishes(world: World) -> None:
    assert world.run("standards.publish", GUIZHOU, **publication()).code == "missing-signer"


def test_a_node_is_conformant_while_its_version_stands(world: World) -> None:
    assert not is_conformant(world.look(), GUIZHOU)
    world.do("standards.declare", GUIZHOU, **declaration(passed=False))
    assert not is_conformant(world.look(), GUIZHOU)
    world.do("standards.declare", GUIZHOU, **declaration())
    assert is_conformant(world.look(), GUIZHOU)
    assert not is_conformant(world.look(), SICHUAN)
    world.do("standards.withdraw", NATIONAL, **WITHDRAWAL)
    assert not is_conformant(world.look(), GUIZHOU)
    world.do("standards.publish", NATIONAL, **publication(name=INITIAL_NAME, version=2))
    assert not is_conformant(world.look(), GUIZHOU)
    world.do("standards.declare", GUIZHOU, **declaration(version=2))
    assert is_conformant(world.look(), GUIZHOU)
