"""A served model, from any Python program:

from stepladder_trainer.client import Model
Model("http://digits.vision.svc:8080").predict(inputs)
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen


@dataclass(frozen=True)
class Model:
    """The model that is served at `url`. Nothing but Python is needed here."""

    url: str
    timeout: float = 60.0  # seconds

    def predict(self, inputs: Sequence[Any]) -> list[Any]:
        """One prediction for each input: the name of a class, or numbers. NumPy's arrays and PyTorch's tensors are
        inputs too.

        Raises ValueError, with the server's sentence, for inputs that the model cannot read, and OSError if it cannot
        be reached.
        """
        predictions: list[Any] = self.answer(inputs)["predictions"]
        return predictions

    def answer(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """All that the model says: `predictions`, and of a classification `probabilities`. Raises what `predict`
        does."""
        body = json.dumps({"inputs": _plain(inputs)}).encode()
        request = Request(  # noqa: S310  the caller's own URL
            f"{self.url.rstrip('/')}/predict", body, {"Content-Type": "application/json"}
        )
        try:
            with urlopen(request, timeout=self.timeout) as answer:  # noqa: S310  as above
                told: dict[str, Any] = json.load(answer)
                return told
        except HTTPError as error:
            with error:
                if error.code in (400, 413):
                    raise ValueError(json.load(error)["error"]) from None
                raise


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
