"""A Stable-Baselines3 vector environment over one batched task. No subprocesses: the engine has threads."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv

from embodied.tasks.base import CONFIRM, Task, settle
from embodied.world.faults import Fault, Watch
from embodied.world.tensors import Rows


@dataclass
class Ended:
    """The episodes that ended in a step. Rows (M,) index the simulations; final_obs (M, obs_dim).

    On a GPU, where counting would mean waiting, there is a row for every simulation, M = N.
    """

    rows: torch.Tensor
    over: torch.Tensor
    """(M,) bool: whether the row's episode has ended; all, on the CPU."""
    success: torch.Tensor
    truncated: torch.Tensor
    returns: torch.Tensor
    lengths: torch.Tensor
    final_obs: torch.Tensor


class TaskVecEnv(VecEnv):
    """Episodes of a `Task` with automatic reset.

    A success ends its episode with the reward it would have earned for ever, r / (1 - gamma): a
    bootstrapped value would feed on itself there. Rewards are scaled by `scale`.

    Everything is computed on the device of the task's engine, on a GPU without waiting for it.

    Args:
        task: the batched MDP; its simulations are this environment's copies.
        gamma: the learner's discount.
        desync: start with random elapsed times, so that time limits do not fall together.
    """

    def __init__(
        self,
        task: Task,
        seed: int = 0,
        gamma: float = 0.95,
        scale: float = 0.1,
        desync: bool = True,
    ) -> None:
        self.render_mode = None  # SB3 asks for it while constructing
        low = np.full(task.obs_dim, -np.inf, np.float32)
        actions = gym.spaces.Box(-1.0, 1.0, (task.act_dim,), np.float32)
        super().__init__(task.num_envs, gym.spaces.Box(low, -low, dtype=np.float32), actions)
        self.task, self.gamma, self.scale = task, gamma, scale
        engine = getattr(task, "engine", None)  # a task may do without physics
        self.device = torch.device("cpu") if engine is None else engine.device
        self.rng = torch.Generator(_generator(self.device)).manual_seed(seed)
        self.ended: Ended | None = None
        self._terms: Mapping[str, torch.Tensor] = {}
        n = task.num_envs
        self.watch = None if engine is None else Watch(engine)
        self.on_fault: Callable[[Fault], None] = _mention
        with self.on_device():
            self._broken = torch.zeros(n, dtype=torch.bool)
            self._confirmed = torch.zeros(n, dtype=torch.long)
            self._length = torch.zeros(n, dtype=torch.long)
            self._return = torch.zeros(n)
            self._actions = torch.zeros(n, task.act_dim)
        self._desync = desync

    def on_device(self) -> AbstractContextManager[Any]:
        """Makes the task's device torch's default."""
        return nullcontext() if self.device.type == "cpu" else self.device

    def reset(self) -> np.ndarray:
        """Starts new episodes everywhere; returns observations (N, obs_dim)."""
        with self.on_device():
            everyone = torch.ones(self.num_envs, dtype=torch.bool)
            self.task.reset(everyone, self.rng)
            self._confirmed.zero_(), self._length.zero_(), self._return.zero_()
            if self._desync:
                n = (self.num_envs,)
                self._length += torch.randint(self.task.horizon, n, generator=self.rng)
            return self.task.observe().cpu().numpy()

    def step_async(self, actions: np.ndarray) -> None:
        """Keeps the actions (N, act_dim) for `step_wait`."""
        self._actions = torch.as_tensor(actions, dtype=torch.float32, device=self.device)

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Steps all simulations; see `VecEnv.step_wait`. For stock SB3; ours uses `step_tensors`."""
        obs, reward, done = self.step_tensors(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if self.ended is not None:
            self._describe(infos, self.ended)
        return obs.cpu().numpy(), reward.cpu().numpy(), done.cpu().numpy(), infos

    def step_tensors(
        self, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Steps all simulations; those whose episode ended begin anew.

        Args:
            actions: (N, act_dim).
        Returns:
            observations (N, obs_dim), scaled rewards (N,), done (N,) bool. `self.ended` tells of
            finished episodes, and is None when there are none.
        """
        with self.on_device():
            return self._step(actions)

    def _step(self, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        task, broken = self.task, self._advance(actions)
        terms = task.rewards()
        reward = torch.stack(list(terms.values())).sum(0).masked_fill(broken, 0.0)
        self._confirmed = torch.where(task.success() & ~broken, self._confirmed + 1, 0)
        success = self._confirmed >= CONFIRM
        failure = (task.failure() | broken) & ~success
        self._length += 1
        self._return += reward
        truncated = (self._length >= task.horizon) & ~success & ~failure
        done = success | failure | truncated
        reward = settle(reward, success, self.gamma) * self.scale
        self._terms = terms
        obs, self.ended = task.observe().masked_fill(broken[:, None], 0.0), None
        if self.device.type != "cpu" or bool(done.any()):
            self.ended = self._finish(Rows(done), success, truncated, obs)
            obs = task.observe()
        return obs, reward, done

    def _advance(self, actions: torch.Tensor) -> torch.Tensor:
        """Steps the task; returns which simulations (N,) broke in it. On the CPU they are told of at
        once; on a GPU `tell_faults` does it, with the first one since it was last called."""
        if self.watch is None:
            self.task.step(actions)
            return self._broken
        self.watch.begin()
        self.task.step(actions)
        broken = self.watch.broken()
        if self.device.type == "cpu":
            for row in broken.nonzero()[:, 0].tolist():
                self.on_fault(self.watch.fault(row))
        else:
            self.watch.keep(broken)
        return broken

    def tell_faults(self) -> None:
        """Tells `on_fault` of what broke on a GPU. Waits for it."""
        if self.watch is not None and (fault := self.watch.kept()) is not None:
            self.on_fault(fault)

    @property
    def term_means(self) -> dict[str, float]:
        """Means of the last step's reward terms."""
        if not self._terms:
            return {}
        means = torch.stack([value.nanmean() for value in self._terms.values()]).tolist()
        return dict(zip(self._terms, means, strict=True))

    def _finish(
        self, done: Rows, success: torch.Tensor, truncated: torch.Tensor, obs: torch.Tensor
    ) -> Ended:
        rows = done.index
        ended = Ended(
            rows=rows,
            over=done.mask[rows],
            success=success[rows],
            truncated=truncated[rows],
            returns=self._return[rows],
            lengths=self._length[rows],
            final_obs=obs[rows],
        )
        self.task.reset(done.mask, self.rng)
        for counter in (self._confirmed, self._length, self._return):
            done.put(counter, 0)
        return ended

    @staticmethod
    def _describe(infos: list[dict[str, Any]], ended: Ended) -> None:
        for i in ended.over.nonzero()[:, 0].tolist():
            infos[int(ended.rows[i])] = {
                "episode": {"r": float(ended.returns[i]), "l": int(ended.lengths[i]), "t": 0.0},
                "is_success": bool(ended.success[i]),
                "TimeLimit.truncated": bool(ended.truncated[i]),
                "terminal_observation": ended.final_obs[i].cpu().numpy(),
            }

    def close(self) -> None:
        """Nothing to close: the engine ends with its last reference."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The attribute, once per index."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Sets the attribute; all copies share it."""
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any
    ) -> list[Any]:
        """Calls the method once; all copies share it."""
        return [getattr(self, method_name)(*args, **kwargs)] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: Any = None) -> list[bool]:
        """Never wrapped."""
        return [False] * len(list(self._get_indices(indices)))

    def seed(self, seed: int | None = None) -> Sequence[None | int]:
        """Reseeds the reset distribution."""
        if seed is not None:
            self.rng.manual_seed(seed)
        return [seed] * self.num_envs


def _mention(fault: Fault) -> None:
    warnings.warn(
        f"simulation {fault.row} broke (its state is no number any more) and was reset",
        stacklevel=2,
    )


def _generator(device: torch.device) -> torch.device:
    """Where a device's random numbers are drawn from: CUDA has generators of its own."""
    return device if device.type == "cuda" else torch.device("cpu")
