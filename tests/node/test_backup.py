"""Backups: what is in them, that they are whole or not there, and that what is damaged is found."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devnet.simulator.process import Process
from ledger import schema
from ledger.install import compose_begin
from ledger.keyvalue import LevelDb
from ledger.store import Store
from node.backup import (
    MANIFEST,
    BackupError,
    Manifest,
    Progress,
    check_files,
    link_store,
    read_manifest,
    write_backup,
)
from node.check.store import check_store
from node.config import load_config
from node.genesis_block import compute_genesis_block
from node.journal import Journal, adopt
from node.restore import restore_backup
from tests.node.network import run_network
from tests.node.stopped import copy_disk, make_stopped


@pytest.fixture(scope="module")
def process() -> Process:
    return run_network().processes[0]


def at_once() -> Progress:
    return Progress(rest=lambda _: None)


def back_up(process: Process, target: Path) -> Manifest:
    genesis = process.replica.genesis
    return write_backup(process.store_disk.snapshot(), genesis, target, at_once())


@pytest.fixture
def backup(process: Process, tmp_path: Path) -> Path:
    back_up(process, tmp_path / "backup")
    return tmp_path / "backup"


@pytest.fixture
def config(process: Process, tmp_path: Path) -> Path:
    """A peer whose store and journal are lost."""
    config = make_stopped(process, tmp_path / "peer")
    (tmp_path / "peer" / "data").rename(tmp_path / "lost")
    return config


def restore(backup: Path, config: Path, process: Process) -> tuple[bytes, ...]:
    loaded = load_config(config)
    restored = restore_backup(backup, loaded, process.replica.genesis, lambda _: None)
    return tuple(restored.barred)


def open_store(config: Path, process: Process) -> Iterator[Store]:
    disk = LevelDb(config.parent / "data" / "store", must_exist=True)
    yield Store(disk, compute_genesis_block(process.replica.genesis))
    disk.close()


def test_a_backup_has_what_is_final_and_nothing_else(process: Process, backup: Path) -> None:
    store, manifest = process.replica.store, read_manifest(backup)
    assert (manifest.height, manifest.block) == (store.height, store.hash.hex())
    assert manifest.state_root == store.header.state_root.hex()
    assert manifest.genesis_hash == process.replica.genesis.hash.hex()
    assert sorted(path.name for path in backup.iterdir()) == [
        "genesis.bin", "manifest.json", "store",
    ]  # fmt: skip
    assert (backup / "genesis.bin").read_bytes() == process.replica.genesis.data
    with link_store(backup) as place:
        disk = LevelDb(place, must_exist=True)
        check_entries(process, disk)
        disk.close()
    check_files(backup, manifest)  # it was only read


def check_entries(process: Process, disk: LevelDb) -> None:
    assert list(disk.scan(b"", b"\xff" * 40)) == list(process.store_disk.scan(b"", b"\xff" * 40))
    genesis = process.replica.genesis
    checked = check_store(disk, genesis, compute_genesis_block(genesis), lambda *_: None)
    assert checked.findings == ()
    disk.write([(b"later", b"")], sync=True)


def test_it_is_of_one_moment(process: Process, tmp_path: Path) -> None:
    """What is written while it is made is not in it."""
    disk = process.store_disk.copy()
    view = disk.snapshot()
    disk.write([(schema.derived_key(b"later"), b"1")], sync=True)
    manifest = write_backup(view, process.replica.genesis, tmp_path / "backup", at_once())
    assert manifest.entries == sum(1 for _ in process.store_disk.scan(b"", b"\xff" * 40))


def test_it_rests_as_long_as_it_works_and_can_be_stopped(process: Process, tmp_path: Path) -> None:
    rests: list[float] = []
    progress = Progress(rest=rests.append)
    write_backup(process.store_disk.snapshot(), process.replica.genesis, tmp_path / "b", progress)
    assert len(rests) >= 2
    assert all(rest >= 0 for rest in rests)
    stopped = Progress(is_stopped=True)
    with pytest.raises(BackupError, match="the peer stops"):
        back = process.store_disk.snapshot()
        write_backup(back, process.replica.genesis, tmp_path / "c", stopped)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize("where", ["there", "nowhere/backup"])
def test_where_none_can_be_made(process: Process, tmp_path: Path, where: str) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(BackupError, match=r"already there|make it first"):
        back_up(process, tmp_path / where)
    with pytest.raises(BackupError, match="absolute"):
        back_up(process, Path("backup"))


def test_a_peer_that_is_joining_has_nothing_to_back_up(tmp_path: Path, process: Process) -> None:
    disk = process.store_disk.copy()
    disk.write(compose_begin(640), sync=True)
    with pytest.raises(BackupError, match="joining by a snapshot"):
        write_backup(disk, process.replica.genesis, tmp_path / "backup", Progress())


def test_a_restored_store_is_the_one_that_was_backed_up(
    process: Process, backup: Path, config: Path
) -> None:
    barred = restore(backup, config, process)
    own = process.replica.voter_key
    assert barred == (own,), "the configuration names no key, but the ledger has one for this node"
    for store in open_store(config, process):
        assert (store.height, store.hash) == (
            process.replica.store.height,
            process.replica.store.hash,
        )
    journal = LevelDb(config.parent / "data" / "journal")
    assert own is not None
    assert Journal(journal).is_barred(own)
    assert Journal(journal).list_records() == []
    journal.close()
    assert sorted(path.name for path in (config.parent / "data").iterdir()) == ["journal", "store"]


def test_the_journal_that_belonged_to_it_keeps_its_keys(
    process: Process, backup: Path, config: Path
) -> None:
    """Only the store was lost: what this peer said is still known."""
    journal = LevelDb(config.parent / "data" / "journal")
    copy_disk(process.journal_disk, journal)
    journal.close()
    assert restore(backup, config, process) == ()


def test_another_journal_bars_them(process: Process, backup: Path, config: Path) -> None:
    journal = LevelDb(config.parent / "data" / "journal")
    adopt(journal, LevelDb(config.parent / "other"), b"y" * 16, ())
    journal.close()
    assert restore(backup, config, process) == (process.replica.voter_key,)


def test_nothing_is_overwritten(process: Process, backup: Path, config: Path) -> None:
    restore(backup, config, process)
    with pytest.raises(BackupError, match="already there"):
        restore(backup, config, process)


def test_another_chain_or_format_is_refused(process: Process, backup: Path, config: Path) -> None:
    path = backup / MANIFEST
    manifest = json.loads(path.read_text())
    for change, message in (
        ({"genesis_hash": "00" * 32}, "another chain"),
        ({"store_format": 99}, "format 99"),
        ({"height": 1}, "another block"),
        ({"state_root": "00" * 32}, "another block"),
    ):
        path.write_text(json.dumps({**manifest, **change}))
        with pytest.raises(BackupError, match=message):
            restore(backup, config, process)
        assert not (config.parent / "data" / "store").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 2}', "\xff", '{"files": [{}]}'])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BackupError, match="no backup"):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST).write_text(text, "latin-1")
    with pytest.raises(BackupError, match="no manifest"):
        read_manifest(tmp_path)


def test_names_do_not_lead_out_of_it(process: Process, backup: Path, config: Path) -> None:
    path = backup / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["files"][0]["name"] = "../genesis.bin"
    path.write_text(json.dumps(manifest))
    with pytest.raises(BackupError, match="no manifest: files"):
        restore(backup, config, process)


@pytest.mark.parametrize("how", ["flipped", "cut", "lost", "added"])
def test_a_damaged_backup_is_found(process: Process, backup: Path, config: Path, how: str) -> None:
    path = max((backup / "store").iterdir(), key=lambda item: item.stat().st_size)
    data = path.read_bytes()
    match how:
        case "flipped":
            path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
        case "cut":
            path.write_bytes(data[:-1])
        case "lost":
            path.unlink()
        case _:
            (path.parent / "000099.ldb").write_bytes(b"")
    with pytest.raises(BackupError, match=r"is damaged|not the files"):
        restore(backup, config, process)
    with pytest.raises(BackupError):
        check_files(backup, read_manifest(backup))
    assert not (config.parent / "data" / "store").exists()


class PowerFailure(BaseException):
    """The process is gone: nothing that cleans up runs to its end."""


@pytest.fixture
def fuse(monkeypatch: pytest.MonkeyPatch) -> "Fuse":
    return Fuse(monkeypatch)


class Fuse:
    """Counts what comes to the disk, and ends the process before one of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.count = 0
        for owner, name in (
            (os, "fsync"),
            (Path, "rename"),
            (Path, "mkdir"),
            (Path, "unlink"),
            (LevelDb, "write"),
            (LevelDb, "close"),
        ):
            self._wire(monkeypatch, owner, name)
        # A process that is gone does not clean up.
        monkeypatch.setattr("shutil.rmtree", self._clean(__import__("shutil").rmtree))

    def _wire(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def burn(*arguments: Any, **named: Any) -> Any:
            if self.left == 0 and name != "close":
                raise PowerFailure
            if self.left is not None and name != "close":
                self.left -= 1
            self.count += name != "close"
            return real(*arguments, **named)

        monkeypatch.setattr(owner, name, burn)

    def _clean(self, real: Any) -> Any:
        def clean(*arguments: Any, **named: Any) -> None:
            if self.left != 0:
                real(*arguments, **named)

        return clean


def test_a_crash_at_any_write_leaves_a_whole_backup_or_none(
    process: Process, tmp_path: Path, fuse: Fuse
) -> None:
    back_up(process, tmp_path / "whole")
    steps = fuse.count
    assert steps > 8
    for left in range(steps):
        target = tmp_path / f"backup-{left}"
        fuse.left = left
        with pytest.raises(PowerFailure):
            back_up(process, target)
        fuse.left = None
        if target.exists():
            check_files(target, read_manifest(target))
        else:
            back_up(process, target)
        assert read_manifest(target).block == read_manifest(tmp_path / "whole").block


def test_a_crash_at_any_write_leaves_a_whole_store_or_none(
    process: Process, tmp_path: Path, backup: Path, fuse: Fuse
) -> None:
    own = process.replica.voter_key
    config = make_stopped(process, tmp_path / "first")
    (config.parent / "data").rename(tmp_path / "lost-first")
    fuse.count = 0
    restore(backup, config, process)
    steps = fuse.count
    assert steps > 8
    for left in range(steps):
        config = make_stopped(process, tmp_path / f"peer-{left}")
        (config.parent / "data").rename(tmp_path / f"lost-{left}")
        fuse.left = left
        with pytest.raises(PowerFailure):
            restore(backup, config, process)
        fuse.left = None
        if not (config.parent / "data" / "store").exists():
            assert restore(backup, config, process) == (own,)
        journal = LevelDb(config.parent / "data" / "journal")
        assert own is not None
        assert Journal(journal).is_barred(own), "a whole store has its journal"
        journal.close()
        for store in open_store(config, process):
            assert store.hash == process.replica.store.hash
