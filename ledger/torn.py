"""The torn end of a LevelDB log: what the power took while it was being written.

1. A log is blocks of 32 KiB; a record lies in one block, or is cut into pieces over several. Before
   each piece stand a masked CRC-32C of type and data, the length and the type (full, first, middle,
   last).
2. A write that was synced is whole. One that was not may be there in part, and where the file grew
   before its data came, zeros or anything may stand in its place. LevelDB takes a log that simply
   ends for what it is; anything else it refuses, and the database with it.
3. What tells such an end from damage is whether anything that can be read follows. If nothing does,
   the end was never acknowledged: it is cut off, and kept beside the database. If anything does,
   something that was synced is damaged, and nobody may go on as if it had never been there.
4. Damage to the very last record that was synced cannot be told from a torn one. Then a block is
   fetched again, and what a validator forgot of its votes the others remember (docs/adr, record 4).
"""

import struct
from pathlib import Path
from typing import Final

BLOCK: Final = 32 * 1024
HEADER: Final = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_MASK_DELTA: Final = 0xA282EAD8


def _make_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_TABLE: Final = _make_table()


def compute_checksum(data: bytes) -> int:
    """The masked CRC-32C that LevelDB writes before `data`, which begins with the type."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def find_end(data: bytes) -> int | None:
    """Where the last whole record of a log ends; None where something that is damaged is followed
    by something that can be read."""
    at = end = 0
    expects_more = False
    while at + HEADER.size <= len(data):
        if BLOCK - at % BLOCK < HEADER.size:
            at += BLOCK - at % BLOCK
            continue
        type_ = _read_type(data, at)
        if type_ == 0 or expects_more != (type_ in (_MIDDLE, _LAST)):
            return None if _is_any_behind(data, at + 1) else end
        at += HEADER.size + HEADER.unpack_from(data, at)[1]
        expects_more = type_ in (_FIRST, _MIDDLE)
        if not expects_more:
            end = at
    return end


def _read_type(data: bytes, at: int) -> int:
    """The type of a piece that is whole; 0 where there is none."""
    if at + HEADER.size > len(data):
        return 0
    checksum, length, type_ = HEADER.unpack_from(data, at)
    stop = at + HEADER.size + length
    if not _FULL <= type_ <= _LAST or stop > len(data) or stop > at // BLOCK * BLOCK + BLOCK:
        return 0
    return type_ if compute_checksum(data[at + HEADER.size - 1 : stop]) == checksum else 0


def _is_any_behind(data: bytes, start: int) -> bool:
    """Whether a whole piece begins anywhere from a place on: in its block, or first in another."""
    block_end = start // BLOCK * BLOCK + BLOCK
    if any(_read_type(data, at) for at in range(start, min(block_end, len(data)))):
        return True
    return any(_read_type(data, at) for at in range(block_end, len(data), BLOCK))


def cut_torn_end(folder: Path) -> int:
    """Cut the torn end off a database's newest log and off its manifest, which is one too; the
    bytes, which are kept beside the folder. 0 where neither ends so, and nothing was changed."""
    return sum(_cut(folder, path) for path in _list_logs(folder))


def _list_logs(folder: Path) -> list[Path]:
    logs = [path for path in folder.glob("*.log") if path.stem.isdigit()]
    current = folder.joinpath("CURRENT")
    name = current.read_text("ascii", "replace").strip() if current.is_file() else ""
    manifests = [path for path in folder.glob("MANIFEST-*") if path.name == name]
    return [*sorted(logs, key=lambda path: int(path.stem))[-1:], *manifests]


def _cut(folder: Path, path: Path) -> int:
    data = path.read_bytes()
    end = find_end(data)
    if end is None or end == len(data):
        return 0
    folder.with_name(f"{folder.name}-{path.name}-{end}.torn").write_bytes(data[end:])
    with path.open("r+b") as file:
        file.truncate(end)
    return len(data) - end
