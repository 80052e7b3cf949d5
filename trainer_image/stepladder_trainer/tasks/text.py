"""Language modelling on any text file: which character or word comes next."""

import math
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stepladder_trainer.data.examples import Examples
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.tasks import options
from stepladder_trainer.tasks.task import Request, Task
from stepladder_trainer.tasks.units import Units

WORD = re.compile(r"\w+|[^\w\s]")
UNKNOWN = "<unknown>"


@dataclass(frozen=True)
class TextOptions:
    """Settings of the task."""

    tokens: str = "characters"
    context: int = 64  # tokens that the model sees, and predicts, at once
    vocabulary: int = 10_000  # words that are told apart, the most frequent ones
    validation: float = 0.1  # part of the file, its tail
    test: float = 0.0  # part of the file, after that


def text(request: Request) -> Task:
    """`--data` is a UTF-8 file. Its vocabulary is that of the whole file, the same for every trial.

    An example is a window of `context` tokens, its target the same window one token later. Windows do not overlap, so
    that in an epoch every token is predicted once. Raises ConfigurationError for whatever is wrong with the file.
    """
    wanted = options.read(TextOptions, request.options)
    options.one_of(("characters", "words"), tokens=wanted.tokens)
    options.at_least(1, context=wanted.context)
    options.at_least(2, vocabulary=wanted.vocabulary)
    content = _content(request.data)
    tokens, names = characters(content) if wanted.tokens == "characters" else words(content, wanted.vocabulary)
    tail = options.share("validation", wanted.validation)
    last = options.share("test", wanted.test)
    ends = [round(len(tokens) * (1 - tail - last)), round(len(tokens) * (1 - last)), len(tokens)]
    sets = [windows(tokens[max(0, start) : end], wanted.context) for start, end in zip([0, *ends], ends, strict=False)]
    if min(len(sets[0]), len(sets[1])) == 0 or (last and len(sets[2]) == 0):
        raise ConfigurationError(
            f"{request.data} has {len(tokens)} tokens: too few for windows of {wanted.context} in every part; give a "
            "longer text, a smaller --option context, or other parts"
        )
    return Task(
        sets[0],
        sets[1],
        Shape((wanted.context,), len(names), vocabulary=len(names)),
        loss,
        measure,
        test=sets[2] if last else None,
        derived=perplexity,
        chance=1 - int(sets[1].targets.flatten().bincount().max()) / sets[1].targets.numel(),
        units=text_units(names, wanted),
    )


def text_units(names: Sequence[str], wanted: TextOptions) -> Units:
    """Of passages, of which the model reads the last `context` tokens."""
    index = {name: number for number, name in enumerate(names)}

    def written(passage: str) -> Tensor:
        found = list(passage) if wanted.tokens == "characters" else WORD.findall(passage)
        if not found:
            raise ValueError("a passage must not be empty")
        unknown = index.get(UNKNOWN) if wanted.tokens == "words" else None
        tokens = [index.get(token, unknown) for token in found[-wanted.context :]]
        if None in tokens:
            raise ValueError(f"{found[-wanted.context :][tokens.index(None)]!r} is not in the text of the training")
        return torch.tensor(tokens)

    return Units(written=written, tokens=names)


def characters(content: str) -> tuple[Tensor, list[str]]:
    """(indices (tokens,), the character of each index): all characters of the text, in the order of their code."""
    codes = torch.from_numpy(np.frombuffer(content.encode("utf-32-le"), dtype=np.int32).copy())
    there = torch.zeros(sys.maxunicode + 1, dtype=torch.long)
    there[codes] = 1
    return (there.cumsum(0) - 1)[codes], [chr(code) for code in there.nonzero().flatten().tolist()]


def words(content: str, most: int) -> tuple[Tensor, list[str]]:
    """(indices (tokens,), the word of each index): `most` at most, the most frequent first; the last of more is
    `<unknown>`, which stands for all others. A mark that is neither letter nor space is a word."""
    found = WORD.findall(content)
    names = [word for word, _ in sorted(Counter(found).items(), key=lambda item: (-item[1], item[0]))]
    if len(names) > most:
        names = [*names[: most - 1], UNKNOWN]
    index = {name: number for number, name in enumerate(names)}
    return torch.tensor([index.get(word, len(names) - 1) for word in found]), names


def windows(tokens: Tensor, context: int) -> Examples:
    """(windows, context) tokens, and the same one later; what is left at the end is left out."""
    count = max(0, len(tokens) - 1) // context
    inputs, targets = (tokens[first : first + count * context].view(count, context) for first in (0, 1))
    return Examples(inputs, targets)


def loss(outputs: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """The mean cross-entropy of logits (batch, context, vocabulary) and tokens (batch, context), in nats per token."""
    return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), label_smoothing=label_smoothing)


def measure(outputs: Any, targets: Tensor) -> Mapping[str, Tensor]:
    """Of each window, (batch,): nats per token, and the part of its tokens of which another was the likeliest."""
    nats = functional.cross_entropy(outputs.movedim(-1, 1), targets, reduction="none")
    wrong = torch.where(torch.isfinite(outputs).all(-1), (outputs.argmax(-1) != targets).double(), torch.nan)
    return {"error": wrong.mean(1), "loss": nats.double().mean(1)}


def perplexity(means: Mapping[str, float]) -> Mapping[str, float]:
    """exp(loss): among how many equally likely tokens the model is as unsure."""
    return {"perplexity": math.exp(min(means["loss"], 700.0))}  # a larger number is none any more


def _content(data: str | None) -> str:
    if data is None:
        raise ConfigurationError("this task needs --data: a text file")
    try:
        return Path(data).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"--data {data} cannot be read: {error.strerror}; is the volume mounted where --data looks for it?"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"--data {data} is no UTF-8 text ({error}): is --data right?") from error
