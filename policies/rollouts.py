"""Fresh-start evaluation of a policy on a batched task: deterministic, unbiased, per object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from embodied.tasks.base import Task
from policies.skill import Figure, wilson
from policies.vec_env import TaskVecEnv

Act = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Episodes:
    """Finished episodes, one row each: which simulation, did it succeed, how long it took."""

    rows: np.ndarray
    success: np.ndarray
    lengths: np.ndarray

    def figure(self, chosen: np.ndarray | None = None) -> Figure:
        """Success with its interval, of all episodes or of those where chosen (E,) holds."""
        won = self.success if chosen is None else self.success[chosen]
        return wilson(int(won.sum()), len(won))


def run_episodes(task: Task, act: Act, per_env: int, seed: int) -> Episodes:
    """Runs until every simulation has ended `per_env` episodes.

    Counting the first episodes to end instead would favour short ones, that is, successes.
    """
    env = TaskVecEnv(task, seed=seed, desync=False)
    obs = torch.as_tensor(env.reset())
    counts = np.zeros(task.num_envs, dtype=int)
    rows, success, lengths = [], [], []
    while counts.min() < per_env:
        obs, _, _ = env.step_tensors(act(obs))
        ended = env.ended
        if ended is None:
            continue
        for row, won, length in zip(
            ended.rows.tolist(), ended.success.tolist(), ended.lengths.tolist(), strict=True
        ):
            if counts[row] < per_env:
                rows.append(row), success.append(won), lengths.append(length)
            counts[row] += 1
    return Episodes(np.array(rows), np.array(success), np.array(lengths))
