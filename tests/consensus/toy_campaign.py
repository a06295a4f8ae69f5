"""One seed of the campaign: first safety under arbitrary faults, then healing, then liveness."""

import random
import sys
from typing import Any

from toy_byzantine import Byzantine
from toy_chain import EPOCH_CHANGE
from toy_network import CALM, Faults, Violation, World

FAULTS_MS = 12_000
LIVENESS_MS = 120_000


def draw_faults(rng: random.Random) -> Faults:
    """Weather, from a breeze to a storm."""
    return Faults(
        delay_ms=rng.choice([(1, 20), (1, 100), (20, 400), (1, 900)]),
        slow_rate=rng.choice([0.0, 0.02, 0.1]),
        loss=rng.choice([0.0, 0.02, 0.15, 0.4]),
        duplication=rng.choice([0.0, 0.05, 0.3]),
        fsync_ms=rng.choice([(1, 5), (1, 40), (1, 400)]),
        execute_ms=rng.choice([(0, 5), (0, 100), (0, 400)]),
        undecided=rng.choice([0.0, 0.05, 0.3]),
    )


class Campaign:
    """A world, its weather and its events, all drawn from one seed."""

    def __init__(self, seed: int, n: int | None = None, **arguments: Any) -> None:
        rng = random.Random(seed)
        self.rng = rng
        self.seed = seed
        n = n or rng.choice([4, 4, 4, 4, 5, 6, 7])
        pool = n + rng.choice([0, 0, 1, 2])
        f = (n - 1) // 3
        liars = rng.sample(range(pool), rng.randint(0, f)) if rng.random() < 0.7 else []
        arguments.setdefault("byzantine", liars)
        arguments.setdefault("byzantine_type", Byzantine)
        self.world = World(
            seed,
            n,
            pool,
            faults=draw_faults(rng),
            encoded=seed % 16 == 0,
            **arguments,
        )
        self.crashes = rng.random() < 0.6
        self.partitions = rng.random() < 0.5
        self.epochs = rng.random() < 0.6
        self.transactions: list[int] = []

    def run(self) -> World:
        """Both halves; Violation where a property fails."""
        self.break_things()
        self.demand_liveness()
        return self.world

    def break_things(self) -> None:
        world, rng = self.world, self.rng
        while world.now < FAULTS_MS:
            world.run_for(rng.randint(20, 600))
            for _ in range(rng.randint(0, 3)):
                self.submit()
            if self.crashes and rng.random() < 0.15:
                self.crash()
            if rng.random() < 0.25:
                self.restart()
            if self.partitions and rng.random() < 0.08:
                groups = rng.choice([1, 2, 2, 3])
                world.side = {peer.number: rng.randrange(groups) for peer in world.peers}
            if rng.random() < 0.05:
                world.faults = draw_faults(rng)

    def submit(self) -> None:
        number = len(self.transactions)
        is_change = self.epochs and self.rng.random() < 0.06
        transaction = (EPOCH_CHANGE if is_change else 0) + number
        self.transactions.append(transaction)
        alive = [peer.number for peer in self.world.honest if peer.alive]
        if alive:
            self.world.submit(transaction, self.rng.choice(alive))
        else:
            self.world.honest[0].mempool[transaction] = None

    def crash(self) -> None:
        alive = [peer for peer in self.world.peers if peer.alive]
        all_at_once = self.rng.random() < 0.15
        for peer in alive if all_at_once else self.rng.sample(alive, min(1, len(alive))):
            peer.crash()

    def restart(self) -> None:
        for peer in self.world.peers:
            if not peer.alive and self.rng.random() < 0.6:
                peer.start()

    def demand_liveness(self) -> None:
        world = self.world
        calm = Faults(delay_ms=(1, 60), fsync_ms=(1, 20)) if self.seed % 2 else CALM
        world.heal(calm)
        for _ in range(3):
            self.submit()
        wanted = [tx for tx in self.transactions if self.is_held(tx)]
        if not world.run_for(LIVENESS_MS, lambda: world.are_final(wanted)):
            raise Violation(f"seed {self.seed}: no liveness: {self.describe()}")
        self.check_quiet()

    def is_held(self, transaction: int) -> bool:
        """Whether an honest peer still knows of it."""
        return any(
            transaction in peer.mempool or transaction in peer.finals_of
            for peer in self.world.honest
        )

    def check_quiet(self) -> None:
        if self.world.count.key_elsewhere:
            raise Violation(f"seed {self.seed}: {self.world.count.key_elsewhere} lost their vote")

    def describe(self) -> str:
        lines = [f"now {self.world.now}, byzantine {self.world.byzantine}"]
        for peer in self.world.peers:
            lines.append(
                f"{peer.code} height {peer.height} queue {len(peer.queue)} "
                f"pending {len(peer.mempool)} {peer.core.status()}"
            )
        return "\n".join(lines)


def run_seed(seed: int, **arguments: Any) -> World:
    """One seed of the campaign."""
    return Campaign(seed, **arguments).run()


def main(first: int, last: int) -> None:
    """`python tests/consensus/toy_campaign.py FIRST LAST` runs seeds by hand."""
    failed: list[int] = []
    healed: list[tuple[int, int]] = []
    for seed in range(first, last):
        try:
            healed.append((run_seed(seed).now - FAULTS_MS, seed))
        except Exception as error:  # noqa: BLE001 each seed is reported, and the next one run
            failed.append(seed)
            print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
    healed.sort()
    median = healed[len(healed) // 2] if healed else None
    print(f"{len(healed)} of {last - first} held; failed: {failed}")
    print(f"healed after (ms, seed): median {median}, slowest {healed[-5:]}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
