"""How much one request, one client and all clients together may cost this peer."""

from dataclasses import dataclass
from typing import Final

MAX_PATH_CHARACTERS: Final = 2048  # of the path and the query together
MAX_PAGE_CHARACTERS: Final = 1024 * 1024  # of a list's items, after which the page ends
MAX_PIECE_CHARACTERS: Final = 64 * 1024  # made before others get their turn
MAX_FIELDS: Final = 16  # of a state key in a path


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of the HTTP API; `per_client` ones hold for an address (IPv6: a /64 network).

    max_body_bytes              of a request's body
    max_batch                   transactions in one submission
    max_wait_s                  how long a request may wait for finality
    max_page, default_page      entries of a list
    requests_per_s, burst       requests a client may send, on average and at once
    transactions_per_s, burst   transactions a client may submit, on average and at once
    proofs_per_s, burst         bundles a client may ask for, on average and at once
    max_clients                 addresses whose rates are remembered
    waiters, waiters_per_client requests that wait for finality at one time
    streams, streams_per_client event streams at one time
    states, states_per_client   streams of a whole state at one time
    state_bytes_per_s           how fast one of them goes
    state_timeout_s             how long one of them may take
    audits, audits_per_client   audit queries at one time; each has a thread
    statistics                  statistics computed at one time; each has a thread
    statistics_per_client       the same, begun by one address
    statistics_age_s            how old a result may be that answers for now
    statistics_timeout_s        how long one of them may take
    reads, reads_per_client     proofs, lists and whole blocks at one time, until they are written
    read_cost_per_s, burst      records (or KiB, if more) that a client may have those make
    unwritten_bytes             of answers that are not written yet, in all
    unwritten_bytes_per_client  the same of one address
    connections                 open connections
    connections_share           one address may have one in so many of them
    head_timeout_s              from the connection, or the last answer's end, to the next header
    body_timeout_s              from the header to the end of the body
    idle_timeout_s              between two requests on one connection
    send_timeout_s              until a reader has taken what was written; more for a long answer
    keep_alive_s                between two signs of life on a silent event stream
    """

    max_body_bytes: int = 8 * 1024 * 1024
    max_batch: int = 2_000
    max_wait_s: float = 60.0
    max_page: int = 500
    default_page: int = 50
    requests_per_s: float = 5_000.0
    requests_burst: int = 10_000
    transactions_per_s: float = 10_000.0
    transactions_burst: int = 20_000
    proofs_per_s: float = 100.0
    proofs_burst: int = 500
    max_clients: int = 10_000
    waiters: int = 2_048
    waiters_per_client: int = 1_024
    streams: int = 128
    streams_per_client: int = 32
    states: int = 2
    states_per_client: int = 1
    state_bytes_per_s: float = 16.0 * 1024 * 1024
    state_timeout_s: float = 900.0
    audits: int = 4
    audits_per_client: int = 2
    statistics: int = 2
    statistics_per_client: int = 1
    statistics_age_s: float = 5.0
    statistics_timeout_s: float = 600.0
    reads: int = 4
    reads_per_client: int = 2
    read_cost_per_s: float = 4_000.0
    read_cost_burst: int = 20_000
    unwritten_bytes: int = 64 * 1024 * 1024
    unwritten_bytes_per_client: int = 32 * 1024 * 1024
    connections: int = 4_096
    connections_share: int = 4
    head_timeout_s: float = 15.0
    body_timeout_s: float = 30.0
    idle_timeout_s: float = 75.0
    send_timeout_s: float = 10.0
    keep_alive_s: float = 15.0

    def __post_init__(self) -> None:
        """Hold the relations between the bounds."""
        assert 1 <= self.default_page <= self.max_page
        assert self.transactions_burst >= self.max_batch, "a whole batch must fit a full bucket"
        assert self.streams_per_client <= self.streams
        assert self.states_per_client <= self.states
        assert self.waiters_per_client <= self.waiters
        assert self.reads_per_client <= self.reads
        assert self.statistics_per_client <= self.statistics

    @property
    def connections_per_client(self) -> int:
        """How many connections one address may have open."""
        return max(1, self.connections // self.connections_share)
