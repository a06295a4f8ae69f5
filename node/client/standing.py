"""How an identity stood at a height, out of a bundle that was verified.

1. The version that stood at height h is the last one written at or below h. Before its first
   version a code was unregistered; records are never removed.
2. `revoked` and `suspended` are what the version says. Where it says `active`, the certificate is
   expired if the time of block h is not before `expires_ms`.
3. The time of block h is that of its header in the bundle. Without it, a certificate that was
   valid at the anchor's time was valid at every block before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from node.client.bundle import BundleError
from node.client.claims import make_identity_key
from node.client.difference import show_key
from node.client.verified import Proved, Verified

UNREGISTERED = "unregistered"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a code stood after the block at `height`; `record` is its identity then, None without.

    `time_ms` is the block's, None where the bundle does not have it; `since_height` is where the
    version that stood was written.
    """

    code: str
    height: int
    time_ms: int | None
    standing: str
    version: int | None
    since_height: int | None
    record: dict[str, Any] | None

    @property
    def is_valid(self) -> bool:
        """Whether it was registered, neither suspended nor revoked, and not expired."""
        return self.standing == "active"


def judge_standing(verified: Verified, code: str, height: int | None = None) -> Standing:
    """How a code stood after a block, the anchor without a height; raises BundleError."""
    at = verified.height if height is None else height
    if at > verified.height:
        raise BundleError("anchor", f"the bundle is of block {verified.height}, before {at}")
    time_ms = verified.times.get(at)
    version = _find_version(verified, code, at)
    if version is None:
        return Standing(code, at, time_ms, UNREGISTERED, None, None, None)
    record = version["value"]
    return Standing(
        code=code,
        height=at,
        time_ms=time_ms,
        standing=_judge(verified, record, at),
        version=int(version["version"]),
        since_height=int(version["height"]),
        record=record,
    )


def _find_version(verified: Verified, code: str, height: int) -> dict[str, Any] | None:
    """The version that stood at a height, None before the first; raises BundleError."""
    subject = show_key(make_identity_key(code))
    about = [item for item in verified.proved if item.subject == subject]
    if not about:
        raise BundleError("claims", f"the bundle says nothing of {subject}")
    for version in sorted(_iterate(about), key=lambda item: -int(item["version"])):
        if int(version["height"]) <= height:
            return version
        if int(version["created_height"]) > height:
            return None
    if all(item.type == "absence" for item in about):
        return None
    raise BundleError("claims", f"the version of {subject} at block {height} is not in the bundle")


def _iterate(about: list[Proved]) -> Iterator[dict[str, Any]]:
    for item in about:
        if item.type == "versions":
            yield from item.fields["versions"]
        elif item.type == "record":
            yield item.fields


def _judge(verified: Verified, record: dict[str, Any], height: int) -> str:
    status, expires_ms = str(record["status"]), int(record["expires_ms"])
    if status != "active" or verified.time_ms < expires_ms:
        return status
    time_ms = verified.times.get(height)
    if time_ms is None:
        raise BundleError(
            "headers", f"the certificate has expired since: the header of block {height} is needed"
        )
    return "expired" if time_ms >= expires_ms else status
