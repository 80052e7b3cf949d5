"""From the start of a process to its first step, taken apart. Run as a process of its own, which prints one line."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

BEGAN = float(os.environ["BENCH_BEGAN"])
"""When the parent started this process, by the wall clock."""


def main(arguments: list[str]) -> None:
    """Train two steps as the command line would, and tell when what was done."""
    stamps = [("interpreter", time.time())]

    def stamp(name: str) -> None:
        stamps.append((name, time.time()))

    from stepladder_trainer import cli

    stamp("command line")
    import torch  # noqa: F401  to be timed

    stamp("PyTorch")
    from stepladder_trainer import tasks, training
    from stepladder_trainer.learner import Learner
    from stepladder_trainer.trial import Trial

    stamp("trainer")

    def after(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def stamped(*given: Any, **named: Any) -> Any:
            found = function(*given, **named)
            stamp(name)
            return found

        return stamped

    def steps(self: Trial, **options: Any) -> Iterator[int]:
        for count, step in enumerate(every_step(self, **options)):
            if count == 0:
                stamp("checkpoint read")
            yield step
            if count == 0:
                stamp("first step")

    every_step, tasks_load = Trial.steps, tasks.load
    tasks.load = after("data", tasks_load)
    setattr(training, "Learner", after("model", Learner))  # noqa: B010  a name that it does not export
    Trial.steps = steps  # type: ignore[method-assign]  # to be timed
    cli.main(arguments)
    before, taken = BEGAN, {}
    for name, when in stamps:
        taken[name] = when - before
        before = when
    print(json.dumps(taken))


if __name__ == "__main__":
    main(sys.argv[1:])
