"""The tensor path of PPO against stock Stable-Baselines3: same advantages, same update, same curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.logger import configure

from policies.ppo import BatchPPO, TensorRollouts, make_ppo
from policies.vec_env import TaskVecEnv


class Point:
    """A task without physics: a point in the plane has to come to the origin and stay."""

    name, obs_dim, act_dim, horizon = "point", 2, 2, 20

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        self.at = torch.zeros(num_envs, 2)

    def reset(self, mask: torch.Tensor, rng: torch.Generator) -> None:
        self.at[mask] = torch.rand(int(mask.sum()), 2, generator=rng) * 4 - 2

    def observe(self) -> torch.Tensor:
        return self.at.clone()

    def step(self, action: torch.Tensor) -> None:
        self.at += 0.3 * action.clamp(-1, 1)

    def rewards(self) -> Mapping[str, torch.Tensor]:
        return {"near": 1 - torch.tanh(self.at.norm(dim=-1))}

    def success(self) -> torch.Tensor:
        return self.at.norm(dim=-1) < 0.2

    def failure(self) -> torch.Tensor:
        return self.at.norm(dim=-1) > 6

    def labels(self) -> Mapping[str, list[str]]:
        return {}


def test_advantages_are_sb3s() -> None:
    env, rng = TaskVecEnv(Point(6)), torch.Generator().manual_seed(0)
    spaces = (env.observation_space, env.action_space)
    ours = TensorRollouts(9, *spaces, gamma=0.97, gae_lambda=0.9, n_envs=6)
    theirs = RolloutBuffer(9, *spaces, gamma=0.97, gae_lambda=0.9, n_envs=6)
    for _ in range(9):
        obs, act, rest = (torch.rand(6, *size, generator=rng) for size in ((2,), (2,), (3,)))
        starts = (torch.rand(6, generator=rng) < 0.2).float()
        ours.add(obs, act, rest[:, 0], starts, rest[:, 1], rest[:, 2])
        theirs.add(*(x.numpy() for x in (obs, act, rest[:, 0], starts)), rest[:, 1], rest[:, 2])
    last, dones = torch.rand(6, generator=rng), torch.rand(6, generator=rng) < 0.3
    ours.compute_returns_and_advantage(last, dones)
    theirs.compute_returns_and_advantage(last, dones.numpy())
    assert np.allclose(ours.advantages, theirs.advantages, atol=1e-6)
    assert np.allclose(ours.returns, theirs.returns, atol=1e-6)


def filled(kind: type[PPO], **settings) -> PPO:
    """A learner whose buffer holds the same rollout whatever its kind."""
    env = TaskVecEnv(Point(8), seed=1)
    model = kind("MlpPolicy", env, n_steps=8, batch_size=64, seed=0, device="cpu", **settings)
    model.set_logger(configure(None, []))
    rng = torch.Generator().manual_seed(2)
    for _ in range(8):
        obs, act = torch.rand(8, 2, generator=rng), torch.rand(8, 2, generator=rng)
        with torch.no_grad():
            values, log_prob, _ = model.policy.evaluate_actions(obs, act)
        row = [obs, act, torch.rand(8, generator=rng), torch.zeros(8)]
        row = row if isinstance(model, BatchPPO) else [part.numpy() for part in row]
        model.rollout_buffer.add(*row, values.flatten(), log_prob)
    dones = torch.zeros(8)
    model.rollout_buffer.compute_returns_and_advantage(
        torch.ones(8), dones if isinstance(model, BatchPPO) else dones.numpy()
    )
    return model


def weights(model: PPO) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.policy.parameters()])


def test_an_update_is_sb3s() -> None:
    ours, theirs = filled(BatchPPO, n_epochs=5), filled(PPO, n_epochs=5)
    assert torch.equal(weights(ours), weights(theirs))
    before = weights(ours)
    ours.train(), theirs.train()
    assert (weights(ours) - before).abs().max() > 1e-3
    assert torch.allclose(weights(ours), weights(theirs), atol=1e-5)
    names = ("policy_gradient_loss", "value_loss", "approx_kl", "explained_variance")
    for name in names[:2]:
        mine, other = (m.logger.name_to_value[f"train/{name}"] for m in (ours, theirs))
        assert mine == pytest.approx(other, abs=1e-4)


def test_an_update_stops_where_sb3s_stops() -> None:
    settings = {"n_epochs": 30, "target_kl": 0.01, "learning_rate": 3e-3}
    ours, theirs = filled(BatchPPO, **settings), filled(PPO, **settings)
    ours.train(), theirs.train()
    assert torch.allclose(weights(ours), weights(theirs), atol=1e-4)
    free = filled(BatchPPO, **settings | {"target_kl": None})
    free.train()
    assert (weights(free) - weights(ours)).abs().max() > 1e-2


def curve(make, seed: int) -> list[float]:
    """Success in the last episodes after 4, 8, 12 and 16 updates."""
    torch.manual_seed(seed)
    model = make(TaskVecEnv(Point(64), seed=seed), seed)
    return [
        float(np.mean(model.learn(64 * 16 * 4, reset_num_timesteps=False).ep_success_buffer))
        for _ in range(4)
    ]


def stock(env: TaskVecEnv, seed: int) -> PPO:
    ours = make_ppo(env, seed)
    same = ("n_steps", "batch_size", "n_epochs", "learning_rate", "gamma", "gae_lambda")
    rest = {"target_kl": 0.03, "stats_window_size": 1024, "policy_kwargs": ours.policy_kwargs}
    return PPO(
        "MlpPolicy", env, seed=seed, device="cpu", **{n: getattr(ours, n) for n in same}, **rest
    )


def test_learning_curves_agree_within_seed_noise() -> None:
    ours = np.array([curve(make_ppo, seed) for seed in range(4)])
    theirs = np.array([curve(stock, seed) for seed in range(4)])
    assert ours[:, -1].min() > ours[:, 0].max()  # it learns
    noise = np.maximum(ours.std(0, ddof=1), theirs.std(0, ddof=1))
    assert (np.abs(ours.mean(0) - theirs.mean(0)) <= 3 * noise + 0.03).all(), (ours, theirs)


def test_a_saved_learner_opens_with_plain_sb3(tmp_path: Path) -> None:
    model = make_ppo(TaskVecEnv(Point(8)), 0)
    model.learn(8 * 16)
    model.save(tmp_path / "ppo.zip")
    plain = PPO.load(tmp_path / "ppo.zip", device="cpu")
    assert torch.equal(weights(plain), weights(model))
