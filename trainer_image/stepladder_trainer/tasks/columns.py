"""Columns of a table as numbers: fitted on the training rows alone, so that nothing of the others leaks into them."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from stepladder_trainer.outcomes import ConfigurationError

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "None"})
MOST_TEXTS = 1000  # different ones in a column: more are a name or a number of the row


@dataclass(frozen=True)
class Table:
    """A file's header and rows, as texts; what is missing is empty."""

    path: Path
    names: tuple[str, ...]
    rows: Sequence[list[str]]
    lines: Sequence[int]  # of the rows, in the file

    def column(self, name: str) -> list[str]:
        """All values of one column."""
        index = self.names.index(name)
        return [row[index] for row in self.rows]

    def part(self, rows: Sequence[int]) -> "Table":
        """Some of the rows."""
        return replace(self, rows=[self.rows[row] for row in rows], lines=[self.lines[row] for row in rows])


def read_table(path: Path, separator: str) -> Table:
    """The table in a file. Raises ConfigurationError, with the line, if it is none."""
    if len(separator) != 1:
        raise ConfigurationError(f"--option separator={separator}: must be one character")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=separator)
            names = tuple(name.strip() for name in next(reader, []))
            rows, lines = [], []
            for row in reader:
                if not row:
                    continue
                if len(row) != len(names):
                    raise ConfigurationError(
                        f"{path}, line {reader.line_num}: {len(row)} values under {len(names)} names: repair the line, "
                        "or name the --option separator"
                    )
                lines.append(reader.line_num)
                rows.append(["" if (value := cell.strip()) in MISSING else value for cell in row])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path} cannot be read as a table ({error}): is --data right?") from error
    if len(rows) < 2 or len(set(names)) < len(names):
        wrong = f"holds {'one row' if rows else 'no rows'}" if len(rows) < 2 else "has two columns of one name"
        raise ConfigurationError(f"{path} {wrong}: a header and a row for each example are needed")
    return Table(path, names, rows, lines)


def table_of(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Table:
    """Rows that somebody asks about, by the names of their columns: what is left out is missing. Raises ValueError for
    a name that is no column of the training data."""
    for line, row in enumerate(rows, 1):
        if unknown := sorted(set(row) - set(names)):
            raise ValueError(f"input {line} has {unknown[0]!r}, and there are {', '.join(names)}")
    texts = [["" if (value := _text(row.get(name))) in MISSING else value for name in names] for row in rows]
    return Table(Path("inputs"), tuple(names), texts, range(1, len(rows) + 1))


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def numbers(column: Sequence[str]) -> Tensor | None:
    """A column as float64 (rows,), NaN where it is missing; None if it holds texts, or nothing at all."""
    try:
        found = torch.tensor([float(value) if value else math.nan for value in column], dtype=torch.float64)
    except ValueError:
        return None
    return None if found.isinf().any() or found.isnan().all() else found


@dataclass(frozen=True)
class Number:
    """A column of numbers, to be measured in units of `deviation` from `mean`."""

    name: str
    mean: float
    deviation: float
    may_miss: bool

    def encode(self, table: Table) -> Tensor:
        """(rows, 1), or with a second column that is 1 where the number is missing."""
        column = table.column(self.name)
        found = numbers(column) if any(column) else torch.full((len(column),), math.nan, dtype=torch.float64)
        if found is None:
            wrong = next((row for row, value in enumerate(column) if value and numbers([value]) is None), 0)
            raise ConfigurationError(
                f"{table.path}, line {table.lines[wrong]}: {self.name} is {column[wrong]!r}, where training rows have "
                "numbers: correct it"
            )
        scaled = ((found - self.mean) / self.deviation).nan_to_num(0.0)
        return torch.stack([scaled, found.isnan().double()], dim=1) if self.may_miss else scaled[:, None]


@dataclass(frozen=True)
class Texts:
    """A column of texts: a column for each of `known`, which are those of training."""

    name: str
    known: tuple[str, ...]

    def encode(self, table: Table) -> Tensor:
        """(rows, len(known)), 1 where the text is that one; 0 everywhere for a text that training lacks."""
        place = {text: number for number, text in enumerate(self.known)}
        found = torch.tensor([place.get(value, len(place)) for value in table.column(self.name)])
        return functional.one_hot(found, len(place) + 1)[:, :-1].double()


@dataclass(frozen=True)
class Encoding:
    """All columns of a table."""

    columns: tuple[Number | Texts, ...]

    def encode(self, table: Table) -> Tensor:
        """(rows, features), float32."""
        return torch.cat([column.encode(table) for column in self.columns], dim=1).float()


def encoding_of(training: Table, names: Sequence[str]) -> Encoding:
    """The encoding that the columns of the training table ask for. Raises ConfigurationError for one of too many
    texts."""
    columns: list[Number | Texts] = []
    for name in names:
        column = training.column(name)
        if (found := numbers(column)) is not None:
            there = found[~found.isnan()]
            deviation = there.std(correction=0).item() or 1.0  # a constant column stays 0
            columns.append(Number(name, there.mean().item(), deviation, may_miss=len(there) < len(found)))
            continue
        texts = tuple(sorted(set(column)))
        if len(texts) > MOST_TEXTS:
            raise ConfigurationError(
                f"{training.path}: {name} holds {len(texts)} different texts: leave it out with --option drop={name}"
            )
        columns.append(Texts(name, texts))
    return Encoding(tuple(columns))
