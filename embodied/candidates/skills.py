"""Candidates of our own skills: PPO over the task's simulations, the shipped reward replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from stable_baselines3.common.callbacks import BaseCallback

from embodied.candidates.book import Book
from embodied.candidates.net import Net
from embodied.candidates.skill_views import SKILLS
from embodied.tasks import registry
from policies.checkpoints import LinearDecay
from policies.library import SHIPPED
from policies.measure import fresh_starts
from policies.ppo import make_ppo
from policies.skill import Skill, mean_of_ppo
from policies.vec_env import TaskVecEnv

ENVS = 256


class Rewarded:
    """A task that is paid by a program; all else is the task's own."""

    def __init__(self, task: Any, book: Book) -> None:
        self._task, self._book = task, book
        self._view = SKILLS[task.name].view

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def rewards(self) -> Mapping[str, torch.Tensor]:
        """See `embodied.tasks.base.Task.rewards`."""
        return self._book.rewards(self._view(self._task))


class _Noting(BaseCallback):
    """Tells the book of ended episodes, and when a point is over."""

    def __init__(self, env: TaskVecEnv, book: Book) -> None:
        super().__init__()
        self._env, self._book = env, book

    def _on_step(self) -> bool:
        ended = self._env.ended
        if ended is not None:
            self._book.episodes(int(ended.over.sum()), int((ended.success & ended.over).sum()))
        self._book.maybe_turn()
        return True


def starts(family: str) -> dict[str, Any]:
    """The shipped policies that a family's starts are made with."""
    return {name: Skill.load(SHIPPED / name).act for name in registry.family(family).needs}


def train(task: str, book: Book, seed: int, num_envs: int) -> Net:
    """A policy after `book.steps` steps in num_envs simulations (0: `ENVS`)."""
    spec, count = registry.family(task), num_envs or ENVS
    made: Any = Rewarded(spec.make(count, seed, 1, **starts(task)), book)
    env = TaskVecEnv(made, seed=seed, gamma=spec.gamma)
    rate = spec.ppo.get("learning_rate", 1e-3)
    decay = LinearDecay(rate, rate * 0.1, book.steps)
    model = make_ppo(env, seed, **{**spec.ppo, "learning_rate": decay})
    model.learn(book.steps, callback=_Noting(env, book))
    net = mean_of_ppo(model.policy)
    layers = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    return Net(layers, "elu", squash=False)


def judge(task: str, net: Net, episodes: int, seed: int) -> float:
    """Success of the deterministic policy on fresh starts."""
    made = registry.family(task).make
    net.check(made.obs_dim, made.act_dim)  # type: ignore[attr-defined]
    return fresh_starts(task, net, episodes, seed, 1, **starts(task))["all"].rate
