"""The same study under many seeds, in as many processes as there are cores for."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from stepladder.api.study import TuningStudySpec
from stepladder.simulation.conditions import Conditions
from stepladder.simulation.measures import Improvement, Measures, measure, trace
from stepladder.simulation.study import SimulatedStudy
from stepladder.simulation.table import Table


@dataclass(frozen=True)
class Question:
    """What is simulated, whatever the seed."""

    name: str
    spec: TuningStudySpec
    table: Table
    conditions: Conditions
    traced: bool = False


@dataclass(frozen=True)
class Answer:
    """What came of one seed."""

    seed: int
    reason: str  # why the study ended
    measures: Measures
    trace: tuple[Improvement, ...]


def simulate(question: Question, seed: int) -> Answer:
    """The study as it goes with this seed in place of spec.seed."""
    spec = question.spec.model_copy(update={"seed": seed})
    ending = SimulatedStudy(question.name, spec, question.table, question.conditions).run()
    improvements: tuple[Improvement, ...] = ()
    if question.traced:
        optimum = question.table.best(spec, max(round_.max_steps for round_ in spec.rounds))
        improvements = trace(spec, ending, optimum)
    return Answer(seed, ending.verdict.reason, measure(spec, ending), improvements)


def simulate_all(question: Question, seeds: Sequence[int], jobs: int) -> tuple[Answer, ...]:
    """The answers in the seeds' order, which do not hang on how many processes found them."""
    if min(jobs, len(seeds)) <= 1:
        return tuple(simulate(question, seed) for seed in seeds)
    with ProcessPoolExecutor(min(jobs, len(seeds)), initializer=_begin, initargs=(question,)) as pool:
        return tuple(pool.map(_simulate, seeds))


_question: Question


def _begin(question: Question) -> None:
    global _question  # a process of the pool works on one question, which is sent to it once
    _question = question
    threadpool_limits(1)  # the processes have the cores already


def _simulate(seed: int) -> Answer:
    return simulate(_question, seed)
