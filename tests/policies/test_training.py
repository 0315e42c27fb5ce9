"""PPO on batched tasks: what it saves is plain SB3, killed trainings go on, learning happens."""

from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.logger import configure

from embodied.tasks import registry
from embodied.tasks.pick import PickTask
from embodied.tasks.randomise import NONE, RandomiseCfg
from policies import checkpoints
from policies.checkpoints import Keeper, resume_or_start
from policies.library import SHIPPED
from policies.ppo import make_ppo
from policies.skill import Skill, mean_of_ppo
from policies.trainer import TrainerCfg
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


def test_a_policy_is_trained_on_and_its_critic_goes_first(
    env: TaskVecEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skill = Skill.load(SHIPPED / "pick")
    cfg = TrainerCfg("pick", finetune=skill.folder, learning_rate=2e-4)
    monkeypatch.setattr(checkpoints, "CRITIC_FIRST", 96 * 16 + 1)
    model, _ = resume_or_start(cfg, env, tmp_path, {}, 96 * 16 * 4)
    obs = torch.as_tensor(env.reset())

    def same() -> bool:
        with torch.no_grad():
            return torch.allclose(mean_of_ppo(model.policy)(obs), skill.act(obs), atol=1e-6)

    critic = model.policy.value_net.weight.clone()
    assert same()
    model.learn(96 * 16)
    assert same() and not torch.equal(critic, model.policy.value_net.weight)
    model.learn(96 * 16, reset_num_timesteps=False)
    assert not same()
    rates = [model.lr_schedule(left) for left in (1.0, 0.76, 0.74, 0.0)]
    assert rates == pytest.approx([1e-3, 7.84e-4, 1.532e-4, 2e-5]), (
        "the critic's rate, then its own"
    )


def test_time_limits_are_told_from_failures() -> None:
    env = TaskVecEnv(PickTask(96, threads=2, easy=0.0), seed=0)  # nothing gripped, nothing dropped
    env.reset()
    seen = {"truncated": 0, "ended": 0}
    for _ in range(80):
        _, _, dones, infos = env.step(np.zeros((96, 5), np.float32))
        for row in np.flatnonzero(dones):
            seen["ended"] += 1
            seen["truncated"] += infos[row]["TimeLimit.truncated"]
            assert infos[row]["terminal_observation"].shape == (PickTask.obs_dim,)
    assert seen["truncated"] == seen["ended"] > 0  # a robot that does nothing runs out of time


class Killed(Exception):
    pass


def part_of_a_training(
    folder: Path, family: str, randomise: RandomiseCfg, kill_at: int = 0
) -> list[torch.Tensor]:
    """Trains for 7 rollouts with a checkpoint every second one; killed in the rollout `kill_at`."""
    cfg = TrainerCfg(family, num_envs=96, steps=96 * 16 * 7, checkpoint_every=96 * 16 * 2)
    task = registry.family(family).make(96, 0, 2, randomise=randomise)
    env = TaskVecEnv(task, seed=0)
    model, minutes = resume_or_start(cfg, env, folder, {}, cfg.steps)
    model.set_logger(configure(None, []))

    def progress(steps: int, figures: dict[str, float]) -> None:
        if steps == kill_at * 96 * 16:
            raise Killed

    keeper = Keeper(cfg, env, folder, progress, minutes)
    model.learn(cfg.steps - model.num_timesteps, callback=keeper, reset_num_timesteps=False)
    assert model.num_timesteps == cfg.steps
    return [p.detach().clone() for p in model.policy.parameters()]


@pytest.mark.parametrize(
    ("family", "randomise"),
    [("pick", RandomiseCfg()), ("navigate", NONE)],
    ids=["pick", "navigate"],
)
def test_a_killed_training_ends_with_the_weights_of_an_unbroken_one(
    tmp_path: Path, family: str, randomise: RandomiseCfg
) -> None:
    whole = part_of_a_training(tmp_path / "whole", family, randomise)
    for kill_at in (1, 4, 6):
        with pytest.raises(Killed):
            part_of_a_training(tmp_path / "broken", family, randomise, kill_at)
        # as a kill while saving leaves it
        (tmp_path / "broken/checkpoints/.step_0000099999.part").mkdir(exist_ok=True)
    again = part_of_a_training(tmp_path / "broken", family, randomise)
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))
