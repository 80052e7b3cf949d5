"""The two parts of a plain network."""

from torch import nn


class Network(nn.Sequential):
    """`body`, then `head`: names that `freeze` and transfer go by."""

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.add_module("body", body)
        self.add_module("head", head)
