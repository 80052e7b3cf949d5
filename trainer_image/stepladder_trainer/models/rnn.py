"""Recurrent networks."""

import torch
from torch import Tensor, nn

from stepladder_trainer.models.dropout import Dropout
from stepladder_trainer.models.initialisation import Output, fan_in
from stepladder_trainer.models.request import Request
from stepladder_trainer.models.tokens import Words
from stepladder_trainer.outcomes import ConfigurationError


def rnn(request: Request) -> nn.Module:
    """`layers` of `width` LSTM units (Hochreiter and Schmidhuber 1997) over words or rows, with dropout between layers
    and not along time (Zaremba et al. 2014).

    Raises ConfigurationError where examples are no sequences, without a layer, or with normalisation.
    """
    shape, wanted = request.shape, request.point.model
    if not shape.vocabulary and len(shape.example) != 2:
        raise ConfigurationError(
            f"model rnn reads sequences, and this task's examples have shape {shape.example}: "
            f"try {'cnn' if len(shape.example) == 3 else 'mlp'}"
        )
    if wanted.layers < 1:
        raise ConfigurationError("model rnn needs layers of at least 1")
    if wanted.normalisation not in ("auto", "none"):
        raise ConfigurationError(f"model rnn has no normalisation {wanted.normalisation}: leave it out")
    return Recurrent(request)


class Recurrent(nn.Module):
    """Outputs at every position where there is a vocabulary, otherwise at the last."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        shape, wanted = request.shape, request.point.model
        self.at_every_position = shape.vocabulary > 0
        self.stem: nn.Module = Words(shape.vocabulary, wanted.width) if shape.vocabulary else nn.Identity()
        inputs = wanted.width if shape.vocabulary else shape.example[1]
        sizes = [inputs, *[wanted.width] * (wanted.layers - 1)]
        self.body = nn.ModuleList(LSTM(size, wanted.width) for size in sizes)
        self.dropout = Dropout(wanted.dropout, request.dropout)
        self.head = Output(wanted.width, shape.outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Examples (batch, length, ...) -> (batch, length, outputs) or (batch, outputs)."""
        seen = self.stem(inputs)
        for layer in self.body:
            seen, _ = layer(self.dropout(seen))
        outputs: Tensor = self.head(self.dropout(seen if self.at_every_position else seen[:, -1]))
        return outputs


class LSTM(nn.LSTM):
    """One layer. Its weights begin with variance 1 / fan-in, orthogonal along time (Saxe et al. 2014), and the biases
    of forgetting at 1 (Jozefowicz et al. 2015)."""

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width, batch_first=True)

    def initialise(self, generator: torch.Generator) -> None:
        """As the class says. PyTorch keeps four gates in each weight, of which the second forgets, and two
        biases that add up."""
        fan_in(self.weight_ih_l0, generator)
        for gate in self.weight_hh_l0.chunk(4):
            nn.init.orthogonal_(gate, generator=generator)
        for bias in (self.bias_ih_l0, self.bias_hh_l0):
            bias.zero_()
        self.bias_ih_l0.chunk(4)[1].fill_(1)
