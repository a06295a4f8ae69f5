"""The network that is broken: four validators and an observer, each a process, each link a proxy.

Found by the ceremony of operators like every devnet; then each peer's `peers` table is given the
proxies' addresses, each peer a clock that can be set wrong, and one validator a small disk.
"""

import contextlib
import tomllib
from collections.abc import Iterable
from functools import partial
from itertools import combinations
from pathlib import Path

from devnet.chaos.background import Background
from devnet.chaos.clock import FILE_NAME, set_offset
from devnet.chaos.disk import SmallDisk, make_small_disk
from devnet.chaos.link import WELL, Condition, Link, open_listeners
from devnet.chaos.peer import MODULE
from devnet.folder import Folder
from devnet.founding import PROVINCES, DevnetSpec, found_devnet
from devnet.launcher import Launcher, Progress, ignore
from devnet.ports import find_ports
from devnet.simulator.trade import RULES
from node.config import Config, compose_config, parse_address

OBSERVERS = 1  # the national node
Pair = tuple[str, str]
"""The labels of a dialling peer and of the one that it dials."""


class ChaosNetwork:
    """Processes, links, clocks and a small disk, each of which can be made worse and well again."""

    def __init__(self, path: Path, background: Background, full_place: int) -> None:
        self._background = background
        voters = len(PROVINCES)
        count = voters * (voters - 1) // 2 + OBSERVERS * voters
        listeners = list(open_listeners(find_ports(count)))
        folder = found_devnet(path, DevnetSpec(industries=(), rules=RULES))
        self.links = {
            pair: Link(f"{pair[0]}-{pair[1]}", listener)
            for pair, listener in zip(list_pairs(folder), listeners, strict=True)
        }
        for node in folder.nodes:
            set_offset(folder.config(node.label).with_name(FILE_NAME), 0)
            _redirect(folder, node.label, self.links)
        self.launcher = Launcher(folder, module=MODULE)
        self.voters = tuple(node.label for node in folder.validators)
        self.labels = tuple(node.label for node in folder.nodes)
        self.full_label = self.voters[full_place % voters]
        data = folder.config(self.full_label).with_name("data")
        process = self.launcher.process(self.full_label)
        self.disk: SmallDisk = make_small_disk(data, lambda: process.pid)

    @property
    def folder(self) -> Folder:
        """The devnet's folder."""
        return self.launcher.folder

    def start(self, progress: Progress = ignore) -> None:
        """Start the links and all peers, and wait until they are ready."""
        for pair, link in self.links.items():
            self._background.run(link.start(parse_address(self.folder.find(pair[1]).peer)))
        self.launcher.start()
        self.launcher.wait_ready(progress=progress)

    def close(self) -> None:
        """Stop everything, those too that stand still, and leave nothing behind but the folder."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.disk.close)
            for link in self.links.values():
                stack.callback(self._stop_link, link)
            stack.callback(self.launcher.close)
            stack.callback(self.launcher.stop)
            for label in self.labels:
                stack.callback(self.launcher.process(label).resume)

    def _stop_link(self, link: Link) -> None:
        self._background.run(link.stop())

    # --- what can be made worse

    def set_links(self, pairs: Iterable[Pair], condition: Condition = WELL) -> None:
        """Links are so from now on."""
        for pair in pairs:
            self._background.call(partial(self.links[pair].set, condition))

    def set_clock(self, label: str, offset_ms: int) -> None:
        """A peer's clock is so far ahead from now on."""
        set_offset(self.folder.config(label).with_name(FILE_NAME), offset_ms)

    def find_links(self, *sides: frozenset[str]) -> list[Pair]:
        """The links between these sides; of one side, those that lead out of it."""
        if len(sides) == 1:
            sides = (*sides, frozenset(self.labels) - sides[0])
        one, other = sides
        return [
            (a, b) for a, b in self.links if (a in one and b in other) or (b in one and a in other)
        ]


def list_pairs(folder: Folder) -> list[Pair]:
    """Who dials whom: validators those with higher codes, all others every validator."""
    voters = sorted(folder.validators, key=lambda node: node.code)
    others = [node for node in folder.nodes if node.role != "validator"]
    pairs = [*combinations(voters, 2), *((node, voter) for node in others for voter in voters)]
    return [(one.label, other.label) for one, other in pairs]


def _redirect(folder: Folder, label: str, links: dict[Pair, Link]) -> None:
    """Let a peer dial the proxies."""
    file = folder.config(label)
    config = Config.model_validate(tomllib.loads(file.read_text("utf-8")))
    peers = {
        folder.find(other).code: f"127.0.0.1:{link.port}"
        for (one, other), link in links.items()
        if one == label
    }
    redirected = config.model_copy(update={"peers": peers})
    file.write_text(compose_config(redirected), "utf-8")
