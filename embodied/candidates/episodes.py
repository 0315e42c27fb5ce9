"""Episodes on their way into a bank: state views step by step, cut to a few points each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from planners.rewards.funnel import Bank

POINTS = 12  # states kept of an episode: enough to rank it by, small enough for a ledger


def finite(values: np.ndarray) -> np.ndarray:
    """Values of a state view as float32; what a broken simulation left is told as 0."""
    return np.nan_to_num(values, posinf=0.0, neginf=0.0).astype(np.float32)


class Episodes:
    """The first episode of each of so many simulations."""

    def __init__(self, count: int) -> None:
        self._views: list[dict[str, np.ndarray]] = []
        self._ends: list[int] = [0] * count  # steps that the episode had; 0 while it lasts
        self._won = [False] * count

    def note(self, view: Mapping[str, torch.Tensor]) -> None:
        """A state view after a step, (N, size) a signal."""
        self._views.append(
            {name: value.detach().cpu().numpy().copy() for name, value in view.items()}
        )

    def end(self, row: int, won: bool) -> None:
        """The simulation's episode ended with the last state that was noted."""
        if not self._ends[row]:
            self._ends[row], self._won[row] = len(self._views), won

    @property
    def over(self) -> bool:
        """Whether all have ended."""
        return all(self._ends)

    def bank(self) -> Bank:
        """All of them."""
        rows = [
            [self._views[at] for at in np.linspace(0, steps - 1, POINTS).round().astype(int)]
            for steps in self._ends
        ]
        states = {
            name: finite(np.stack([[view[name][i] for view in row] for i, row in enumerate(rows)]))
            for name in self._views[0]
        }
        return Bank(states, np.array(self._won))
