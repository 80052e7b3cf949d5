"""How long a warmup has to be (Deep Learning Tuning Playbook, "Learning rate warmup")."""

from collections.abc import Sequence
from dataclasses import dataclass

from stepladder_trainer.probes.decisions.stability import Stability, classify, described
from stepladder_trainer.probes.verdict import Verdict

AFTER = 2
"""Steps at the peak after the warmup, in warmups: `post_warmup_steps` is twice `warmup_steps`."""

LONG = 0.05
"""The part of `max_train_steps` beyond which a warmup takes away from training."""


@dataclass(frozen=True)
class WarmupRun:
    """A linear rise to the peak over `warmup_steps`, and twice as many steps at it: the loss after `steps`."""

    warmup_steps: int
    steps: tuple[int, ...]
    losses: tuple[float, ...]

    @property
    def stability(self) -> Stability:
        """What its loss says."""
        return classify(self.steps, self.losses)


def rates(peak: float, warmup_steps: int) -> list[float]:
    """The learning rates (3 x `warmup_steps`,) of such a run; the peak is reached with the warmup's last update."""
    rise = [peak * step / warmup_steps for step in range(1, warmup_steps)]
    return [*rise, *[peak] * (1 + AFTER * warmup_steps)]


def choose(runs: Sequence[WarmupRun], peak: float, max_train_steps: int) -> Verdict:
    """The shortest warmup that makes `peak` stable, put before `max_train_steps` steps of what there is already."""
    stable = [run for run in sorted(runs, key=lambda run: run.warmup_steps) if run.stability.stable]
    if not stable:
        longest = max(runs, key=lambda run: run.warmup_steps)
        return Verdict(
            "Warmup",
            f"no warmup made a learning rate of {peak:.3g} stable, the longest of {longest.warmup_steps} steps shows"
            f" {described(longest.stability)}: try gradient clipping, a longer warmup or a lower learning rate",
            flags=("NoneStable",),
        )
    chosen = stable[0].warmup_steps
    total = max_train_steps + chosen
    summary = (
        f"{chosen} steps of warmup make a learning rate of {peak:.3g} stable: put them before the schedule, for"
        f" {total} steps in all"
    )
    long = chosen > LONG * max_train_steps
    if long:
        summary += f"; that is above {LONG:.0%} of the {max_train_steps}, so more steps may be needed besides"
    return Verdict(
        "Warmup",
        summary,
        {"warmup_steps": chosen, "learning_rate": peak, "max_train_steps": total},
        ("LongWarmup",) if long else (),
    )
