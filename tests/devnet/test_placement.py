"""Which offer fits a job."""

from hypothesis import given
from hypothesis import strategies as st

from devnet.placement import Book, compute_ceiling, compute_price
from devnet.trace import TraceJob, TraceNode

T4 = TraceNode("t4", 64_000, 262_144, 2, "T4")
V100 = TraceNode("v100", 64_000, 262_144, 4, "V100M32")
CORES = TraceNode("cores", 32_000, 65_536, 0, "")


def make_job(
    name: str = "job",
    gpus: int = 1,
    milli: int = 1000,
    models: tuple[str, ...] = (),
    qos: str = "BE",
) -> TraceJob:
    return TraceJob(name, 1000, 1024, gpus, milli, models, qos, "Running", 0, 10, 0)


def test_the_cheapest_fits_first() -> None:
    assert Book([V100, CORES, T4]).place(make_job()) is T4


def test_who_must_answer_at_once_takes_the_fastest_below_its_ceiling() -> None:
    dear = TraceNode("g3", 64_000, 262_144, 8, "G3")
    assert compute_price("G3") > compute_ceiling(make_job())
    assert Book([dear, V100, T4]).place(make_job(qos="LS")) is V100


def test_a_model_that_is_asked_for_is_what_comes() -> None:
    book = Book([V100, T4])
    assert book.place(make_job(models=("P100", "V100M32"))) is V100
    assert book.place(make_job("other", models=("A10",))) is None


def test_cores_are_for_jobs_without_cards() -> None:
    assert Book([T4, CORES]).place(make_job(gpus=0, milli=0)) is CORES
    assert Book([T4]).place(make_job(gpus=0, milli=0)) is None


def test_shares_lie_on_one_card() -> None:
    book = Book([T4])
    assert book.place(make_job("a", milli=600)) is T4
    assert book.place(make_job("b", milli=600)) is T4
    assert book.place(make_job("c", milli=600)) is None  # 800 are free, but on two cards
    assert book.place(make_job("d", milli=400)) is T4


def test_what_is_given_back_can_be_taken_again() -> None:
    book, job = Book([T4]), make_job(gpus=2)
    assert book.place(job) is T4
    assert book.place(make_job("other")) is None
    book.release(job)
    assert book.place(make_job("other")) is T4


def test_memory_and_cores_must_suffice() -> None:
    small = TraceNode("small", 1_500, 2_000, 8, "T4")
    book = Book([small])
    assert book.place(make_job("a")) is small
    assert book.place(make_job("b")) is None


@given(st.lists(st.tuples(st.integers(1, 1000), st.booleans()), max_size=60))
def test_no_card_is_ever_oversold(steps: list[tuple[int, bool]]) -> None:
    book = Book([T4, V100])
    placed: list[TraceJob] = []
    for number, (milli, gives_back) in enumerate(steps):
        if gives_back and placed:
            book.release(placed.pop(0))
        job = make_job(f"job-{number}", milli=milli)
        if book.place(job) is not None:
            placed.append(job)
        for room in book._rooms:
            assert all(0 <= free <= 1000 for free in room.cards)
            assert 0 <= room.cpu_milli <= room.node.cpu_milli
