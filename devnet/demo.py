"""`suanlian devnet demo`: the main job of the ledger, end to end, every step checked.

A provider in Guizhou sells accelerators to a consumer in Beijing: registered, attested, offered,
taken, scheduled by both regions, metered, settled, closed, while a validator is killed and comes
back. Then the ledger is asked who did what to that lease, and its answer is verified by a process
that has neither a network nor a peer.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from contracts.rules import VERSION_1
from devnet import summary
from devnet.errors import DevnetError
from devnet.finale import Finale
from devnet.folder import DEFAULT_FOLDER
from devnet.founding import DevnetSpec, make_short_rules
from devnet.inspection import Inspector
from devnet.launcher import Launcher, start_devnet
from devnet.market import YUAN, Hardware, make_descriptor, make_offer, make_take_data, show_yuan
from devnet.outage import bring_back, wait_blocks, wait_for_vote
from devnet.parties import Party, PartySpec, register_parties
from devnet.scene import Scene, make_object_id, require
from devnet.stage import Stage, Step
from devnet.trade import Trade
from devnet.traffic import Traffic
from ledger.code import compose_code
from node.client.errors import ClientError

EPOCH_MS = 3_000
HOME, AWAY, VICTIM = "region-52", "region-11", "region-31"
PRICE = 18 * YUAN
LOCAL_PRICE = 2 * YUAN
UNITS = 4_000  # four of eight cards
LOCAL_UNITS = 500  # half a card
DEPOSIT = 5_000 * YUAN
HARDWARE = Hardware("Huawei", "Ascend 910B", 8, 65_536, 1_048_576, 2_500_000)

PARTIES = (
    PartySpec("provider", "贵安算力", "P", HOME, "520100"),
    PartySpec("consumer", "北京深算", "U", AWAY, "110100"),
    PartySpec("local-consumer", "贵阳医数", "U", HOME, "520100"),
)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What a demo showed."""

    height: int
    state_root: str
    transactions: int


def run_demo(path: Path | None, keep: bool, console: Console) -> DemoResult:
    """Run the demo; raises DevnetError when a step does not come out as it must."""
    stage = Stage(console)
    stage.title("Suanlian: one GPU lease, from offer to proof")
    spec = DevnetSpec(rules=make_short_rules(EPOCH_MS))
    with open_scene(stage, path, keep, spec) as scene:
        story = Story(stage, scene)
        story.run()
        return story.finish()


@contextlib.contextmanager
def open_scene(stage: Stage, path: Path | None, keep: bool, spec: DevnetSpec) -> Iterator[Scene]:
    """A running devnet; stopped at the end, and its folder removed unless something failed."""
    folder = choose_folder(path, keep)
    with stage.step("found the network by its ceremony and start its peers") as step:
        launcher = start_devnet(folder, spec, tethered=not keep, progress=step.progress)
        step.note(_describe(launcher))
    scene = Scene(launcher)
    try:
        with Inspector(lambda: launcher.folder) as inspector:
            yield scene
            _inspect(stage, launcher, inspector)
    except BaseException as error:
        launcher.stop()
        if isinstance(error, KeyboardInterrupt) and path is None and not keep:
            shutil.rmtree(folder)
        if isinstance(error, ClientError):
            raise DevnetError(_blame(launcher, error)) from None
        if isinstance(error, DevnetError):
            raise type(error)(_blame(launcher, error)) from None
        raise
    finally:
        scene.close()
        launcher.close()
    if keep:
        stage.say(f" the network stays up: `suanlian devnet status --dir {folder}`")
        return
    with stage.step("stop all peers"):
        killed = launcher.stop()
        require(not killed, f"did not stop when asked to: {', '.join(killed)}")
    if path is None:
        shutil.rmtree(folder)


def _inspect(stage: Stage, launcher: Launcher, inspector: Inspector) -> None:
    """Examine the whole state of every peer, after those that were examined meanwhile."""
    with stage.step("examine the whole state of every peer against its certified root") as step:
        during = list(inspector.heights)
        examined = inspector.examine_all(launcher.running)
        money = ", ".join(
            f"{name} {show_yuan(figure)}" for name, figure in examined.checks[0].figures.items()
        )
        step.note(f"{examined.records} records, {examined.derived} derived values; {money}")
        step.note(
            f"nothing is wrong, nor was it in {len(during)} states that were examined meanwhile"
        )


def choose_folder(path: Path | None, keep: bool) -> Path:
    """The folder that was asked for; else one to keep, or one that is removed at the end."""
    if path is not None:
        return path
    return DEFAULT_FOLDER if keep else Path(tempfile.mkdtemp(prefix="suanlian-demo-"))


class Story:
    """The demo's steps."""

    def __init__(self, stage: Stage, scene: Scene) -> None:
        self.stage = stage
        self.scene = scene
        self.rules = {**VERSION_1, **make_short_rules(EPOCH_MS)}

    def run(self) -> None:
        """All of it, in order."""
        self.stage.title("The market opens")
        self._register()
        self._open_market()
        self.stage.title("Two leases")
        self._make_leases()
        self.stage.title("A validator dies while they run")
        with Traffic(self.scene, AWAY, self.local.signer, self.provider.code) as traffic:
            self._kill()
            self._meter_first()
            self._doubt()
            self._restart(traffic)
        self._meter_second()
        self._dispute()
        self._close()
        self.stage.title("Who did what, and can it be proved")
        self.finale = Finale(self.stage, self.scene, self.trade)
        self.finale.run()

    def finish(self) -> DemoResult:
        """Print the tables."""
        end = self.finale
        summary.print_history(self.stage.console, self.scene, end.deeds)
        summary.print_figures(self.stage.console, self.scene, end.height, end.state_root)
        return DemoResult(end.height, end.state_root, self.scene.tally.sent)

    # --- the market

    def _register(self) -> None:
        with self.stage.step("register provider and consumers, certified by their regions") as step:
            parties = register_parties(self.scene, HOME, PARTIES)
            self.provider, self.consumer, self.local = parties
            for party in parties:
                step.note(f"{party.name:<8} {party.code}")
        with self.stage.step("the bank records deposits") as step:
            for party in (self.consumer, self.local):
                self._deposit(party, DEPOSIT)
                step.note(f"{party.name} {show_yuan(DEPOSIT)}")

    def _deposit(self, party: Party, micro_yuan: int) -> None:
        data = {"account": party.code, "amount_micro_yuan": micro_yuan, "reference": "demo"}
        self.scene.execute(HOME, "settlement.deposit", data, self.scene.operator("bank"))
        require(self.scene.balance(HOME, party.code) == micro_yuan, "the deposit did not arrive")

    def _open_market(self) -> None:
        code = compose_code("C", "520100", self.provider.registrant, "I", "20", "0000001")
        self.resource = code
        self.scene.names[code] = "resource"
        with self.stage.step("describe a machine of eight cards; its region attests it") as step:
            descriptor = make_descriptor(HARDWARE, "guian-1")
            data = {"code": code, "descriptor": descriptor}
            self.scene.execute(HOME, "resource.register", data, self.provider.signer)
            until_ms = self._now_ms() + 86_400_000
            seen = {"code": code, "units": descriptor["units"], "until_ms": until_ms}
            self.scene.execute(HOME, "resource.attest", seen, self.scene.operator(HOME))
            step.note(f"{code}, {HARDWARE.count} x {HARDWARE.vendor} {HARDWARE.model}")
        with self.stage.step("offer it: whole cards, and shares of a card") as step:
            self.offer = self._offer(6_000, PRICE, step)
            self.share_offer = self._offer(2_000, LOCAL_PRICE, step)

    def _offer(self, units: int, price: int, step: Step) -> str:
        order = make_offer(self.provider.signer, self.resource, units, price, self._now_ms())
        (outcome,) = self.scene.execute_many("industry-i", [order])
        step.note(f"{units / 1000:g} cards at {show_yuan(price)} a card-hour")
        return make_object_id("offer", outcome)

    # --- the leases

    def _make_leases(self) -> None:
        self.trade = self._make_trade(self.consumer, UNITS, PRICE)
        self.share = self._make_trade(self.local, LOCAL_UNITS, LOCAL_PRICE)
        with self.stage.step("Beijing takes four cards of the offer") as step:
            self.trade.take(self.offer, 600, 100 * YUAN)
            step.note(f"{self.trade.lease}, {show_yuan(100 * YUAN)} held")
        with self.stage.step(
            "Guiyang says what it wants: the block itself makes the lease"
        ) as step:
            self.share.select("20", 600)
            require(self.share.record["offer"] == self.share_offer, "not the offer that fits")
            held = int(self.share.record["held_micro_yuan"])
            step.note(f"{self.share.lease}, {show_yuan(held)} held for its whole time")
        with self.stage.step("overselling is refused by consensus, and the refusal recorded"):
            wanted = make_take_data(self.offer, 3_000, 60, YUAN)
            taker = self.local.signer
            self.scene.execute(HOME, "market.take", wanted, taker, expect="not-enough-units")
        with self.stage.step("schedule them: across regions both regional nodes sign") as step:
            self.scene.execute(
                HOME,
                "lease.dispatch",
                {"lease": self.trade.lease, "reference": "alone"},
                self.scene.operator(HOME),
                expect="second-region-missing",
            )
            self.trade.dispatch(HOME, AWAY)
            self.share.dispatch("industry-i")
            step.note(f"one signature alone was refused; then {HOME} and {AWAY} signed")
        with self.stage.step("the provider activates both"):
            self.trade.activate()
            self.share.activate()

    def _make_trade(self, consumer: Party, units: int, price: int) -> Trade:
        return Trade(self.scene, HOME, self.provider, consumer, self.rules, price, units)

    # --- the outage

    def _kill(self) -> None:
        with self.stage.step(f"kill {VICTIM} (SIGKILL)") as step:
            self.scene.launcher.kill(VICTIM)
            height = wait_blocks(self.scene, HOME, 3)
            step.note(f"three of four validators go on: block {height}")

    def _restart(self, traffic: Traffic) -> None:
        with self.stage.step(f"restart {VICTIM}, let it catch up and vote") as step:
            goal = bring_back(self.scene, VICTIM, HOME, step.progress)
            signed = wait_for_vote(self.scene, VICTIM, goal)
            traffic.check()
            step.note(f"caught up with block {goal}; its signature stands under block {signed}")
            step.note(f"{traffic.sent} payments were final meanwhile, none was lost")

    # --- meters and money

    def _meter_first(self) -> None:
        with self.stage.step("meter epoch 0; receipts signed by both sides settle at once") as step:
            self._meter(self.trade, step, alone=False)
            self._meter(self.share, step, alone=True)

    def _doubt(self) -> None:
        with self.stage.step("Beijing asks for a sample behind its bill; it is shown") as step:
            opened = self.trade.ask(self.consumer.signer, 3)
            step.note(f"sample {opened.index}, checked by consensus: {opened.line.decode()}")
        with self.stage.step("the region says what its own monitor saw"):
            self.trade.observe(self.scene.operator(HOME))

    def _meter_second(self) -> None:
        with self.stage.step("meter epoch 1; an availability of 98.5 % earns its credit") as step:
            self._meter(self.trade, step, alone=False, availability_bp=9_850)

    def _dispute(self) -> None:
        with self.stage.step("Guiyang disputes an epoch: what it accepts is paid at once") as step:
            step.progress("waiting for the end of the epoch")
            epoch, duration_ms = self.share.wait_epoch()
            samples = self.share.measure(epoch, duration_ms)
            accepted = samples.used_unit_seconds // 2
            ahead, bill = self.share.dispute(samples, epoch, accepted)
            step.note(f"half is accepted, {show_yuan(ahead)} paid by the next block of itself")
            step.note(f"the provider gives in: {show_yuan(bill)} in all, the rest back in the hold")

    def _meter(self, trade: Trade, step: Step, alone: bool, availability_bp: int = 10_000) -> None:
        step.progress("waiting for the end of the epoch")
        epoch, duration_ms = trade.wait_epoch()
        samples = trade.measure(epoch, duration_ms)
        settle = trade.submit if alone else trade.agree
        bill = settle(samples, epoch, availability_bp)
        how = "submitted, then countersigned" if alone else "one receipt, two signatures"
        step.note(
            f"{trade.consumer.name}: {samples.used_unit_seconds} unit-seconds, "
            f"{show_yuan(bill)} ({how})"
        )

    def _close(self) -> None:
        with self.stage.step("the consumers close; the last receipts settle the rest") as step:
            for trade in (self.trade, self.share):
                trade.close()
                while trade.record["state"] == "settling":
                    epoch, duration_ms = trade.wait_epoch()
                    trade.agree(trade.measure(epoch, duration_ms), epoch)
                record = trade.check_closed()
                billed, back = int(record["billed_micro_yuan"]), int(record["refunded_micro_yuan"])
                step.note(
                    f"{trade.consumer.name}: {show_yuan(billed)} paid, {show_yuan(back)} back"
                )

    def _now_ms(self) -> int:
        return int(self.scene.status(HOME)["time_ms"])


def _describe(launcher: Launcher) -> str:
    folder = launcher.folder
    count = len(folder.validators)
    return (
        f"{folder.chain}: national node, {count} regional validators, "
        f"{len(folder.nodes) - count - 1} industry node"
    )


def _blame(launcher: Launcher, error: Exception) -> str:
    logs = launcher.folder.path / "logs"
    return f"{error}. The logs are in {logs}" if str(logs) not in str(error) else str(error)
