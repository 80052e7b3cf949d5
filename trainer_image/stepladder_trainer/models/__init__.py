"""Model families, each indexed by its hyperparameters, with every random number drawn from the trial's seed.

`catalog.MODELS` has their names; a family is a function from a `Request` to a module. Ours have a `head`, the last
layer, and before it what a task shares with others.
"""

import torch
from torch import nn

from stepladder_trainer.models.freezing import freeze
from stepladder_trainer.models.initialisation import initialise
from stepladder_trainer.models.request import Request
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.registry import function, model_entry

__all__ = ["Request", "Shape", "build"]


def build(request: Request, initialisation: torch.Generator) -> nn.Module:
    """The model that `request.point` names, initialised, and frozen where asked. Raises ConfigurationError if there is
    none of that name, or it cannot learn examples of this shape."""
    name = request.point.model.name
    source = model_entry(name).source
    torch.manual_seed(initialisation.initial_seed())  # other people's modules draw from the global generator
    model = function(source)(request)
    if not isinstance(model, nn.Module):
        raise ConfigurationError(f"model {name} must return a torch.nn.Module, not a {type(model).__name__}")
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ConfigurationError(f"model {name} has no weights to train: give it some, with requires_grad")
    if source.startswith(f"{__name__}."):
        initialise(model, initialisation)  # others know their own start, which may be a pretrained one
    freeze(model, request.point.model.freeze)
    return model.train()  # pretrained ones come as for evaluation, and would wake only after the first
