"""One test over every registered environment, with the checkers' warnings as errors."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_sb3

import embodied
from embodied.errors import UsageError
from embodied.tasks import registry
from embodied.tasks.base import CONFIRM
from policies.library import SHIPPED
from policies.skill import Skill


@pytest.mark.parametrize("env_id", embodied.ENVIRONMENTS)
def test_checkers_are_content(env_id: str) -> None:
    env = gym.make(env_id).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env, skip_render_check=True)
        check_sb3(env)


@pytest.mark.parametrize("env_id", embodied.ENVIRONMENTS)
def test_same_seed_same_episode(env_id: str) -> None:
    def roll() -> np.ndarray:
        env = gym.make(env_id)
        seen = [env.reset(seed=11)[0]]
        env.action_space.seed(2)
        for _ in range(5):
            seen.append(env.step(env.action_space.sample())[0])
        return np.stack(seen)

    assert np.array_equal(roll(), roll())


def test_kitchen_rewards_its_goal() -> None:
    env = gym.make(
        "embodied/Kitchen-v0",
        objects={"sponge": "table"},
        robot_at="user",
        goal={"at": ["sponge", "table"]},
    )
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(np.zeros(8, np.float32))
    assert reward == 1.0
    assert terminated
    assert info["facts"]["at"] == {"sponge": "table"}


@pytest.mark.parametrize(("env_id", "family"), [("Pick-v0", "pick"), ("Navigate-v0", "navigate")])
def test_success_ends_an_episode_as_in_training(env_id: str, family: str) -> None:
    env, skill = gym.make(f"embodied/{env_id}").unwrapped, Skill.load(SHIPPED / family)
    obs, _ = env.reset(seed=4)
    held, over = 0, False
    while not over:
        obs, reward, over, truncated, info = env.step(skill.act(torch.tensor(obs)[None])[0].numpy())
        held = held + 1 if bool(env.task.success()[0]) else 0
        assert over == info["is_success"] == (held == CONFIRM), "three steps in a row, not one"
        assert not truncated
        per_step = sum(info["terms"].values())
        paid = per_step / (1 - registry.family(family).gamma) + per_step if over else per_step
        assert reward == pytest.approx(paid, rel=1e-4)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"object": "banana"}, "'banana'"),
        ({"kind": "shelf"}, "'shelf'"),
        ({"object": "sponje"}, "did you mean 'sponge'"),
    ],
)
@pytest.mark.parametrize("env_id", ["embodied/Pick-v0", "embodied/Place-v0"])
def test_what_does_not_exist_is_said(env_id: str, wrong: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        gym.make(env_id, **wrong)
