"""A stopped peer's folder on a real disk, made from a simulated one."""

from pathlib import Path

from devnet.simulator.disk import SimulatedDisk
from devnet.simulator.process import Process
from ledger.keyvalue import KeyValue, LevelDb
from node.config import FILE_NAME, Config, compose_config


def copy_disk(source: SimulatedDisk, target: KeyValue) -> None:
    """All that is on one disk, on another."""
    target.write(list(source.scan(b"", b"\xff" * 40)), sync=True)


def make_stopped(process: Process, folder: Path) -> Path:
    """Configuration, genesis, store and journal of a peer; the path of the configuration."""
    genesis = process.replica.genesis
    for name, disk in (("store", process.store_disk), ("journal", process.journal_disk)):
        real = LevelDb(folder / "data" / name)
        copy_disk(disk, real)
        real.close()
    config = Config(code=process.code, genesis_hash=genesis.hash.hex())
    (folder / "genesis.bin").write_bytes(genesis.data)
    (folder / FILE_NAME).write_text(compose_config(config))
    return folder / FILE_NAME
