"""Rollouts of a frozen policy from far more kinds of start than it was trained on.

A success head can only tell what it has seen fail. So starts include what no skill could do: the
object across the room, in a shut drawer, absent, the gripper full. Every start is held still for a
moment first, so that what the head reads is a state that the physics agrees with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from embodied.tasks.base import CONFIRM
from policies.rollouts import Act

SETTLE = 6  # control steps that a start is held still before it is read (0.24 s)


@dataclass(frozen=True)
class Dataset:
    """E rollouts: what was read at the start, and whether the skill succeeded from there."""

    features: torch.Tensor
    """(E, F) float32."""
    success: torch.Tensor
    """(E,) bool."""
    kind: torch.Tensor
    """(E,) index into `kinds`."""
    kinds: tuple[str, ...]
    """What kinds of start there are, in words."""

    def __len__(self) -> int:
        return len(self.success)

    def rows(self, index: torch.Tensor) -> Dataset:
        """The rollouts of an index (M,)."""
        return Dataset(self.features[index], self.success[index], self.kind[index], self.kinds)

    @classmethod
    def join(cls, parts: Sequence[Dataset]) -> Dataset:
        """All rollouts of parts with the same kinds."""
        return cls(
            torch.cat([part.features for part in parts]),
            torch.cat([part.success for part in parts]),
            torch.cat([part.kind for part in parts]),
            parts[0].kinds,
        )


class Starts(Protocol):
    """A batched task with a wide reset distribution, as `roll_out` drives it."""

    num_envs: int
    horizon: int
    kinds: tuple[str, ...]
    kind: torch.Tensor
    """(N,) the kind of start of each simulation now."""

    def reset(self, mask: torch.Tensor, rng: torch.Generator) -> None:
        """New starts in the simulations of mask (N,)."""
        ...

    def observe(self) -> torch.Tensor:
        """(N, obs_dim) the policy's observation."""
        ...

    def step(self, action: torch.Tensor, still: torch.Tensor) -> None:
        """One control step; where still (N,) holds, the robot is held as it is instead."""
        ...

    def begin(self, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Reads settled starts: features (N, F), and whether a success would count (N,) bool."""
        ...

    def success(self) -> torch.Tensor:
        """(N,) bool, as of the task."""
        ...

    def failure(self) -> torch.Tensor:
        """(N,) bool, as of the task."""
        ...


def roll_out(starts: Starts, act: Act, per_env: int, seed: int) -> Dataset:
    """Runs until every simulation has ended `per_env` rollouts: to success, failure or time limit.

    A start from which a success would not count is recorded as a failure without being run.
    """
    n, rng = starts.num_envs, torch.Generator().manual_seed(seed)
    everyone = torch.ones(n, dtype=torch.bool)
    starts.reset(everyone, rng)
    age, confirmed = torch.zeros(n, dtype=torch.long), torch.zeros(n, dtype=torch.long)
    counts, features = torch.zeros(n, dtype=torch.long), torch.zeros(n, 0)
    parts = []
    while int(counts.min()) < per_env:
        starts.step(act(starts.observe()), age < SETTLE)
        age += 1
        begun, running = age == SETTLE, age > SETTLE
        over = torch.zeros(n, dtype=torch.bool)
        if bool(begun.any()):
            read, counts_for = starts.begin(begun)
            features = torch.where(begun[:, None], read, features if features.numel() else read)
            over = begun & ~counts_for
        confirmed = torch.where(running & starts.success(), confirmed + 1, 0)
        won = confirmed >= CONFIRM
        over |= won | (running & starts.failure()) | (age >= SETTLE + starts.horizon)
        if not bool(over.any()):
            continue
        kept = over & (counts < per_env)
        parts.append(Dataset(features[kept], won[kept], starts.kind[kept].clone(), starts.kinds))
        counts += over.long()
        starts.reset(over, rng)
        age[over], confirmed[over] = 0, 0
    return Dataset.join(parts)
