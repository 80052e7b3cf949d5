"""The parts of a probe that are done, kept in its checkpoint, so that an interrupted probe goes on with the next."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from stepladder_trainer.trial import Trial

T = TypeVar("T")


class Ledger:
    """Measurements by name. Each is a frozen dataclass of plain values, and a function of the trial and the ones
    before it alone: what was interrupted is measured again from its beginning."""

    def __init__(self, trial: Trial) -> None:
        self.updates = 0  # of the optimizer so far, over all parts
        self._trial = trial
        self._parts: dict[str, dict[str, Any]] = {}
        trial.restore(probe=self)

    def part(self, name: str, kind: type[T], measure: Callable[[], T]) -> T:
        """The measurement `name`, made by `measure` if it is not there yet."""
        if name not in self._parts:
            self._parts[name] = asdict(measure())  # type: ignore[call-overload]  # a dataclass, which no type tells
            self._trial.checkpoint(self.updates)
        return kind(**self._parts[name])

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"parts": dict(self._parts), "updates": self.updates}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Take a state over."""
        self._parts, self.updates = dict(state_dict["parts"]), state_dict["updates"]
