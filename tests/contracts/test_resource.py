"""Resources: versions of a descriptor, and capacity that counts only while attested."""

from contracts.resource import RESOURCES
from ledger.code import compose_code
from tests.contracts.trade import (
    AUDITOR,
    CONSUMER,
    PROVIDER,
    RESOURCE,
    UNITS,
    Trade,
    find_object,
    make_descriptor,
)
from tests.contracts.world import END_MS, GUIZHOU, NATIONAL


def test_a_descriptor_has_versions() -> None:
    trade = Trade().set_up()
    trade.world.do("resource.update", PROVIDER, code=RESOURCE, descriptor=make_descriptor(9_000))
    resource = trade.world.value(RESOURCES.make_key(RESOURCE))
    assert resource["version"] == 2
    assert resource["descriptor"]["units"] == 9_000
    assert (resource["attested_units"], resource["attested_version"]) == (UNITS, 1)


def test_the_descriptor_is_kept_as_it_was_sent() -> None:
    trade = Trade().set_up()
    resource = trade.world.value(RESOURCES.make_key(RESOURCE))
    assert resource["descriptor"] == make_descriptor()


def test_an_auditor_attests_anywhere() -> None:
    trade = Trade().set_up()
    trade.world.register(AUDITOR, NATIONAL)
    trade.world.do("resource.attest", AUDITOR, code=RESOURCE, units=1_000, until_ms=END_MS)
    assert trade.world.value(RESOURCES.make_key(RESOURCE))["attestor"] == AUDITOR


def test_a_smaller_descriptor_takes_the_attested_units_with_it() -> None:
    trade = Trade().start()
    trade.world.do("resource.update", PROVIDER, code=RESOURCE, descriptor=make_descriptor(2_000))
    assert trade.world.value(RESOURCES.make_key(RESOURCE))["attested_units"] == 2_000
    late = trade.world.run("market.take", CONSUMER, **trade.take_data())
    assert late.code == "not-attested"
    trade.world.do("resource.attest", GUIZHOU, code=RESOURCE, units=2_000, until_ms=END_MS)


def test_a_provider_has_many_resources() -> None:
    trade = Trade().set_up()
    other = compose_code("C", "110100", "0E001", "I", "10", "0000002")
    trade.world.do("resource.register", PROVIDER, code=other, descriptor=make_descriptor(1))
    assert trade.world.value(RESOURCES.make_key(other))["provider"] == PROVIDER


def test_objects_are_found_by_their_ids() -> None:
    trade = Trade().start()
    assert find_object(trade.world, trade.offer)["provider"] == PROVIDER
    assert find_object(trade.world, trade.lease)["consumer"] == CONSUMER
