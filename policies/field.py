"""Tasks of gymnasium-robotics, trained with the Stable-Baselines3 algorithm that suits them.

Goal-conditioned tasks with a sparse reward want off-policy learning and hindsight (HER: Andrychowicz
et al. 2017); our own skills, with their batched simulations and shaped rewards, want PPO. A training
leaves ``checkpoints/`` (whole or absent, the last two), ``metrics.jsonl`` and ``model.zip``, which
`ALGORITHM.load` of Stable-Baselines3 opens.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.her import HerReplayBuffer

from embodied.errors import EnvironmentFault, UsageError
from embodied.outputs import append_text, atomic
from embodied.world import robotics_shim
from policies.checkpoints import Progress, forget_after, resumable, write_whole
from policies.skill import Figure, wilson

ALGORITHMS = ("ppo", "sac", "sac-her", "tqc", "tqc-her")
HINDSIGHT = {"n_sampled_goal": 4, "goal_selection_strategy": "future"}
"""As Andrychowicz et al. (2017) found best, for every learner with hindsight here."""
STEPS = {"FetchReach": 15_000}
"""Budgets of tasks that need less than `USUAL_STEPS`."""
USUAL_STEPS = 1_000_000


@dataclass(frozen=True)
class FieldCfg:
    """Settings of one training of a field task."""

    env: str
    algo: str = "sac-her"
    seed: int = 0
    steps: int = 0
    """0 takes the task's own budget."""
    checkpoint_every: int = 20_000
    episodes: int = 100
    """Of the evaluation."""

    @property
    def budget(self) -> int:
        """Environment steps to train for."""
        return self.steps or STEPS.get(self.env.split("-")[0], USUAL_STEPS)


def make_env(name: str) -> gym.Env[Any, Any]:
    """The task, with its episodes' successes recorded.

    Raises:
        UsageError: there is none of this name.
    """
    try:
        return Monitor(robotics_shim.make(name))
    except gym.error.Error as error:
        raise UsageError(f"gymnasium-robotics has no task '{name}': {error}") from error


def make_learner(algo: str, env: gym.Env[Any, Any], seed: int) -> BaseAlgorithm:
    """The algorithm with settings in the manner of RL Zoo's for the Fetch tasks.

    Raises:
        UsageError: no such algorithm, or HER for a task without goals.
    """
    kind = _kind(algo)
    goals = isinstance(env.observation_space, gym.spaces.Dict)
    policy = "MultiInputPolicy" if goals else "MlpPolicy"
    if algo == "ppo":
        return kind(policy, env, seed=seed, device="cpu")
    settings: dict[str, Any] = {
        "buffer_size": 1_000_000 if goals else 300_000, "batch_size": 256, "gamma": 0.95,
        "tau": 0.05, "learning_rate": 1e-3, "learning_starts": 1_000,
        "policy_kwargs": {"net_arch": [256, 256], "n_critics": 2},
    }  # fmt: skip
    if algo.endswith("-her"):
        if not goals:
            raise UsageError("Hindsight needs a task with goals; use --algo sac for this one.")
        settings["replay_buffer_class"] = HerReplayBuffer
        settings["replay_buffer_kwargs"] = dict(HINDSIGHT)
    return kind(policy, env, seed=seed, device="cpu", **settings)


def _kind(algo: str) -> type[Any]:
    if algo not in ALGORITHMS:
        raise UsageError(f"There is no algorithm '{algo}'; known: {', '.join(ALGORITHMS)}.")
    if algo == "ppo":
        return PPO
    if algo.startswith("sac"):
        return SAC
    try:
        from sb3_contrib import TQC
    except ImportError as error:
        raise EnvironmentFault(
            "TQC needs sb3-contrib: pip install 'embodied-llm-rl[field]', or use --algo sac-her."
        ) from error
    return TQC


def train(
    cfg: FieldCfg, folder: Path, progress: Progress, say: Callable[[str], None]
) -> tuple[Figure, float]:
    """Trains, or goes on from the last checkpoint; returns success on fresh starts, and minutes."""
    torch.set_num_threads(1)
    env = make_env(cfg.env)
    model, minutes = _start_or_resume(cfg, env, folder)
    if model.num_timesteps:
        say(f"going on from the checkpoint at {model.num_timesteps:,} steps")
    keeper = _Keeper(cfg, folder, progress, minutes)
    with resumable(folder):
        model.set_logger(configure(str(folder / "tb"), ["tensorboard"]))
        if model.num_timesteps < cfg.budget:
            left = cfg.budget - model.num_timesteps
            model.learn(left, callback=keeper, reset_num_timesteps=False)
        model.save(held := BytesIO())
        with atomic(folder / "model.zip") as file:
            file.write(held.getvalue())
    say(f"trained {model.num_timesteps:,} steps; evaluating {cfg.episodes} episodes")
    return evaluate(model, cfg.env, cfg.episodes, cfg.seed + 10_000), keeper.minutes()


def succeeded(info: Mapping[str, Any]) -> bool:
    """Whether the task is done in a state, by the environment's own word."""
    return bool(info.get("is_success", info.get("success", False)))


def evaluate(model: BaseAlgorithm, env_id: str, episodes: int, seed: int) -> Figure:
    """Success at the end of deterministic episodes from fresh starts."""
    env, won = make_env(env_id), 0
    for episode in range(episodes):
        obs, _ = env.reset(seed=seed + episode)
        over, info = False, {}
        while not over:
            action, _ = model.predict(obs, deterministic=True)
            obs, _, terminated, truncated, info = env.step(action)
            over = terminated or truncated
        won += succeeded(info)
    env.close()
    return wilson(won, episodes)


def _start_or_resume(
    cfg: FieldCfg, env: gym.Env[Any, Any], folder: Path
) -> tuple[BaseAlgorithm, float]:
    found = sorted((folder / "checkpoints").glob("step_*"))
    if not found:
        forget_after(0, folder / "metrics.jsonl")
        return make_learner(cfg.algo, env, cfg.seed), 0.0
    model = _kind(cfg.algo).load(found[-1] / "model.zip", env=env, device="cpu")
    if (found[-1] / "replay.pkl").exists():
        model.load_replay_buffer(found[-1] / "replay.pkl")
    held = json.loads((found[-1] / "progress.json").read_text(encoding="utf-8"))
    forget_after(held["steps"], folder / "metrics.jsonl")
    return model, held["minutes"]


class _Keeper(BaseCallback):
    """Notes success every thousand steps and keeps the last two checkpoints."""

    EVERY = 1_000

    def __init__(self, cfg: FieldCfg, folder: Path, progress: Progress, minutes: float) -> None:
        super().__init__()
        self._cfg, self._folder, self._progress = cfg, folder, progress
        self._before, self._began, self._noted = minutes, time.monotonic(), 0

    def minutes(self) -> float:
        """Training time so far, over all parts."""
        return self._before + (time.monotonic() - self._began) / 60

    def _on_step(self) -> bool:
        mark = self.num_timesteps // self.EVERY
        if mark > self._noted:
            self._noted = mark
            self._note()
        if self.num_timesteps % self._cfg.checkpoint_every == 0:
            self._checkpoint()
        return True

    def _on_training_start(self) -> None:
        self._noted = self.num_timesteps // self.EVERY

    def _note(self) -> None:
        episodes = self.model.ep_info_buffer or [{"l": 0}]
        figures = {
            "success": float(np.mean(self.model.ep_success_buffer or [0.0])),
            "length": float(np.mean([episode["l"] for episode in episodes])),
        }
        noted = json.dumps({"steps": self.num_timesteps, **figures})
        append_text(self._folder / "metrics.jsonl", noted + "\n")
        self._progress(self.num_timesteps, figures)

    def _checkpoint(self) -> None:
        root = self._folder / "checkpoints"
        write_whole(root / f"step_{self.num_timesteps:010d}", self._write)
        for old in sorted(root.glob("step_*"))[:-2]:
            shutil.rmtree(old)

    def _write(self, part: Path) -> None:
        self.model.save(part / "model.zip")
        if hasattr(self.model, "save_replay_buffer"):
            self.model.save_replay_buffer(part / "replay.pkl")  # type: ignore[operator]
        held = {"steps": self.num_timesteps, "minutes": self.minutes()}
        (part / "progress.json").write_text(json.dumps(held), encoding="utf-8")
