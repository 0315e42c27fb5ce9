"""Candidates of our own skills: PPO over the task's simulations, the shipped reward replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from stable_baselines3.common.callbacks import BaseCallback

from embodied.candidates.book import Book
from embodied.candidates.episodes import Episodes
from embodied.candidates.net import Net
from embodied.candidates.skill_views import SKILLS, View
from embodied.tasks import registry
from planners.rewards.funnel import Bank
from planners.rewards.job import Job
from policies.checkpoints import LinearDecay
from policies.library import SHIPPED
from policies.measure import fresh_starts
from policies.ppo import ROLLOUT, make_ppo
from policies.rollouts import Act
from policies.skill import Skill, mean_of_ppo
from policies.vec_env import TaskVecEnv

ENVS = (64, 256)  # at least, at most
UPDATES = 64  # of the policy that a training should have, as far as this permits
GATHERED = 16  # episodes of a policy that go into the bank


class Rewarded:
    """A task whose rewards are told from its state view by `pay`; all else is the task's own."""

    def __init__(self, task: Any, pay: Callable[[View], Mapping[str, torch.Tensor]]) -> None:
        self._task, self._pay = task, pay
        self._view = SKILLS[task.name].view

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def rewards(self) -> Mapping[str, torch.Tensor]:
        """See `embodied.tasks.base.Task.rewards`."""
        return self._pay(self._view(self._task))


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


@cache  # the same policies each time, so that what is made with them can be kept as well
def starts(family: str) -> dict[str, Any]:
    """The shipped policies that a family's starts are made with."""
    return {name: Skill.load(SHIPPED / name).act for name in registry.family(family).needs}


def copies(steps: int) -> int:
    """How many simulations a training of so many steps has."""
    few, many = ENVS
    return max(few, min(many, steps // (ROLLOUT * UPDATES)))


def least() -> int:
    """Steps that a training needs before success begins to tell rewards apart: pick's own reward first
    succeeds from fresh starts after about so many."""
    return ENVS[0] * ROLLOUT * UPDATES


def train(task: str, book: Book, seed: int, num_envs: int) -> Net:
    """A policy after `book.steps` steps in num_envs simulations (0: `copies`)."""
    spec, count = registry.family(task), num_envs or copies(book.steps)
    made: Any = Rewarded(spec.make(count, seed, 1, **starts(task)), book.rewards)
    env = TaskVecEnv(made, seed=seed, gamma=spec.gamma)
    return _learned(env, task, seed, book.steps, _Noting(env, book))


def own_reward(task: str, seed: int, steps: int) -> float:
    """Success of a training like any candidate's, paid by the task's hand-written reward."""
    from embodied.candidates.training import JUDGE_SEED

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    spec = registry.family(task)
    made = spec.make(copies(steps), seed, 1, **starts(task))
    env = TaskVecEnv(made, seed=seed, gamma=spec.gamma)
    return judge(task, _learned(env, task, seed, steps), Job.episodes, seed + JUDGE_SEED)


def _learned(
    env: TaskVecEnv, task: str, seed: int, steps: int, callback: BaseCallback | None = None
) -> Net:
    """A policy after so many steps of PPO."""
    settings = registry.family(task).ppo
    rate = settings.get("learning_rate", 1e-3)
    decay = LinearDecay(rate, rate * 0.1, steps)
    model = make_ppo(env, seed, **{**settings, "learning_rate": decay})
    model.learn(steps, callback=callback)
    net = mean_of_ppo(model.policy)
    layers = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    return Net(layers, "elu", squash=False)


def judge(task: str, net: Net, episodes: int, seed: int) -> float:
    """Success of the deterministic policy on fresh starts."""
    made = registry.family(task).make
    net.check(made.obs_dim, made.act_dim)  # type: ignore[attr-defined]
    return fresh_starts(task, net, episodes, seed, 1, **starts(task))["all"].rate


def gather(task: str, act: Act, seed: int) -> Bank:
    """The first episode of each of `GATHERED` simulations; act: observations (N, D) to actions (N, A)."""
    found = Episodes(GATHERED)
    spec = registry.family(task)
    own: Any = spec.make(GATHERED, seed, 1, **spec.fresh, **starts(task))

    def noted(view: View) -> Mapping[str, torch.Tensor]:
        """The task's own rewards; asked for once a step, before episodes begin anew."""
        found.note(view)
        return own.rewards()

    watched: Any = Rewarded(own, noted)
    env = TaskVecEnv(watched, seed=seed + 1, desync=False)
    obs = torch.as_tensor(env.reset())
    while not found.over:
        obs, _, _ = env.step_tensors(act(obs))
        ended = env.ended
        if ended is not None:
            for row, won in zip(ended.rows.tolist(), ended.success.tolist(), strict=True):
                found.end(row, won)
    return found.bank()
