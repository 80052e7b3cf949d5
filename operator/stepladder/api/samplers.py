"""Samplers: who proposes a round's configurations, and what each of them can be told."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from stepladder.api.model import ATOMIC, PRESERVE, ApiModel, Scalar, cel, list_map, rules
from stepladder.api.space import MAX_PARAMETERS, FixedValue


class SamplerAlgorithm(StrEnum):
    """Who proposes configurations."""

    AUTO = "Auto"
    QUASI_RANDOM = "QuasiRandom"
    RANDOM = "Random"
    GRID = "Grid"
    ONE_AT_A_TIME = "OneAtATime"
    EXPLICIT = "Explicit"
    OPT_LIST = "OptList"
    TPE = "TPE"
    GAUSSIAN_PROCESS = "GaussianProcess"
    RANDOM_FOREST = "RandomForest"
    CMAES = "CMAES"
    SIMULATED_ANNEALING = "SimulatedAnnealing"
    GENETIC = "Genetic"


class GridSettings(ApiModel):
    """Of Grid: every combination, once."""

    points: int = Field(default=5, ge=2, le=1000, description="Values of each parameter that has no step or choices.")


class OneAtATimeSettings(ApiModel):
    """Of OneAtATime: one parameter is varied, the others stay at the baseline."""

    points: int = Field(default=5, ge=2, le=1000, description="Values tried of each numeric parameter.")
    baseline: tuple[FixedValue, ...] = Field(
        default=(),
        max_length=MAX_PARAMETERS,
        description="The configuration to vary; for a parameter that is not named, the middle of its range, or the"
        " first of its choices.",
        json_schema_extra=list_map("name"),
    )


class ExplicitSettings(ApiModel):
    """Of Explicit: the configurations, run in this order."""

    configurations: tuple[
        Annotated[
            dict[str, Scalar],
            Field(
                description="Names of tuned parameters and their values.",
                max_length=MAX_PARAMETERS,
                json_schema_extra={"type": "object", PRESERVE: True},
            ),
        ],
        ...,
    ] = Field(min_length=1, max_length=1000, description="One entry is one trial.", json_schema_extra=ATOMIC)

    def __hash__(self) -> int:
        """Rounds are keys of caches, and a dict has no hash of its own."""
        return hash(tuple(tuple(sorted(configuration.items())) for configuration in self.configurations[:1]))


class AnnealingSettings(ApiModel):
    """Of SimulatedAnnealing: parallel chains that accept the worse with probability exp(-difference/temperature)."""

    chains: int = Field(default=4, ge=1, le=1000, description="Chains that run side by side.")
    initial_temperature: float = Field(
        default=1.0, gt=0, le=1e6, description="In standard deviations of the objective over the first proposals."
    )
    cooling_factor: float = Field(default=0.9, gt=0, lt=1, description="The temperature is multiplied by it.")


class GeneticSettings(ApiModel):
    """Of Genetic: tournaments choose parents, which are crossed and mutated."""

    population: int = Field(default=20, ge=4, le=10_000, description="Configurations that may become parents.")
    tournament: int = Field(default=3, ge=2, le=100, description="Candidates for each parent.")


class WarmStart(ApiModel):
    """The best configurations of a finished study of the same namespace are tried first."""

    study: str = Field(min_length=1, max_length=63, description="Its name.")
    best: int = Field(default=5, ge=1, le=100, description="How many of its best configurations.")


def _belongs(field: str, algorithm: SamplerAlgorithm) -> dict[str, str]:
    return cel(
        f"!has(self.{field}) || self.algorithm == '{algorithm}'",
        f"sampler.{field} goes with algorithm {algorithm} only: remove it, or set sampler.algorithm: {algorithm}",
    )


class Sampler(ApiModel):
    """Who proposes the round's configurations."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "self.algorithm != 'Explicit' || has(self.explicit)",
                "sampler.explicit is missing: list the configurations to run",
            ),
            cel(
                "self.warmStart.size() == 0 || !(self.algorithm in ['Grid', 'OneAtATime', 'Explicit', 'OptList'])",
                "sampler.warmStart would put other configurations before those of Grid, OneAtATime, Explicit or"
                " OptList, which say themselves what is run: remove it, or set another sampler.algorithm",
            ),
            _belongs("explicit", SamplerAlgorithm.EXPLICIT),
            _belongs("grid", SamplerAlgorithm.GRID),
            _belongs("oneAtATime", SamplerAlgorithm.ONE_AT_A_TIME),
            _belongs("simulatedAnnealing", SamplerAlgorithm.SIMULATED_ANNEALING),
            _belongs("genetic", SamplerAlgorithm.GENETIC),
        )
    }
    algorithm: SamplerAlgorithm = SamplerAlgorithm.QUASI_RANDOM
    startup_trials: int | None = Field(
        default=None, ge=1, le=10_000, description="Quasi-random proposals before a model is trusted (10)."
    )
    warm_start: tuple[WarmStart, ...] = Field(
        default=(),
        max_length=8,
        description="Earlier studies to begin from.",
        json_schema_extra=list_map("study"),
    )
    grid: GridSettings | None = None
    one_at_a_time: OneAtATimeSettings | None = None
    explicit: ExplicitSettings | None = None
    simulated_annealing: AnnealingSettings | None = None
    genetic: GeneticSettings | None = None
