"""Hyperparameters of regularisation and stability."""

from dataclasses import dataclass

from stepladder_trainer.hyperparameters.declaring import number, one_of, whole
from stepladder_trainer.outcomes import ConfigurationError

AVERAGES = ("none", "ema", "polyak")


@dataclass(frozen=True)
class RegularisationHyperparameters:
    """What keeps training from overfitting, or from falling over."""

    label_smoothing: float = number(0.0, "classification only; metrics are measured without it", low=0, below=1)
    gradient_clip: float = number(0.0, "the longest a gradient may be; 0: any", low=0)
    gradient_clip_percentile: float = number(0.0, "the same, as a percentile of the last norms", low=0, below=100)
    gradient_clip_window: int = whole(100, "how many norms the percentile is of", low=10)
    averaging: str = one_of("none", AVERAGES, "which mean of the weights is evaluated in place of the last")
    ema_decay: float = number(0.999, "of averaging ema: what one update leaves of the mean", low=0, below=1)
    averaging_start: int = whole(0, "updates before the mean begins", low=0)

    def __post_init__(self) -> None:
        if self.gradient_clip and self.gradient_clip_percentile:
            raise ConfigurationError("gradient_clip and gradient_clip_percentile both set the limit: give one of them")

    @property
    def clips(self) -> bool:
        """Whether gradients have a limit."""
        return bool(self.gradient_clip or self.gradient_clip_percentile)
