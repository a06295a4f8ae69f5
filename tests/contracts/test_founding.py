"""Founding: the first state, and founders that make none."""

from dataclasses import replace

import pytest

from contracts import machine
from contracts.account import make_account, make_account_key
from contracts.errors import FoundingError
from contracts.founding import (
    Founder,
    Founding,
    check_records,
    compute_default_blocks,
    compute_initial_records,
)
from contracts.invariants import check_invariants
from contracts.rules import VERSION_1, make_rules_key
from contracts.standing import ROOT_KEY, make_identity_key
from ledger import codec, genesis
from ledger.primitives import Signature, TimeMs
from tests.contracts.world import (
    BANK,
    GUIZHOU,
    NATIONAL,
    REGIONS,
    ROOT,
    SICHUAN,
    START_MS,
    MemoryState,
    make_founder,
    make_founding,
    make_keys,
    make_root_certificate,
)


def test_the_first_state() -> None:
    records = compute_initial_records(make_founding())
    keys = [key for key, _ in records]
    assert keys == sorted(keys)
    state = MemoryState(records)
    assert check_invariants(state) == []
    assert [code for code, _ in machine.compute_validators(state)] == sorted(REGIONS)
    node = machine.get_node(state, GUIZHOU)
    assert node is not None
    assert node.validator_key == make_keys(GUIZHOU + "validator").public
    assert node.peer_key == make_keys(GUIZHOU + "peer").public
    assert state.records[ROOT_KEY].value["key"] == ROOT.public
    identity = state.records[make_identity_key(GUIZHOU)].value
    assert (identity["name"], identity["status"]) == ("\u8d35\u5dde", "active")
    assert machine.get_node(state, BANK) is None
    assert state.records[make_rules_key(1)].value["integers"] == VERSION_1


def test_the_records_are_values_of_the_codec() -> None:
    for _, value in compute_initial_records(make_founding()):
        assert codec.decode(codec.encode(value)) == value


def test_default_blocks_are_disjoint() -> None:
    blocks = compute_default_blocks([*REGIONS, NATIONAL])
    end = -1
    for block in blocks:
        assert end < block.first <= block.last
        end = block.last


def with_founders(*founders: Founder) -> Founding:
    return Founding(make_root_certificate(), founders)


def founders() -> list[Founder]:
    return [make_founder(code) for code in (NATIONAL, *REGIONS)]


@pytest.mark.parametrize(
    "change",
    [
        lambda all_: all_[1:],  # no national node
        lambda all_: all_[:4],  # three regions
        lambda all_: [*all_, all_[1]],  # twice the same
        lambda all_: [*all_[:-1], replace(all_[-1], validator_key=None)],
        lambda all_: [*all_[:-1], replace(all_[-1], validator_key=all_[1].validator_key)],
        lambda all_: [*all_[:-1], replace(all_[-1], peer_certificate=b"")],
        lambda all_: [*all_[:-1], replace(all_[-1], certificate=all_[1].certificate)],
        lambda all_: [*all_[:-1], replace(all_[-1], peer_certificate=all_[1].peer_certificate)],
        lambda all_: [*all_[:-1], replace(all_[-1], certificate=b"\x30\x00")],
        lambda all_: [replace(all_[0], validator_key=all_[1].validator_key), *all_[1:]],
        lambda all_: [*all_, make_founder(BANK)],  # an authority without a role
    ],
)
def test_founders_that_make_no_network(change: object) -> None:
    with pytest.raises(FoundingError):
        compute_initial_records(with_founders(*change(founders())))  # type: ignore[operator]


def test_rules_have_the_names_of_version_1() -> None:
    with pytest.raises(FoundingError):
        compute_initial_records(make_founding(printing_press=1))
    with pytest.raises(FoundingError):
        compute_initial_records(make_founding(meter_epoch_ms=0))


def make_genesis(records: list[tuple[bytes, object]]) -> genesis.Genesis:
    proofs = genesis.Possession(Signature(bytes(64)), Signature(bytes(64)), None)

    def make(code: str) -> genesis.Founder:
        founder = make_founder(code)  # type: ignore[arg-type]
        return genesis.Founder(
            code=founder.code,
            certificate=founder.certificate,
            peer_certificate=founder.peer_certificate,
            validator_key=founder.validator_key,
            possession=proofs,
            http_endpoint=founder.http_endpoint,
            peer_endpoint=founder.peer_endpoint,
        )

    return genesis.Genesis(
        name="test",
        time_ms=TimeMs(START_MS),
        root_certificate=make_root_certificate(),
        national=make(NATIONAL),
        regions=tuple(make(code) for code in sorted(REGIONS)),
        number_blocks=tuple(compute_default_blocks([NATIONAL, *REGIONS])),
        rules=dict(VERSION_1),
        consensus=genesis.ConsensusLimits(),
        records=tuple(records),
    )


def test_a_genesis_holds_the_records_of_its_founders() -> None:
    records = compute_initial_records(make_founding())
    check_records(make_genesis(records))
    thief = dict(records)
    thief[make_identity_key(SICHUAN)] = {**thief[make_identity_key(SICHUAN)], "key": bytes(32)}
    with pytest.raises(FoundingError):
        check_records(make_genesis(sorted(thief.items())))
    with pytest.raises(FoundingError):
        check_records(make_genesis(records[:-1]))
    money = (make_account_key(BANK), {**make_account(BANK), "balance": 1})
    with pytest.raises(FoundingError):
        check_records(make_genesis(sorted([*records, money])))
