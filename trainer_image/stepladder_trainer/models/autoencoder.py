"""Autoencoders: examples through a code of a few numbers, and back."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from stepladder_trainer.models.dropout import drawn_from
from stepladder_trainer.models.initialisation import Output
from stepladder_trainer.models.mlp import hidden_layers
from stepladder_trainer.models.request import Request
from stepladder_trainer.outcomes import ConfigurationError


class Reconstruction(NamedTuple):
    """Of each example: `values` (batch, outputs), and `divergence` (batch,) in nats, times its weight in the loss: how
    far its code's distribution is from a standard normal one."""

    values: Tensor
    divergence: Tensor


def autoencoder(request: Request) -> nn.Module:
    """An MLP of `layers` hidden layers to a code of `latent` numbers, and another one back (Hinton and Salakhutdinov
    2006). Without hidden layers it finds the subspace of the principal components.

    Raises ConfigurationError where outputs are not as many as the numbers of an example.
    """
    return Autoencoder(request, numbers=request.point.model.latent)


def vae(request: Request) -> nn.Module:
    """The same with a code that is drawn, in training, from a normal distribution of its own for each example (Kingma
    and Welling 2014, appendix B); `kl_weight` weighs its divergence (the beta of Higgins et al. 2017).

    Raises what `autoencoder` does.
    """
    return VariationalAutoencoder(request)


class Autoencoder(nn.Module):
    """`encoder` to `numbers` for each example, `decoder` from a code."""

    def __init__(self, request: Request, *, numbers: int) -> None:
        super().__init__()
        shape, wanted = request.shape, request.point.model
        features = torch.Size(shape.example).numel()
        if shape.vocabulary or shape.outputs != features:
            raise ConfigurationError(
                f"model {wanted.name} reconstructs its examples, and this task asks for {shape.outputs} outputs "
                f"of examples of shape {shape.example}: try mlp"
            )
        hidden = wanted.width if wanted.layers else 0
        self.encoder = nn.Sequential(
            nn.Flatten(), *hidden_layers(request, features), Output(hidden or features, numbers)
        )
        self.decoder = nn.Sequential(*hidden_layers(request, wanted.latent))
        self.head = Output(hidden or wanted.latent, features)

    def forward(self, inputs: Tensor) -> Reconstruction:
        """(batch, ...) -> reconstructions."""
        code, divergence = self.code(self.encoder(inputs))
        return Reconstruction(self.head(self.decoder(code)), divergence)

    def code(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (batch, latent) and weighted divergences (batch,) from what the encoder gives (batch, numbers)."""
        return numbers, numbers.new_zeros(len(numbers))


class VariationalAutoencoder(Autoencoder):
    """The encoder gives means and logarithms of variances. Noise comes from the generator of dropout, so that a resumed
    run draws the same; in evaluation the code is the mean."""

    def __init__(self, request: Request) -> None:
        super().__init__(request, numbers=2 * request.point.model.latent)
        self.weight = request.point.model.kl_weight
        self.generator = request.dropout

    def code(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """See `Autoencoder.code`."""
        mean, logarithm = numbers.chunk(2, dim=1)
        divergence = 0.5 * (mean**2 + logarithm.exp() - 1 - logarithm).sum(1)
        if self.training:
            noise = torch.randn(mean.shape, **drawn_from(self.generator), device=mean.device, dtype=mean.dtype)
            mean = mean + noise * (0.5 * logarithm).exp()
        return mean, self.weight * divergence
