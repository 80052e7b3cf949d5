"""The reference of hyperparameters, from their declarations:
`python -m stepladder_trainer.hyperparameters.reference > docs/hyperparameters.md`."""

import json
import sys
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from stepladder_trainer.hyperparameters.declaring import name_of
from stepladder_trainer.hyperparameters.reading import GROUPS

INTRODUCTION = """\
<!-- Generated from trainer_image/stepladder_trainer/hyperparameters by `make generate`. Do not edit. -->
# Hyperparameters of the trainer

What a study may fix or search over, by the names that the trainer knows; what each of them does in detail stands in
[trainer.md](trainer.md#hyperparameters). A name may carry its parent, as conditional parameters do: `adam.beta1` is
`beta1`. Any other name ends the trial with `ConfigurationError`, unless the task or model is your own and declares it.
"""
ESCAPED = r"\|"  # within a cell
TITLES = {
    "model": "Model",
    "optimizer": "Optimizer",
    "schedule": "Learning-rate schedule",
    "data": "Data",
    "regularisation": "Regularisation and stability",
    "seeds": "Seeds",
}


def reference() -> str:
    """The page, in Markdown."""
    return "\n".join([INTRODUCTION, *(line for group in GROUPS for line in _group(group))])


def _group(group: str) -> Iterator[str]:
    yield f"## {TITLES[group]}\n"
    yield "| name | default | values | |"
    yield "|---|---|---|---|"
    for declared in fields(GROUPS[group]):
        cells = (
            f"`{name_of(declared)}`",
            _default(declared.default),
            declared.metadata["values"],
            declared.metadata["summary"],
        )
        yield f"| {' | '.join(cell.replace('|', ESCAPED) for cell in cells)} |"
    yield ""


def _default(value: Any) -> str:
    """As a manifest has it."""
    if value is None:
        return "the trial's"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
