"""A Lightning module on Stepladder's ladder: handwritten digits, with dropout, so that exact resuming has something to
keep. `python train.py` still runs alone, and then nothing is saved.

Needs `pip install stepladder-trainer[lightning]`.
"""

import lightning
import torch
from sklearn.datasets import load_digits
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from stepladder_trainer import sdk
from stepladder_trainer.integrations.lightning import Batches, StepladderCallback


class Digits(lightning.LightningModule):
    """Two layers and a learning rate."""

    def __init__(self, width: int, learning_rate: float) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(width, 10)
        )

    def training_step(self, batch):
        """The loss of a batch."""
        images, labels = batch
        return functional.cross_entropy(self.layers(images), labels)

    def validation_step(self, batch):
        """What is logged as val... is reported."""
        images, labels = batch
        wrong = (self.layers(images).argmax(dim=1) != labels).float().mean()
        self.log("validation_error", wrong)

    def configure_optimizers(self):
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)


digits = load_digits()
images, labels = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
training, validation = TensorDataset(images[:1400], labels[:1400]), TensorDataset(images[1400:], labels[1400:])

with sdk.trial(target_steps=500) as trial:
    torch.set_num_threads(1)
    lightning.seed_everything(trial.seed)
    model = Digits(int(trial.parameters.get("width", 32)), float(trial.parameters.get("learning_rate", 0.003)))
    ladder = StepladderCallback(trial, evaluate_every=100)
    trainer = lightning.Trainer(
        callbacks=[ladder], **ladder.settings, accelerator="auto", logger=False, enable_progress_bar=False
    )
    batches = DataLoader(training, batch_sampler=Batches(trial, len(training), batch_size=64))
    ladder.fit(trainer, model, batches, DataLoader(validation, batch_size=512))
