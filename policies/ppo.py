"""Stable-Baselines3's PPO with everything between observation and update kept as torch tensors.

What it learns and saves is SB3's own: `PPO.load` opens it. What differs from stock SB3:

- The rollout buffer, the advantages, the bootstrap at time limits and the minibatches stay on the
  learner's device; nothing is done per simulation in Python.
- A final value is clipped to what the rewards can reach where a time limit cuts an episode, because
  an overestimate would feed on itself.
- A GPU is read once per update, at the end of the rollout: the ended episodes, and the figures of the
  update before. Stopping at `target_kl` is a switch on the device that turns the rest of the update's
  steps off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import RolloutBufferSamples
from stable_baselines3.common.vec_env import VecEnv

from embodied.errors import EmbodiedError
from policies.vec_env import Ended, TaskVecEnv

ROLLOUT = 16  # steps of every simulation between two updates
_FIGURES = (
    "policy_gradient_loss", "value_loss", "entropy_loss", "approx_kl", "clip_fraction",
    "explained_variance", "std",
)  # fmt: skip


class TensorRollouts(RolloutBuffer):
    """SB3's rollout buffer with tensors (T, N, ...) on the learner's device in place of arrays."""

    def reset(self) -> None:
        """Empties the buffer; its memory is made once."""
        self.pos, self.full, self.generator_ready = 0, False, True
        if isinstance(getattr(self, "observations", None), torch.Tensor):
            return
        shape = (self.buffer_size, self.n_envs)

        def zeros(*size: int) -> Any:
            return torch.zeros(*shape, *size, device=self.device)

        assert isinstance(self.obs_shape, tuple)
        self.observations, self.actions = zeros(*self.obs_shape), zeros(self.action_dim)
        self.rewards, self.values, self.log_probs = zeros(), zeros(), zeros()
        self.episode_starts, self.advantages, self.returns = zeros(), zeros(), zeros()

    def add(self, *row: Any) -> None:
        """One step of all simulations: obs, actions, rewards, episode starts, values, log-probs."""
        stores = (
            self.observations, self.actions, self.rewards, self.episode_starts, self.values,
            self.log_probs,
        )  # fmt: skip
        for store, value in zip(stores, row, strict=True):
            store[self.pos].copy_(value.reshape(store[self.pos].shape))  # type: ignore[union-attr]
        self.pos += 1
        self.full = self.pos == self.buffer_size

    def compute_returns_and_advantage(self, last_values: Any, dones: Any) -> None:
        """GAE(lambda); see the base class. last_values (N,) or (N, 1), dones (N,) tensors."""
        following, running = last_values.flatten(), torch.zeros_like(self.rewards[0])
        alive = 1.0 - dones.float()
        for t in reversed(range(self.buffer_size)):
            delta = self.rewards[t] + self.gamma * following * alive - self.values[t]
            running = delta + self.gamma * self.gae_lambda * alive * running
            self.advantages[t] = running
            following, alive = self.values[t], 1.0 - self.episode_starts[t]
        torch.add(self.advantages, self.values, out=self.returns)  # type: ignore[call-overload]

    def get(self, batch_size: int | None = None) -> Iterator[RolloutBufferSamples]:  # type: ignore[override]
        """Minibatches in random order, drawn from torch's global generator."""
        total = self.buffer_size * self.n_envs
        order = torch.randperm(total, device=self.device)
        flat = [
            store.reshape(total, *store.shape[2:])
            for store in (
                self.observations, self.actions, self.values, self.log_probs, self.advantages,
                self.returns,
            )
        ]  # fmt: skip
        for rows in order.split(batch_size or total):
            yield RolloutBufferSamples(*(store[rows] for store in flat))  # type: ignore[arg-type, index]


class BatchPPO(PPO):
    """PPO over a `TaskVecEnv`.

    max_value: bound on bootstrapped values, in scaled reward units.
    critic_first: environment steps before which only the critic learns: a policy that knows its
        job would otherwise be pulled about by a critic that does not yet.
    """

    max_value: float = 60.0
    critic_first: int = 0

    def _setup_model(self) -> None:
        super()._setup_model()
        self._ended: list[torch.Tensor] = []
        self._unread: torch.Tensor | None = None
        if (
            self.device.type != "cpu"
        ):  # each check of a distribution's arguments waits for the device
            torch.distributions.Distribution.set_default_validate_args(False)
        self.rollout_buffer = TensorRollouts(
            self.n_steps,
            self.observation_space,
            self.action_space,
            device=self.device,
            gamma=self.gamma,
            gae_lambda=self.gae_lambda,
            n_envs=self.n_envs,
        )

    def _excluded_save_params(self) -> list[str]:
        mine = ["_last_obs", "_last_episode_starts", "_ended", "_unread"]
        return [*super()._excluded_save_params(), *mine]

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: RolloutBuffer,
        n_rollout_steps: int,
    ) -> bool:
        """Fills the buffer with n_rollout_steps per simulation; see SB3's `OnPolicyAlgorithm`."""
        assert isinstance(env, TaskVecEnv) and isinstance(rollout_buffer, TensorRollouts)
        self.policy.set_training_mode(False)
        rollout_buffer.reset()
        callback.on_rollout_start()
        obs, starts = self._tensor(self._last_obs), self._tensor(self._last_episode_starts)
        for _ in range(n_rollout_steps):
            with torch.no_grad():
                actions, values, log_probs = self.policy(obs)
            after, rewards, dones = env.step_tensors(actions)
            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            if env.ended is not None:
                self._ended.append(_tally(env.ended))
            row = (obs, actions, self._bootstrap(env, rewards), starts, values, log_probs)
            rollout_buffer.add(*row)
            obs, starts = after, dones
        with torch.no_grad():
            values = self.policy.predict_values(obs)
        rollout_buffer.compute_returns_and_advantage(values, starts)
        self._last_obs, self._last_episode_starts = obs, starts  # type: ignore[assignment]
        self._check_rewards()
        self._read()
        self._record()
        env.tell_faults()
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _check_rewards(self) -> None:
        """Refuses to learn from what is no number; on a GPU a look would mean waiting.

        Raises:
            EmbodiedError: the rollout holds such a reward.
        """
        if self.device.type == "cpu" and not bool(self.rollout_buffer.rewards.isfinite().all()):  # type: ignore[union-attr]
            raise EmbodiedError(
                "A reward of this rollout is no number: a term divides by zero, or takes the root or "
                "logarithm of something negative. Mend it; nothing was learned from the rollout."
            )

    def train(self) -> None:
        """One update from the buffer: SB3's PPO loss and order of steps, read out once."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        clip = float(self.clip_range(self._current_progress_remaining))  # type: ignore[operator]
        going = torch.ones((), device=self.device)
        sums, steps = torch.zeros(5, device=self.device), 0
        for _ in range(self.n_epochs):
            for batch in self.rollout_buffer.get(self.batch_size):
                loss, figures = self._loss(batch, clip)
                if self.target_kl is not None:
                    going = going * (figures[3] <= 1.5 * self.target_kl)
                if self.device.type == "cpu" and not bool(going):
                    break  # reading the CPU costs nothing
                self._descend(loss, going)
                sums, steps = sums + figures * going, steps + 1
            else:
                self._n_updates += 1
                continue
            break
        self._report(sums / max(steps, 1), clip)
        if self.device.type == "cpu":
            self._read()

    def _loss(self, batch: Any, clip: float) -> tuple[torch.Tensor, torch.Tensor]:
        """PPO's loss and (5,) policy, value, entropy losses, approximate KL, clipped share."""
        values, log_prob, entropy = self.policy.evaluate_actions(batch.observations, batch.actions)
        advantages = batch.advantages
        if self.normalize_advantage and len(advantages) > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        change = log_prob - batch.old_log_prob
        ratio = change.exp()
        policy = -torch.min(advantages * ratio, advantages * ratio.clamp(1 - clip, 1 + clip)).mean()
        value = F.mse_loss(batch.returns, values.flatten())
        spread = -(entropy if entropy is not None else -log_prob).mean()
        loss = self.vf_coef * value
        if self.num_timesteps >= self.critic_first:
            loss = loss + policy + self.ent_coef * spread
        with torch.no_grad():
            kl = ((ratio - 1) - change).mean()
            clipped = ((ratio - 1).abs() > clip).float().mean()
        figures = torch.stack([policy.detach(), value.detach(), spread.detach(), kl, clipped])
        return loss, figures

    def _descend(self, loss: torch.Tensor, going: torch.Tensor) -> None:
        """One optimiser step, without effect where `going` is 0."""
        optimiser = self.policy.optimizer
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        if self.device.type != "cpu":  # fused Adam skips its step, moments included
            optimiser.grad_scale = None  # type: ignore[attr-defined]
            optimiser.found_inf = 1 - going  # type: ignore[attr-defined]
        optimiser.step()

    def _report(self, means: torch.Tensor, clip: float) -> None:
        """The update's figures, left on the device; SB3 logs them after the next rollout, too."""
        buffer: Any = self.rollout_buffer
        unexplained = (buffer.returns - buffer.values).var() / buffer.returns.var().clamp_min(1e-12)
        std = self.policy.log_std.detach().exp().mean()  # type: ignore[operator]
        self._unread = torch.cat([means, (1 - unexplained)[None], std[None]])
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/clip_range", clip)

    def _read(self) -> None:
        """Logs the last update's figures under SB3's names."""
        if self._unread is None:
            return
        for name, value in zip(_FIGURES, self._unread.tolist(), strict=True):
            self.logger.record(f"train/{name}", value)
        self._unread = None

    def _tensor(self, value: Any) -> torch.Tensor:
        return torch.as_tensor(value, dtype=torch.float32, device=self.device)

    def _bootstrap(self, env: TaskVecEnv, rewards: torch.Tensor) -> torch.Tensor:
        """Adds gamma V(final observation) where the time limit cut an episode."""
        ended = env.ended
        if ended is None:
            return rewards
        with torch.no_grad():
            values = self.policy.predict_values(ended.final_obs).squeeze(-1)
        values = values.clamp(-self.max_value, self.max_value) * ended.truncated
        return rewards.index_add(0, ended.rows, self.gamma * values)

    def _record(self) -> None:
        """Books the rollout's ended episodes where SB3 keeps them."""
        assert self.ep_info_buffer is not None and self.ep_success_buffer is not None
        if not self._ended:
            return
        rows = torch.cat(self._ended, 1).cpu()
        self._ended = []
        last = rows[:, rows[0] > 0][1:, -int(self.ep_success_buffer.maxlen or 1) :]
        for success, reward, length in last.T.tolist():
            self.ep_success_buffer.append(bool(success))
            self.ep_info_buffer.append({"r": reward, "l": int(length), "t": 0.0})


def _tally(ended: Ended) -> torch.Tensor:
    """(4, M): over, success, return, length."""
    parts = (ended.over, ended.success, ended.returns, ended.lengths)
    return torch.stack([part.float() for part in parts])


def make_ppo(env: TaskVecEnv, seed: int, device: str = "cpu", **overrides: Any) -> BatchPPO:
    """PPO with the settings that the skills are trained with; overrides go to SB3's constructor."""
    settings: dict[str, Any] = {
        "n_steps": ROLLOUT,
        "batch_size": min(env.num_envs * ROLLOUT // 4, 8192),
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
            "optimizer_kwargs": {"fused": True},
        },
    }
    return BatchPPO("MlpPolicy", env, seed=seed, device=device, **{**settings, **overrides})
