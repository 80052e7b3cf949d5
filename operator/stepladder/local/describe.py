"""`stepladder describe`: what a study is going to do, as a JSON object. Nothing is run, nothing is written."""

from typing import Any, Final

from stepladder.api.study import Parameter, Role, Round, TuningStudySpec
from stepladder.control.gpus import gpus_of_trial
from stepladder.control.store import Invalid, Object
from stepladder.engine import baseline, presets, probes
from stepladder.engine.auto import Choice, Choices
from stepladder.engine.branches import MOST, Branch, Setting, settings_of
from stepladder.engine.extents import extent
from stepladder.engine.forecast import Forecast, forecast
from stepladder.engine.reading import chosen
from stepladder.engine.space import round_parameters, settings
from stepladder.engine.transfer import Likelihood, likelihood
from stepladder.engine.validation import examine, warnings

_KINDS: Final = {"float_": "float", "int_": "int", "categorical": "categorical", "normal": "normal",
                 "log_normal": "logNormal"}  # fmt: skip


def description(study: Object) -> dict[str, Any]:
    """All that can be told of an admitted TuningStudy beforehand, its problems included.

    Raises Invalid where its spec cannot even be read.
    """
    spec, found = examine(study["spec"])
    if spec is None:
        raise Invalid("; ".join(map(str, found)))
    origins = presets.origins(spec)
    described = [_parameter(p, origins.get(p.name)) for p in spec.parameters]
    choices = chosen(study["spec"])
    rounds = [_round(spec, round_, choices.get(round_.name)) for round_ in spec.rounds]
    steps = [round_["steps"] for round_ in rounds]
    planned = [part["planned"] for part in steps]
    return {
        "name": study["metadata"]["name"],
        "goal": spec.goal,
        "objective": spec.objective.wire(),
        "presets": [{"name": name, "trials": presets.budget(spec)} for name in spec.presets],
        "parameters": described,
        "rounds": rounds,
        "steps": {
            "planned": None if None in planned else sum(planned),
            "worst": sum(part["worst"] for part in steps),
            "full": sum(part["full"] for part in steps),
        },
        "trainer": {"nodes": spec.trainer.nodes, "gpus": gpus_of_trial(spec.trainer)},
        "budget": spec.budget.wire(),
        "problems": [{"field": p.field, "message": p.message} for p in found],
        "advice": [{"field": p.field, "message": p.message} for p in ([] if found else warnings(spec))],
    }


def _parameter(parameter: Parameter, preset: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {"name": parameter.name, "role": parameter.role, "preset": preset}
    if parameter.when is not None:
        told["when"] = parameter.when.wire()
    if parameter.role is Role.FIXED or parameter.value is not None:
        return told | {"value": parameter.value}
    reach = extent(parameter)
    kind, values = next((kind, v) for field, kind in _KINDS.items() if (v := getattr(parameter, field)) is not None)
    ends = {} if reach.ends is None else {"ends": list(reach.ends)}
    return told | {kind: values.wire(), "count": reach.values, "decades": reach.decades} | ends


def _round(spec: TuningStudySpec, round_: Round, choices: Choices | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": round_.name,
        "configurations": round_.from_.best if round_.from_ else round_.proposals,
        "repeats": round_.repeats,
        "maxSteps": round_.max_steps,
        "pruner": _decided(round_.pruner.algorithm, choices.pruner if choices else None),
    }
    if round_.parameters:
        told["parameters"] = [given.wire() for given in round_.parameters]
    if round_.probe is not None:
        told["probe"] = probes.options(round_.probe, round_.max_steps)
    if baseline.gates(round_):
        told["gate"] = True
    if round_.from_ is None:
        told["sampler"] = _decided(round_.sampler.algorithm, choices.sampler if choices else None)
        told["space"] = _space(spec, round_)
    else:
        told["from"] = round_.from_.wire()
        told["transfer"] = _transfer(spec, round_)
    try:
        cost = forecast(spec, round_)
    except ValueError:  # a circle of conditions: among the problems
        full = told["configurations"] * round_.repeats * round_.max_steps
        cost = Forecast((), None, full, full)
    climbs = [{"rungs": list(climb.rungs), "runs": list(climb.runs)} for climb in cost.climbs]
    return told | {"ladders": climbs, "steps": {"planned": cost.planned, "worst": cost.worst, "full": cost.full}}


def _transfer(spec: TuningStudySpec, round_: Round) -> dict[str, list[str]]:
    """How likely what is taken over holds in longer training, of what was searched there."""
    source = next((r for r in spec.rounds if round_.from_ and r.name == round_.from_.round), None)
    if source is None or round_.probe is not None or round_.max_steps <= source.max_steps:
        return {}
    searched = [p.name for p in spec.parameters if p.role is not Role.FIXED]
    told = {str(each): [name for name in searched if likelihood(name) is each] for each in Likelihood}
    return {each: names for each, names in told.items() if names}


def _decided(algorithm: str, chosen: Choice[Any] | None) -> dict[str, Any]:
    """Who proposes or prunes, and why where that was left to Auto."""
    return {"algorithm": algorithm} | ({"chosenBy": "Auto", "reason": chosen.reason} if chosen else {})


def _space(spec: TuningStudySpec, round_: Round) -> dict[str, Any]:
    """Settings that are searched alike are told once."""
    try:
        looked_at = settings_of(spec, round_)
    except ValueError:  # a circle of conditions: among the problems
        return {"settings": None, "searches": []}
    scientific = [p.name for p in round_parameters(spec, round_) if p.role is Role.SCIENTIFIC]
    alike: dict[tuple[Branch, ...], list[Setting]] = {}
    for setting in looked_at:
        alike.setdefault(setting.branches, []).append(setting)
    values = settings(spec, round_)
    return {
        "settings": len(values),
        "scientific": scientific,
        "complete": len(values) <= MOST,
        "searches": [
            {
                "settings": [dict(values[member.number]) for member in members],
                "trials": members[-1].trials,
                "branches": [_branch(branch, members[-1].trials) for branch in branches],
            }
            for branches, members in alike.items()
        ],
    }


def _branch(branch: Branch, trials: int) -> dict[str, Any]:
    return {
        "when": [{"parameter": name, "in": list(values)} for name, values in branch.conditions],
        "tuned": list(branch.tuned),
        "share": branch.share,
        "trials": trials * branch.share,
        "valuesOfEach": branch.density(trials),
        "configurations": branch.configurations,
        "decades": branch.decades,
    }
