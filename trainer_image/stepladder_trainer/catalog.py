"""What our own trainer can train, known without importing PyTorch, so that a wrong name is refused at once.

An entry names where its code is; `registry` imports it when it is used, and knows what others have added.
"""

from dataclasses import dataclass

OPTIMIZERS = (
    "sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "nadam", "adamw", "nadamw", "adam8p",
)  # fmt: skip
UPDATE_RULES = ("playbook", "pytorch")
AUGMENTATIONS = ("flip", "shift", "rotate", "cutout", "noise", "mixup")
SCHEDULES = (
    "constant", "linear", "cosine", "piecewise", "exponential", "cosine_restarts", "triangular", "triangular2",
    "exp_range", "reduce_on_plateau",
)  # fmt: skip

HUGGING_FACE = "huggingface:"  # and a folder or a repository


@dataclass(frozen=True)
class TaskEntry:
    """A task. `models`: the families that can learn it, the default first; none means that all may be tried.
    `reads_data`: whether it looks at --data."""

    source: str  # module:attribute, a function from tasks.Request to tasks.Task
    summary: str
    models: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ("validation_error", "validation_loss")
    reads_data: bool = False


@dataclass(frozen=True)
class ModelEntry:
    """A family of models."""

    source: str  # module:attribute, a function from models.Request to a torch.nn.Module
    summary: str


IMAGES = ("cnn", "mlp", "resnet", "transformer")

TASKS = {
    "digits": TaskEntry(
        "stepladder_trainer.tasks.tabular:digits",
        "8x8 images of handwritten digits, 10 classes, 1438 for training",
        ("mlp", "cnn", "resnet", "transformer"),
    ),
    "breast_cancer": TaskEntry(
        "stepladder_trainer.tasks.tabular:breast_cancer",
        "30 measurements of cell nuclei, 2 classes, 456 for training",
        ("mlp", "transformer"),
    ),
    "diabetes": TaskEntry(
        "stepladder_trainer.tasks.tabular:diabetes",
        "10 measurements of patients, regression, 354 for training",
        ("mlp", "transformer"),
    ),
    "digits_autoencoding": TaskEntry(
        "stepladder_trainer.tasks.autoencoding:digits",
        "the same images, to be reconstructed from a code of a few numbers",
        ("autoencoder", "vae", "mlp"),
    ),
    "wine": TaskEntry(
        "stepladder_trainer.tasks.tabular:wine",
        "13 measurements of wines, 3 classes, 143 for training",
        ("mlp", "transformer"),
    ),
    "iris": TaskEntry(
        "stepladder_trainer.tasks.tabular:iris",
        "4 measurements of flowers, 3 classes, 120 for training",
        ("mlp", "transformer"),
    ),
    "linnerud": TaskEntry(
        "stepladder_trainer.tasks.tabular:linnerud",
        "3 exercises, regression of 3 measurements of the body, 16 for training",
        ("mlp", "transformer"),
    ),
    "table": TaskEntry(
        "stepladder_trainer.tasks.table:table",
        "any CSV file, --option target=COLUMN",
        ("mlp", "transformer"),
        reads_data=True,
    ),
    "image_folder": TaskEntry(
        "stepladder_trainer.tasks.image_folder:image_folder",
        "a folder with a folder of images for each class, or train and val of that kind",
        IMAGES,
        reads_data=True,
    ),
    "torchvision": TaskEntry(
        "stepladder_trainer.tasks.vision:torchvision",
        "any of torchvision's data sets, --option dataset=CIFAR10",
        IMAGES,
        reads_data=True,
    ),
    "text": TaskEntry(
        "stepladder_trainer.tasks.text:text",
        "any text file, --option tokens=characters or words",
        ("transformer", "rnn"),
        ("validation_error", "validation_loss", "validation_perplexity"),
        reads_data=True,
    ),
    "linear_regression": TaskEntry(
        "stepladder_trainer.tasks.synthetic:linear_regression",
        "a linear function of 8 inputs with noise",
        ("mlp",),
    ),
    "spiral": TaskEntry("stepladder_trainer.tasks.synthetic:spiral", "two spirals, 2 classes", ("mlp",)),
    "quartic": TaskEntry(
        "stepladder_trainer.tasks.synthetic:quartic",
        "steep where it starts: unstable above 0.2 unless a warmup or clipping comes first",
        ("corner",),
    ),
    "quadratic": TaskEntry(
        "stepladder_trainer.tasks.quadratic:quadratic",
        "a noisy bowl in 8 dimensions with curvatures 1 to 10: unstable above 0.2",
        ("point",),
    ),
}

MODELS = {
    "mlp": ModelEntry("stepladder_trainer.models.mlp:mlp", "fully connected layers with ReLU"),
    "cnn": ModelEntry("stepladder_trainer.models.cnn:cnn", "3x3 convolutions, the first two followed by pooling"),
    "resnet": ModelEntry("stepladder_trainer.models.resnet:resnet", "residual blocks with pre-activation, in stages"),
    "transformer": ModelEntry(
        "stepladder_trainer.models.transformer:transformer",
        "a decoder for language; an encoder for patches of images, rows, and tables",
    ),
    "rnn": ModelEntry("stepladder_trainer.models.rnn:rnn", "LSTM layers over words or rows"),
    "autoencoder": ModelEntry("stepladder_trainer.models.autoencoder:autoencoder", "an MLP to a narrow code and back"),
    "vae": ModelEntry("stepladder_trainer.models.autoencoder:vae", "the same with a code that is drawn in training"),
    "corner": ModelEntry("stepladder_trainer.models.point:corner", "the same from (1, ..., 1), whatever the seed"),
    "point": ModelEntry("stepladder_trainer.models.point:point", "a position, for the synthetic tasks"),
}
