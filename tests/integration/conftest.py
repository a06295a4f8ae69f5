"""Networks of real processes, at most two at a time over all workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devnet.scene import Scene
from tests.integration.world import run_network, take_slot


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test beside this file starts processes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.processes)


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The right to run a network."""
    with take_slot(tmp_path_factory.getbasetemp().parent):
        yield


@pytest.fixture(scope="module")
def scene(slot: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A network of which the industry nodes are not started, so that tests can play them."""
    folder = tmp_path_factory.mktemp("network") / "devnet"
    with run_network(folder, "industry-i", "industry-j") as running:
        yield running
