"""Pictures from both cameras, and the sentence that tells how to get GL where there is none."""

from __future__ import annotations

import sys

import mujoco
import numpy as np
import pytest

from embodied.errors import EnvironmentFault
from embodied.world import render, scene
from embodied.world.robot import ARM_JOINTS, HOME_ARM
from embodied.world.shadows import Shadows


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return scene.kitchen_spec(["sponge", "water bottle"]).compile()


@pytest.fixture
def data(model: mujoco.MjModel) -> mujoco.MjData:
    """The robot in front of the close counter, the sponge ahead of it, the bottle on the table."""
    data = mujoco.MjData(model)
    for name, angle in zip(ARM_JOINTS, HOME_ARM, strict=True):
        data.joint(f"robot/{name}").qpos[0] = angle
    for name, value in (("base_x", -0.4), ("base_y", -1.03), ("base_yaw", -np.pi / 2)):
        data.joint(f"robot/{name}").qpos[0] = value
    data.joint("sponge").qpos[:3] = (-0.4, -1.69, 0.758)
    data.joint("water bottle").qpos[:3] = (1.69, 0.0, 0.80)
    mujoco.mj_forward(model, data)
    return data


@pytest.fixture(scope="module")
def cameras(model: mujoco.MjModel):
    try:
        made = render.Cameras(model, room=(320, 240), head=(120, 90))
    except EnvironmentFault as fault:
        pytest.skip(str(fault))
    yield made
    made.close()


def test_frames_have_the_asked_shape_and_something_on_them(cameras, data) -> None:
    for image, shape in ((cameras.room(data), (240, 320, 3)), (cameras.head(data), (90, 120, 3))):
        assert image.shape == shape
        assert image.dtype == np.uint8
        assert image.std() > 20, "the picture is uniform"
        assert image.flags["C_CONTIGUOUS"], "video encoders want contiguous frames"


def test_the_same_states_give_the_same_pictures(model, cameras, data) -> None:
    once = [cameras.room(data), cameras.head(data)]
    with render.Cameras(model, room=(320, 240), head=(120, 90)) as others:
        again = [others.room(data), others.head(data)]
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_head_camera_sees_what_the_gripper_is_above(cameras, data) -> None:
    """Taking the sponge away changes a patch in the middle of the lower half."""
    with_it = cameras.head(data).astype(int)
    data.joint("sponge").qpos[:3] = (0, 0, -1)
    mujoco.mj_forward(cameras._model, data)
    changed = np.abs(with_it - cameras.head(data)).sum(-1) > 60
    assert changed.sum() > 40
    row, column = np.argwhere(changed).mean(0)
    assert 45 < row < 90
    assert 30 < column < 90


def test_shadows_fall_on_the_surface_below_and_fade_with_height(model, data) -> None:
    def shadow_of_sponge(height: float) -> mujoco.MjvGeom:
        data.joint("sponge").qpos[2] = height
        mujoco.mj_forward(model, data)
        view = mujoco.MjvScene(model, maxgeom=100)
        Shadows(model).add(data, view)
        return next(
            g for g in view.geoms[: view.ngeom]
            if np.allclose(g.pos[:2], (-0.4, -1.69), atol=1e-5)
        )  # fmt: skip

    resting, lifted = shadow_of_sponge(0.758), shadow_of_sponge(1.058)
    assert resting.pos[2] == pytest.approx(lifted.pos[2]) == pytest.approx(0.743)
    assert lifted.rgba[3] < 0.8 * resting.rgba[3]
    assert (lifted.size[:2] > resting.size[:2]).all()


def test_closing_twice_is_harmless_and_then_says_so(model, cameras, data) -> None:
    made = render.Cameras(model, room=(64, 48), head=(32, 24))
    made.close()
    made.close()
    with pytest.raises(EnvironmentFault, match="closed"):
        made.room(data)


@pytest.mark.parametrize(
    ("asked", "platform", "name"),
    [("osmesa", "linux", "OSMESA"), ("", "linux", "EGL"), ("", "darwin", "GLFW")],
)
def test_the_choice_of_back_end_says_why(monkeypatch, asked, platform, name) -> None:
    monkeypatch.setattr(render, "_used", "")
    monkeypatch.setenv("MUJOCO_GL", asked)
    monkeypatch.setattr(sys, "platform", platform)
    sentence = render.backend_reason()
    assert sentence.startswith(f"Rendering with {name}: ")
    assert sentence.endswith(".")


def test_what_was_used_is_what_is_told(cameras) -> None:
    assert render.backend_reason() == render._used
    assert render._used.startswith("Rendering with ")


@pytest.mark.parametrize(
    ("asked", "fix"), [("wgl", "libegl1"), ("wgl", "MUJOCO_GL=egl"), ("disable", "unset it")]
)
def test_no_gl_is_a_fault_with_its_fix(model, monkeypatch, asked: str, fix: str) -> None:
    """A back end that this system does not have stands for one that does not work."""
    monkeypatch.setenv("MUJOCO_GL", asked)
    monkeypatch.setattr(render, "_used", render._used)
    with pytest.raises(EnvironmentFault, match=fix):
        render.Cameras(model)
