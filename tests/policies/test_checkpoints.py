"""A full disk costs nothing but the checkpoint that did not fit."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import torch
from stable_baselines3.common.logger import configure

from embodied.errors import EnvironmentFault
from embodied.tasks.pick import PickTask
from policies.checkpoints import Keeper, resume_or_start
from policies.trainer import TrainerCfg
from policies.vec_env import TaskVecEnv

CFG = TrainerCfg("pick", num_envs=16, steps=16 * 16 * 4, checkpoint_every=16 * 16)


def test_the_last_whole_checkpoint_survives_a_full_disk(tmp_path: Path) -> None:
    env = TaskVecEnv(PickTask(16, threads=1), seed=0)
    model, _ = resume_or_start(CFG, env, tmp_path, {}, CFG.steps)
    model.set_logger(configure(None, []))
    model.learn(16 * 16, callback=(keeper := Keeper(CFG, env, tmp_path, lambda *_: None, 0.0)))
    keeper.checkpoint()
    (kept,) = (tmp_path / "checkpoints").iterdir()
    weights = [p.detach().clone() for p in model.policy.parameters()]

    model.learn(16 * 16, reset_num_timesteps=False)
    keeper.num_timesteps = model.num_timesteps
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # no file may grow beyond: as if full
    try:
        with pytest.raises(EnvironmentFault, match="Cannot write .*step_0000000512"):
            keeper.checkpoint()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "checkpoints").iterdir()) == [kept], "no part of the other is left"
    again, _ = resume_or_start(CFG, env, tmp_path, {}, CFG.steps)
    assert again.num_timesteps == 256
    assert all(torch.equal(*p) for p in zip(weights, again.policy.parameters(), strict=True))
