"""Who deals and pays: registered and given money before anything is broken."""

from devnet.chaos.load import People
from devnet.market import DAY_MS, YUAN
from devnet.parties import Party, PartySpec, register_parties
from devnet.scene import Scene
from devnet.simulator.trade import Deal, Pair
from ledger.primitives import Code
from node.clock import read_wall_ms

PAYERS = 8
PAYERS_YUAN = 1_000


def make_people(scene: Scene, at: str) -> People:
    """Payers of one region, and a deal from each region to the next; raises StepFailed."""
    regions = [node.label for node in scene.folder.validators]
    payers = [_spec(f"payer-{number}", "U", regions[0]) for number in range(PAYERS)]
    providers = [_spec(f"provider-{region}", "P", region) for region in regions]
    consumers = [_spec(f"consumer-{region}", "U", region) for region in regions]
    parties = register_parties(scene, at, [*payers, *providers, *consumers])
    paying, others = parties[:PAYERS], parties[PAYERS:]
    bank = scene.operator("bank")
    for party in paying:
        amount = PAYERS_YUAN * YUAN
        data = {"account": party.code, "amount_micro_yuan": amount, "reference": "chaos"}
        scene.execute(at, "settlement.deposit", data, bank)
    count = len(regions)
    deals = [
        _make_deal(scene, others[place], others[count + (place + 1) % count])
        for place in range(count)
    ]
    operators = [bank, *map(scene.operator, regions)]
    keys = {signer.code: signer for signer in (*operators, *(item.signer for item in others))}
    return People([party.signer for party in paying], deals, keys)


def _spec(file: str, kind: str, region: str) -> PartySpec:
    province = region.removeprefix("region-")
    return PartySpec(file, file, kind, region, f"{province}0100")


def _make_deal(scene: Scene, provider: Party, consumer: Party) -> Deal:
    regions = [scene.operator(party.spec.region).code for party in (provider, consumer)]
    bank = scene.operator("bank").code
    pair = Pair(provider.code, consumer.code, Code(regions[0]), Code(regions[1]), Code(bank))
    return Deal(pair, read_wall_ms() + DAY_MS)
