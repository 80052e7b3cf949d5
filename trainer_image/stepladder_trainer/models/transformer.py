"""Transformers: a decoder for language, an encoder for everything else."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stepladder_trainer.models.dropout import Dropout
from stepladder_trainer.models.initialisation import Output, fan_in, initialise
from stepladder_trainer.models.request import Request
from stepladder_trainer.models.residual import Residual
from stepladder_trainer.models.tokens import Words, tokens
from stepladder_trainer.outcomes import ConfigurationError

EXPANSION = 4  # hidden units of a block's MLP for each of a token's (Vaswani et al. 2017)


def transformer(request: Request) -> nn.Module:
    """`layers` blocks of attention with `heads` and an MLP, over tokens of `width`.

    Raises ConfigurationError if the heads do not divide the width, tied embeddings have other outputs than words, or
    another normalisation than `layer` or `none` is asked for.
    """
    shape, wanted = request.shape, request.point.model
    if wanted.width % wanted.heads:
        raise ConfigurationError(f"{wanted.heads} heads do not divide a width of {wanted.width}: change one of them")
    if wanted.normalisation not in ("auto", "layer", "none"):
        raise ConfigurationError(f"model transformer has normalisation layer or none, not {wanted.normalisation}")
    if shape.vocabulary and wanted.tied_embeddings and shape.outputs != shape.vocabulary:
        raise ConfigurationError(
            f"{shape.outputs} outputs cannot share the embedding of {shape.vocabulary} words: "
            "set tied_embeddings to false"
        )
    return Transformer(request)


class Transformer(nn.Module):
    """Tokens and their learned positions, blocks, a last normalisation, and outputs: of each token, which sees those
    before it only, where there is a vocabulary; otherwise of the mean over all tokens."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        shape, wanted = request.shape, request.point.model
        self.causal = shape.vocabulary > 0
        self.stem, length = tokens(request)
        self.positions = nn.Parameter(torch.empty(length, wanted.width))
        self.dropout = Dropout(wanted.dropout, request.dropout)
        self.blocks = nn.Sequential(
            *(
                branch
                for _ in range(wanted.layers)
                for branch in (attention(request, causal=self.causal), feed_forward(request))
            )
        )
        self.norm = _norm(request)
        tied = isinstance(self.stem, Words) and wanted.tied_embeddings
        self.head = Tied(self.stem) if tied else Output(wanted.width, shape.outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Examples (batch, ...) -> (batch, outputs), or (batch, length, outputs) where there is a vocabulary."""
        embedded = self.stem(inputs)
        embedded = self.dropout(embedded + self.positions[: embedded.shape[1]])
        seen = self.norm(self.blocks(embedded))
        if not self.causal:
            seen = seen.mean(1)
        outputs: Tensor = self.head(seen)
        return outputs

    def initialise(self, generator: torch.Generator) -> None:
        """As the parts begin; positions have variance 1 / width."""
        self.positions.normal_(std=self.positions.shape[1] ** -0.5, generator=generator)
        for part in self.children():
            initialise(part, generator)


class Tied(nn.Module):
    """An output layer with the weights of the embedding (Press and Wolf 2017), and none of its own."""

    def __init__(self, embedding: nn.Module) -> None:
        super().__init__()
        self._embedding = (embedding,)  # in a tuple, since it is part of the model already

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, length, width) -> (batch, length, words)."""
        return functional.linear(inputs, cast("Tensor", self._embedding[0].weight))


class Branch(Residual):
    """A residual branch whose linear layers begin with variance 1 / fan-in."""

    def initialise(self, generator: torch.Generator) -> None:
        """As the class says, and then as `Residual` begins."""
        for module in self.branch.modules():
            if isinstance(module, nn.Linear):
                fan_in(module.weight, generator)
                module.bias.zero_()
        self.begin()


def attention(request: Request, *, causal: bool) -> Branch:
    """x -> x + attention(norm(x))."""
    wanted = request.point.model
    last = nn.Linear(wanted.width, wanted.width)
    heads = Attention(wanted.width, wanted.heads, causal=causal)
    branch = nn.Sequential(_norm(request), heads, last, Dropout(wanted.dropout, request.dropout))
    return Branch(branch, last, wanted.residual_start)


def feed_forward(request: Request) -> Branch:
    """x -> x + linear(GELU(linear(norm(x))))."""
    wanted = request.point.model
    hidden = EXPANSION * wanted.width
    last = nn.Linear(hidden, wanted.width)
    branch = nn.Sequential(
        _norm(request), nn.Linear(wanted.width, hidden), nn.GELU(), last, Dropout(wanted.dropout, request.dropout)
    )
    return Branch(branch, last, wanted.residual_start)


class Attention(nn.Module):
    """Scaled dot-product attention of `heads`, up to the output layer. It drops nothing, since PyTorch's would draw
    from the global generator."""

    def __init__(self, width: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.inward = nn.Linear(width, 3 * width)  # queries, keys, values

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, tokens, width) -> same shape."""
        batch, length, width = inputs.shape
        split = self.inward(inputs).view(batch, length, 3, self.heads, width // self.heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(queries, keys, values, is_causal=self.causal)
        return seen.transpose(1, 2).reshape(batch, length, width)


def _norm(request: Request) -> nn.Module:
    wanted = request.point.model
    return nn.Identity() if wanted.normalisation == "none" else nn.LayerNorm(wanted.width)
