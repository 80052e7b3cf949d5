"""A description as text: aligned, and read from top to bottom."""

from collections.abc import Iterator, Sequence
from typing import Any

Told = dict[str, Any]
_SHOWN = 8  # ladders of a round, searches of a round, branches of a search
_WIDEST = 48  # characters of a column


def lines(told: Told) -> Iterator[str]:
    """The lines of `describe.description`."""
    objective = told["objective"]
    target = f", target {objective['target']:g}" if "target" in objective else ""
    yield f"{told['name']}: {objective['direction'].lower()} {objective['metric']}{target}"
    if told["goal"]:
        yield told["goal"]
    yield from ("", "Parameters")
    rows = [_parameter(parameter) for parameter in told["parameters"]]
    yield from (f"  {row}" for row in _aligned(rows))
    if told["presets"]:
        trials = _count(told["presets"][0]["trials"], "trial")
        yield f"  Presets are spelled out for {trials} of the first round in each scientific setting."
    for round_ in told["rounds"]:
        yield ""
        yield from _round(round_)
    yield from ("", f"Steps in all: {_steps(told['steps'])}")
    nodes, gpus = told["trainer"]["nodes"], told["trainer"]["gpus"]
    if nodes > 1 or gpus:
        yield f"Each trial: {_count(nodes, 'node')}, {_count(gpus, 'GPU')}"
    if told["budget"]:
        yield "Budget: " + ", ".join(f"{name} {value:,}" for name, value in told["budget"].items())
    for title, found in (("Problems: it would not run", told["problems"]), ("Advice", told["advice"])):
        if found:
            yield from ("", title)
            yield from (f"  {entry['field']}: {entry['message']}" for entry in found)


def _parameter(told: Told) -> tuple[str, ...]:
    when = told.get("when")
    condition = f"if {when['parameter']} is {_listed(when['in'])}" if when else ""
    return told["name"], told["role"], _values(told), condition, told["preset"] or ""


def _values(told: Told) -> str:
    if "value" in told:
        return str(told["value"])
    if "categorical" in told:
        choices = list(map(str, told["categorical"]["values"]))
        if len(listed := ", ".join(choices)) <= _WIDEST:
            return listed
        return f"{len(choices)} choices: {choices[0]}, ... {choices[-1]}"
    low, high = told["ends"]
    decades = f" ({_decades(told['decades'])})" if told["decades"] is not None else ""
    for kind in ("normal", "logNormal"):
        if bell := told.get(kind):
            return f"{low:.4g} to {high:.4g}, {kind} {bell['mean']:g} +- {bell['standardDeviation']:g}{decades}"
    range_ = told.get("float") or told["int"]
    step = f", step {range_['step']:g}" if "step" in range_ else ""
    scale = "" if range_["scale"] == "Linear" else f", {range_['scale']}"
    whole = ", whole" if "int" in told else ""
    return f"{low:.10g} to {high:.10g}{step}{whole}{scale}{decades}"


def _round(told: Told) -> Iterator[str]:
    count = _count(told["configurations"], "configuration")
    repeats = f", each {told['repeats']} times" if told["repeats"] > 1 else ""
    yield f"Round {told['name']}: {count}{repeats}, up to {told['maxSteps']:,} steps"
    rows: list[tuple[str, ...]] = []
    if "parameters" in told:
        rows.append(("with", ", ".join(map(_given, told["parameters"]))))
    if "probe" in told:
        rows.append(("probe", _probe(told["probe"])))
    if "gate" in told:
        rows.append(("gate", "closed, and the study at its end, if the baseline is not reasonable"))
    if "from" in told:
        rows.append(("from", f"the best {told['from']['best']} of {told['from']['round']}"))
        if told["transfer"]:
            held = "; ".join(f"{', '.join(names)} {likelihood}" for likelihood, names in told["transfer"].items())
            rows.append(("holds", held))
    elif "probe" not in told:
        rows += [("sampler", _decided(told["sampler"])), *_space(told["space"])]
    if "probe" not in told:
        rows.append(("pruner", _decided(told["pruner"])))
    rows += _ladders(told["ladders"])
    rows.append(("steps", _steps(told["steps"])))
    yield from (f"  {row}" for row in _aligned(rows))


def _given(told: Told) -> str:
    if "valueFrom" in told:
        return f"{told['name']} from {told['valueFrom']['suggestion']} of {told['valueFrom']['round']}"
    return f"{told['name']} {told['value']}" if "value" in told else told["name"]


def _probe(told: Told) -> str:
    options = {name: value if isinstance(value, list) else [value] for name, value in told.items() if name != "type"}
    shown = (
        f"{name} {' '.join(f'{v:g}' if isinstance(v, float) else str(v) for v in vs)}" for name, vs in options.items()
    )
    return f"{told['type']}: {', '.join(shown)}" if options else str(told["type"])


def _decided(told: Told) -> str:
    return f"{told['algorithm']} ({told['chosenBy']}: {told['reason']})" if "reason" in told else str(told["algorithm"])


def _space(told: Told) -> Iterator[tuple[str, str]]:
    if told["settings"] is None:
        return
    if told["scientific"]:
        more = "" if told["complete"] else " or more"
        yield "compares", f"{told['settings']:,}{more} settings of {', '.join(told['scientific'])}"
    searches = told["searches"]
    for search in searches[:_SHOWN]:
        count = len(search["settings"])
        if told["scientific"]:
            these = _assigned(search["settings"][0]) if count == 1 else f"{count:,} settings"
            yield "", f"{these}: {_count(search['trials'], 'trial')} each" if count > 1 else f"{these}"
        indent = "  " if told["scientific"] else ""
        for place, branch in enumerate(search["branches"][:_SHOWN]):
            yield ("" if told["scientific"] or place else "space"), indent + _branch(branch)
        if len(search["branches"]) > _SHOWN:
            yield "", f"{indent}... and {len(search['branches']) - _SHOWN} more combinations of conditions"
    if len(searches) > _SHOWN:
        yield "", f"... and {len(searches) - _SHOWN} more kinds of settings"


def _branch(told: Told) -> str:
    where = " and ".join(f"{c['parameter']} is {_listed(c['in'])}" for c in told["when"])
    size = [_count(len(told["tuned"]), "dimension")]
    if told["decades"]:
        size.append(_decades(told["decades"]))
    if told["configurations"] is not None:
        size.append(_count(told["configurations"], "configuration"))
    dense = f", {told['valuesOfEach']:.1f} values of each" if told["tuned"] else ""
    return f"{f'{where}: ' if where else ''}{', '.join(size)}; {told['trials']:.4g} trials{dense}"


def _ladders(told: Sequence[Told]) -> Iterator[tuple[str, str]]:
    """Equal ladders once, with their number."""
    counted: dict[str, int] = {}
    for ladder in told:
        steps = zip(ladder["runs"], ladder["rungs"], strict=True)
        shown = " > ".join(f"{runs:,} to {rung:,}" for runs, rung in steps)
        counted[shown] = counted.get(shown, 0) + 1
    for place, (shown, count) in enumerate(counted.items()):
        if place == _SHOWN:
            yield "", f"... and {len(counted) - _SHOWN} more"
            return
        yield ("rungs" if place == 0 else ""), shown + (f"   ({count} times)" if count > 1 else "")


def _steps(told: Told) -> str:
    full = told["full"]
    if told["planned"] is None:
        return f"as the results will have it; at most {told['worst']:,} of {full:,}"
    if told["planned"] == full:
        return f"{full:,}"
    worst = f", at worst {told['worst']:,}" if told["worst"] > told["planned"] else ""
    return f"{told['planned']:,}{worst}, of {full:,} if all were trained to the end ({told['planned'] / full:.0%})"


def _decades(number: float) -> str:
    return f"{number:.3g} decades"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _listed(values: Sequence[Any]) -> str:
    return " or ".join(map(str, values))


def _assigned(values: Told) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Columns as wide as their widest cell; a very wide one does not push the rest away."""
    if not rows:
        return
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
