"""Hindsight learns from rewards of any scale and offset alike."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.type_aliases import DictReplayBufferSamples

from embodied.candidates import field
from embodied.candidates.field_views import FIELD


def drawn(rewards: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """What a learner is given in place of batches of such rewards."""
    left = iter(rewards)

    def sample(*_: Any, **__: Any) -> DictReplayBufferSamples:
        empty = torch.zeros(0)
        return DictReplayBufferSamples({}, empty, {}, empty, next(left)[:, None])

    monkeypatch.setattr(HerReplayBuffer, "sample", sample)
    envs = field.make_envs("FetchReach-v4", 1, 0)
    buffer = field.ProgramHer(64, envs.observation_space, envs.action_space, env=envs)  # type: ignore[arg-type]
    envs.close()
    buffer.task = FIELD["FetchReach-v4"]
    return [buffer.sample(8).rewards[:, 0] for _ in rewards]


def test_scale_and_offset_of_a_reward_are_nothing_to_the_learner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = torch.Generator().manual_seed(0)
    rewards = [torch.rand(4096, generator=rng) for _ in range(3)]
    plain = drawn(rewards, monkeypatch)
    other = drawn([7 * batch + 300 for batch in rewards], monkeypatch)
    for one, two in zip(plain, other, strict=True):
        assert torch.allclose(one, two, atol=1e-3)
        assert one.max() <= 0
        # discounted by 0.95: about 1 in all
        assert float(one.std()) == pytest.approx(0.05, rel=0.1)


def test_a_constant_reward_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for batch in drawn([torch.full((64,), 3.0)] * 2, monkeypatch):
        assert batch.abs().max() == 0
