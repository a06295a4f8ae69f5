"""A store in which a node listed what it offers, and published two statistics: one is wrong."""

from dataclasses import dataclass

from contracts.views import QUERIES
from ledger.transaction import Transaction
from node.past import read_past
from node.statistics import compute_statistic
from tests.contracts.public import entry_data
from tests.node.api.fake import StorePeer
from tests.node.stage import Stage

QUERY = "service-1"


@dataclass
class Publication:
    """Block 1 lists, block 2 publishes what is so after it, block 3 takes the entry out again."""

    stage: Stage
    right: str
    wrong: str

    @property
    def peer(self) -> StorePeer:
        """A peer that has the store."""
        return StorePeer(self.stage.genesis, self.stage.store, self.node)

    @property
    def node(self) -> str:
        """Who published."""
        return self.stage.population.regions[0]


def make_publication() -> Publication:
    """The store, and the ids of the right statistic and the wrong one."""
    stage = Stage()
    signer = [stage.founder(stage.population.regions[0])]

    def block(*transactions: Transaction) -> list[str]:
        (sealed,) = blocks = stage.grow(list(transactions))
        stage.finish(blocks)
        assert [result.code for result in sealed.results] == ["ok"] * len(transactions)
        return [str(result.events[0]["about"][0]) for result in sealed.results]

    block(stage.sign("service.list", entry_data(), signer))
    digest = compute_statistic(read_past(stage.store, 1), QUERIES[QUERY]).digest
    data = {
        "figures": {"entries": 1},
        "height": 1,
        "query": QUERY,
        "replaces": "",
        "result_sha256": digest,
        "title": "Service centres",
    }
    right, wrong = block(
        stage.sign("statistics.publish", data, signer),
        stage.sign("statistics.publish", {**data, "result_sha256": bytes(32)}, signer),
    )
    block(stage.sign("service.delist", {"name": "help-desk"}, signer))
    return Publication(stage, right, wrong)
