"""The floor on disk: its bytes, and that damaged ones are refused."""

import pytest

from ledger import codec, schema
from ledger.errors import LedgerError
from ledger.floor import Floor, read_floor
from tests.ledger.memory import MemoryDisk


def test_a_store_without_a_floor_has_everything() -> None:
    floor = read_floor(MemoryDisk())
    assert floor == Floor(1, 1, 1, 0)
    assert all(floor.has_body(height) and floor.has_results(height) for height in range(3))


def test_what_is_written_is_read() -> None:
    floor = Floor(9, 7, 5, 8)
    key, value = floor.compose()
    assert (key, value) == (b"mfloor", codec.encode([9, 7, 5, 8]))
    assert read_floor(MemoryDisk({key: value or b""})) == floor
    assert [floor.has_body(height) for height in (0, 8, 9)] == [True, False, True]
    assert [floor.has_results(height) for height in (0, 6, 7)] == [True, False, True]


@pytest.mark.parametrize(
    "value", [b"", b"\x90", codec.encode([1, 1, 1]), codec.encode([0, 1, 1, 0])]
)
def test_another_floor_is_refused(value: bytes) -> None:
    with pytest.raises(LedgerError):
        read_floor(MemoryDisk({schema.META_FLOOR: value}))
