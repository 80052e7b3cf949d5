"""A task of one's own, which our trainer trains with all it has: is the number of ones among some bits odd?

    PYTHONPATH=examples/bring_your_own python -m stepladder_trainer --task=my_task:parity --option bits=6

In an image of yours: COPY my_task.py /opt/stepladder/, and `args: [--task=my_task:parity]` in the study. In a package,
the entry point `parity = "my_task:parity"` in the group `stepladder.tasks` gives it a short name.
"""

import torch

from stepladder_trainer.data import Examples
from stepladder_trainer.models import Shape
from stepladder_trainer.tasks import Request, Task, classification


def parity(request: Request) -> Task:
    """`--option bits=N`; the hyperparameter `label_noise` is the part of the training labels that are wrong."""
    bits = int(request.options.get("bits", 6))
    flips = float(request.point.others.get("label_noise", 0))
    generator = torch.Generator().manual_seed(0)  # never the trial's seed: all trials see the same data
    inputs = torch.randint(0, 2, (3000, bits), generator=generator)
    targets = inputs.sum(1) % 2
    noisy = targets[:2000] ^ (torch.rand(2000, generator=generator) < flips)
    training, validation = Examples(inputs[:2000].float(), noisy), Examples(inputs[2000:].float(), targets[2000:])
    shape = Shape(example=(bits,), outputs=2)
    return Task(training, validation, shape, classification.loss, classification.measure, classes=("even", "odd"))


parity.hyperparameters = ("label_noise",)  # what a study may set besides the trainer's own
