"""What is noted of a reward's terms and of success while a candidate trains: about ten points of each."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from planners.rewards.job import POINTS
from planners.rewards.problems import ProgramError
from planners.rewards.program import Compiled

LARGE = 1e6
_KEPT = 64  # values per step and term that saturation is told from


class Book:
    """Evaluates a program on views and notes its terms. steps: environment steps of the whole training."""

    def __init__(self, compiled: Compiled, steps: int) -> None:
        self.compiled, self.steps, self.taken = compiled, steps, 0
        self.names = [term.name for term in compiled.program.terms]
        self.success: list[tuple[int, float]] = []
        self.rows: list[torch.Tensor] = []  # per point (5, terms): max, mean, min, share, saturated
        self._values: list[torch.Tensor] = []
        self._sums = torch.zeros(4, len(self.names))  # sum, sum of sizes, max, min
        self._count, self._ended, self._won = 0, 0, 0
        self._begin()

    def _begin(self) -> None:
        self._values, self._count, self._ended, self._won = [], 0, 0, 0
        self._sums.zero_()
        self._sums[2], self._sums[3] = -torch.inf, torch.inf

    def rewards(self, view: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The weighted terms of a step, (N,) each.

        Raises:
            ProgramError: a term fails, or is not finite in a state that the training reached.
        """
        terms = self.compiled.weighted(view)
        known = torch.stack([value.isfinite().all(-1) for value in view.values()]).all(0)
        if not bool(known.all()):  # a simulation broke; that is not the program's fault
            terms = {name: value.masked_fill(~known, 0.0) for name, value in terms.items()}
        values = torch.stack([terms[name] for name in self.names])  # (terms, N)
        if not bool((values.abs() <= LARGE).all()):  # NaN compares false
            bad = self.names[int((~(values.abs() <= LARGE)).any(1).nonzero()[0])]
            text = "It was NaN or beyond 1e6 in a state that the training reached; clip what it divides by."
            raise ProgramError("not finite", bad, 0, text)
        sums = self._sums
        sums[0] += values.sum(1)
        sums[1] += values.abs().sum(1)
        torch.maximum(sums[2], values.amax(1), out=sums[2])
        torch.minimum(sums[3], values.amin(1), out=sums[3])
        self._values.append(values[:, :: max(1, values.shape[1] // _KEPT)])
        self._count += values.shape[1]
        self.taken += values.shape[1]
        return terms

    def episodes(self, ended: int, won: int) -> None:
        """Notes finished episodes."""
        self._ended, self._won = self._ended + ended, self._won + won

    def maybe_turn(self) -> None:
        """Ends a point when its share of the steps has been taken."""
        if self.taken >= self.steps * (len(self.rows) + 1) / POINTS:
            self.turn()

    def turn(self) -> None:
        """Ends a point, if anything was noted since the last one."""
        if not self._count:
            return
        sums = self._sums
        share = sums[1] / sums[1].sum().clamp_min(1e-12)
        values = torch.cat(self._values, 1)
        span = (sums[2] - sums[3])[:, None]
        ends = (values <= sums[3][:, None] + 0.01 * span) | (
            values >= sums[2][:, None] - 0.01 * span
        )
        rows = (sums[2], sums[0] / self._count, sums[3], share, ends.float().mean(1))
        self.rows.append(torch.stack(rows))
        if self._ended:
            self.success.append((self.taken, self._won / self._ended))
        self._begin()

    def stats(self) -> dict[str, dict[str, list[float]]]:
        """As of `Outcome.stats`."""
        keys = ("max", "mean", "min", "share", "saturated")
        return {
            name: {key: [float(row[k, i]) for row in self.rows] for k, key in enumerate(keys)}
            for i, name in enumerate(self.names)
        }
