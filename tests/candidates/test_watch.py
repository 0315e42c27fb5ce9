"""Pictures of policies: the same starts for all of them, and the end that the task itself tells."""

import numpy as np
import pytest
import torch
from torch import nn

from embodied.candidates.net import Net
from embodied.candidates.skill_views import SKILLS
from embodied.candidates.watch import watch
from embodied.errors import EmbodiedError
from embodied.world import gl
from policies.library import SHIPPED
from policies.skill import Skill


@pytest.fixture(scope="module", autouse=True)
def graphics():
    found = gl.choose()
    if found.backend is None:
        pytest.skip(found.reason)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUJOCO_GL", found.backend)
        yield


def to_the_goal(gain: float) -> Net:
    """FetchReach: straight to the goal, or away from it. Reads achieved_goal, desired_goal first."""
    layer = nn.Linear(16, 4)
    with torch.no_grad():
        layer.weight.zero_(), layer.bias.zero_()
        layer.weight[:3, 3:6] = gain * torch.eye(3)
        layer.weight[:3, :3] = -gain * torch.eye(3)
    return Net([layer], "relu", squash=True)


def test_the_field_is_shown_from_equal_starts_to_the_end():
    good, bad = (list(watch("FetchReach-v4", to_the_goal(gain), 1, 5)) for gain in (10.0, -10.0))
    assert [f.success for f in good] == [None] * (len(good) - 1) + [True]
    assert bad[-1].success is False and len(bad) == len(good) == 26  # every second of 50 steps
    assert good[0].picture.shape == (480, 480, 3)
    assert np.array_equal(good[0].picture, bad[0].picture)
    assert (good[-1].picture != bad[-1].picture).any()
    assert good[0].state is None and len([f for f in good if f.state]) == 25
    gaps = [
        np.linalg.norm(f.state["gripper_position"] - f.state["goal_position"])
        for f in (good[1], good[-1], bad[-1])
    ]
    assert gaps[1] < 0.05 < gaps[0] and gaps[2] > 0.05


def test_a_skill_is_shown_in_its_training_scene_to_the_end():
    shipped = Skill.load(SHIPPED / "open")
    layers = [m for m in shipped._net if isinstance(m, nn.Linear)]
    still = nn.Linear(layers[0].in_features, layers[-1].out_features)
    nn.init.zeros_(still.weight), nn.init.zeros_(still.bias)
    good = list(watch("open", Net(layers, "elu", squash=False), 1, 0))
    bad = list(watch("open", Net([still], "elu", squash=False), 1, 0))
    assert good[-1].success is True and bad[-1].success is False
    assert np.array_equal(good[0].picture, bad[0].picture)
    moved = [(np.abs(f[-1].picture.astype(int) - f[0].picture) > 40).mean() for f in (good, bad)]
    assert moved[0] > 0.01 > moved[1]  # the drawer stands out
    assert set(good[-1].state) == set(SKILLS["open"].brief.sizes) and good[0].state is None
    missing = [f[-1].state["drawer_error"][0] for f in (good, bad)]
    assert missing[0] < 0.05 < missing[1]
    with pytest.raises(EmbodiedError, match="another task"):
        next(watch("navigate", Net([still], "elu", squash=False), 1, 0))


def test_a_room_is_shown_with_its_furniture():
    zero = nn.Linear(*_navigate())
    nn.init.zeros_(zero.weight), nn.init.zeros_(zero.bias)
    first = next(watch("navigate", Net([zero], "elu", squash=False), 1, 0))
    green = (first.picture[..., 1] > first.picture[..., 0].astype(int) + 60).mean()
    assert 0.0005 < green < 0.05  # the goal, on the floor of the room
    assert first.picture.std() > 20


def _navigate() -> tuple[int, int]:
    from embodied.tasks.navigate import NavigateTask

    return NavigateTask.obs_dim, NavigateTask.act_dim
