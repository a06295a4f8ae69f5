"""A backup: what is final, as it was at one moment, in a folder that says what is in it.

    manifest.json    chain, height, block, state root, and each file with size and SHA-256
    genesis.bin      the genesis document
    store/           the files of a database of its own

1. It is written from a snapshot of the disk, so a running peer makes one without standing still:
   in a thread that rests as long as it works.
2. It is made beside its place, synced, and renamed at the end: it is whole, or it is not there.
3. LevelDB changes a folder that it opens, so a backup is read through links in another one
   (`link_store`): it can be checked, replayed and audited where it lies, and stays as it is.
4. No journal and no key is ever in it. What a validator said must not be remembered by half.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger import schema
from ledger.block import compute_header_hash, decode_header
from ledger.genesis import Genesis
from ledger.install import is_installing
from ledger.keyvalue import LevelDb, Readable
from ledger.store import read_height
from node.errors import NodeError

MANIFEST: Final = "manifest.json"
GENESIS: Final = "genesis.bin"
STORE: Final = "store"
MAX_MANIFEST_BYTES: Final = 4 * 1024 * 1024
PIECE: Final = 1_000  # entries between two rests
_CHUNK: Final = 1024 * 1024

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.\-]{0,63}$")]


class BackupError(NodeError):
    """No backup can be made there, or what lies there is none."""

    code = "backup"


class File(BaseModel):
    """One file of the store in a backup."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    size: int = Field(strict=True, ge=0)
    sha256: Digest


class Manifest(BaseModel):
    """What a backup says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    store_format: int = Field(strict=True, ge=1)
    chain: str = Field(max_length=64)
    genesis_hash: Digest
    height: int = Field(strict=True, ge=0)
    block: Digest
    state_root: Digest
    entries: int = Field(strict=True, ge=0)
    files: tuple[File, ...] = Field(max_length=100_000)


@dataclass(slots=True)
class Progress:
    """How far a backup is, for whoever shows it; `is_stopped` ends it."""

    entries: int = 0
    is_stopped: bool = False
    rest: Callable[[float], None] = time.sleep

    def step(self, entries: int, worked_s: float) -> None:
        """Some more entries were written, in this time; raises BackupError."""
        if self.is_stopped:
            raise BackupError("the peer stops: the backup was not made")
        self.entries += entries
        self.rest(worked_s)


def check_target(target: Path) -> None:
    """Raise BackupError where no backup can be made."""
    if not target.is_absolute():
        raise BackupError(f"{target} is not an absolute path")
    if target.exists():
        raise BackupError(f"{target} is already there: choose another folder")
    if not target.parent.is_dir():
        raise BackupError(f"{target.parent} is no folder: make it first")


def write_backup(view: Readable, genesis: Genesis, target: Path, progress: Progress) -> Manifest:
    """Write what a snapshot of a store's disk has; raises BackupError, DiskError or OSError."""
    check_target(target)
    if is_installing(view):
        raise BackupError("this peer is joining by a snapshot: it has no store yet")
    draft = target.with_name(f".{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        (draft / STORE).mkdir(parents=True)
        _copy_entries(view, draft / STORE, progress)
        write_synced(draft / GENESIS, genesis.data)
        manifest = _describe(view, genesis, draft / STORE, progress)
        text = json.dumps(manifest.model_dump(mode="json"), indent=1)
        write_synced(draft / MANIFEST, text.encode())
        sync_folder(draft)
        draft.rename(target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def _copy_entries(view: Readable, folder: Path, progress: Progress) -> None:
    disk = LevelDb(folder)
    try:
        pairs = view.scan(b"", schema.END)
        begun = time.thread_time()
        while piece := list(islice(pairs, PIECE)):
            disk.write(piece, sync=False)
            progress.step(len(piece), time.thread_time() - begun)
            begun = time.thread_time()
        disk.write([], sync=True)
    finally:
        disk.close()


def _describe(view: Readable, genesis: Genesis, store: Path, progress: Progress) -> Manifest:
    height = read_height(view)
    data = view.get(schema.header_key(height))
    assert data is not None
    files = [_describe_file(path, progress) for path in sorted(store.iterdir())]
    sync_folder(store)
    return Manifest(
        store_format=schema.FORMAT_VERSION,
        chain=genesis.chain,
        genesis_hash=genesis.hash.hex(),
        height=height,
        block=compute_header_hash(data).hex(),
        state_root=decode_header(data).state_root.hex(),
        entries=progress.entries,
        files=tuple(file for file in files if file is not None),
    )


def _describe_file(path: Path, progress: Progress) -> File | None:
    """A file, synced; None for what belongs to whoever had the database open."""
    if path.name in ("LOCK", "LOG", "LOG.old"):
        path.unlink()
        return None
    digest = hashlib.sha256()
    for chunk in read_chunks(path):
        begun = time.thread_time()
        digest.update(chunk)
        progress.step(0, time.thread_time() - begun)
    sync_file(path)
    return File(name=path.name, size=path.stat().st_size, sha256=digest.hexdigest())


def read_manifest(folder: Path) -> Manifest:
    """What a folder says of the backup in it; raises BackupError."""
    path = folder / MANIFEST
    if not path.is_file():
        raise BackupError(f"{folder} is no backup: it has no {MANIFEST}")
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise BackupError(f"{path} is larger than any manifest")
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        fault: Any = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "it"
        raise BackupError(f"{path} is no manifest: {where}: {fault['msg']}") from None


def check_files(folder: Path, manifest: Manifest) -> None:
    """Raise BackupError unless the store's files are those of the manifest, and no others."""
    listed = {file.name: file for file in manifest.files}
    found = {path.name for path in (folder / STORE).iterdir()}
    if found != set(listed):
        odd = ", ".join(sorted(found ^ set(listed))[:4])
        raise BackupError(f"the backup has not the files that its manifest lists: {odd}")
    for name, file in listed.items():
        path = folder / STORE / name
        digest = hashlib.sha256()
        for chunk in read_chunks(path):
            digest.update(chunk)
        if (path.stat().st_size, digest.hexdigest()) != (file.size, file.sha256):
            raise BackupError(f"{path} is not the file that was backed up: it is damaged")


@contextmanager
def link_store(folder: Path) -> Iterator[Path]:
    """A folder to open the store of a backup in, gone afterwards; raises BackupError.

    The links lead to files that are only read: a database that is opened writes new ones.
    """
    check_files(folder, read_manifest(folder))
    with tempfile.TemporaryDirectory(prefix="suanlian-backup-") as made:
        for path in (folder / STORE).iterdir():
            (Path(made) / path.name).symlink_to(path.absolute())
        yield Path(made)


def read_chunks(path: Path) -> Iterator[bytes]:
    """A file piece by piece."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def write_synced(path: Path, data: bytes) -> None:
    """A new file that is on the disk when this returns."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    """Let what is in a file come to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Let the names in a folder come to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
