"""Any table with a header: classification or regression, by what its target column holds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from stepladder_trainer.data.examples import Examples
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.tasks import classification, options, regression
from stepladder_trainer.tasks.columns import Table, encoding_of, numbers, read_table, table_of
from stepladder_trainer.tasks.splitting import parts
from stepladder_trainer.tasks.task import Request, Task
from stepladder_trainer.tasks.units import Standard, Units

FEW = 20  # whole numbers with at most as many different values are classes, unless --option kind says otherwise


@dataclass(frozen=True)
class TableOptions:
    """Settings of the task."""

    target: str = ""  # the column to predict
    kind: str = "auto"
    drop: str = ""  # columns to leave out, with commas between
    separator: str = ","
    validation: float = 0.2  # part of the rows, unless the data are a folder
    test: float = 0.0


def table(request: Request) -> Task:
    """`--data` is a CSV file, split here once and for all, or a folder with train.csv, val.csv and perhaps test.csv.

    Numbers come in units of the training rows' mean and deviation, texts as one column for each; a missing number is
    the mean, with a column that says so. Raises ConfigurationError for whatever is wrong with the file.
    """
    wanted = options.read(TableOptions, request.options)
    options.one_of(("auto", "classification", "regression"), kind=wanted.kind)
    tables = [read_table(path, wanted.separator) for path in _files(request.data, wanted)]
    _check(tables, wanted)
    if wanted.target in _names(wanted.drop):
        raise ConfigurationError(
            f"--option drop={wanted.drop} leaves out {wanted.target}, which is to be predicted: drop others, or name "
            "another target"
        )
    classes = _classes(tables, wanted)
    if len(tables) == 1:
        tables = _split(tables[0], wanted, classes)
    dropped = {wanted.target, *_names(wanted.drop)}
    features = [name for name in tables[0].names if name not in dropped]
    if not features:
        raise ConfigurationError(
            f"{tables[0].path}: without {', '.join(sorted(dropped))} no column is left to learn from: drop fewer, or "
            "add some"
        )
    encoding = encoding_of(tables[0], features)
    inputs = [encoding.encode(part) for part in tables]
    columns = [part.column(wanted.target) for part in tables]
    example = {name: tables[1].column(name)[0] for name in features}
    units = Units(records=lambda rows: encoding.encode(table_of(rows, features)), example=example)
    if classes:
        return _classification(inputs, columns, classes, units)
    return _regression(inputs, columns, tables[0].path, units)


def _classification(
    inputs: Sequence[Tensor], columns: Sequence[list[str]], classes: tuple[str, ...], units: Units
) -> Task:
    index = {name: number for number, name in enumerate(classes)}
    labels = [torch.tensor([index[value] for value in column]) for column in columns]
    sets = [Examples(*pair) for pair in zip(inputs, labels, strict=True)]
    shape = Shape((inputs[0].shape[1],), len(classes))
    rest = sets[2] if len(sets) > 2 else None
    return Task(
        sets[0], sets[1], shape, classification.loss, classification.measure, test=rest, classes=classes, units=units
    )


def _regression(inputs: Sequence[Tensor], columns: Sequence[list[str]], path: Path, units: Units) -> Task:
    found = [torch.tensor([float(value) for value in column], dtype=torch.float64)[:, None] for column in columns]
    mean, deviation = found[0].mean(0), found[0].std(0, correction=0)
    if deviation == 0:
        raise ConfigurationError(f"{path}: every training row has the same target: nothing to learn")
    scale = Standard(mean, deviation)
    targets = [scale.scaled(part) for part in found]
    sets = [Examples(*pair) for pair in zip(inputs, targets, strict=True)]
    rest = sets[2] if len(sets) > 2 else None
    measure = regression.measure_against(targets[1])
    shape = Shape((inputs[0].shape[1],), 1)
    units = replace(units, raw=scale.raw)
    return Task(sets[0], sets[1], shape, regression.loss, measure, test=rest, chance=regression.CHANCE, units=units)


def _files(data: str | None, wanted: TableOptions) -> list[Path]:
    if data is None:
        raise ConfigurationError("this task needs --data: a CSV file, or a folder with train.csv and val.csv")
    if not wanted.target:
        raise ConfigurationError("this task needs --option target=COLUMN: which column is to be predicted?")
    path = Path(data)
    if not path.is_dir():
        return [path]
    files = [path / "train.csv", path / "val.csv", path / "test.csv"]
    return files if files[2].exists() else files[:2]


def _check(tables: Sequence[Table], wanted: TableOptions) -> None:
    for part in tables:
        needed = [wanted.target, *_names(wanted.drop)] if part is tables[0] else tables[0].names
        for name in needed:
            if name not in part.names:
                raise ConfigurationError(f"{part.path} has no column {name!r}: it has {', '.join(part.names)}")
        column = part.column(wanted.target)
        if "" in column:
            line = part.lines[column.index("")]
            raise ConfigurationError(f"{part.path}, line {line}: {wanted.target} is missing: fill it in or remove it")


def _classes(tables: Sequence[Table], wanted: TableOptions) -> tuple[str, ...]:
    """The names of the classes, which all occur in the first table; none for a regression."""
    columns = [part.column(wanted.target) for part in tables]
    found = [numbers(column) for column in columns]
    known = [part for part in found if part is not None]
    numeric = len(known) == len(found)
    if wanted.kind == "regression" and not numeric:
        raise ConfigurationError(f"{tables[0].path}: {wanted.target} holds texts: use --option kind=classification")
    whole = numeric and all(torch.equal(part, part.round()) for part in known) and len(set(columns[0])) <= FEW
    if wanted.kind == "regression" or (wanted.kind == "auto" and numeric and not whole):
        return ()
    names = tuple(sorted(set(columns[0]), key=lambda name: (float(name) if numeric else 0.0, name)))
    if len(names) < 2:
        raise ConfigurationError(f"{tables[0].path}: {wanted.target} is always {names[0]!r}: nothing to learn")
    for part, column in zip(tables, columns, strict=True):
        if lacking := sorted(set(column) - set(names)):
            raise ConfigurationError(
                f"{part.path} has {wanted.target} {lacking[0]!r}, which no training row has: add some, or remove it"
            )
    return names


def _split(whole: Table, wanted: TableOptions, classes: tuple[str, ...]) -> list[Table]:
    validation, test = options.share("validation", wanted.validation), options.share("test", wanted.test)
    labels = torch.tensor([classes.index(name) for name in whole.column(wanted.target)]) if classes else None
    rows = parts(labels, len(whole.rows), validation, test)[: 3 if test else 2]
    if validation + test >= 1 or any(len(some) == 0 for some in rows):
        raise ConfigurationError(
            f"{whole.path}: its {len(whole.rows)} rows cannot be split with validation={validation} and test={test}: "
            "choose other parts"
        )
    return [whole.part(some.tolist()) for some in rows]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
