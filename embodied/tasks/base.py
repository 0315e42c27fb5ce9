"""What a skill's MDP is made of. One file per skill holds its reset, observation, terms and success.

A skill's observation and success read only a `State` and a `Goal`, so the same functions serve the
training fixtures (many simulations, goals drawn at reset) and the kitchen (one simulation, the goal
read off the scene). Reset distributions and engines belong to training alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import torch

Term = Callable[..., torch.Tensor]
CONFIRM = 3
"""Control steps in a row that success must hold before it counts (0.12 s)."""


def settle(reward: torch.Tensor, success: torch.Tensor, gamma: float) -> torch.Tensor:
    """Rewards (N,), with those of confirmed successes (N,) as if earned for ever, r / (1 - gamma).

    An episode ends there, and a policy would otherwise put the end off to go on being paid.
    """
    return torch.where(success, reward + reward.clamp_min(0) / (1 - gamma), reward)


@dataclass(frozen=True)
class Goal:
    """What an arm skill is asked to do. All tensors have the simulations first, (N, ...)."""

    index: torch.Tensor
    """(N,) which of the state's objects is meant."""
    half: torch.Tensor
    """(N, 3) half extents of its bounding box, object frame [m]."""
    shape: torch.Tensor
    """(N, 3) one-hot: cylinder, sphere, box."""
    spot: torch.Tensor
    """(N, 3) point of the supporting surface, world [m]: where a pick finds the object, where a
    place leaves it. For a bin it is the centre of the opening."""
    drop: torch.Tensor
    """(N,) bool: the place is a bin, into which things are dropped."""

    def where(self, mask: torch.Tensor, other: Goal) -> Goal:
        """The other's rows where mask (N,) holds, else this goal's."""
        picked = {
            name: torch.where(mask.view(-1, *[1] * (value.dim() - 1)), getattr(other, name), value)
            for name, value in vars(self).items()
        }
        return replace(self, **picked)


SHAPES = ("cylinder", "sphere", "box")


class Task(Protocol):
    """One skill's MDP over N simulations, as the vector environment drives it."""

    name: str
    obs_dim: int
    act_dim: int
    horizon: int
    """Control steps until the time limit."""
    num_envs: int

    def reset(self, mask: torch.Tensor, rng: torch.Generator) -> None:
        """Starts new episodes in the simulations of mask (N,)."""
        ...

    def observe(self) -> torch.Tensor:
        """(N, obs_dim) float32, each feature about within [-3, 3]."""
        ...

    def step(self, action: torch.Tensor) -> None:
        """Carries out action (N, act_dim) in [-1, 1] for one control step."""
        ...

    def rewards(self) -> Mapping[str, torch.Tensor]:
        """The named terms of the last step's reward, weighted, each (N,)."""
        ...

    def success(self) -> torch.Tensor:
        """(N,) bool: the skill is complete and at rest."""
        ...

    def failure(self) -> torch.Tensor:
        """(N,) bool: the skill can no longer succeed."""
        ...

    def labels(self) -> Mapping[str, list[str]]:
        """Per group, one label per simulation: what success is reported by."""
        ...
