"""How an identity stood at a height, judged offline out of a verified bundle."""

from typing import Any

import pytest

from ledger.block import decode_header
from node import prover
from node.client.bundle import BundleError
from node.client.claims import make_identity_key
from node.client.standing import Standing, judge_standing
from node.client.verify import verify_bundle
from tests.ledger.chain import NATIONAL, REGIONS, Chain, key_of
from tests.node.evidence import make_chain

CODE = "P520100I0A0010000000002N"
KEY = make_identity_key(CODE)
NEVER = 1 << 60


def write(chain: Chain, status: str, expires_ms: int = NEVER) -> None:
    value: dict[str, Any] = {
        "expires_ms": expires_ms,
        "key": key_of("provider").public,
        "status": status,
    }
    chain.extend([chain.make_transaction([(KEY, value)], REGIONS[:1])])


def wait(chain: Chain) -> None:
    chain.extend([chain.make_transaction([], [NATIONAL])])


def judge(chain: Chain, height: int | None, has_header: bool = True) -> Standing:
    at = height if has_header else None
    bundle = prover.prove_object_history(chain.store, chain.genesis, KEY, at=at)
    return judge_standing(verify_bundle(bundle.encode(), chain.genesis.hash), CODE, height)


def time_of(chain: Chain, height: int) -> int:
    data = chain.store.get_header_bytes(height)
    assert data is not None
    return decode_header(data).time_ms


def test_each_height_has_its_standing() -> None:
    chain = make_chain()
    wait(chain)
    for status in ("active", "suspended", "active", "revoked"):
        write(chain, status)
        wait(chain)
    found = [judge(chain, height).standing for height in range(chain.store.height + 1)]
    assert found == [
        *["unregistered"] * 2,
        *["active"] * 2,
        *["suspended"] * 2,
        *["active"] * 2,
        *["revoked"] * 2,
    ]
    valid = judge(chain, 3)
    assert (valid.is_valid, valid.version, valid.since_height) == (True, 1, 2)
    assert valid.time_ms == time_of(chain, 3)
    # Without a height it is the anchor's.
    assert judge(chain, None) == judge(chain, chain.store.height)
    assert not judge(chain, 0).is_valid


def test_expiry_is_judged_by_the_time_of_the_block() -> None:
    chain = make_chain()
    wait(chain)
    wait(chain)
    expires_ms = time_of(chain, 2) + (time_of(chain, 2) - time_of(chain, 1)) * 2
    write(chain, "active", expires_ms)
    assert judge(chain, 3, has_header=False).standing == "active"
    wait(chain)
    wait(chain)
    assert [judge(chain, height).standing for height in (3, 4, 5)] == [
        "active",
        "expired",
        "expired",
    ]
    # The certificate has expired by the anchor: only the block's own time can say.
    with pytest.raises(BundleError, match="header of block 4 is needed"):
        judge(chain, 4, has_header=False)


def test_a_code_that_never_was() -> None:
    chain = make_chain()
    wait(chain)
    bundle = prover.prove_current(chain.store, chain.genesis, KEY)
    verified = verify_bundle(bundle.encode(), chain.genesis.hash)
    assert judge_standing(verified, CODE).standing == "unregistered"
    assert judge_standing(verified, CODE, 0).standing == "unregistered"


def test_a_bundle_that_cannot_say() -> None:
    chain = make_chain()
    write(chain, "active")
    write(chain, "suspended")
    whole = prover.prove_object_history(chain.store, chain.genesis, KEY)
    verified = verify_bundle(whole.encode(), chain.genesis.hash)
    with pytest.raises(BundleError, match="before 9"):
        judge_standing(verified, CODE, 9)
    with pytest.raises(BundleError, match="says nothing of"):
        judge_standing(verified, "U110100I0A002000000000" + "00")
    current = prover.prove_current(chain.store, chain.genesis, KEY)
    verified = verify_bundle(current.encode(), chain.genesis.hash)
    assert judge_standing(verified, CODE, 2).standing == "suspended"
    with pytest.raises(BundleError, match="not in the bundle"):
        judge_standing(verified, CODE, 1)
