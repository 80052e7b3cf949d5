"""Metrics over HTTP, from a thread that only ever reads: `/metrics` for now, `/evaluations` for the last evaluations by
step.

Both are OpenMetrics text. The training loop writes plain numbers; families are built when somebody asks.
"""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from stepladder_trainer.history import History

KEPT_EVALUATIONS = 200
METRIC_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

logger = logging.getLogger(__name__)


@dataclass
class Board:
    """What the server shows: the training loop's current numbers, and the history of evaluations."""

    numbers: dict[str, float] = field(default_factory=dict)
    history: History = field(default_factory=History)


@dataclass(eq=False)
class _Now(Collector):
    board: Board

    def collect(self) -> Iterator[Metric]:
        for name, value in sorted(dict(self.board.numbers).items()):
            yield GaugeMetricFamily(f"stepladder_{name}", f"{name.replace('_', ' ')} of the running trial", value=value)
        latest: dict[str, float] = {}
        for evaluation in self.board.history.evaluations:
            latest.update(evaluation.metrics)
        for name, value in sorted(latest.items()):
            yield GaugeMetricFamily(name, "last reported value", value=value)


@dataclass(eq=False)
class _Evaluations(Collector):
    board: Board

    def collect(self) -> Iterator[Metric]:
        evaluations = self.board.history.evaluations[-KEPT_EVALUATIONS:]
        for name in sorted({name for evaluation in evaluations for name in evaluation.metrics}):
            family = GaugeMetricFamily(name, "reported value by step", labels=["step"])
            for evaluation in evaluations:
                if name in evaluation.metrics:
                    family.add_metric([str(evaluation.step)], evaluation.metrics[name])
            yield family


class _Server(ThreadingTCPServer):
    # Not HTTPServer: that one asks the DNS for this machine's name before it listens, which can take seconds in a pod.
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A scraper that hangs up is no news for the training log."""
        logger.debug("a scrape from %s ended early", client_address, exc_info=True)


@contextmanager
def serve(board: Board, port: int) -> Iterator[int | None]:
    """Serve `board` on all interfaces while the block runs; yields the port (any free one if `port` is 0).

    A port that cannot be had is logged and yields None: training goes on, and the termination message still carries the
    evaluations.
    """
    try:
        server = _Server(("0.0.0.0", port), _handler(board))  # noqa: S104  the kubelet's and Prometheus' way in
    except OSError as error:
        logger.warning("metrics are not served: port %d: %s", port, error)
        yield None
        return
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="metrics", daemon=True)
    thread.start()
    port = server.server_address[1]
    logger.info("metrics on port %d", port)
    try:
        yield port
    finally:
        server.shutdown()
        server.server_close()


def _handler(board: Board) -> type[BaseHTTPRequestHandler]:
    pages = {"/metrics": CollectorRegistry(auto_describe=False), "/evaluations": CollectorRegistry(auto_describe=False)}
    pages["/metrics"].register(_Now(board))
    pages["/evaluations"].register(_Evaluations(board))

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds: a client that stalls must not hold its thread for ever

        def do_GET(self) -> None:
            registry = pages.get(self.path.partition("?")[0])
            if registry is None:
                self.send_error(404, explain=f"try {' or '.join(pages)}")
                return
            body: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]  # prometheus_client's own lack
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE_LATEST)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
            logger.debug(format, *args)

    return Handler
