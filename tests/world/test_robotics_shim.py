"""gymnasium-robotics runs on our MuJoCo: make, reset and step per family, and the accessors."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from gymnasium_robotics.utils import mujoco_utils as upstream

from embodied.world import robotics_shim

ONE_PER_FAMILY = [
    "FetchReach-v4",
    "FetchPush-v4",
    "FetchSlide-v4",
    "FetchPickAndPlace-v4",
    "FrankaKitchen-v1",
    "AdroitHandDoor-v1",
    "AdroitHandPen-v1",
    "HandReach-v3",
    "HandManipulateBlock-v1",
    "HandManipulateEgg_ContinuousTouchSensors-v1",
    "PointMaze_UMaze-v3",
    "AntMaze_UMaze-v5",
]

JOINTS = """
<mujoco><worldbody>
  <body><freejoint name="free"/><geom size=".1"/></body>
  <body pos="1 0 0"><joint name="ball" type="ball"/><geom size=".1"/></body>
  <body pos="2 0 0"><joint name="hinge"/><geom size=".1"/></body>
  <body pos="3 0 0"><joint name="slide" type="slide"/><geom size=".1"/></body>
</worldbody></mujoco>
"""


@pytest.mark.parametrize("env_id", ONE_PER_FAMILY)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_every_family_makes_resets_and_steps(env_id: str) -> None:
    env = robotics_shim.make(env_id)
    env.action_space.seed(0)
    first, _ = env.reset(seed=0)
    for _ in range(3):
        observation, reward, *_ = env.step(env.action_space.sample())
    env.close()
    assert np.isfinite(reward)
    assert str(first) != str(observation), "nothing moved"


def test_applying_twice_changes_nothing_more() -> None:
    robotics_shim.apply()
    assert not robotics_shim.needs_mending()
    before = upstream.get_joint_qpos
    assert robotics_shim.apply() is False
    assert upstream.get_joint_qpos is before


def test_a_mended_upstream_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def mended(model, data, name):
        return data.joint(name).qpos.copy()

    robotics_shim.apply()
    monkeypatch.setattr(upstream, "get_joint_qpos", mended)
    assert robotics_shim.apply() is False
    assert upstream.get_joint_qpos is mended


def test_accessors_that_fail_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model, data, name):
        raise AssertionError

    monkeypatch.setattr(upstream, "get_joint_qpos", broken)
    assert robotics_shim.apply() is True
    assert upstream.get_joint_qpos is robotics_shim.get_joint_qpos


@pytest.mark.parametrize(("name", "nq", "nv"), [("free", 7, 6), ("ball", 4, 3), ("hinge", 1, 1)])
def test_accessors_read_what_they_wrote_and_nothing_else(name: str, nq: int, nv: int) -> None:
    model = mujoco.MjModel.from_xml_string(JOINTS)
    data = mujoco.MjData(model)
    robotics_shim.set_joint_qpos(model, data, name, np.arange(1.0, nq + 1))
    robotics_shim.set_joint_qvel(model, data, name, np.arange(1.0, nv + 1))
    assert robotics_shim.get_joint_qpos(model, data, name).tolist() == list(range(1, nq + 1))
    assert robotics_shim.get_joint_qvel(model, data, name).tolist() == list(range(1, nv + 1))
    assert np.count_nonzero(data.qvel) == nv
    robotics_shim.get_joint_qpos(model, data, name)[:] = 0.0
    assert robotics_shim.get_joint_qpos(model, data, name)[0] == 1.0, "a copy, not a view"
