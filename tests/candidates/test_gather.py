"""Episodes for the bank: their last state tells success as the environment does."""

import numpy as np
import pytest
import torch

from embodied.candidates import tasks, training
from embodied.candidates.episodes import POINTS


def to_the_goal(obs):
    """FetchReach: straight to it in half of the episodes, away from it in the others."""
    step = (10 * (obs[:, 3:6] - obs[:, :3])).clamp(-1, 1)
    step[::2] *= -1
    return torch.cat([step, 0 * step[:, :1]], -1)


def test_episodes_of_the_field_end_where_they_were_judged():
    bank = training.gather("FetchReach-v4", to_the_goal, 3)
    for name, size in tasks.brief("FetchReach-v4").sizes.items():
        assert bank.states[name].shape == (8, POINTS, size)
    last = bank.states["gripper_position"][:, -1] - bank.states["goal_position"][:, -1]
    assert list(np.linalg.norm(last, axis=-1) < 0.05) == list(bank.success)
    assert bank.success[1::2].all() and not bank.success[::2].any()
    assert bank.tells is False  # four of each are too few


@pytest.mark.parametrize("task", ["navigate", "AdroitHandDoor-v1", "PointMaze_UMaze-v3"])
def test_every_kind_of_task_gives_episodes(task):
    sizes = tasks.brief(task).sizes
    bank = training.gather(task, lambda obs: torch.zeros(len(obs), sizes["action"]), 0)
    assert {name: value.shape[1:] for name, value in bank.states.items()} == {
        name: (POINTS, size) for name, size in sizes.items()
    }
    assert not bank.success.all() and np.isfinite(bank.states["action"]).all()
