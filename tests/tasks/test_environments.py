"""One test over every registered environment, with the checkers' warnings as errors."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_sb3

import embodied


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
