"""Training one skill from nothing to a released folder: PPO, fresh-start evaluation, success head.

What a training leaves in its run folder: ``tb/`` (TensorBoard), ``checkpoints/`` (whole or absent, the
last two), ``metrics.jsonl`` and, at the end, ``skill/``. A training that was killed goes on from its
last checkpoint and ends, on the CPU, with the same weights as one that was not (see `checkpoints`).
Simulations that broke are kept in ``faults/``.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.logger import configure

from embodied.errors import UsageError
from embodied.tasks import registry
from embodied.tasks.randomise import RandomiseCfg
from embodied.world.faults import Fault
from policies import layout
from policies.checkpoints import Keeper, Progress, resumable, resume_or_start
from policies.measure import fresh_starts
from policies.rollouts import Act
from policies.skill import (
    AFFORDANCE,
    POLICY,
    Own,
    Skill,
    SkillCard,
    Training,
    describe,
    mean_of_ppo,
    save_skill,
)
from policies.vec_env import TaskVecEnv

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
    engine: Literal["mujoco", "warp"] = "mujoco"
    """Which physics: MuJoCo's own, on the CPU, or MuJoCo Warp on `device`."""
    eval_episodes: int = 1024
    head_rollouts: int = 0
    """For the success head; 0 takes the family's own number."""
    checkpoint_every: int = 200_000
    randomise: RandomiseCfg = field(default_factory=RandomiseCfg)
    """What varies from episode to episode in training; measurements go without."""
    learning_rate: float = 0.0
    """That PPO begins with; 0 takes the family's own."""
    finetune: Path | None = None
    """Skill folder whose policy is trained on, in place of one that knows nothing."""
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

    Raises:
        EnvironmentFault: a file cannot be written, and what to do to go on.
    """
    torch.set_num_threads(cfg.torch_threads)
    spec = registry.family(cfg.family)
    steps = cfg.steps or spec.steps
    kwargs = {name: Skill.load(folder).act for name, folder in needed(cfg).items()}
    env = make_env(cfg, say, **kwargs)
    env.on_fault = _FaultFiles(folder / "faults", say)
    model, minutes = resume_or_start(cfg, env, folder, spec.ppo, steps)
    if model.num_timesteps:
        say(f"going on from the checkpoint at {model.num_timesteps:,} steps")
    with resumable(folder):
        model.set_logger(configure(str(folder / "tb"), ["tensorboard"]))
        keeper = Keeper(cfg, env, folder, progress, minutes, say)
        if model.num_timesteps < steps:
            model.learn(steps - model.num_timesteps, callback=keeper, reset_num_timesteps=False)
            keeper.checkpoint()
        minutes = keeper.minutes()
        say(f"trained {model.num_timesteps:,} steps in {minutes:.1f} min")
        made = provenance(cfg, command, model.num_timesteps, minutes)
        return release(cfg, mean_of_ppo(model.policy), made, folder / "skill", say)


def adopt(
    cfg: TrainerCfg, weights: Path, folder: Path, command: str, say: Callable[[str], None]
) -> SkillCard:
    """Makes a skill of a Stable-Baselines3 PPO file. Opening it runs code that it holds.

    Raises:
        UsageError: it is none, or its policy does not fit the family's task.
    """
    task = registry.family(cfg.family).make
    try:
        model = PPO.load(weights, device="cpu")
        net = mean_of_ppo(model.policy)
    except Exception as error:  # pickle raises whatever it likes
        raise UsageError(f"{weights} is no PPO of Stable-Baselines3 ({error}).") from error
    sizes = (net[0].in_features, net[-1].out_features)
    if sizes != (task.obs_dim, task.act_dim) or model.policy.activation_fn is not torch.nn.ELU:  # type: ignore[attr-defined]
        raise UsageError(
            f"The policy in {weights} has {sizes[0]} observations, {sizes[1]} actions and "
            f"{model.policy.activation_fn.__name__} units; a {cfg.family} has "  # type: ignore[attr-defined]
            f"{task.obs_dim}, {task.act_dim} and ELU."  # type: ignore[attr-defined]
        )
    return release(
        cfg, net, provenance(cfg, command, model.num_timesteps, 0.0), folder / "skill", say
    )


def release(
    cfg: TrainerCfg,
    net: torch.nn.Sequential,
    made: Training,
    skill: Path,
    say: Callable[[str], None],
) -> SkillCard:
    """Measures a policy on fresh starts, fits its success head and writes the skill's folder."""
    from policies import affordance

    kwargs = {name: Skill.load(folder).act for name, folder in needed(cfg).items()}
    act: Act = torch.no_grad()(net.forward)
    say("measuring on fresh starts")
    figures = fresh_starts(
        cfg.family, act, cfg.eval_episodes, cfg.seed + 10_000, cfg.threads, **kwargs
    )
    say(f"success {describe(figures['all'])}; rolling out for the success head")
    layers = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    spec = registry.family(cfg.family)
    card = SkillCard(
        family=cfg.family,
        obs_dim=layers[0].in_features,
        act_dim=layers[-1].out_features,
        hidden=[layer.out_features for layer in layers][:-1],
        training=made,
        figures=figures,
        observes=layout.readings(spec),
        own=Own(label=spec.label, aliases=spec.aliases, base=spec.base) if spec.label else None,
    )
    save_skill(skill, card, {POLICY: net.state_dict()}, spec.source)
    head, facts = affordance.train(
        cfg.family, act, seed=cfg.seed, threads=cfg.threads, log=say,
        rollouts=cfg.head_rollouts, **kwargs,
    )  # fmt: skip
    card = card.model_copy(update={"affordance": facts})
    save_skill(skill, card, {POLICY: net.state_dict(), AFFORDANCE: head}, spec.source)
    return card


def make_env(
    cfg: TrainerCfg, say: Callable[[str], None] = lambda _: None, **starts: Act
) -> TaskVecEnv:
    """The family's task on the engine and device asked for. starts: policies that it `needs`."""
    spec, varied = registry.family(cfg.family), cfg.randomise
    if cfg.engine == "mujoco":
        task = spec.make(cfg.num_envs, cfg.seed, cfg.threads, randomise=varied, **starts)
        return TaskVecEnv(task, seed=cfg.seed, gamma=spec.gamma)
    from embodied.world.warp_engine import warp_engines

    say(
        "preparing MuJoCo Warp; kernels that this machine has no cached ones of take a minute or two"
    )
    with torch.device(cfg.device):
        task = spec.make(
            cfg.num_envs,
            cfg.seed,
            cfg.threads,
            engines=warp_engines(cfg.device),
            randomise=varied,
            **starts,
        )
    return TaskVecEnv(task, seed=cfg.seed, gamma=spec.gamma)


class _FaultFiles:
    """Keeps the first broken simulations as files that play them again; tells of every one."""

    MOST = 20

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder, self._say = folder, say

    def __call__(self, fault: Fault) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        count = len(list(self._folder.glob("fault_*.npz")))
        told = f"simulation {fault.row} broke (its state is no number any more) and was reset"
        if count < self.MOST:
            told += f"; see it again: {fault.save(self._folder / f'fault_{count:04d}.npz')}"
        self._say(told)


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


def provenance(cfg: TrainerCfg, command: str, steps: int, minutes: float) -> Training:
    return Training(
        command=command,
        steps=steps,
        minutes=round(minutes, 1),
        seed=cfg.seed,
        hardware=f"{os.cpu_count()} cores, {platform.machine()}, {cfg.device}",
        versions={name: version(name) for name in _VERSIONS},
    )
