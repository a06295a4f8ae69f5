"""Every root that was ever recorded is trusted, from the moment its block is final."""

import ssl

from contracts.standing import ROOT_KEY
from ledger.state import Layer
from node.roots import Roots
from tests.contracts.failures.ballot import make_root
from tests.contracts.world import make_keys
from tests.node.stage import Stage


def list_trusted(context: ssl.SSLContext) -> list[bytes]:
    return context.get_ca_certs(binary_form=True)


def replace(stage: Stage, name: str) -> bytes:
    """Record another root, as a block would."""
    certificate = make_root(make_keys(name))
    layer = Layer(stage.store.state)
    record = layer.put(ROOT_KEY, {"certificate": certificate}, 1, 0)
    current = stage.store.state.get(ROOT_KEY)
    assert current is not None
    placed = record.placed(current.slot, current.next_key)
    key = len(ROOT_KEY).to_bytes(2, "big") + ROOT_KEY + record.version.to_bytes(8, "big")
    envelope = placed.encode()
    stage.disk.write([(b"s" + ROOT_KEY, envelope), (b"v" + key, envelope)], sync=True)
    stage.store.state.fold(layer)
    return certificate


def test_new_roots_stand_beside_the_old_ones() -> None:
    stage = Stage()
    first = stage.genesis.root_certificate
    roots = Roots(stage.genesis, stage.store)
    contexts = [ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(2)]
    roots.trust_in(*contexts)
    roots.refresh()
    assert roots.certificates == [first]
    second, third = replace(stage, "second"), replace(stage, "third")
    roots.refresh()
    assert roots.certificates == [first, second, third]
    for context in contexts:
        assert list_trusted(context) == [second, third]
    roots.refresh()
    assert roots.certificates == [first, second, third]


def test_a_peer_that_starts_later_knows_them_all() -> None:
    stage = Stage()
    second = replace(stage, "second")
    assert Roots(stage.genesis, stage.store).certificates == [
        stage.genesis.root_certificate,
        second,
    ]
