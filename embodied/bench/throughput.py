"""What one machine's Warp device does: physics alone, environment, full PPO, and stock PPO beside it.

All run on the same engine and settings, one size after the other; kernels are compiled and graphs
captured before the clock starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.logger import configure

from embodied.bench import race
from embodied.world.scene import SUBSTEPS
from policies.checkpoints import LinearDecay
from policies.ppo import make_ppo
from policies.trainer import TrainerCfg, make_env

SIZES = (512, 1024, 2048, 4096, 8192, 16384)
SEEDS = 3
GOALS = (0.9, 0.95)


@dataclass(frozen=True)
class Row:
    """Environment steps per second at one number of simulations."""

    worlds: int
    physics: float
    env: float
    ppo: float
    stock: float
    """Stock SB3 PPO on the same engine, with the same settings."""


def waiter(device: str) -> Callable[[], None]:
    """What waits until a device has done all that it was asked."""
    return torch.cuda.synchronize if device.startswith("cuda") else lambda: None


def hardware(device: str) -> str:
    """The device's name."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else "Warp's CPU device"


def measure(device: str, worlds: int, seconds: float) -> Row:
    """One row, each figure over about so many seconds."""
    wait = waiter(device)
    env = make_env(TrainerCfg("pick", num_envs=worlds, engine="warp", device=device))
    ours = make_ppo(env, 0, device)
    rollout = ours.n_steps * worlds
    stock = _stock(ours, env, device)
    for model in (ours, stock):
        model.set_logger(configure(None, []))
        model.learn(2 * rollout)  # compiles, captures
    engine = env.task.engine  # type: ignore[attr-defined]
    actions = torch.rand(worlds, env.task.act_dim, device=env.device) * 2 - 1
    row = Row(
        worlds,
        physics=_pace(lambda: engine.step(SUBSTEPS), worlds, seconds, wait),
        env=_pace(lambda: env.step_tensors(actions), worlds, seconds, wait),
        ppo=_pace(lambda: _more(ours, rollout), rollout, seconds, wait),
        stock=_pace(lambda: _more(stock, rollout), rollout, seconds, wait),
    )
    engine.check()
    return row


def _more(model: PPO, steps: int) -> None:
    model.learn(steps, reset_num_timesteps=False)


def _stock(ours: PPO, env: Any, device: str) -> PPO:
    same = (
        "n_steps",
        "batch_size",
        "n_epochs",
        "gamma",
        "gae_lambda",
        "target_kl",
        "policy_kwargs",
    )
    settings = {name: getattr(ours, name) for name in same}
    return PPO("MlpPolicy", env, learning_rate=1e-3, device=device, **settings)


def _pace(
    work: Callable[[], object], steps: int, seconds: float, wait: Callable[[], None]
) -> float:
    """Steps per second: the median of five stretches."""
    paces = []
    for _ in range(5):
        wait()
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds / 5:
            work()
            wait()
            count += steps
        paces.append(count / (time.perf_counter() - began))
    return median(paces)


def sweep(device: str, sizes: Sequence[int], seconds: float) -> tuple[dict[str, Any], list[str]]:
    """A row per size, as figures and as a table."""
    rows = [measure(device, worlds, seconds) for worlds in sizes]
    told = [
        f"| simulations on {hardware(device)} | physics alone | environment | full PPO | stock SB3 PPO "
        "| ours is faster by |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {row.worlds:,} | {row.physics:,.0f} | {row.env:,.0f} | {row.ppo:,.0f} | "
            f"{row.stock:,.0f} | {row.ppo / row.stock:.1f} × |"
            for row in rows
        ),
        "",
        "Environment steps per second. Bars on an H200: full PPO 300,000; ours to stock 2 ×.",
    ]
    return {"device": hardware(device), "rows": [asdict(row) for row in rows]}, told


def seeds(
    device: str, worlds: int, steps: int, count: int, episodes: int, cap: float
) -> tuple[dict[str, Any], list[str]]:
    """Seconds to `GOALS` of fresh starts, after compilation, for so many seeds. cap: seconds."""
    evaluate, races = race.fresh_starts(episodes, 0), []
    for seed in range(count):
        env = make_env(TrainerCfg("pick", num_envs=worlds, engine="warp", device=device, seed=seed))
        make_ppo(env, seed, device).learn(2 * 16 * worlds)  # compiles, captures
        model = make_ppo(env, seed, device, learning_rate=LinearDecay(1e-3, 1e-4, steps))
        races.append(race.run(model, evaluate, steps, GOALS[-1], 2.0, cap))
    told = [
        f"| seed, {worlds:,} simulations | s to 90 % | s to 95 % | steps | success at the end |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {seed} | {_times(found)} |" for seed, found in enumerate(races)),
        "",
        "Wall-clock of training after compilation; bar on an H200: 95 % within 90 s.",
    ]
    return {"worlds": worlds, "races": [asdict(found) for found in races]}, told


def _times(found: race.Race) -> str:
    took = [found.seconds_to(goal) for goal in GOALS]
    _, steps, success = found.points[-1]
    cells = ["not reached" if seconds is None else f"{seconds:.1f}" for seconds in took]
    return " | ".join([*cells, f"{steps:,}", f"{success:.1%}"])
