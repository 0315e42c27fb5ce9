"""PPO against the clock: seconds of training until a policy picks as often as asked.

Both learners are measured alike: the deterministic policy on the same fresh starts, with the clock
stopped. Stock Stable-Baselines3 runs on its SubprocVecEnv with the settings below; the best counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from embodied.tasks.pick import PickTask
from policies.rollouts import run_episodes

_NET: dict[str, Any] = {
    "net_arch": [128, 128],
    "activation_fn": torch.nn.ELU,
    "log_std_init": -0.5,
}
STOCK: dict[str, dict[str, Any]] = {
    # ours as far as stock PPO goes: the same 8,192 steps an update in the same four passes
    "same": {"rollout": 8192, "batch_size": 2048, "n_epochs": 4, "learning_rate": 1e-3},
    # what suits slow simulations: small rollouts, read more often
    "frugal": {"rollout": 2048, "batch_size": 256, "n_epochs": 10, "learning_rate": 3e-4},
}


def stock_ppo(env: VecEnv, settings: str, seed: int, device: str = "cpu") -> PPO:
    """Stable-Baselines3's own PPO with one of `STOCK`'s settings."""
    own = dict(STOCK[settings])
    steps = max(1, own.pop("rollout") // env.num_envs)
    own["batch_size"] = min(own["batch_size"], steps * env.num_envs)
    return PPO(
        "MlpPolicy", env, seed=seed, device=device, n_steps=steps, gamma=0.95, gae_lambda=0.9,
        target_kl=0.03, policy_kwargs=_NET, **own,
    )  # fmt: skip


@dataclass
class Race:
    """One training against the clock."""

    points: list[tuple[float, int, float]] = field(default_factory=list)
    """Seconds of training, environment steps, success on fresh starts."""

    def seconds_to(self, success: float) -> float | None:
        """When it was first at least this good; None if never."""
        return next((seconds for seconds, _, rate in self.points if rate >= success), None)


Evaluate = Callable[[PPO], float]


def fresh_starts(episodes: int, seed: int, device: str = "cpu") -> Evaluate:
    """Success of a learner's deterministic policy on as many fresh starts, each on its own fixture."""
    task = PickTask(episodes, seed=seed + 10_000, easy=0.0)

    def evaluate(model: PPO) -> float:
        def act(obs: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                return model.policy._predict(obs.to(model.device), deterministic=True).to(
                    obs.device
                )

        model.policy.set_training_mode(False)
        return run_episodes(task, act, 1, seed).figure().rate

    return evaluate


def run(model: PPO, evaluate: Evaluate, steps: int, goal: float, every: float, cap: float) -> Race:
    """Trains until the goal, the cap [s] or `steps`; measures every so many seconds [s]."""
    race = Race()
    model.learn(steps, callback=_Judge(race, evaluate, goal, every, cap))
    return race


class _Judge(BaseCallback):
    """Stops the clock after an update now and then, and measures."""

    def __init__(
        self, race: Race, evaluate: Evaluate, goal: float, every: float, cap: float
    ) -> None:
        super().__init__()
        self._race, self._evaluate = race, evaluate
        self._goal, self._every, self._cap = goal, every, cap
        self._spent, self._next, self._over = 0.0, every, False

    def _on_training_start(self) -> None:
        self._since = time.monotonic()

    def _on_rollout_start(self) -> None:
        self._spent += time.monotonic() - self._since
        if self.num_timesteps and (self._spent >= self._next or self._spent >= self._cap):
            self._over = self._measure() >= self._goal or self._spent >= self._cap
            self._next = self._spent + self._every
        self._since = time.monotonic()

    def _on_step(self) -> bool:
        return not self._over

    def _on_training_end(self) -> None:
        if not self._over:
            self._spent += time.monotonic() - self._since
            self._measure()

    def _measure(self) -> float:
        success = self._evaluate(self.model)  # type: ignore[arg-type]
        self._race.points.append((self._spent, self.num_timesteps, success))
        return success
