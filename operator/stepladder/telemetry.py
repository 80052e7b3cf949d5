"""The operator's own Prometheus metrics. Every name is documented in docs/install.md; labels have few values."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

RECONCILE_SECONDS: Final = Histogram(
    "stepladder_operator_reconcile_seconds",
    "How long reconciles took, by the kind of the reconciled object. Its _count is the number of reconciles.",
    ["kind"],
    buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 60),
)
RECONCILE_ERRORS: Final = Counter(
    "stepladder_operator_reconcile_errors_total",
    "Reconciles that ended in an exception and will be tried again, by kind and by the exception's name.",
    ["kind", "error"],
)
QUEUE_DEPTH: Final = Gauge(
    "stepladder_operator_queue_depth",
    "Objects that wait for a reconcile.",
)
API_REQUESTS: Final = Counter(
    "stepladder_operator_api_requests_total",
    "Requests to the API server, by HTTP method, resource (with /status apart) and code (none: no answer came).",
    ["verb", "resource", "code"],
)
API_REQUEST_SECONDS: Final = Histogram(
    "stepladder_operator_api_request_seconds",
    "How long requests to the API server took, by HTTP method and resource.",
    ["verb", "resource"],
    buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 30),
)
WATCH_EVENTS: Final = Counter(
    "stepladder_operator_watch_events_total",
    "Changes that the watches reported, by resource and type.",
    ["resource", "type"],
)
UP: Final = Gauge(
    "stepladder_operator_up",
    "1 from the moment the operator has found its API server.",
)
LEADER: Final = Gauge(
    "stepladder_operator_leader",
    "1 while this replica holds the lease (or needs none) and acts, 0 while it stands by.",
)


@contextmanager
def reconciling(kind: str) -> Iterator[None]:
    """Time one reconcile of an object of this kind, and count it as an error if it raises."""
    with RECONCILE_SECONDS.labels(kind=kind).time():
        try:
            yield
        except Exception as error:
            RECONCILE_ERRORS.labels(kind=kind, error=type(error).__name__).inc()
            raise
