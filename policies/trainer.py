"""Training one skill from nothing to a released folder: PPO, fresh-start evaluation, success head.

What a training leaves in its run folder: ``tb/`` (TensorBoard), ``checkpoints/`` (whole or absent, the
last two), ``metrics.jsonl`` and, at the end, ``skill/``. A training that was killed goes on from its
last checkpoint and ends, on the CPU, with the same weights as one that was not: optimiser,
learning-rate position and generators are restored, and at a checkpoint all episodes begin anew,
killed or not, so that no simulation's state has to be kept.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure

from embodied.errors import UsageError
from embodied.outputs import write_text
from embodied.tasks import registry
from policies.measure import fresh_starts
from policies.ppo import BatchPPO, make_ppo
from policies.rollouts import Act
from policies.skill import (
    AFFORDANCE,
    POLICY,
    Skill,
    SkillCard,
    Training,
    describe,
    mean_of_ppo,
    save_skill,
)
from policies.vec_env import TaskVecEnv

Progress = Callable[[int, dict[str, float]], None]
_VERSIONS = ("mujoco", "stable-baselines3", "torch", "numpy")


@dataclass(frozen=True)
class TrainerCfg:
    """Settings of one training. Steps are environment steps over all simulations."""

    family: str
    seed: int = 0
    num_envs: int = 512
    threads: int = 0
    """Of the simulation pool; 0 is one per CPU."""
    torch_threads: int = 1
    steps: int = 0
    """0 takes the family's own budget."""
    device: str = "cpu"
    eval_episodes: int = 1024
    head_rollouts: int = 0
    """For the success head; 0 takes the family's own number."""
    checkpoint_every: int = 200_000
    skills: dict[str, Path] = field(default_factory=dict)
    """Skill folders that starts are made with: placing begins where this pick ends."""


def train(
    cfg: TrainerCfg, folder: Path, command: str, progress: Progress, say: Callable[[str], None]
) -> SkillCard:
    """Trains, evaluates and writes ``folder/skill``; goes on from a checkpoint in the folder.

    Args:
        command: recorded in the skill's card as the way to make it again.
        progress: called after every rollout with the steps so far and the learner's figures.
        say: called with each stage's one-line news.
    """
    torch.set_num_threads(cfg.torch_threads)
    spec = registry.family(cfg.family)
    steps = cfg.steps or spec.steps
    kwargs = {name: Skill.load(folder).act for name, folder in needed(cfg).items()}
    task = spec.make(cfg.num_envs, cfg.seed, cfg.threads, **kwargs)
    env = TaskVecEnv(task, seed=cfg.seed, gamma=spec.gamma)
    model, minutes = _resume_or_start(cfg, env, folder, spec.ppo, steps)
    if model.num_timesteps:
        say(f"going on from the checkpoint at {model.num_timesteps:,} steps")
    model.set_logger(configure(str(folder / "tb"), ["tensorboard"]))
    keeper = _Keeper(cfg, env, folder, progress, minutes)
    if model.num_timesteps < steps:
        model.learn(steps - model.num_timesteps, callback=keeper, reset_num_timesteps=False)
        keeper.checkpoint()
    minutes = keeper.minutes()
    net = mean_of_ppo(model.policy)
    act: Act = torch.no_grad()(net.forward)
    say(f"trained {model.num_timesteps:,} steps in {minutes:.1f} min; evaluating on fresh starts")
    figures = fresh_starts(
        cfg.family, act, cfg.eval_episodes, cfg.seed + 10_000, cfg.threads, **kwargs
    )
    say(f"success {describe(figures['all'])}; rolling out for the success head")
    card = SkillCard(
        family=cfg.family,
        obs_dim=task.obs_dim,
        act_dim=task.act_dim,
        hidden=[layer.out_features for layer in net if isinstance(layer, torch.nn.Linear)][:-1],
        training=_provenance(cfg, command, model.num_timesteps, minutes),
        figures=figures,
    )
    skill = folder / "skill"
    save_skill(skill, card, {POLICY: net.state_dict()})
    from policies import affordance

    head, facts = affordance.train(
        cfg.family, act, seed=cfg.seed, threads=cfg.threads, log=say,
        rollouts=cfg.head_rollouts, **kwargs,
    )  # fmt: skip
    card = card.model_copy(update={"affordance": facts})
    save_skill(skill, card, {POLICY: net.state_dict(), AFFORDANCE: head})
    return card


def needed(cfg: TrainerCfg) -> dict[str, Path]:
    """The skill folders that the family's starts are made with.

    Raises:
        UsageError: one is not given.
    """
    names = registry.family(cfg.family).needs
    for name in names:
        if name not in cfg.skills:
            raise UsageError(
                f"The starts of {cfg.family} are made with a trained {name}: train that first, or "
                f"name its folder with --{name}."
            )
    return {name: cfg.skills[name] for name in names}


def _provenance(cfg: TrainerCfg, command: str, steps: int, minutes: float) -> Training:
    return Training(
        command=command,
        steps=steps,
        minutes=round(minutes, 1),
        seed=cfg.seed,
        hardware=f"{os.cpu_count()} cores, {platform.machine()}, {cfg.device}",
        versions={name: version(name) for name in _VERSIONS},
    )


# ---- checkpoints ---------------------------------------------------------------------------------


def _resume_or_start(
    cfg: TrainerCfg, env: TaskVecEnv, folder: Path, settings: dict[str, Any], steps: int
) -> tuple[BatchPPO, float]:
    """The learner, new or from the last checkpoint, and the minutes it has trained."""
    start = settings.get("learning_rate", 1e-3)
    # decayed to a tenth: the last stretch polishes
    schedule = LinearDecay(start, start * 0.1, steps)
    found = sorted((folder / "checkpoints").glob("step_*"))
    if not found:
        return make_ppo(env, cfg.seed, cfg.device, **{**settings, "learning_rate": schedule}), 0.0
    model = BatchPPO.load(
        found[-1] / "ppo.zip",
        env=env,
        device=cfg.device,
        custom_objects={"learning_rate": schedule},
    )
    saved = torch.load(found[-1] / "rng.pt", weights_only=True)
    torch.set_rng_state(saved["torch"])
    env.rng.set_state(saved["env"])
    progress = json.loads((found[-1] / "progress.json").read_text())
    _forget_after(progress["steps"], folder / "metrics.jsonl")
    return model, progress["minutes"]


def _forget_after(steps: int, metrics: Path) -> None:
    """Drops what was noted after the checkpoint: it is lost, and will be noted again."""
    if metrics.exists():
        lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]  # a kill may tear the last one
        write_text(metrics, "".join(x for x in whole if json.loads(x)["steps"] <= steps))


@dataclass(frozen=True)
class LinearDecay:
    """Learning rate from `start` to `end` over `steps`, whatever part of them `learn` is called for."""

    start: float
    end: float
    steps: int

    def __call__(self, remaining: float) -> float:
        """SB3 passes the remaining share of its own total."""
        return self.end + (self.start - self.end) * max(0.0, min(1.0, remaining))


class _Keeper(BaseCallback):
    """Reports progress after every rollout and keeps the last two checkpoints."""

    def __init__(
        self, cfg: TrainerCfg, env: TaskVecEnv, folder: Path, progress: Progress, minutes: float
    ) -> None:
        super().__init__()
        self._cfg, self._env, self._folder, self._progress = cfg, env, folder, progress
        self._before, self._began = minutes, time.monotonic()
        self._next = 0  # set at the first rollout, from where the training stands
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)

    def minutes(self) -> float:
        """Training time so far, over all parts."""
        return self._before + (time.monotonic() - self._began) / 60

    def _on_step(self) -> bool:
        return True

    def _on_training_start(self) -> None:
        self._next = self.num_timesteps + self._cfg.checkpoint_every

    def _on_rollout_start(self) -> None:
        """Behind an update and before the next rollout, where a training can be taken up again."""
        if self.num_timesteps >= self._next:
            self.checkpoint()
            self.model._last_obs = self._env.reset()  # type: ignore[attr-defined]
            self.model._last_episode_starts = np.ones(self._env.num_envs, bool)  # type: ignore[attr-defined]

    def _on_rollout_end(self) -> None:
        model = self.model
        success = float(np.mean(model.ep_success_buffer or [0.0]))
        length = float(np.mean([info["l"] for info in model.ep_info_buffer or [{"l": 0}]]))
        figures = {"success": success, "length": length}
        for name, value in self._env.term_means.items():
            model.logger.record(f"terms/{name}", value)
        model.logger.record("rollout/success", success)
        with (self._folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(
                json.dumps({"steps": self.num_timesteps, **figures, **self._env.term_means}) + "\n"
            )
        self._progress(self.num_timesteps, figures)

    def checkpoint(self) -> None:
        """Writes a checkpoint beside its final name, syncs it, renames it, drops all but two."""
        self._next = self.num_timesteps + self._cfg.checkpoint_every
        root = self._folder / "checkpoints"
        final = root / f"step_{self.num_timesteps:010d}"
        if final.exists():
            return
        part = root / f".{final.name}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        self.model.save(part / "ppo.zip")
        torch.save(
            {"torch": torch.get_rng_state(), "env": self._env.rng.get_state()}, part / "rng.pt"
        )
        (part / "progress.json").write_text(
            json.dumps({"steps": self.num_timesteps, "minutes": self.minutes()})
        )
        for path in part.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        part.rename(final)
        for old in sorted(root.glob("step_*"))[:-2]:
            shutil.rmtree(old)
