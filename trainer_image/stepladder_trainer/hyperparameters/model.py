"""Hyperparameters of the model: which family, and which of its members."""

from dataclasses import dataclass

from stepladder_trainer.hyperparameters.declaring import number, one_of, switch, text, whole

NORMALISATIONS = ("auto", "none", "batch", "ghost", "layer", "group")
RESIDUAL_STARTS = ("zero", "rezero", "plain")


@dataclass(frozen=True)
class ModelHyperparameters:
    """A family of models is indexed by these; each uses those that mean something to it."""

    name: str = text("mlp", "the family, or module:function; by default the task's first", known_as="model")
    width: int = whole(64, "units of a hidden layer, channels of a convolution, size of a token", low=1)
    layers: int = whole(2, "hidden layers, convolutions, blocks of a transformer or of each stage of a resnet", low=0)
    dropout: float = number(0.0, "part of the units that a training step drops", low=0, below=1)
    normalisation: str = one_of(
        "auto", NORMALISATIONS, "of activations; auto: ghost in a resnet, layer in a transformer, none elsewhere"
    )
    virtual_batch_size: int = whole(64, "of ghost: examples that are normalised together", low=2)
    normalisation_groups: int = whole(8, "of group: groups of channels; must divide their number", low=1)
    residual_start: str = one_of(
        "zero", RESIDUAL_STARTS, "resnet and transformer: how a branch begins; plain: as any other layers"
    )
    heads: int = whole(4, "of attention; must divide the width", low=1)
    patch_size: int = whole(0, "of a transformer on images, in pixels; 0: a quarter of the side, at most 16", low=0)
    tied_embeddings: bool = switch("the output layer of a language model is its embedding, transposed", default=True)
    latent: int = whole(8, "units of the code of an autoencoder", low=1)
    kl_weight: float = number(1.0, "vae: weight of the divergence in the loss", low=0)
    freeze: str = text("none", "modules that are not trained: names or globs with commas between, or `all but ...`")
