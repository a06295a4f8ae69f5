"""The folder of a devnet: what stands in it, and the description that the commands share.

devnet.json          name, chain, genesis hash; label, code, role and addresses of each node
genesis.bin, root/, operators/<label>/, nodes/<label>/    as `node.ceremony` lays them out
logs/<label>.log     what the peer wrote, one JSON object a line
run/<label>.pid      the process, while it runs
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from devnet.errors import DevnetError
from ledger.crypto import SigningKey
from ledger.primitives import Digest
from node.config import FILE_NAME
from node.keys import load_key

FORMAT = 1
DESCRIPTION = "devnet.json"
DEFAULT_FOLDER = Path(".devnet")
ROLES = {"N": "national", "R": "validator", "I": "industry"}


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """A node of the devnet; `peer` is host:port, `http` a URL."""

    label: str
    code: str
    role: str
    peer: str
    http: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A founded devnet on disk."""

    path: Path
    name: str
    chain: str
    genesis_hash: Digest
    nodes: tuple[NodeEntry, ...]

    def save(self) -> None:
        """Write the description."""
        value = {
            "suanlian-devnet": FORMAT,
            "name": self.name,
            "chain": self.chain,
            "genesis_hash": self.genesis_hash.hex(),
            "nodes": [asdict(node) for node in self.nodes],
        }
        text = json.dumps(value, indent=1) + "\n"
        (self.path / DESCRIPTION).write_text(text, "utf-8")

    def find(self, name: str) -> NodeEntry:
        """The node of a label or code; raises DevnetError."""
        for node in self.nodes:
            if name in (node.label, node.code):
                return node
        labels = ", ".join(node.label for node in self.nodes)
        raise DevnetError(f"there is no node {name}: choose one of {labels}")

    def extended(self, node: NodeEntry) -> "Folder":
        """The folder with a node that came later."""
        return replace(self, nodes=(*self.nodes, node))

    @property
    def validators(self) -> tuple[NodeEntry, ...]:
        """The nodes that vote."""
        return tuple(node for node in self.nodes if node.role == "validator")

    def config(self, label: str) -> Path:
        """The configuration of a node."""
        return self.path / "nodes" / label / FILE_NAME

    def log(self, label: str) -> Path:
        """What a node writes to."""
        return self.path / "logs" / f"{label}.log"

    def pid(self, label: str) -> Path:
        """Where the process id of a running node stands."""
        return self.path / "run" / f"{label}.pid"

    def load_operator(self, label: str) -> tuple[SigningKey, str]:
        """The identity key of a founder and its code; its peer never sees the key."""
        found = load_key(self.path / "operators" / label / "identity.key")
        return found.key, found.code

    def load_operator_key(self, label: str) -> SigningKey:
        """The identity key of a founder."""
        return self.load_operator(label)[0]


def is_founded(path: Path) -> bool:
    """Whether a devnet stands in a folder."""
    return (path / DESCRIPTION).exists()


def load_folder(path: Path) -> Folder:
    """The devnet of a folder; raises DevnetError."""
    file = path / DESCRIPTION
    try:
        value = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise DevnetError(
            f"no devnet stands in {path}: start one with `suanlian devnet up --dir {path}`"
        ) from None
    except (OSError, ValueError) as error:
        raise DevnetError(f"{file} cannot be read: {error}") from None
    try:
        if value["suanlian-devnet"] != FORMAT:
            raise DevnetError(f"{file} is of another version: remove the folder {path}")
        return Folder(
            path=path.absolute(),
            name=value["name"],
            chain=value["chain"],
            genesis_hash=Digest(bytes.fromhex(value["genesis_hash"])),
            nodes=tuple(NodeEntry(**node) for node in value["nodes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DevnetError(f"{file} is damaged ({error!r}): remove the folder {path}") from None
