"""Candidates of gymnasium-robotics' tasks: SAC, with hindsight where goals can be relabelled.

The environments are stepped one after the other; the program is evaluated once for all of them, and once
for a whole batch of relabelled goals (Andrychowicz et al. 2017). Success is that of an episode's last step.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper

from embodied.candidates.book import Book
from embodied.candidates.episodes import Episodes
from embodied.candidates.field_views import FIELD, FieldTask
from embodied.candidates.net import Net
from embodied.world import robotics_shim
from planners.rewards.funnel import Bank
from planners.rewards.program import Compiled
from policies.field import HINDSIGHT, succeeded

ENVS = 8  # at most: a training's first episodes, one in each, teach nothing yet
_WARM_UP = 1 / 8  # of a training that these may take


def tensors(obs: Any) -> dict[str, torch.Tensor]:
    """An observation of SB3 as named tensors (N, ...)."""
    rows = obs if isinstance(obs, Mapping) else {"observation": obs}
    return {name: torch.as_tensor(value) for name, value in rows.items()}


def flat(obs: Any) -> torch.Tensor:
    """(N, D) the policy's input: the parts in alphabetic order, as SB3 joins them."""
    parts = tensors(obs)
    return torch.cat([parts[name].float().flatten(1) for name in sorted(parts)], -1)


def make_envs(task: str, count: int, seed: int) -> VecEnv:
    """So many copies of a task, in this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        envs = DummyVecEnv([lambda: robotics_shim.make(task, **FIELD[task].kwargs)] * count)
    envs.seed(seed)
    return envs


class Paid(VecEnvWrapper):
    """Environments that a program pays."""

    def __init__(self, venv: VecEnv, task: FieldTask, book: Book) -> None:
        super().__init__(venv)
        self._task, self._book = task, book
        self._action = torch.zeros(0)

    def reset(self) -> Any:
        """See `VecEnv.reset`."""
        return self.venv.reset()

    def step_async(self, actions: np.ndarray) -> None:
        """See `VecEnv.step_async`."""
        self._action = torch.as_tensor(actions, dtype=torch.float32)
        self.venv.step_async(actions)

    def step_wait(self) -> Any:
        """See `VecEnv.step_wait`; the rewards are the program's."""
        obs, _, dones, infos = self.venv.step_wait()
        terms = self._book.rewards(self._task.view(_reached(obs, dones, infos), self._action))
        rewards = torch.stack(list(terms.values())).sum(0).numpy()
        won = [succeeded(infos[row]) for row in np.flatnonzero(dones)]
        self._book.episodes(len(won), sum(won))
        self._book.maybe_turn()
        return obs, rewards, dones, infos


class ProgramHer(HerReplayBuffer):
    """Hindsight replay whose relabelled goals are paid by the program, over the whole state view.

    Learners are given rewards that any program is alike in: none is above zero, which is about what
    critics begin with, so that what was not tried yet stays worth trying (Sun et al. 2022), and the sum of
    those to come, discounted as the task is, has a spread of about 1. Episodes are all equally long, so that
    neither changes which policy is best.
    """

    compiled: Compiled
    task: FieldTask

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._largest, self._seen = -math.inf, RunningMeanStd(epsilon=0.0, shape=())

    def sample(self, *args: Any, **kwargs: Any) -> Any:
        """See `HerReplayBuffer.sample`."""
        data = super().sample(*args, **kwargs)
        self._largest = max(self._largest, float(data.rewards.max()))
        self._seen.update(data.rewards.numpy().ravel())
        spread = max(math.sqrt(self._seen.var), 1e-6) / (1 - self.task.gamma)
        return data._replace(rewards=(data.rewards - self._largest) / spread)

    def _get_virtual_samples(self, *args: Any, **kwargs: Any) -> Any:
        assert self.env is not None
        data = super()._get_virtual_samples(*args, **kwargs)
        view = self.task.view(data.next_observations, data.actions)  # type: ignore[arg-type]
        rewards = self.compiled.total(view).float()[:, None]
        return data._replace(rewards=rewards)


class _NoEnvReward:
    """Stands in for the environment in SB3's relabelling, whose own reward is not wanted."""

    def env_method(self, name: str, achieved: np.ndarray, *_: Any, **__: Any) -> list[np.ndarray]:
        """Zeros, which `ProgramHer` replaces."""
        return [np.zeros(len(achieved), np.float32)]


class _Silent(BaseCallback):
    def _on_step(self) -> bool:
        return True


def copies(steps: int, horizon: int) -> int:
    """How many environments a training of so many steps has, episodes of `horizon` steps each."""
    return max(1, min(ENVS, int(_WARM_UP * steps / (horizon + 1))))


def least(task: str) -> int:
    """Steps that a training needs to learn much more than it has to see first."""
    return int(5 * ENVS * (robotics_shim.horizon(task) + 1))


def train(task: str, book: Book, seed: int, num_envs: int) -> Net:
    """A policy after `book.steps` steps in num_envs environments (0: `copies`)."""
    spec, horizon = FIELD[task], robotics_shim.horizon(task)
    count = num_envs or copies(book.steps, horizon)
    env = Paid(make_envs(task, count, seed), spec, book)
    hindsight: dict[str, Any] = {}
    if spec.hindsight:
        hindsight = {
            "replay_buffer_class": ProgramHer,
            "replay_buffer_kwargs": dict(HINDSIGHT),
        }
    model = SAC(
        "MultiInputPolicy" if spec.hindsight else "MlpPolicy",
        env,
        learning_rate=1e-3,
        buffer_size=max(1000, min(book.steps, 500_000)),
        learning_starts=min(max((horizon + 1) * count, 500), max(book.steps // 2, count)),
        batch_size=256,
        gamma=spec.gamma,
        tau=0.02,
        train_freq=1,
        gradient_steps=count,
        ent_coef="auto_0.1",  # terms are of the order of 1: at 1.0 the noise would be worth more
        policy_kwargs={"net_arch": list(spec.net)},
        seed=seed,
        device="cpu",
        **hindsight,
    )
    buffer = model.replay_buffer
    if isinstance(buffer, ProgramHer):
        buffer.compiled, buffer.task = book.compiled, spec
        buffer.env = _NoEnvReward()  # type: ignore[assignment]
        model.learning_starts = (horizon + 1) * count  # an episode has to be over
    model.learn(book.steps, callback=_Silent())
    env.close()
    actor = model.actor
    layers = [m for m in (*actor.latent_pi, actor.mu) if isinstance(m, torch.nn.Linear)]  # type: ignore[misc]
    return Net(layers, "relu", squash=True)


def judge(task: str, net: Net, episodes: int, seed: int) -> float:
    """Success of the deterministic policy at the end of fresh episodes."""
    count = min(ENVS, episodes)
    env = make_envs(task, count, seed)
    obs, won, over = env.reset(), 0, 0
    actions: Any = env.action_space
    net.check(flat(obs).shape[1], actions.shape[0])
    left = [episodes // count + (i < episodes % count) for i in range(count)]
    while any(left):
        act = net(flat(obs)).numpy().clip(-1, 1)
        obs, _, dones, infos = env.step(scaled(act, actions))
        for row in np.flatnonzero(dones):
            if left[row]:  # of every copy equally many, so that none counts for being short
                left[row] -= 1
                over += 1
                won += succeeded(infos[row])
    env.close()
    return won / over


def gather(task: str, act: Callable[[torch.Tensor], torch.Tensor], seed: int) -> Bank:
    """The first episode of each of `ENVS` environments; act: observations (N, D) to actions (N, A)."""
    env = make_envs(task, ENVS, seed)
    space: Any = env.action_space
    obs, found = env.reset(), Episodes(ENVS)
    while not found.over:
        action = scaled(act(flat(obs)).numpy().clip(-1, 1), space)
        obs, _, dones, infos = env.step(action)
        found.note(FIELD[task].view(_reached(obs, dones, infos), torch.as_tensor(action)))
        for row in np.flatnonzero(dones):
            found.end(int(row), succeeded(infos[row]))
    env.close()
    return found.bank()


def scaled(act: np.ndarray, space: Any) -> np.ndarray:
    """Actions in [-1, 1] as the environment wants them."""
    return (space.low + (act + 1) / 2 * (space.high - space.low)).astype(space.dtype)


def _reached(obs: Any, dones: np.ndarray, infos: Any) -> dict[str, torch.Tensor]:
    """The observations that a step led to: of ended episodes those before the automatic reset."""
    reached = {name: value.clone() for name, value in tensors(obs).items()}
    for row in np.flatnonzero(dones):
        for name, value in tensors(infos[row]["terminal_observation"]).items():
            reached[name][row] = value
    return reached
