"""The model over HTTP: `/` for people, `/healthz` for the kubelet, `/predict` for programs.

It listens before there is a model, so that a probe is told what it waits for.
"""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from time import monotonic
from typing import Any, Final

from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.serving.model import Served
from stepladder_trainer.serving.page import page

MOST_BYTES: Final = 16 * 2**20  # of a request's body
STALLED_SECONDS: Final = 10  # a client that sends nothing for so long must not hold its thread for ever
BODY_SECONDS: Final = 30.0  # nor one that sends a byte now and then
AT_ONCE: Final = 16  # requests that are read, or wait for the model
BUSY_SECONDS: Final = 10.0  # until a request that finds no place among them is sent away
ENDING_SECONDS: Final = 20.0  # for requests under way when the server is closed
RETRY_SECONDS: Final = 5  # what a client is told to wait
MOST_DIGITS: Final = 18  # of a length: Python refuses to read numbers of thousands
PATHS: Final = ("/", "/healthz", "/predict")
HTML: Final = "text/html; charset=utf-8"
LOADING: Final = (503, "text/plain", b"the model is being loaded\n")

logger = logging.getLogger(__name__)


@dataclass
class Desk:
    """Whoever answers, as soon as there is somebody."""

    model: Served | None = None


class _RefusedError(Exception):
    """A request that is answered with `status` and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._answering: list[threading.Thread] = []
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """As the base class does, which waits for its threads for ever or not at all."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        thread.start()
        self._answering = [*(each for each in self._answering if each.is_alive()), thread]

    def wait(self, seconds: float) -> None:
        """For requests under way, but no longer than `seconds`."""
        until = monotonic() + seconds
        for thread in self._answering:
            thread.join(max(0.0, until - monotonic()))

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""
        logger.debug("a request from %s ended early", client_address, exc_info=True)


@contextmanager
def serving(desk: Desk, port: int, host: str = "0.0.0.0") -> Iterator[int]:  # noqa: S104  the Service's way in
    """Answer at `port` (any free one if it is 0), which is yielded, while the block runs; what was asked by then is
    answered within `ENDING_SECONDS`. Raises ConfigurationError if the port cannot be had."""
    try:
        server = _Server((host, port), _handler(desk))
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"port {port} cannot be had ({error}): choose another --port") from error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="serving", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        server.wait(ENDING_SECONDS)


def _handler(desk: Desk) -> type[BaseHTTPRequestHandler]:
    room = threading.BoundedSemaphore(AT_ONCE)

    class Handler(BaseHTTPRequestHandler):
        timeout = STALLED_SECONDS

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/healthz":
                    self._answer(*((200, "text/plain", b"ok\n") if desk.model is not None else LOADING))
                case "/":
                    ready = desk.model
                    self._answer(*((200, HTML, page(ready).encode()) if ready is not None else LOADING))
                case _:
                    self._told(404, {"error": f"there is nothing here: try {', '.join(PATHS)}"})

        def do_POST(self) -> None:
            try:
                if self.path.partition("?")[0] != "/predict":
                    raise _RefusedError(404, "there is nothing here: POST to /predict")
                if desk.model is None:
                    raise _RefusedError(503, "the model is being loaded: try again")
                length = self._length()
                body = b"".join(self._parts(length))
                if not room.acquire(timeout=BUSY_SECONDS):
                    raise _RefusedError(503, "too many requests wait for the model: try again")
                try:
                    told = _predicted(desk.model, body, length)
                finally:
                    room.release()
            except _RefusedError as refused:
                self.close_connection = True  # what was not read would be taken for the next request
                self._told(refused.status, {"error": str(refused)})
            except Exception:
                logger.exception("a request failed")
                self._told(500, {"error": "the model failed on these inputs: its log says why"})
            else:
                self._told(200, told)

        def _length(self) -> int:
            text = self.headers.get("Content-Length")
            if text is None:
                raise _RefusedError(411, "say with Content-Length how long the body is")
            if not text.isdecimal() or len(text) > MOST_DIGITS:
                raise _RefusedError(400, "Content-Length must be the number of the body's bytes")
            if int(text) > MOST_BYTES:
                self._pass_over(int(text))
                raise _RefusedError(413, f"a body may have up to {MOST_BYTES} bytes: send fewer inputs at once")
            return int(text)

        def _pass_over(self, length: int) -> None:
            """Read without keeping: who is still sending does not listen. What is larger by far is not read either."""
            for _ in self._parts(length if length <= 4 * MOST_BYTES else 0):
                pass

        def _parts(self, length: int) -> Iterator[bytes]:
            """The body as it comes in; less of it if the client ends it early."""
            until = monotonic() + BODY_SECONDS
            try:
                while length > 0:
                    if (left := until - monotonic()) <= 0:
                        raise TimeoutError
                    self.connection.settimeout(min(STALLED_SECONDS, left))
                    part = self.rfile.read1(min(length, 2**16))
                    if not part:
                        return
                    length -= len(part)
                    yield part
            except OSError as error:
                raise _RefusedError(408, "the body did not come in in time") from error
            finally:
                self.connection.settimeout(STALLED_SECONDS)

        def _told(self, status: int, body: dict[str, Any]) -> None:
            self._answer(status, "application/json", json.dumps(body, allow_nan=False).encode())

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Content-Type-Options", "nosniff")
            if status == 503:
                self.send_header("Retry-After", str(RETRY_SECONDS))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
            logger.debug(format, *args)

    return Handler


def _predicted(model: Served, body: bytes, length: int) -> dict[str, Any]:
    if len(body) < length:
        raise _RefusedError(400, "the body is shorter than its Content-Length")
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _RefusedError(400, f"the body is no JSON: {error}") from error
    if not isinstance(asked, dict) or "inputs" not in asked:
        raise _RefusedError(400, 'the body must be {"inputs": [...]}')
    try:
        return model.predict(asked["inputs"])
    except ValueError as error:
        raise _RefusedError(400, str(error)) from error
