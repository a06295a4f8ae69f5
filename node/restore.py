"""A store out of a backup, for a peer whose own is lost or damaged.

1. Every file is compared with the manifest as it is copied; the copy is opened like any store, so
   its records must give the state root of its last block, which must be the manifest's.
2. A store that is there is never overwritten. The copy becomes the store by one rename.
3. A journal that is there stays: if it is the one that belonged to this store, the validator keys
   go on. Without it they are barred, those that the configuration names and the one that the ledger
   has for this node: what they signed is not known any more. The peer follows, and votes again with
   a new key.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger import schema
from ledger.genesis import Genesis
from ledger.keyvalue import LevelDb
from ledger.primitives import Code, PublicKey
from ledger.store import Store
from node.backup import (
    STORE,
    BackupError,
    File,
    Manifest,
    check_files,
    read_chunks,
    read_manifest,
    sync_folder,
)
from node.config import Config
from node.epochs import compute_epoch, find_validators
from node.genesis_block import compute_genesis_block
from node.journal import Journal, adopt
from node.keys import Role, load_key

JOURNAL = "journal"
_DRAFT = ".restore"

Saw = Callable[[int], None]
"""Hears how many bytes have been copied."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a peer has now; `barred` are the validator keys that vote no more here."""

    manifest: Manifest
    barred: tuple[PublicKey, ...]


def restore_backup(backup: Path, config: Config, genesis: Genesis, saw: Saw) -> Restored:
    """Make the store of a stopped peer out of a backup; raises BackupError, StoreError, OSError."""
    manifest = read_manifest(backup)
    store, draft = config.data_dir / STORE, config.data_dir / _DRAFT
    if manifest.genesis_hash != genesis.hash.hex():
        raise BackupError(f"the backup is of {manifest.chain}, another chain than this peer's")
    if manifest.store_format != schema.FORMAT_VERSION:
        raise BackupError(
            f"the backup has store format {manifest.store_format}, and this version reads "
            f"{schema.FORMAT_VERSION}: use the version that wrote it, or sync a new store"
        )
    if store.exists():
        raise BackupError(f"{store} is already there: move it away first")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _copy_files(backup, manifest, draft / STORE, saw)
        barred = _open_with_journal(draft / STORE, config, genesis, manifest)
        sync_folder(draft / STORE)
        (draft / STORE).rename(store)
        sync_folder(config.data_dir)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Restored(manifest, barred)


def _copy_files(backup: Path, manifest: Manifest, target: Path, saw: Saw) -> None:
    target.mkdir(parents=True)
    names = {path.name for path in (backup / STORE).iterdir()}
    if names != {file.name for file in manifest.files}:
        check_files(backup, manifest)
    copied = 0
    for file in manifest.files:
        copied += _copy_file(backup / STORE / file.name, target / file.name, file)
        saw(copied)


def _copy_file(source: Path, target: Path, expected: File) -> int:
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as out:
        for chunk in read_chunks(source):
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if (size, digest.hexdigest()) != (expected.size, expected.sha256):
        raise BackupError(f"{source} is not the file that was backed up: it is damaged")
    return size


def _open_with_journal(
    folder: Path, config: Config, genesis: Genesis, manifest: Manifest
) -> tuple[PublicKey, ...]:
    """Open the copy as a store, and tie the journal to it; the keys that are barred by now."""
    disk = LevelDb(folder, must_exist=True)
    try:
        store = Store(disk, compute_genesis_block(genesis))
        found = (store.height, store.hash.hex(), store.header.state_root.hex())
        if found != (manifest.height, manifest.block, manifest.state_root):
            raise BackupError("the store in the backup is of another block than its manifest says")
        return _tie_journal(disk, config, _list_keys(store, config, genesis))
    finally:
        disk.close()


def _list_keys(store: Store, config: Config, genesis: Genesis) -> list[PublicKey]:
    """The validator keys that this peer may have voted with."""
    held = [load_key(path, Role.VALIDATOR).key.public for path in config.keys.validator_keys]
    members = find_validators(store, genesis, compute_epoch(store))
    index = members.find_index(Code(config.code))
    registered = [] if index is None else [members.keys[index]]
    return list(dict.fromkeys([*held, *registered]))


def _tie_journal(
    store: LevelDb, config: Config, keys: Sequence[PublicKey]
) -> tuple[PublicKey, ...]:
    """Make the journal the store's; those of the keys that are barred now."""
    folder = config.data_dir / JOURNAL
    is_lost = not folder.is_dir()
    disk = LevelDb(folder)
    try:
        journal = Journal(disk)
        adopt(disk, store, secrets.token_bytes(16), keys)
        if is_lost:
            disk.write([journal.compose_bar(key) for key in keys], sync=True)
        return tuple(key for key in keys if journal.is_barred(key))
    finally:
        disk.close()
