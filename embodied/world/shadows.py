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
_FADE = 0.45  # m: a shadow from this high up is half as dark


@dataclass(frozen=True)
class _Caster:
    body: int
    radius: float  # m
    drop: float  # m from the body's origin down to its underside
    strength: float


class Shadows:
    """Knows what casts (objects, gripper, base) and what catches (solid boxes, the floor)."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._material = int(model.material(SHADOW).id)
        boxes = [
            i
            for i in range(model.ngeom)
            if model.geom(i).name.startswith(("solid/", "drawer/floor"))
            and int(model.geom_type[i]) == int(mujoco.mjtGeom.mjGEOM_BOX)
        ]
        self._boxes = np.array(boxes)
        self._half = model.geom_size[boxes]
        self._casters = [
            _Caster(int(model.body("robot/base_link").id), 0.43, 0.0, 0.55),
            _Caster(int(model.body("robot/gripper_link").id), 0.11, 0.04, 0.34),
            _Caster(int(model.body("robot/elbow_flex_link").id), 0.15, 0.06, 0.30),
            *_objects(model),
        ]

    def add(self, data: mujoco.MjData, scene: mujoco.MjvScene) -> None:
        """Appends the shadows of this state to an updated scene."""
        centres = data.geom_xpos[self._boxes]
        tops = centres[:, 2] + self._half[:, 2]
        for caster in self._casters:
            x, y, z = data.xpos[caster.body]
            inside = (np.abs(centres[:, :2] - (x, y)) <= self._half[:, :2]).all(1)
            below = tops[inside & (tops < z + 0.01)]
            ground = float(below.max()) if below.size else 0.0
            gap = max(0.0, z - caster.drop - ground)
            self._disc(scene, (x, y, ground + _LIFT), caster, gap)

    def _disc(
        self,
        scene: mujoco.MjvScene,
        pos: tuple[float, float, float],
        caster: _Caster,
        gap: float,
    ) -> None:
        if scene.ngeom >= scene.maxgeom:
            return
        radius = caster.radius * (1 + 0.6 * gap)
        geom = scene.geoms[scene.ngeom]
        mujoco.mjv_initGeom(
            geom, mujoco.mjtGeom.mjGEOM_BOX, np.array([radius, radius, 0.0004]), np.array(pos),
            np.eye(3).ravel(), np.array([1, 1, 1, caster.strength / (1 + gap / _FADE)], np.float32),
        )  # fmt: skip
        geom.matid = self._material
        scene.ngeom += 1


def _objects(model: mujoco.MjModel) -> list[_Caster]:
    """Every body on a free joint, as wide and as high as its collision primitive."""
    casters = []
    for joint in range(model.njnt):
        if int(model.jnt_type[joint]) != int(mujoco.mjtJoint.mjJNT_FREE):
            continue
        body = int(model.jnt_bodyid[joint])
        geom = int(model.body_geomadr[body])
        size = model.geom_size[geom]
        kind = int(model.geom_type[geom])
        if kind == int(mujoco.mjtGeom.mjGEOM_CYLINDER):
            radius, drop = size[0], size[1]
        elif kind == int(mujoco.mjtGeom.mjGEOM_SPHERE):
            radius, drop = size[0], size[0]
        else:
            radius, drop = size[:2].max(), size[2]
        casters.append(_Caster(body, 1.45 * float(radius), float(drop), 0.42))
    return casters
