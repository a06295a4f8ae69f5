"""Documents that lie off the ledger: where a record names one by its SHA-256, and whether it fits.

A record names a document by its digest, in a field of its own or in a map with its `size`,
`media_type` and `location` beside it. Records are looked at as JSON, with digests in lowercase hex,
so that an answer of a peer and a proof bundle are the same to this.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is compared of a file."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Naming:
    """A place in a record that names a file; `about` is what stands beside the digest."""

    path: str
    about: Mapping[str, Any]

    def fits(self, file: Fingerprint) -> bool:
        """Whether the size fits too, where the record has one."""
        return str(self.about.get("size", file.size)) == str(file.size)


def read_fingerprint(path: Path) -> Fingerprint:
    """The digest and the size of a file, however long it is."""
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
        return Fingerprint(digest, file.tell())


def find_namings(value: Any, file: Fingerprint, path: str = "") -> Iterator[Naming]:
    """Every place of a value that names a file, from the top down."""
    if isinstance(value, dict):
        for name, item in value.items():
            inner = f"{path}.{name}" if path else str(name)
            if item == file.sha256:
                yield Naming(inner, {key: other for key, other in value.items() if key != name})
            else:
                yield from find_namings(item, file, inner)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            inner = f"{path}[{place}]"
            if item == file.sha256:
                yield Naming(inner, {})
            else:
                yield from find_namings(item, file, inner)
