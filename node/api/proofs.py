"""`/v1/proofs`: bundles that prove what this peer says, to be checked without it.

A bundle is made on the loop that folds blocks, so that all its parts are of one and the same block.
It is the dearest thing a client can ask of that loop, so bundles have a rate of their own.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import web

from ledger.genesis import Genesis
from ledger.store import Store
from node import prover
from node.api.context import CONTEXT, check_final, get_client
from node.api.delivery import begin_read, charge_read
from node.api.parameters import ID, NUMBER, SWITCH, Parameter, parse_number, parse_switch
from node.api.problems import Problem
from node.api.routes import Content, Route
from node.api.tails import KEY, read_key
from node.client.bundle import Bundle
from node.prover import Items, Place, ProverError

Make = Callable[[Store, Genesis, Items], Bundle]

MEDIA: Final = "application/json"
_COST: Final = 8  # of a bundle, and of each block whose body it needs, in records
PREFIX: Final = Parameter(
    "prefix",
    "Prove that these are all the records whose keys begin with these fields.",
    parse_switch,
    SWITCH,
    False,
)
AT: Final[Parameter[int | None]] = Parameter(
    "at", "Have the header of this height in the bundle, and so its time.", parse_number, NUMBER
)
EARLIER: Final[Parameter[int | None]] = Parameter(
    "from", "The earlier height; needed.", parse_number, NUMBER
)
LATER: Final[Parameter[int | None]] = Parameter(
    "to", "The later height; the last final block's by default.", parse_number, NUMBER
)


async def prove_record(request: web.Request) -> web.Response:
    """That a record stands now, that none does, or that these are all."""
    key = read_key(request, "/v1/proofs/records/")
    make = prover.prove_list if PREFIX.read(request) else prover.prove_current
    return await _answer(request, lambda store, genesis, _: make(store, genesis, key))


async def prove_history(request: web.Request) -> web.Response:
    """Every version of a record, and who signed what made it."""
    key = read_key(request, "/v1/proofs/history/")
    store, at = request.app[CONTEXT].peer.store, AT.read(request)
    if at is not None:
        check_final(store, at)
    return await _answer(
        request,
        lambda store, genesis, items: prover.prove_object_history(store, genesis, key, items, at),
        lambda: prover.list_places(store, key),
    )


async def prove_transaction(request: web.Request) -> web.Response:
    """That a transaction is in a final block, with its result."""
    id_ = ID.read(request)
    return await _answer(
        request, lambda store, genesis, _: prover.prove_transaction(store, genesis, id_)
    )


async def prove_consistency(request: web.Request) -> web.Response:
    """That history was only ever appended to between two heights."""
    earlier, later = EARLIER.read(request), LATER.read(request)
    if earlier is None:
        raise Problem("bad-parameter", "from: the earlier height is needed")
    return await _answer(
        request, lambda store, genesis, _: prover.prove_consistency(store, genesis, earlier, later)
    )


async def _answer(
    request: web.Request, make: Make, list_places: Callable[[], Sequence[Place]] = tuple
) -> web.Response:
    """A bundle; blocks are read, and the text is written, beside the loop on which votes wait."""
    context = request.app[CONTEXT]
    context.proofs.take(get_client(request))
    await begin_read(request)
    store = context.peer.store
    try:
        places = list_places()
        items = await asyncio.to_thread(prover.load_items, store, places) if places else {}
        bundle = make(store, context.peer.genesis, items)
    except ProverError as error:
        raise Problem(error.code, str(error)) from None
    response = web.Response(body=await asyncio.to_thread(bundle.encode), content_type=MEDIA)
    return charge_read(request, _COST * (1 + len(places)), response)


_BUNDLE: Final = {
    200: Content(
        "A bundle for `suanlian verify` (docs/spec/proof.md).", {MEDIA: {"type": "object"}}
    )
}
_PROBLEMS: Final = ("bad-parameter", "not-found", "too-many", "pruned", "not-yet", "too-many-open")
ROUTES: Final = (
    Route(
        "GET",
        "/v1/proofs/records/{key:.+}",
        prove_record,
        "Prove a current record, its absence, or with `prefix=true` that a list is complete",
        "proofs",
        (KEY, PREFIX),
        answers=_BUNDLE,
        problems=_PROBLEMS,
    ),
    Route(
        "GET",
        "/v1/proofs/history/{key:.+}",
        prove_history,
        "Prove every version of a record and who signed what made it",
        "proofs",
        (KEY, AT),
        answers=_BUNDLE,
        problems=_PROBLEMS,
    ),
    Route(
        "GET",
        "/v1/proofs/transactions/{id}",
        prove_transaction,
        "Prove that a transaction is final, with its result",
        "proofs",
        (ID,),
        answers=_BUNDLE,
        problems=_PROBLEMS,
    ),
    Route(
        "GET",
        "/v1/proofs/consistency",
        prove_consistency,
        "Prove that history was only ever appended to between two heights",
        "proofs",
        (EARLIER, LATER),
        answers=_BUNDLE,
        problems=_PROBLEMS,
    ),
)
