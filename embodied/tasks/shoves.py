"""Somebody else's hand on the drawer: it moves the drawer to where it is not wanted, as strong as an arm.

Trainings meet it so that a skill learns to go back and begin anew; measurements of what a skill bears
(`policies.disturb`) use the same force.
"""

from __future__ import annotations

import torch

from embodied.world.engine import BatchEngine
from embodied.world.scene import DRAWER
from embodied.world.tensors import Rows

SPEED, PULL = 0.4, 120.0  # m/s, N per m/s that it is slower
STEPS = 50  # control steps that moving it takes at most
THERE = 0.015  # m, a drawer this close to where it was to be moved is let go
_DELAY = 8  # control steps up to which one waits after the skill has moved the drawer
_WITHIN = (0.15, 0.85)  # of the travel: where it is moved to
_NEVER = -1


def pull(engine: BatchEngine, left: torch.Tensor, now: torch.Tensor) -> None:
    """Forces on the drawers for the next control step, none where not now (N,) bool.

    left: (N,) how far each is still to go, outwards positive [m].
    """
    dof = int(engine.model.joint(DRAWER).dofadr[0])
    wanted = (5 * left).clamp(-SPEED, SPEED)
    applied = engine.field("qfrc_applied")
    force = PULL * (wanted - engine.field("qvel")[:, dof].float()) * now
    applied[:, dof] = force.to(applied.dtype)


class Shoves:
    """Moves drawers back part of their way, once in an episode, soon after the skill has moved them.

    Args:
        share: of the episodes in which it happens; with 0 nothing is drawn and nothing done.
    """

    def __init__(self, engine: BatchEngine, share: float) -> None:
        n = engine.nsim
        self._engine, self._share = engine, share
        self._wait = torch.full((n,), _NEVER)
        """(N,) control steps until it begins; 0 while it goes on."""
        self._steps, self._to = torch.zeros(n, dtype=torch.long), torch.zeros(n)
        self.happened = torch.zeros(n, dtype=torch.bool)
        """(N,) whether it has begun in this episode."""

    def begin(self, rows: Rows, rng: torch.Generator) -> None:
        """New draws for the simulations of rows."""
        if not self._share:
            return
        unit, (low, high) = torch.rand(3, len(rows), generator=rng), _WITHIN
        wait = 1 + (unit[1] * _DELAY).long()
        rows.put(self._wait, torch.where(unit[0] < self._share, wait, _NEVER))
        rows.put(self._steps, STEPS), rows.put(self.happened, False)
        rows.put(self._to, low + (high - low) * unit[2])

    def step(self, done: torch.Tensor, drawer: torch.Tensor, travel: torch.Tensor) -> None:
        """Forces for the next control step.

        Args:
            done: (N,) bool, the drawer is where it was wanted.
            drawer, travel: (N,) how far it is out and how far it goes [m].
        """
        if not self._share:
            return
        self._wait -= ((self._wait > 0) & done).long()
        left = self._to * travel - drawer
        now = (self._wait == 0) & (self._steps > 0) & (left.abs() > THERE)
        self._wait.masked_fill_((self._wait == 0) & ~now, _NEVER)
        self._steps -= now.long()
        self.happened |= now
        pull(self._engine, left, now)
