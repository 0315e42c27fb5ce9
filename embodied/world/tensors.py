"""Tensor code that runs without waiting for the device it runs on.

Reading a GPU's tensor from Python, counting a mask or copying a constant waits until everything asked
for so far is done. Code that is to run on both uses torch's default device (`with torch.device(...)`)
for what it makes, `constant` for what never changes and `Rows` for what happens in some simulations.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any, TypeVar

import torch

T = TypeVar("T")


def constant(values: tuple[float, ...]) -> torch.Tensor:
    """(len(values),) float32 on torch's default device. Made once and shared: never write to it."""
    return _constant(values, torch.get_default_device())


@cache
def _constant(values: tuple[float, ...], device: torch.device) -> torch.Tensor:
    return torch.tensor(values, device=device)


def moved(value: T, device: torch.device) -> T:
    """A tensor, or a dataclass with all its tensors, on the device."""
    return _moved(value, device)


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}
        return dataclasses.replace(
            value, **{name: _moved(part, device) for name, part in parts.items()}
        )
    return value


class Rows:
    """The simulations in which something new begins, for drawing values and for writing them.

    On the CPU these are the M simulations of the mask. Elsewhere counting them would mean waiting, so
    they are all N, values are drawn for all, and `put` writes those of the mask.

    Attributes:
        mask: (N,) bool, the simulations that are written.
        index: (M,) the simulations that values are drawn for.
    """

    def __init__(self, mask: torch.Tensor) -> None:
        self.mask = mask
        self._everywhere = mask.device.type != "cpu"
        self.index = (
            torch.arange(len(mask), device=mask.device)
            if self._everywhere
            else mask.nonzero()[:, 0]
        )

    def __len__(self) -> int:
        return len(self.index)

    def put(
        self, target: torch.Tensor, value: torch.Tensor | float, columns: torch.Tensor | None = None
    ) -> None:
        """Writes value (M, ...) to the mask's rows of target (N, ...), or to columns (C,) of them."""
        if isinstance(value, torch.Tensor):
            value = value.to(target.dtype)
        if not self._everywhere:
            if columns is None:
                target[self.index] = value
            else:
                target[self.index[:, None], columns] = value
            return
        old = target if columns is None else target[:, columns]
        new = torch.where(self.mask.view(-1, *[1] * (old.dim() - 1)), value, old)
        if columns is None:
            target.copy_(new)
        else:
            target[:, columns] = new
