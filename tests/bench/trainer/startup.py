"""From the start of a process to its first step, taken apart. Run as a process of its own, which prints one line."""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

BEGAN = float(os.environ["BENCH_BEGAN"])
"""When the parent started this process, by the wall clock."""


def main(arguments: list[str]) -> None:
    """Train a step as the command line would, and tell when what was done."""
    stamps = [("interpreter", time.time())]

    def stamp(name: str) -> None:
        stamps.append((name, time.time()))

    def after(name: str, function: Callable[..., Any], then: Callable[[], None] = lambda: None) -> Callable[..., Any]:
        def stamped(*given: Any, **named: Any) -> Any:
            found = function(*given, **named)
            stamp(name)
            then()
            return found

        return stamped

    def watch_training() -> None:
        from stepladder_trainer import assembly, tasks
        from stepladder_trainer.trial import Trial

        every_step = Trial.steps

        def steps(self: Trial, **options: Any) -> Iterator[int]:
            for count, step in enumerate(every_step(self, **options)):
                if count == 0:
                    stamp("checkpoint read")
                yield step
                if count == 0:
                    stamp("first step")

        tasks.load = after("data", tasks.load)
        names = vars(assembly)  # it does not export what it imports
        names["Learner"] = after("model", names["Learner"])
        Trial.steps = steps  # type: ignore[method-assign]  # to be timed

    from stepladder_trainer import cli

    stamp("command line")
    # The command line imports PyTorch with no garbage collected, and knows of it before and after.
    gc.disable = after("flags", gc.disable)
    gc.enable = after("PyTorch", gc.enable, then=watch_training)
    cli.main(arguments)
    before, taken = BEGAN, {}
    for name, when in stamps:
        taken[name] = when - before
        before = when
    print(json.dumps(taken))


if __name__ == "__main__":
    main(sys.argv[1:])
