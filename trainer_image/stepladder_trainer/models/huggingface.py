"""Models of Hugging Face's transformers, from a folder or a repository, as models of ours."""

import logging
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stepladder_trainer.catalog import HUGGING_FACE
from stepladder_trainer.models.request import Request
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.outcomes import ConfigurationError

WEIGHTS = ("*.safetensors", "*.bin")

logger = logging.getLogger(__name__)


def huggingface(request: Request) -> nn.Module:
    """The model that `model: huggingface:FOLDER` or `huggingface:REPOSITORY` names: of images a classifier, of tokens a
    causal language model, or a classifier of each where the outputs are not the vocabulary.

    Pretrained weights stay, but for a head of another size, which is drawn from the trial's seed, as are all weights of
    a folder with nothing but a config.json. Width, layers and dropout are the configuration's. Only what is there
    already is used, unless HF_HUB_OFFLINE=0 is set. Raises ConfigurationError if the extra is not installed, nothing is
    found, or the model cannot take the task's examples.
    """
    name = request.point.model.name.removeprefix(HUGGING_FACE)
    offline = os.environ.setdefault("HF_HUB_OFFLINE", "1") != "0"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import transformers
    except ImportError as error:
        raise ConfigurationError(
            f"model {request.point.model.name} needs an extra: pip install 'stepladder-trainer[huggingface]'"
        ) from error
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # its own lack
    kind, changes = _wanted(transformers, request.shape)
    try:
        configuration = transformers.AutoConfig.from_pretrained(name, local_files_only=offline, **changes)
        if Path(name).is_dir() and not any(any(Path(name).glob(pattern)) for pattern in WEIGHTS):
            _of_the_task(configuration, request.shape)
            model = kind.from_config(configuration, dtype=torch.float32)
            logger.info("%s has no weights: they are drawn from the trial's seed", name)
        else:
            model = kind.from_pretrained(
                name,
                config=configuration,
                local_files_only=offline,
                ignore_mismatched_sizes=True,
                dtype=torch.float32,  # whatever they were saved in, they are trained in this
            )
    except (OSError, ValueError) as error:
        advice = "or set HF_HUB_OFFLINE=0 to let it be downloaded" if offline else "or check the name and the network"
        raise ConfigurationError(
            f"the Hugging Face model {name} cannot be loaded ({_first_line(error)}): put it into a folder, {advice}"
        ) from error
    _check(name, model.config, request.shape)
    return Adapted(model, request)


class Adapted(nn.Module):
    """Takes what our tasks give, returns the logits alone.

    Its dropout draws from the global generator, which is therefore seeded before every forward pass in training, from
    the generator of our own dropout, and put back afterwards: a step drops the same in a resumed run.
    """

    def __init__(self, model: nn.Module, request: Request) -> None:
        super().__init__()
        self.model = model
        self.outputs = request.shape.outputs
        self.generator = request.dropout

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, ...) -> (batch, outputs), or (batch, length, outputs) of tokens."""
        if not self.training:
            return self._logits(inputs)
        seed = torch.randint(2**62, (), generator=self.generator, device=self.generator.device)
        with torch.random.fork_rng([inputs.device] if inputs.is_cuda else []):
            torch.manual_seed(int(seed))
            return self._logits(inputs)

    def initialise(self, generator: torch.Generator) -> None:
        """It has its start already: pretrained, or drawn as it was made."""

    def _logits(self, inputs: Tensor) -> Tensor:
        if inputs.is_floating_point():
            logits: Tensor = self.model(pixel_values=_fitted(inputs, self.model.config)).logits
        else:
            logits = self.model(input_ids=inputs, use_cache=False).logits
        return logits[..., : self.outputs]  # a pretrained vocabulary may be larger than the task's


def _wanted(transformers: Any, shape: Shape) -> tuple[Any, dict[str, Any]]:
    """The Auto class, and what to change in a configuration."""
    if shape.vocabulary and shape.outputs == shape.vocabulary:
        return transformers.AutoModelForCausalLM, {}
    if shape.vocabulary:
        return transformers.AutoModelForTokenClassification, {"num_labels": shape.outputs}
    shape.image("huggingface")
    return transformers.AutoModelForImageClassification, {"num_labels": shape.outputs}


def _of_the_task(configuration: Any, shape: Shape) -> None:
    """Without pretrained weights nothing holds the configuration to another vocabulary or other images."""
    if shape.vocabulary:
        configuration.vocab_size = shape.vocabulary
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            setattr(configuration, name, None)
    else:
        configuration.num_channels = shape.example[0]


def _check(name: str, configuration: Any, shape: Shape) -> None:
    longest = getattr(configuration, "max_position_embeddings", None)
    if shape.vocabulary and longest is not None and longest < shape.example[0]:
        raise ConfigurationError(
            f"{name} reads at most {longest} tokens, and the task's examples have {shape.example[0]}"
        )
    if shape.vocabulary and configuration.vocab_size < shape.vocabulary:
        raise ConfigurationError(
            f"{name} knows {configuration.vocab_size} tokens, and the task has {shape.vocabulary}: use its tokenizer"
        )
    channels = getattr(configuration, "num_channels", None)
    if not shape.vocabulary and channels is not None and shape.example[0] not in (1, channels):
        raise ConfigurationError(f"{name} reads images of {channels} channels, and the task's have {shape.example[0]}")


def _fitted(images: Tensor, configuration: Any) -> Tensor:
    """Images (batch, channels, height, width) with as many channels and pixels as the model was made for."""
    channels, size = (getattr(configuration, key, None) for key in ("num_channels", "image_size"))
    if channels is not None and images.shape[1] != channels:
        images = images.expand(-1, channels, -1, -1)
    if size is not None:
        height, width = size if isinstance(size, list | tuple) else (size, size)
        if images.shape[2:] != (height, width):
            images = functional.interpolate(images, (height, width), mode="bilinear", antialias=True)
    return images


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0].rstrip(".")
