"""The SDK: what a training script needs to climb the ladder, and nothing that tells it how to train.

    from stepladder_trainer import sdk

    with sdk.trial() as trial:
        for step in trial.steps(model=model, optimizer=optimizer):
            loss = train_one_step(learning_rate=trial.parameters.get("learning_rate", 0.1))
            if trial.evaluation_due(step, every=100):
                trial.report(step, validation_error=evaluate(model))

Started by the operator (`STEPLADDER_TRIAL` is set), `steps` resumes from the newest checkpoint, ends at the trial's
target or after a SIGTERM, and saves; metrics are served over HTTP; leaving the block writes the termination message and
exits with the reason's code. Started by hand it is a no-op that logs. Our own trainer uses nothing else.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from stepladder_trainer import contract, exposition, logs
from stepladder_trainer.checkpoints import KEEP_BEST
from stepladder_trainer.contract import TrialDocument
from stepladder_trainer.distributed.ranks import ranks
from stepladder_trainer.ending import Ending
from stepladder_trainer.outcomes import (
    EXIT_CODES,
    ConfigurationError,
    InfeasibleError,
    Reason,
    StorageError,
    reason_of,
)
from stepladder_trainer.shortage import sentence_of
from stepladder_trainer.signals import StopRequest, listening
from stepladder_trainer.state import Part
from stepladder_trainer.trial import Trial

__all__ = ["ConfigurationError", "InfeasibleError", "Part", "StorageError", "Trial", "trial"]

logger = logging.getLogger(__name__)


@contextmanager
def trial(*, target_steps: int = 1000, keep_best: int = KEEP_BEST) -> Iterator[Trial]:
    """The trial that this process was started for.

    Of its checkpoints the `keep_best` best by the study's objective are kept, and the newest two.

    Without an operator it is a stand-in of `target_steps` steps: nothing is served, saved or written, signals are as
    ever, and this module's errors and a lack of memory are logged as one sentence and exit with their code. With one,
    leaving the block in any other way than by reaching the target exits the process with the reason's code.

    Of the processes that torchrun has started rank 0 alone logs, serves and saves; each has the trial, and all must
    take the same steps.
    """
    here = ranks(os.environ)
    with ExitStack() as until_told:
        until_told.enter_context(logs.to_stderr(logging.INFO if here.leads else logging.WARNING))
        if not os.environ.get(contract.TRIAL):
            logger.info("no %s: training alone, nothing is saved", contract.TRIAL)
            document = TrialDocument(target_steps=target_steps, horizon_steps=target_steps, standalone=True)
            alone = Trial(document, exposition.Board(), StopRequest(), keep_best=keep_best, leads=here.leads)
            try:
                if target_steps < 1:
                    raise ConfigurationError(f"target_steps must be at least 1, not {target_steps}")
                yield alone
            except Exception as error:
                reason = reason_of(error)
                if reason is Reason.ERROR:
                    raise
                logger.error("%s: %s", reason, sentence_of(error))  # says what to do; a traceback would bury it
                raise SystemExit(EXIT_CODES[reason]) from error
            finally:
                alone.tracking.close()
            return
        with Ending(contract.termination_log(os.environ) if here.leads_node else None) as ending, ExitStack() as stack:
            request = stack.enter_context(listening())
            document = contract.read(os.environ) or TrialDocument()
            board = exposition.Board()
            ending.trial = current = Trial(document, board, request, keep_best=keep_best, leads=here.leads)
            stack.enter_context(current.saving())
            if not here.leads:
                yield current
                return
            if current.store is not None:
                until_told.enter_context(logs.beside_checkpoints(current.store))
            until_told.callback(current.tracking.close)  # may take a while, and the operator need not wait for it
            stack.enter_context(exposition.serve(board, contract.metrics_port(os.environ)))
            logger.info("trial %s, attempt %d: to step %d", document.name, document.attempt, document.target_steps)
            yield current
