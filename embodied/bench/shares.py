"""What a PPO training spends its time on: physics, Python around it, policy, update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stable_baselines3.common.logger import configure

from embodied.bench.clock import Clock
from policies.ppo import BatchPPO
from policies.vec_env import TaskVecEnv

AROUND = ("observations", "rewards", "resets", "control and state", "episodes and buffer")
"""The parts of what Python does around the physics."""


@dataclass(frozen=True)
class Shares:
    """Shares of wall-clock time, by part; they add up to 1."""

    seconds: float
    steps: int
    parts: dict[str, float]

    @property
    def python(self) -> float:
        """Share of the environment's step that is not physics."""
        around = sum(self.parts.get(name, 0.0) for name in AROUND)
        return around / (around + self.parts["physics"])

    @property
    def update(self) -> float:
        """Share of the whole that the learner's update takes."""
        return self.parts["update"]

    @property
    def rate(self) -> float:
        """Environment steps per second, all in."""
        return self.steps / self.seconds


def measure(model: BatchPPO, updates: int, wait: Callable[[], None] | None = None) -> Shares:
    """Trains for so many updates, after one that is not counted. wait: see `Clock`."""
    env = model.env
    assert isinstance(env, TaskVecEnv)
    model.set_logger(configure(None, []))
    rollout = model.n_steps * env.num_envs
    model.learn(rollout)
    clock = Clock(wait)
    watch(clock, model, env)
    model.learn(updates * rollout, reset_num_timesteps=False)
    total = sum(clock.seconds.values())
    return Shares(
        total, updates * rollout, {name: took / total for name, took in clock.seconds.items()}
    )


def watch(clock: Clock, model: BatchPPO, env: TaskVecEnv) -> None:
    """Has the clock tell a learner's parts apart."""
    task = env.task
    engine = task.engine  # type: ignore[attr-defined]
    for method in ("step", "forward", "reset"):
        clock.watch(engine, method, "physics")
    clock.watch(task, "observe", "observations")
    for method in ("rewards", "success", "failure"):
        clock.watch(task, method, "rewards")
    clock.watch(task, "reset", "resets")
    clock.watch(task, "step", "control and state")
    for method in ("forward", "predict_values"):
        clock.watch(model.policy, method, "policy")
    clock.watch(model, "train", "update")
    clock.watch(model, "collect_rollouts", "episodes and buffer")
