"""The world that every test of the contracts begins with."""

import pytest

from tests.contracts.world import World, make_world


@pytest.fixture
def world() -> World:
    """A network of five regions and a bank, with nobody else in it."""
    return make_world()
