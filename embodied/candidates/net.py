"""A trained policy as numbers: what leaves a candidate's process, and all that its judge needs of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from embodied.errors import EmbodiedError

_ACTIVATIONS: dict[str, type[nn.Module]] = {"elu": nn.ELU, "relu": nn.ReLU}
MOST_NUMBERS = 4_000_000


class Net:
    """A fully connected deterministic policy: layers, an activation between them, tanh at the end or not."""

    def __init__(self, layers: Sequence[nn.Linear], activation: str, squash: bool) -> None:
        self.layers, self.activation, self.squash = list(layers), activation, squash

    @torch.no_grad()
    def __call__(self, obs: torch.Tensor) -> torch.Tensor:
        """Actions (N, A) for observations (N, D)."""
        made, x = _ACTIVATIONS[self.activation](), obs
        for i, layer in enumerate(self.layers):
            x = layer(x if i == 0 else made(x))
        return torch.tanh(x) if self.squash else x

    def plain(self) -> dict[str, Any]:
        """For JSON: shapes, and little-endian float32 in base 64."""
        rows = []
        for layer in self.layers:
            numbers = torch.cat([layer.weight.flatten(), layer.bias]).detach().cpu().numpy()
            data = base64.b64encode(numbers.astype("<f4").tobytes()).decode()
            rows.append({"inputs": layer.in_features, "outputs": layer.out_features, "data": data})
        return {"activation": self.activation, "squash": self.squash, "layers": rows}

    @classmethod
    def from_plain(cls, found: Any) -> Net:
        """The policy of `plain`; what a candidate's process sends is checked, not trusted.

        Raises:
            EmbodiedError: it is no policy.
        """
        try:
            layers = [_layer(row) for row in found["layers"]]
            activation, squash = str(found["activation"]), bool(found["squash"])
            fits = all(a.out_features == b.in_features for a, b in pairwise(layers))
            if not layers or not fits or activation not in _ACTIVATIONS:
                raise ValueError("its layers do not fit together")
        except (KeyError, TypeError, ValueError) as error:
            raise EmbodiedError(
                f"The training answered with something that is no policy ({error}); the candidate is lost."
            ) from None
        return cls(layers, activation, squash)

    def check(self, inputs: int, outputs: int) -> None:
        """Raises EmbodiedError unless it maps so many observations to so many actions."""
        if (self.layers[0].in_features, self.layers[-1].out_features) != (inputs, outputs):
            raise EmbodiedError("The training answered with a policy of another task; it is lost.")


def _layer(row: Any) -> nn.Linear:
    inputs, outputs = int(row["inputs"]), int(row["outputs"])
    size = outputs * (inputs + 1)
    if min(inputs, outputs) < 1 or size > MOST_NUMBERS:
        raise ValueError("a layer's size is out of bounds")
    numbers = np.frombuffer(base64.b64decode(str(row["data"]), validate=True), "<f4")
    if numbers.size != size or not np.isfinite(numbers).all():
        raise ValueError("a layer's numbers are not what its size says, or not finite")
    values = torch.from_numpy(numbers.astype(np.float32))
    made = nn.Linear(inputs, outputs)
    with torch.no_grad():
        made.weight.copy_(values[: inputs * outputs].reshape(outputs, inputs))
        made.bias.copy_(values[inputs * outputs :])
    return made
