"""What the API counts of itself, beside the peer's own metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)


class HttpMetrics:
    """Requests by route and status, how long they took, and what is open."""

    __slots__ = ("_children", "connections", "malformed", "registry", "seconds", "streams", "total")

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names = ("method", "route", "status")
        self.total = Counter(
            "suanlian_http_requests_total", "HTTP requests.", names, registry=self.registry
        )
        self.seconds = Histogram(
            "suanlian_http_request_seconds",
            "Time from header to answer, waits included.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.connections = Gauge(
            "suanlian_http_connections", "Open HTTP connections.", registry=self.registry
        )
        self.streams = Gauge("suanlian_http_streams", "Open event streams.", registry=self.registry)
        self.malformed = Counter(
            "suanlian_http_malformed_total",
            "Requests that were no HTTP, or whose body broke off.",
            registry=self.registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; methods and routes are those declared, so that labels are few."""
        name = (method, route, status)
        children = self._children.get(name)
        if children is None:
            children = self._children[name] = (
                self.total.labels(method, route, str(status)),
                self.seconds.labels(method, route),
            )
        children[0].inc()
        children[1].observe(seconds)

    def render(self) -> bytes:
        """The Prometheus exposition."""
        return generate_latest(self.registry)
