"""Object detection: 11 backbones, 4 detectors and the optimizer's hyperparameters.

The example of Stanford's course CS 329P (2021, lectures on model tuning), with the names of GluonCV's models. The
lecture gives no scale for the weight decay; four powers of ten want a logarithmic one.
"""

from typing import Final

from stepladder.api.study import Categorical, FloatRange, Parameter, Scale

BACKBONES: Final = (  # small to large
    "MobileNetV2_0.25",
    "MobileNetV3_small",
    "MobileNetV3_large",
    "ResNet18_V1b",
    "ResNet34_V1b",
    "ResNet50_V1b",
    "ResNet101_V1b",
    "VGG16_bn",
    "se_ResNext50_32x4d",
    "ResNest50",
    "ResNest200",
)
DETECTORS: Final = ("faster-rcnn", "ssd", "yolo-v3", "center-net")


def parameters(trials: int) -> tuple[Parameter, ...]:
    """All six, whatever the budget."""
    return (
        Parameter(name="backbone", categorical=Categorical(values=BACKBONES)),
        Parameter(name="learning_rate", float_=FloatRange(min=1e-6, max=1e-1, scale=Scale.LOG)),
        Parameter(name="batch_size", categorical=Categorical(values=(8, 16, 32, 64, 128, 256, 512))),
        Parameter(name="momentum", float_=FloatRange(min=0.85, max=0.98)),
        Parameter(name="weight_decay", float_=FloatRange(min=1e-6, max=1e-2, scale=Scale.LOG)),
        Parameter(name="detector", categorical=Categorical(values=DETECTORS)),
    )
