"""Hugging Face's Trainer on Stepladder's ladder: a small BERT of its own, which learns to tell from a string of letters
which of two it holds more often. `python train.py` still runs alone, and then nothing is saved.

Needs `pip install stepladder-trainer[huggingface] accelerate`.
"""

import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from stepladder_trainer import sdk
from stepladder_trainer.integrations.huggingface import StepladderCallback


class Letters(Dataset):
    """Strings of 16 letters; the label says whether the first letter is more frequent than the second."""

    def __init__(self, examples: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.letters = torch.randint(0, 4, (examples, 16), generator=generator)
        self.labels = ((self.letters == 0).sum(1) > (self.letters == 1).sum(1)).long()

    def __len__(self) -> int:
        return len(self.letters)

    def __getitem__(self, index: int) -> dict:
        return {"input_ids": self.letters[index], "labels": self.labels[index]}


def measured(predictions) -> dict:
    """What an evaluation tells of the logits; Trainer puts eval_ before the names."""
    return {"error": float((predictions.predictions.argmax(-1) != predictions.label_ids).mean())}


with sdk.trial(target_steps=300) as trial:
    torch.set_num_threads(1)
    torch.manual_seed(trial.seed)
    config = BertConfig(
        vocab_size=4, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, num_labels=2
    )
    ladder = StepladderCallback(trial, evaluate_every=100)
    trainer = Trainer(
        BertForSequenceClassification(config),
        TrainingArguments(
            **ladder.settings,
            per_device_train_batch_size=16,
            learning_rate=float(trial.parameters.get("learning_rate", 3e-3)),
            logging_steps=10,
            disable_tqdm=True,
        ),
        train_dataset=Letters(2000, seed=0),
        eval_dataset=Letters(500, seed=1),
        compute_metrics=measured,
        callbacks=[ladder],
    )
    ladder.train(trainer)
