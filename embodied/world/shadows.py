"""Soft shadows under what moves, added to a scene picture by picture; nothing enters the model.

Each moving thing drops a round shadow on the highest surface below it, fainter the higher it hangs:
the cue that tells an eye how far the gripper is above the counter.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from embodied.world.looks import SHADOW

_LIFT = 0.003  # m above the surface, against flicker
_SPREAD = 1.4  # how far a shadow reaches past the thing that casts it
_FADE = 0.45  # m: a shadow from this high up is half as dark


@dataclass(frozen=True)
class _Caster:
    body: int
    half: np.ndarray  # (3,) half extents in the body's frame [m]
    strength: float


class Shadows:
    """Knows what casts (objects, gripper, base) and what catches (solid boxes, the floor)."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._material = int(model.material(SHADOW).id)
        self._catchers = np.array(
            [
                i
                for i in range(model.ngeom)
                if model.geom(i).name.startswith(("solid/", "drawer/floor"))
                and int(model.geom_type[i]) == int(mujoco.mjtGeom.mjGEOM_BOX)
            ]
        )
        self._half = model.geom_size[self._catchers]
        parts = (
            ("base_link", (0.27, 0.27, 0.0), 0.55),
            ("gripper_link", (0.05, 0.07, 0.05), 0.36),
            ("elbow_flex_link", (0.10, 0.09, 0.05), 0.30),
        )
        self._casters = [
            _Caster(int(model.body(f"robot/{name}").id), np.array(half), strength)
            for name, half, strength in parts
        ] + _objects(model)

    def add(self, data: mujoco.MjData, scene: mujoco.MjvScene) -> None:
        """Appends the shadows of this state to an updated scene."""
        centres = data.geom_xpos[self._catchers]
        tops = centres[:, 2] + self._half[:, 2]
        for caster in self._casters:
            x, y, z = data.xpos[caster.body]
            inside = (np.abs(centres[:, :2] - (x, y)) <= self._half[:, :2]).all(1)
            below = tops[inside & (tops < z + 0.01)]
            ground = float(below.max()) if below.size else 0.0
            axes = data.xmat[caster.body].reshape(3, 3) * caster.half
            gap = max(0.0, float(z - np.abs(axes[2]).sum()) - ground)
            self._disc(scene, np.array([x, y, ground + _LIFT]), axes[:2], gap, caster.strength)

    def _disc(
        self,
        scene: mujoco.MjvScene,
        pos: np.ndarray,
        axes: np.ndarray,
        gap: float,
        strength: float,
    ) -> None:
        """An ellipse as wide as the box with these half axes (2, 3), seen from above."""
        if scene.ngeom >= scene.maxgeom:
            return
        width, turn = np.linalg.eigh(axes @ axes.T)
        size = np.zeros(3)
        size[:2] = np.sqrt(width) * _SPREAD * (1 + 0.6 * gap) + 0.006
        mat = np.eye(3)
        mat[:2, :2] = turn * [1, np.linalg.det(turn)]
        color = np.array([1, 1, 1, strength / (1 + gap / _FADE)], np.float32)
        geom = scene.geoms[scene.ngeom]
        mujoco.mjv_initGeom(geom, mujoco.mjtGeom.mjGEOM_PLANE, size, pos, mat.ravel(), color)
        geom.matid = self._material
        scene.ngeom += 1


def _objects(model: mujoco.MjModel) -> list[_Caster]:
    """Every body on a free joint, as large as its collision primitive."""
    casters = []
    for joint in range(model.njnt):
        if int(model.jnt_type[joint]) != int(mujoco.mjtJoint.mjJNT_FREE):
            continue
        body = int(model.jnt_bodyid[joint])
        geom = int(model.body_geomadr[body])
        half, kind = model.geom_size[geom].copy(), int(model.geom_type[geom])
        if kind == int(mujoco.mjtGeom.mjGEOM_CYLINDER):
            half = half[[0, 0, 1]]
        elif kind == int(mujoco.mjtGeom.mjGEOM_SPHERE):
            half = half[[0, 0, 0]]
        casters.append(_Caster(body, half, 0.5))
    return casters
