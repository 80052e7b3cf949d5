"""`python -m stepladder_trainer serve`: a trained model over HTTP, until told to stop."""

import argparse
import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, NoReturn

from stepladder_trainer import logs
from stepladder_trainer.flags import MOST_THREADS
from stepladder_trainer.outcomes import EXIT_CODES, ConfigurationError, Reason, reason_of
from stepladder_trainer.shortage import sentence_of

PORT = 8080
LINGERING_SECONDS: Final = 3.0  # after SIGTERM a Service goes on sending requests here until every node knows

logger = logging.getLogger(__name__)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message}; python -m stepladder_trainer serve --help lists the flags")


def parser() -> argparse.ArgumentParser:
    """The flags of `serve`."""
    result = _Parser(
        prog="python -m stepladder_trainer serve", description="Serves a trained model.", allow_abbrev=False
    )
    result.add_argument(
        "--checkpoint",
        required=True,
        metavar="PATH",
        help="a checkpoint, or a trial's directory of which the best is taken; by path or URL",
    )
    result.add_argument("--data", metavar="PATH", help="where the task's data lie now, if not where they did")
    result.add_argument("--host", default="0.0.0.0", help="the address to listen at; all by default")  # noqa: S104  a pod's
    result.add_argument("--port", type=int, default=PORT, help=f"{PORT} by default; 0: any free one, which is logged")
    result.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    result.add_argument("--threads", type=int, default=1, help="CPU threads")
    return result


def main(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM or Ctrl-C, of which a second ends the lingering; what is wrong ends with one sentence and the
    code of `outcomes`."""
    with logs.to_stderr(), _told_to_stop() as stop:
        try:
            _serve(parser().parse_args(arguments), stop)
        except Exception as error:
            reason = reason_of(error)
            if reason is Reason.ERROR:
                raise
            logger.error("%s: %s", reason, sentence_of(error))
            raise SystemExit(EXIT_CODES[reason]) from error


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Set by SIGTERM and Ctrl-C while the block runs; process 1 of a container has no handler of its own."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _serve(flags: argparse.Namespace, stop: threading.Event) -> None:
    if not 1 <= flags.threads <= MOST_THREADS:
        raise ConfigurationError(f"--threads must be at least 1 and at most {MOST_THREADS}, not {flags.threads}")
    os.environ.setdefault("OMP_NUM_THREADS", str(flags.threads))
    import torch

    from stepladder_trainer import devices
    from stepladder_trainer.serving import checkpoint, http, model

    torch.set_num_threads(flags.threads)
    desk = http.Desk()
    with ExitStack() as until_answered, http.serving(desk, flags.port, flags.host) as port:
        found = checkpoint.find(flags.checkpoint)
        served = until_answered.enter_context(model.loaded(found, devices.device(flags.device), data=flags.data))
        found.content["parts"].clear()  # the model has them, and one copy is enough
        desk.model = served
        logger.info("serving %s of %s on port %d", found.path, served.about["trial"], port)
        stop.wait()
        logger.info("told to stop")
        stop.clear()
        stop.wait(LINGERING_SECONDS)
