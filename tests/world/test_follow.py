"""The cameraman: smooth, deterministic, and never behind the robot's back while it works."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from embodied.world import scene
from embodied.world.follow import Follow, FollowCfg
from embodied.world.robot import BASE_JOINTS


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return scene.kitchen_spec([], visuals=False).compile()


def _stand(model: mujoco.MjModel, pose: tuple[float, float, float], speed: float) -> mujoco.MjData:
    data = mujoco.MjData(model)
    for name, value in zip(BASE_JOINTS, pose, strict=True):
        data.joint(f"robot/{name}").qpos[0] = value
    data.joint("robot/base_x").qvel[0] = speed
    mujoco.mj_forward(model, data)
    return data


def _shot(camera: mujoco.MjvCamera) -> np.ndarray:
    return np.array([*camera.lookat, camera.distance, camera.azimuth, camera.elevation])


def test_driving_is_seen_wide_and_working_close(model: mujoco.MjModel) -> None:
    camera, cfg = mujoco.MjvCamera(), FollowCfg()
    Follow(model).update(_stand(model, (0.5, 0, 0), speed=1.0), camera)
    assert camera.distance == pytest.approx(cfg.far[0])
    Follow(model).update(_stand(model, (0.5, 0, 0), speed=0.0), camera)
    assert camera.distance == pytest.approx(cfg.near[0])


@pytest.mark.parametrize("degrees", range(0, 360, 30))
def test_work_is_not_hidden_by_the_robot(model: mujoco.MjModel, degrees: int) -> None:
    """Where the camera's range allows it; headings into the missing walls have no work."""
    camera, cfg = mujoco.MjvCamera(), FollowCfg()
    Follow(model).update(_stand(model, (0, 0, np.radians(degrees)), speed=0.0), camera)
    low, high = cfg.azimuth_range
    assert low <= camera.azimuth <= high
    off = abs((camera.azimuth - degrees + 180) % 360 - 180)
    assert off >= cfg.clear - 1e-6 or camera.azimuth in (low, high)


def test_the_view_moves_smoothly_towards_its_goal(model: mujoco.MjModel) -> None:
    follow, camera = Follow(model), mujoco.MjvCamera()
    follow.update(_stand(model, (-1.5, 0, 3.1), speed=0.0), camera)
    start = _shot(camera)
    data = _stand(model, (1.0, 0, 0), speed=0.0)
    goal = mujoco.MjvCamera()
    Follow(model).update(data, goal)
    left = [np.linalg.norm(_shot(goal) - start)]
    for k in range(1, 100):
        data.time = 0.04 * k
        follow.update(data, camera)
        left.append(np.linalg.norm(_shot(goal) - _shot(camera)))
    steps = -np.diff(left)
    assert (steps >= 0).all(), "it went back"
    assert steps.max() < 0.1 * left[0], "it jumped"
    assert left[-1] < 0.01 * left[0], "it did not arrive"


def test_a_state_from_the_past_starts_a_new_take(model: mujoco.MjModel) -> None:
    follow, camera, fresh = Follow(model), mujoco.MjvCamera(), mujoco.MjvCamera()
    late = _stand(model, (-1.5, 0, 3.1), speed=0.0)
    late.time = 3.0
    follow.update(late, camera)
    early = _stand(model, (1.0, 0, 0), speed=0.0)
    follow.update(early, camera)
    Follow(model).update(early, fresh)
    np.testing.assert_array_equal(_shot(camera), _shot(fresh))
