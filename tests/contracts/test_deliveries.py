"""Random deliveries: refusals, questions, corrections and moves among random trades."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from contracts.agreement import LEASES
from ledger.code import compose_code
from ledger.merkle import compute_leaf_hash
from tests.contracts.test_conservation import EPOCH_MS, Market
from tests.contracts.trade import PROVIDER, RESOURCE, make_descriptor
from tests.contracts.world import BEIJING, END_MS, GUIZHOU

LEAF = b"busy"
SECOND = compose_code("C", "520100", "0E001", "I", "20", "0000002")
FAR = compose_code("C", "110100", "0E001", "I", "20", "0000003")
HAS_LEASE = precondition(lambda self: self.has(LEASES.prefix))


class Deliveries(Market):
    """The same market; its parties also doubt, correct and move what was traded."""

    @HAS_LEASE
    @rule(data=st.data(), share=st.integers(0, 1_000))
    def submit(self, data: st.DataObject, share: int) -> None:
        """A receipt whose samples can be shown."""
        name, _ = self.pick(LEASES.prefix, data)
        self.world.block(after_ms=EPOCH_MS)
        lease = self.world.value(LEASES.make_key(PROVIDER, name))
        self.attempt(
            "metering.submit",
            PROVIDER,
            availability_bp=10_000,
            epoch=lease["epoch"],
            lease=name,
            samples_count=1,
            samples_root=compute_leaf_hash(LEAF),
            used_unit_seconds=lease["units"] * share * EPOCH_MS // 1_000_000,
        )

    @HAS_LEASE
    @rule(data=st.data(), asks=st.booleans(), back=st.integers(0, 2))
    def doubt(self, data: st.DataObject, asks: bool, back: int) -> None:
        """Somebody asks for a sample, or the provider shows one."""
        name, lease = self.pick(LEASES.prefix, data)
        about = {"epoch": max(0, lease["epoch"] - back), "index": 0, "lease": name}
        if asks:
            actor = data.draw(st.sampled_from([lease["consumer"], GUIZHOU, BEIJING]))
            code = self.attempt("metering.challenge", actor, **about)
            silent = code == "ok" and data.draw(st.booleans())
            for _ in range(3 if silent else 0):
                self.wait(EPOCH_MS)
        else:
            self.attempt("metering.answer", PROVIDER, leaf=LEAF, path=[], **about)

    @HAS_LEASE
    @rule(data=st.data(), used=st.sampled_from([0, 1, 7_777, 120_000]), back=st.integers(1, 3))
    def correct(self, data: st.DataObject, used: int, back: int) -> None:
        name, lease = self.pick(LEASES.prefix, data)
        figures = {
            "availability_bp": data.draw(st.sampled_from([10_000, 9_989, 0])),
            "epoch": max(0, lease["epoch"] - back),
            "lease": name,
            "note": "",
            "used_unit_seconds": used,
        }
        if data.draw(st.booleans()):
            self.attempt("metering.amend", (PROVIDER, lease["consumer"]), **figures)
        else:
            samples = {"samples_count": 1, "samples_root": bytes(32)}
            self.attempt("metering.observe", GUIZHOU, **figures, **samples)

    @HAS_LEASE
    @rule(data=st.data(), resource=st.sampled_from([RESOURCE, SECOND, FAR]))
    def move(self, data: st.DataObject, resource: str) -> None:
        name, lease = self.pick(LEASES.prefix, data)
        descriptor = make_descriptor(4_000)
        self.attempt("resource.register", PROVIDER, code=resource, descriptor=descriptor)
        attestor = BEIJING if resource == FAR else GUIZHOU
        attested = {"code": resource, "units": 4_000, "until_ms": END_MS}
        self.attempt("resource.attest", attestor, **attested)
        signers = (PROVIDER, lease["consumer"])
        self.attempt("lease.move", signers, lease=name, resource=resource)

    @HAS_LEASE
    @rule(data=st.data())
    def contradict(self, data: st.DataObject) -> None:
        name, _ = self.pick(LEASES.prefix, data)
        answer = {"evidence": bytes(32), "lease": name, "note": ""}
        self.attempt("lease.answer_refusal", PROVIDER, **answer)


Deliveries.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestDeliveries = Deliveries.TestCase
