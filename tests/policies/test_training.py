"""PPO on batched tasks: what it saves is plain SB3, killed trainings go on, learning happens."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from embodied.tasks.pick import PickTask
from policies.ppo import make_ppo
from policies.skill import mean_of_ppo
from policies.vec_env import TaskVecEnv


@pytest.fixture(scope="module")
def env() -> TaskVecEnv:
    return TaskVecEnv(PickTask(96, threads=2), seed=0)


def test_saved_zip_opens_with_plain_sb3(env: TaskVecEnv, tmp_path: Path) -> None:
    model = make_ppo(env, 0)
    model.learn(96 * 16)
    model.save(tmp_path / "ppo.zip")
    plain = PPO.load(tmp_path / "ppo.zip", device="cpu")
    obs = env.reset()
    actions, _ = plain.predict(obs, deterministic=True)
    net = mean_of_ppo(model.policy)
    with torch.no_grad():
        ours = net(torch.as_tensor(obs)).clamp(-1, 1).numpy()
    assert np.allclose(actions, ours, atol=1e-5)


def test_stock_ppo_learns_on_the_vector_environment(env: TaskVecEnv) -> None:
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=384, n_epochs=1, device="cpu")
    model.learn(96 * 16)
    assert model.num_timesteps == 96 * 16


def test_reaching_is_learned_in_a_few_updates(env: TaskVecEnv) -> None:
    torch.manual_seed(0)
    model = make_ppo(env, 3)
    model.learn(96 * 16)
    before = env.term_means["reach"]
    model.learn(96 * 16 * 45)
    assert env.term_means["reach"] > before + 0.15


def test_time_limits_are_told_from_failures(env: TaskVecEnv) -> None:
    env.reset()
    seen = {"truncated": 0, "ended": 0}
    for _ in range(80):
        _, _, dones, infos = env.step(np.zeros((96, 5), np.float32))
        for row in np.flatnonzero(dones):
            seen["ended"] += 1
            seen["truncated"] += infos[row]["TimeLimit.truncated"]
            assert infos[row]["terminal_observation"].shape == (PickTask.obs_dim,)
    assert seen["truncated"] == seen["ended"] > 0  # a robot that does nothing runs out of time


def test_killed_training_goes_on(tmp_path: Path) -> None:
    from policies.trainer import TrainerCfg, _Keeper, _resume_or_start

    cfg = TrainerCfg("pick", num_envs=96, steps=96 * 16 * 4)
    env = TaskVecEnv(PickTask(96, threads=2), seed=0)
    model, minutes = _resume_or_start(cfg, env, tmp_path, {}, cfg.steps)
    assert minutes == 0.0
    keeper = _Keeper(cfg, env, tmp_path, lambda steps, figures: None, minutes)
    model.learn(96 * 16 * 2, callback=keeper)
    keeper.checkpoint()
    weights = {key: value.clone() for key, value in model.policy.state_dict().items()}
    (tmp_path / "checkpoints" / ".step_0000099999.part").mkdir()  # as a kill while saving leaves it

    again, _ = _resume_or_start(
        cfg, TaskVecEnv(PickTask(96, threads=2), seed=0), tmp_path, {}, cfg.steps
    )
    assert again.num_timesteps == 96 * 16 * 2
    assert all(torch.equal(value, weights[key]) for key, value in again.policy.state_dict().items())
    again.learn(cfg.steps - again.num_timesteps, reset_num_timesteps=False)
    assert again.num_timesteps == cfg.steps
    assert (
        json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])["steps"]
        == 96 * 16 * 2
    )
