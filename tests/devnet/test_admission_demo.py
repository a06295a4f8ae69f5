"""The parts of the admission scenario that need no network."""

from pathlib import Path

from stdnum.cn import uscc

from contracts.standing import make_identity_key
from devnet.admission_demo import RENAMED, SICHUAN, YUNNAN, make_authorities
from devnet.folder import Folder, NodeEntry, load_folder
from devnet.founding import DevnetSpec, make_network_spec
from ledger.primitives import Digest
from node.ceremony import make_network


def test_its_companies_have_credit_codes_that_hold() -> None:
    for entity in (*SICHUAN, *YUNNAN):
        assert uscc.is_valid(entity.credit_code), entity.name
    assert RENAMED.credit_code == YUNNAN[1].credit_code
    assert RENAMED.name != YUNNAN[1].name


def test_a_network_is_founded_with_its_authorities() -> None:
    spec = DevnetSpec(industries=(), others=make_authorities(), seed=b"test")
    founded = make_network(make_network_spec(spec))
    records = dict(founded.genesis.records)
    roles = {
        member.spec.label: records[make_identity_key(member.code)]["role"]
        for member in founded.members
        if member.code[0] in "AM"
    }
    assert roles["communications-51"] == "communications"
    assert roles["industry-authority-53"] == "industry"
    assert (roles["bureau"], roles["auditor-1"]) == ("bureau", "")


def test_a_folder_takes_up_a_node_that_came_later(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "devnet", "devnet-0", Digest(bytes(32)), ())
    entry = NodeEntry("region-51", "R5", "validator", "127.0.0.1:1", "http://127.0.0.1:2")
    folder.extended(entry).save()
    assert load_folder(tmp_path).find("region-51") == entry
