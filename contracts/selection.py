"""Selection: in every block the ledger itself matches demands with offers, by the published score.

1. A demand whose way is `selection` waits in a queue by the time of its next turn. Its turn comes
   in a block at or after that time, after the other due work and before the transactions; in the
   order of the queue, at most `selection_items` turns a block.
2. In its turn it gets the offer with the least score (see `score`) of those that can give it a part
   now: open, of its venue, class and regions, at no more than its ceiling, as it needs them, with
   units free for the whole window. Of equal scores the lesser offer id goes first. The part is as
   much as is left to be met, is free, and is paid by the budget; it is paid for its whole time.
3. It starts as early as the demand allows: now, or at `earliest_ms` where that is still to come.
4. The choice is exact: candidates are walked in the order of the static part of their scores, and
   the walk ends when that cannot beat the best score found, nor be of a price within the ceiling.
5. A turn looks at no more than `selection_walk` candidates, and all turns of a block together at
   no more than `selection_candidates`. A walk that comes to either bound keeps its place and its
   best in the demand, and goes on in its next turn, behind those who wait. An offer made meanwhile
   is seen by the next walk.
6. After a part the next turn is in the next block; after a walk that found nothing it comes
   `selection_retry_ms` later.
7. An offer of which nobody can have its least part now steps aside: its units are reserved, less
   than that part is attested, its window is to come, it is stale, its provider or attestation is
   not in good standing, or the policy of its venue does not admit it any more. Until it returns,
   no demand for now walks past it. It returns when something of it is given back by the
   calendar or its window begins, and after `selection_aside_ms` at the latest.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import merge
from typing import Final, NamedTuple

from contracts.account import load_account
from contracts.agreement import compute_window
from contracts.billing import compute_affordable, compute_cost
from contracts.calendar import compute_most, is_full, list_changes
from contracts.call import Due
from contracts.context import Context, Scope
from contracts.demand import DEMANDS, DemandRecord, compute_start, is_open, is_part
from contracts.match import apply_match, make_offer_terms
from contracts.needs import is_fit
from contracts.offer import ANYWHERE, OFFERS, OfferRecord, make_book_prefix
from contracts.policy import is_demand_admitted, is_supply_admitted
from contracts.resource import RESOURCES, Resource, is_attested
from contracts.score import compute_bound, compute_score
from contracts.standing import is_active
from contracts.table import get_last_field, make_object_key

CLOCK: Final = "selection"
_SHARED: Final = "selection"

Changes = list[tuple[int, int]]  # of reserved units, by time in ms


@dataclass(frozen=True, slots=True)
class Facts:
    """What a block has read of an offer; `usable` is whether it can be sold at all."""

    key: bytes
    offer: OfferRecord
    resource: Resource
    usable: bool
    score: int


class Choice(NamedTuple):
    """The best of the candidates so far, and how much of it; the lesser is the better."""

    score: int
    offer: str
    units: int


@dataclass(slots=True)
class Stage:
    """What the turns of one block share: the candidates left, and what was read of them."""

    left: int
    facts: dict[str, Facts] = field(default_factory=dict)
    calendars: dict[str, Changes] = field(default_factory=dict)
    peaks: dict[str, dict[tuple[int, int], int]] = field(default_factory=dict)

    def load_facts(self, ctx: Context, name: str, key: bytes) -> Facts:
        """What there is to know of an offer."""
        known = self.facts.get(name)
        if known is None:
            known = self.facts[name] = _read_facts(ctx, key)
        return known

    def list_changes(self, ctx: Context, subject: str) -> Changes:
        """The calendar of a resource or an offer."""
        known = self.calendars.get(subject)
        if known is None:
            known = self.calendars[subject] = list(list_changes(ctx, subject))
        return known

    def compute_peak(self, ctx: Context, subject: str, window: tuple[int, int]) -> int:
        """The most that is reserved of a subject in a window; many offers ask it of a resource."""
        known = self.peaks.setdefault(subject, {})
        if window not in known:
            known[window] = compute_most(self.list_changes(ctx, subject), *window)
        return known[window]

    def forget(self, *subjects: str) -> None:
        """A lease was made: read the calendars again."""
        for subject in subjects:
            self.calendars.pop(subject, None)
            self.peaks.pop(subject, None)

    def compute_free(self, ctx: Context, name: str, facts: Facts, window: tuple[int, int]) -> int:
        """How many units can be had for a window."""
        sold = self.compute_peak(ctx, name, window)
        reserved = self.compute_peak(ctx, facts.offer["resource"], window)
        return min(facts.offer["units"] - sold, facts.resource["attested_units"] - reserved)


def is_spent(scope: Scope) -> bool:
    """Whether the block has looked at as many candidates as it may (rule 5)."""
    return _SHARED in scope.shared and scope.shared[_SHARED].left == 0


def match(ctx: Context, key: bytes) -> None:
    """The turn of a demand."""
    demand = DEMANDS.get(ctx, key)
    assert demand is not None
    stage = _load_stage(ctx)
    if not _may_trade(ctx, demand):
        _apply_retry(ctx, key, demand)
        return
    walk = _Walk(ctx, stage, demand)
    if not walk.run():
        _apply_pause(ctx, key, demand, walk)
    elif walk.best is None:
        _apply_retry(ctx, key, demand)
    else:
        _apply_choice(ctx, stage, key, demand, walk.best)


def give_back(ctx: Context, key: bytes) -> None:
    """An offer that stepped aside returns."""
    offer = OFFERS.get(ctx, key)
    assert offer is not None
    OFFERS.put(ctx, key, {**offer, "aside_until_ms": 0})


class _Walk:
    """One turn's walk along the book, from where the last one stopped."""

    def __init__(self, ctx: Context, stage: Stage, demand: DemandRecord) -> None:
        self._ctx, self._stage, self._demand = ctx, stage, demand
        starts_ms = compute_start(ctx, demand)
        self._starts_now = starts_ms is None
        self._window = compute_window(ctx, starts_ms, demand["seconds"])
        self._bound = compute_bound(ctx.rules, demand["ceiling_micro_yuan"])
        self.place = demand["cursor"]
        self.best: Choice | None = None

    def run(self) -> bool:
        """Whether the walk came to its end."""
        if self._demand["best"]:
            name = self._demand["best"]
            self._consider(name, self._ctx.get_derived(make_object_key(name)))
        left = min(self._ctx.rules["selection_walk"], self._stage.left)
        for place, static, key in self._list_candidates():
            if static > self._bound or (self.best is not None and static > self.best.score):
                return True
            if left == 0:
                return False
            left -= 1
            self._stage.left -= 1
            self._consider(get_last_field(key), key)
            self.place = place
        return True

    def _list_candidates(self) -> Iterator[tuple[bytes, int, bytes]]:
        """Place in the book, static score and key of each, in the order of the book."""
        demand, ctx = self._demand, self._ctx
        shelf = "now" if self._starts_now else "all"
        prefixes = [
            make_book_prefix(shelf, demand["venue"], demand["resource_class"], region)
            for region in dict.fromkeys(demand["needs"]["regions"] or [ANYWHERE])
        ]
        return merge(*(_scan_book(ctx, prefix, self.place) for prefix in prefixes))

    def _consider(self, name: str, key: bytes) -> None:
        facts = self._stage.load_facts(self._ctx, name, key)
        units = self._compute_part(name, facts)
        if units:
            choice = Choice(facts.score, name, units)
            self.best = choice if self.best is None else min(self.best, choice)
        elif self._starts_now:
            self._set_aside(name, facts)

    def _compute_part(self, name: str, facts: Facts) -> int:
        """How much of a demand an offer can meet; 0 for nothing (rule 2)."""
        demand, offer, resource = self._demand, facts.offer, facts.resource
        starts_ms, ends_ms = self._window
        fits = (
            facts.usable
            and offer["state"] == "open"
            and offer["starts_ms"] <= starts_ms < offer["ends_ms"]
            and offer["price_micro_yuan"] <= demand["ceiling_micro_yuan"]
            and offer["minimum_seconds"] <= demand["seconds"] <= offer["maximum_seconds"]
            and offer["sla_class"] >= demand["needs"]["sla_class"]
            and ends_ms <= resource["attested_until_ms"]
            and is_fit(demand["needs"], resource["descriptor"])
        )
        if not fits or is_full(self._ctx, offer["resource"]):
            return 0
        affordable = compute_affordable(
            demand["held_micro_yuan"], offer["price_micro_yuan"], demand["seconds"] * 1000
        )
        free = self._stage.compute_free(self._ctx, name, facts, self._window)
        units = min(demand["left_units"], affordable, free)
        return units if units >= offer["minimum_units"] and is_part(demand, units) else 0

    def _set_aside(self, name: str, facts: Facts) -> None:
        """Let an offer step aside of which nobody can have anything now (rule 7)."""
        ctx, offer = self._ctx, facts.offer
        now_ms, least = ctx.time_ms, offer["minimum_units"]
        until_ms = now_ms + ctx.rules["selection_aside_ms"]
        if now_ms < offer["starts_ms"]:
            until_ms = min(until_ms, offer["starts_ms"])
        elif facts.usable and not is_full(ctx, offer["resource"]):
            if self._stage.compute_free(ctx, name, facts, (now_ms, now_ms + 1)) >= least:
                return
            until_ms = self._find_release(name, offer, until_ms)
        if offer["state"] == "open" and offer["aside_until_ms"] == 0:
            changed: OfferRecord = {**offer, "aside_until_ms": until_ms}
            OFFERS.put(ctx, facts.key, changed)
            self._stage.facts.pop(name)

    def _find_release(self, name: str, offer: OfferRecord, until_ms: int) -> int:
        """When the calendar of an offer or its resource next gives something back, if so soon.

        It gives nothing back where less is attested than the offer's least part.
        """
        releases = (
            time_ms
            for subject in (name, offer["resource"])
            for time_ms, change in self._stage.list_changes(self._ctx, subject)
            if time_ms > self._ctx.time_ms and change < 0
        )
        return min([until_ms, *releases])


def _load_stage(ctx: Context) -> Stage:
    shared = ctx.scope.shared
    if _SHARED not in shared:
        shared[_SHARED] = Stage(ctx.rules["selection_candidates"])
    stage: Stage = shared[_SHARED]
    return stage


def _may_trade(ctx: Context, demand: DemandRecord) -> bool:
    consumer = demand["consumer"]
    admitted = is_demand_admitted(ctx, demand["venue"], consumer)
    return is_open(ctx, demand) and is_active(ctx, consumer) and admitted


def _read_facts(ctx: Context, key: bytes) -> Facts:
    offer = OFFERS.get(ctx, key)
    assert offer is not None
    resource = RESOURCES.get(ctx, RESOURCES.make_key(offer["resource"]))
    assert resource is not None
    usable = (
        is_attested(resource, ctx.time_ms)
        and offer["descriptor_version"] == resource["version"]
        and is_active(ctx, offer["provider"])
        and is_supply_admitted(ctx, offer["venue"], offer["resource"], resource, offer["sla_class"])
    )
    return Facts(key, offer, resource, usable, _compute_score(ctx, offer))


def _compute_score(ctx: Context, offer: OfferRecord) -> int:
    account = load_account(ctx, offer["provider"])
    delivered, faults = account["delivered"], account["faults"]
    return compute_score(ctx.rules, offer["score"], offer["price_micro_yuan"], delivered, faults)


def _scan_book(ctx: Context, prefix: bytes, place: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    at = len(prefix)
    for book_key, key in ctx.scan_derived(prefix, prefix + place if place else b""):
        yield book_key[at:], int.from_bytes(book_key[at : at + 8], "big"), key


def _apply_choice(
    ctx: Context, stage: Stage, key: bytes, demand: DemandRecord, choice: Choice
) -> None:
    """Make the lease; what is left to be met has its turn in the next block."""
    facts = stage.facts[choice.offer]
    offer, seconds = facts.offer, demand["seconds"]
    cost = compute_cost(choice.units, offer["price_micro_yuan"], seconds * 1000)
    terms = make_offer_terms(
        choice.offer,
        offer,
        consumer=demand["consumer"],
        demand=get_last_field(key),
        held_micro_yuan=min(cost, demand["held_micro_yuan"]),
        seconds=seconds,
        starts_ms=compute_start(ctx, demand),
        units=choice.units,
    )
    apply_match(ctx, terms, "selection")
    stage.forget(choice.offer, offer["resource"])


def _apply_retry(ctx: Context, key: bytes, demand: DemandRecord) -> None:
    """The next turn, with a walk from the beginning of the book (rule 6)."""
    retry_ms = ctx.time_ms + ctx.rules["selection_retry_ms"]
    DEMANDS.put(ctx, key, {**demand, "best": "", "cursor": b"", "retry_ms": retry_ms})


def _apply_pause(ctx: Context, key: bytes, demand: DemandRecord, walk: _Walk) -> None:
    """The next turn goes on where this one stopped (rule 5)."""
    best = "" if walk.best is None else walk.best.offer
    changed: DemandRecord = {**demand, "best": best, "cursor": walk.place}
    DEMANDS.put(ctx, key, {**changed, "retry_ms": ctx.time_ms + 1})


DUE = (
    Due(
        action="selection.match",
        title="A demand has its turn: it gets the offer with the least score, or waits",
        clocks=(CLOCK,),
        handler=match,
        changes="the demand; with a match the lease and the consumer's account; the offers that "
        "step aside",
        events=("lease.matched", "market.demand_met"),
    ),
    Due(
        action="selection.give_back",
        title="An offer that stepped aside returns",
        clocks=(CLOCK,),
        handler=give_back,
        changes="the offer",
        events=(),
    ),
)
