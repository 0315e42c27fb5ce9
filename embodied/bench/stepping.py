"""How fast pick environments step: the batched one against Stable-Baselines3's SubprocVecEnv.

Both step the same fixtures with random actions on the same cores, in turn, round by round. A second
SubprocVecEnv steps the bare physics of the same scenes without observations and rewards: what no
single environment in Python could beat, however it is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv

from embodied.tasks.arm import fixtures_of
from embodied.tasks.gym_env import SkillEnv
from embodied.tasks.pick import PickTask
from embodied.world.scene import SUBSTEPS, FixtureCfg
from policies.vec_env import TaskVecEnv

SCALE = 0.1  # of rewards, as in `TaskVecEnv`


class BarePhysics(gym.Env[np.ndarray, np.ndarray]):
    """The physics of one pick scene and nothing else; observations are zeros."""

    def __init__(self, cfg: FixtureCfg) -> None:
        self._engine = fixtures_of([cfg], 1).engine
        self._zeros = np.zeros(PickTask.obs_dim, np.float32)
        self.observation_space = gym.spaces.Box(-10, 10, self._zeros.shape, np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (PickTask.act_dim,), np.float32)

    def reset(self, **kwargs: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """Puts the scene to its default state."""
        self._engine.reset()
        return self._zeros, {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One control step."""
        self._engine.step(SUBSTEPS)
        return self._zeros, 0.0, False, False, {}


class ScaledRewards(gym.RewardWrapper[np.ndarray, np.ndarray]):
    """Rewards times `SCALE`, as the batched environment gives them."""

    def reward(self, reward: Any) -> float:
        """See `gymnasium.RewardWrapper`."""
        return SCALE * float(reward)


def single_pick(cfg: FixtureCfg, seed: int) -> gym.Env[np.ndarray, np.ndarray]:
    """One simulation of the training MDP, in a process of its own."""
    torch.set_num_threads(1)
    env = ScaledRewards(SkillEnv(PickTask(1, fixtures=fixtures_of([cfg], 1))))
    env.reset(seed=seed)
    return env


def bare_physics(cfg: FixtureCfg, seed: int) -> BarePhysics:
    """See `BarePhysics`; in a process of its own."""
    torch.set_num_threads(1)
    return BarePhysics(cfg)


def processes(
    make: Callable[[FixtureCfg, int], gym.Env[Any, Any]], cfgs: Sequence[FixtureCfg], count: int
) -> SubprocVecEnv:
    """`count` processes with a simulation each, of fixtures spread evenly over cfgs."""
    chosen = [cfgs[i * len(cfgs) // count] for i in range(count)]
    return SubprocVecEnv([partial(make, cfg, seed) for seed, cfg in enumerate(chosen)])


@dataclass(frozen=True)
class Rates:
    """Environment steps per second: medians over rounds, and the spread of the ratio."""

    ours: float
    stock: dict[int, float]
    """By number of processes."""
    bare: float
    """`BarePhysics` in as many processes as were best."""
    ratio: float
    """Ours to the best stock one."""
    lowest: float
    highest: float

    @property
    def best(self) -> int:
        """The number of processes at which the stock environment was fastest."""
        return max(self.stock, key=lambda count: self.stock[count])


def measure(num_envs: int, counts: Sequence[int], seconds: float, rounds: int) -> Rates:
    """Steps all of them in turn, `rounds` times, each for about `seconds`."""
    env = TaskVecEnv(PickTask(num_envs), seed=0)
    cfgs = env.task.fixtures.cfgs  # type: ignore[attr-defined]
    pools = {count: processes(single_pick, cfgs, count) for count in counts}
    bare = {count: processes(bare_physics, cfgs, count) for count in counts}
    try:
        runs: dict[Any, VecEnv] = {"ours": env, **pools, **{-n: pool for n, pool in bare.items()}}
        for run in runs.values():
            run.reset()
            _pace(run, seconds / 4)
        found = [{key: _pace(run, seconds) for key, run in runs.items()} for _ in range(rounds)]
    finally:
        for pool in (*pools.values(), *bare.values()):
            pool.close()
    stock = {count: median(row[count] for row in found) for count in counts}
    ratios = [row["ours"] / max(row[count] for count in counts) for row in found]
    return Rates(
        ours=median(row["ours"] for row in found),
        stock=stock,
        bare=max(median(row[-count] for row in found) for count in counts),
        ratio=median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
    )


def _pace(env: VecEnv, seconds: float) -> float:
    """Environment steps per second with random actions."""
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (16, env.num_envs, PickTask.act_dim)).astype(np.float32)
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        env.step(actions[steps % len(actions)])
        steps += 1
    return steps * env.num_envs / (time.perf_counter() - began)
