"""Pictures of the kitchen: a room view that follows the robot, and the robot's own head camera.

One GL context and one upload of meshes and textures serve both cameras. Edges are smoothed by
drawing `_OVERSAMPLING` times as large and averaging, which on software GL is half the price of
multisampling and steadies the labels as well. The back end is chosen here and
not by MuJoCo: what ``MUJOCO_GL`` asks for, otherwise EGL (software Mesa will do); `backend_reason`
says which and why. What moves carries
soft contact shadows; MuJoCo's shadow maps would cost more than the whole frame does.

Not covered: depth, segmentation, interactive viewing (``python -m mujoco.viewer`` does that).
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import cv2
import mujoco
import numpy as np

from embodied.errors import EnvironmentFault
from embodied.world import GL_OFF, UNKNOWN_GL, gl
from embodied.world.follow import Follow, FollowCfg
from embodied.world.looks import NEAR_GROUP, VISUAL_GROUP
from embodied.world.shadows import Shadows

HEAD_CAMERA = "robot/head_camera_rgb"
_MAX_GEOMS = 1000
_OVERSAMPLING = 1.25
_FOLLOW = FollowCfg()
_used: str = ""  # the sentence on the back end in use; empty before the first picture


def backend_reason() -> str:
    """One sentence: which GL back end draws, or will be tried first, and why."""
    return _used or f"Rendering with {_candidates()[0].upper()}: {_why()}."


class Cameras:
    """Renders states of one model.

    Args:
        model: of `scene.kitchen_spec(..., visuals=True)`.
        room, head: (width, height) of the pictures in pixels.
        follow: how the room camera follows the robot; None takes the fixed camera "room".
    Raises:
        EnvironmentFault: no GL back end works; the message says how to get one.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        room: tuple[int, int] = (640, 480),
        head: tuple[int, int] = (240, 180),
        follow: FollowCfg | None = _FOLLOW,
    ) -> None:
        self._model = model
        self._sizes = {"room": room, "head": head}
        self._context: Any = None
        width, height = (int(max(sides) * _OVERSAMPLING) for sides in zip(room, head, strict=True))
        self._context = gl_context(width, height)
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        model.vis.quality.offsamples = 0
        self._mjr = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._mjr)
        self._scene = mujoco.MjvScene(model, maxgeom=_MAX_GEOMS)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = 0
        self._options = {"room": _option(near=False), "head": _option(near=True)}
        self._follow = Follow(model, follow) if follow is not None else None
        self._shadows = Shadows(model)
        self._room, self._head = mujoco.MjvCamera(), mujoco.MjvCamera()
        for camera, name in ((self._room, "room"), (self._head, HEAD_CAMERA)):
            camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
            camera.fixedcamid = model.camera(name).id

    def room(self, data: mujoco.MjData) -> np.ndarray:
        """The room, uint8 (H, W, 3). The following camera expects states in the order of time."""
        if self._follow is not None:
            self._follow.update(data, self._room)
        return self._render(data, self._room, "room")

    def head(self, data: mujoco.MjData) -> np.ndarray:
        """What the robot's head camera sees, uint8 (H, W, 3)."""
        return self._render(data, self._head, "head")

    def close(self) -> None:
        """Frees the GL context. Further calls are harmless."""
        if self._context is not None:
            self._context.make_current()
            self._mjr.free()
            self._context.free()
            self._context = None

    def __enter__(self) -> Cameras:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _render(self, data: mujoco.MjData, camera: mujoco.MjvCamera, view: str) -> np.ndarray:
        if self._context is None:
            raise EnvironmentFault("The cameras were closed; make a new Cameras(model).")
        self._context.make_current()
        size = self._sizes[view]
        width, height = (int(side * _OVERSAMPLING) for side in size)
        rect = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjv_updateScene(
            self._model, data, self._options[view], None, camera,
            mujoco.mjtCatBit.mjCAT_ALL.value, self._scene,
        )  # fmt: skip
        self._shadows.add(data, self._scene)
        mujoco.mjr_render(rect, self._scene, self._mjr)
        image = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_readPixels(image, None, rect, self._mjr)
        return cv2.flip(cv2.resize(image, size, interpolation=cv2.INTER_AREA), 0)


def _option(near: bool) -> mujoco.MjvOption:
    option = mujoco.MjvOption()
    option.geomgroup[:] = 0
    option.geomgroup[[0, VISUAL_GROUP]] = 1
    option.geomgroup[NEAR_GROUP] = near
    option.sitegroup[:] = 0
    return option


def _candidates() -> list[str]:
    display = ["glfw"] if sys.platform != "linux" and not os.environ.get("MUJOCO_GL") else []
    return display + gl.candidates(os.environ)


def _why() -> str:
    if os.environ.get("MUJOCO_GL"):
        return "MUJOCO_GL asks for it"
    if sys.platform != "linux":
        return f"the usual one on {sys.platform}"
    return "it needs no display"


def gl_context(width: int, height: int) -> Any:
    """A current GL context of the first back end that works."""
    global _used
    faults = []
    for name in _candidates():
        if UNKNOWN_GL:
            raise EnvironmentFault(
                f"MUJOCO_GL={UNKNOWN_GL} names no graphics back end; unset it, or set egl or osmesa."
            )
        if name in GL_OFF:
            raise EnvironmentFault(
                f"MUJOCO_GL={name} switches pictures off; unset it to have them."
            )
        try:
            context = import_module(f"mujoco.{name}").GLContext(width, height)
            context.make_current()
        except Exception as error:  # each back end fails in its own way, AttributeError included
            faults.append(f"{name} fails ({error})")
            os.environ.pop("PYOPENGL_PLATFORM", None)  # left behind by the one that failed
            continue
        _used = f"Rendering with {name.upper()}: {'; '.join([*faults, _why()])}."
        return context
    raise EnvironmentFault(
        f"No GL for pictures: {'; '.join(faults)}. "
        f"Set MUJOCO_GL=egl or MUJOCO_GL=osmesa, or on Debian and Ubuntu: {gl.INSTALL}"
    )
