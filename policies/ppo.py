"""Stable-Baselines3's PPO with a rollout loop that has no per-environment Python.

What it learns and saves is SB3's own: `PPO.load` opens it. Only collecting differs: episodes that hit
their time limit are bootstrapped in one call instead of one each, and the value used there is clipped
to what the rewards can reach, because an overestimate would feed on itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from policies.vec_env import TaskVecEnv


class BatchPPO(PPO):
    """PPO over a `TaskVecEnv`.

    max_value: bound on bootstrapped values, in scaled reward units.
    """

    max_value: float = 60.0

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: RolloutBuffer,
        n_rollout_steps: int,
    ) -> bool:
        """Fills the buffer with n_rollout_steps per simulation; see SB3's `OnPolicyAlgorithm`."""
        assert isinstance(env, TaskVecEnv)
        self.policy.set_training_mode(False)
        rollout_buffer.reset()
        callback.on_rollout_start()
        for _ in range(n_rollout_steps):
            with torch.no_grad():
                actions, values, log_probs = self.policy(
                    torch.as_tensor(self._last_obs, device=self.device)
                )
            acts = actions.cpu().numpy()
            obs, rewards, dones, infos = env.step(acts)
            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            self._record(env)
            rewards = self._bootstrap(env, rewards)
            assert isinstance(self._last_obs, np.ndarray) and self._last_episode_starts is not None
            rollout_buffer.add(
                self._last_obs, acts, rewards, self._last_episode_starts, values, log_probs
            )
            self._last_obs, self._last_episode_starts = obs, dones  # type: ignore[assignment]
        with torch.no_grad():
            values = self.policy.predict_values(torch.as_tensor(obs, device=self.device))
        rollout_buffer.compute_returns_and_advantage(last_values=values, dones=dones)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _bootstrap(self, env: TaskVecEnv, rewards: np.ndarray) -> np.ndarray:
        """Adds gamma V(final observation) where the time limit cut an episode."""
        ended = env.ended
        if ended is None or not ended.truncated.any():
            return rewards
        with torch.no_grad():
            final = torch.as_tensor(ended.final_obs[ended.truncated], device=self.device)
            values = self.policy.predict_values(final).squeeze(-1).cpu().numpy()
        rewards = rewards.copy()
        rewards[ended.rows[ended.truncated]] += self.gamma * np.clip(
            values, -self.max_value, self.max_value
        )
        return rewards

    def _record(self, env: TaskVecEnv) -> None:
        assert self.ep_info_buffer is not None and self.ep_success_buffer is not None
        if env.ended is not None:
            for r, length, won in zip(
                env.ended.returns, env.ended.lengths, env.ended.success, strict=True
            ):
                self.ep_info_buffer.append({"r": float(r), "l": int(length), "t": 0.0})
                self.ep_success_buffer.append(bool(won))


def make_ppo(env: TaskVecEnv, seed: int, device: str = "cpu", **overrides: Any) -> BatchPPO:
    """PPO with the settings that the skills are trained with; overrides go to SB3's constructor."""
    settings: dict[str, Any] = {
        "n_steps": 16,
        "batch_size": env.num_envs * 16 // 4,
        "n_epochs": 4,
        "learning_rate": 1e-3,
        "gamma": env.gamma,
        "gae_lambda": 0.9,
        "clip_range": 0.2,
        "target_kl": 0.03,
        "ent_coef": 0.0,
        "stats_window_size": 1024,
        "policy_kwargs": {
            "net_arch": [128, 128],
            "activation_fn": torch.nn.ELU,
            "log_std_init": -0.5,
        },
    }
    return BatchPPO("MlpPolicy", env, seed=seed, device=device, **{**settings, **overrides})
