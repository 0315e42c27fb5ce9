"""Pictures of a skill's training scene: fixture and object as the engine has them, the robot dressed.

Training models have no meshes and no lights. So a second model holds those, takes over the robot's joints,
and the solids of the training model are drawn into its scene. Nothing here touches a simulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import mujoco
import numpy as np

from embodied.world import looks
from embodied.world.render import gl_context
from embodied.world.robot import ARM_JOINTS, HOME_ARM, fetch_spec

FLOOR, WOOD, WALL = (0.80, 0.70, 0.58), (0.90, 0.79, 0.62), (0.93, 0.92, 0.90)
FRONT, METAL, GOAL = (0.55, 0.67, 0.63), (0.55, 0.45, 0.25), (0.1, 0.7, 0.3)
_BARE = np.array([0.5, 0.5, 0.5])  # MuJoCo's colour of what was given none
_BEHIND = (
    0,
    3,
)  # groups of a training model to draw: fixtures and objects, not the robot's colliders
_HIGH, _LOW = 1.2, 0.7  # m: how high walls and furniture of a room are drawn


@dataclass(frozen=True)
class Shot:
    """A state to be drawn.

    model, qpos: of one training simulation.
    view: the camera: looks at x, y, z [m], distance [m], azimuth, elevation [deg].
    solids: rooms without geoms have these: rows x, y, half x, half y [m], and whether it is tall.
    goal: x, y, z of a spot to mark, and the mark's radius [m].
    """

    model: mujoco.MjModel
    qpos: np.ndarray
    view: tuple[float, ...]
    solids: Sequence[tuple[float, ...]] = field(default=())
    goal: tuple[float, ...] | None = None


def beside(base: Sequence[float]) -> tuple[float, ...]:
    """A view of what a robot at the pose x, y, yaw does with its arm, from its left."""
    x, y, yaw = (float(value) for value in base)
    ahead = (x + 0.55 * float(np.cos(yaw)), y + 0.55 * float(np.sin(yaw)), 0.72)
    return (*ahead, 2.0, float(np.degrees(yaw)) - 65, -24)


ABOVE = (0.0, 0.0, 0.0, 6.6, 90.0, -68.0)
"""A view of a whole room."""


class Stage:
    """Draws shots of (width, height) pixels.

    Raises:
        EnvironmentFault: no GL back end works; the message says how to get one.
    """

    def __init__(self, size: tuple[int, int] = (480, 480)) -> None:
        self.size = size
        self._context = gl_context(*size)
        self._model = _dressed()
        self._model.vis.global_.offwidth, self._model.vis.global_.offheight = size
        self._data = mujoco.MjData(self._model)
        self._mjr = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._mjr)
        self._scene = mujoco.MjvScene(self._model, maxgeom=1000)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        self._camera, self._perturb = mujoco.MjvCamera(), mujoco.MjvPerturb()

    def picture(self, shot: Shot) -> np.ndarray:
        """The shot, uint8 (H, W, 3)."""
        data = mujoco.MjData(shot.model)
        data.qpos[:] = shot.qpos
        mujoco.mj_kinematics(shot.model, data)
        self._pose(shot.model, data)
        camera = self._camera
        camera.lookat, camera.distance = shot.view[:3], shot.view[3]
        camera.azimuth, camera.elevation = shot.view[4:]
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(
            self._model, self._data, _groups(0, looks.VISUAL_GROUP), None, camera, everything, self._scene
        )  # fmt: skip
        first = self._scene.ngeom
        mujoco.mjv_addGeoms(
            shot.model, data, _groups(*_BEHIND), self._perturb, everything, self._scene
        )
        for geom in self._scene.geoms[first : self._scene.ngeom]:
            _paint(geom, shot.model)
        for x, y, half_x, half_y, tall in shot.solids:
            high = (_HIGH if tall else _LOW) / 2
            box, color = (half_x, half_y, high), WALL if tall else WOOD
            self._add(mujoco.mjtGeom.mjGEOM_BOX, box, (x, y, high), color)
        if shot.goal is not None:
            self._add(mujoco.mjtGeom.mjGEOM_CYLINDER, (shot.goal[3], 0.003, 0), shot.goal[:3], GOAL)
        return self._drawn()

    def close(self) -> None:
        """Frees the GL context."""
        self._context.make_current()
        self._mjr.free()
        self._context.free()

    def _pose(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Takes over the joints that the training model has; a cart's arm is at rest."""
        names = {model.joint(i).name: i for i in range(model.njnt)}
        rest = dict(zip(ARM_JOINTS, HOME_ARM, strict=True))
        for i in range(self._model.njnt):
            name = self._model.joint(i).name
            own = names.get(name, names.get(name.removeprefix("robot/")))
            value = rest.get(name.removeprefix("robot/"), 0.0)
            if own is not None:
                value = data.qpos[model.jnt_qposadr[own]]
            self._data.qpos[self._model.jnt_qposadr[i]] = value
        mujoco.mj_forward(self._model, self._data)

    def _add(
        self,
        kind: mujoco.mjtGeom,
        size: Sequence[float],
        pos: Sequence[float],
        color: Sequence[float],
    ) -> None:
        if self._scene.ngeom < self._scene.maxgeom:
            geom = self._scene.geoms[self._scene.ngeom]
            rgba = np.array([*color, 1.0], np.float32)
            mujoco.mjv_initGeom(geom, kind, np.array(size), np.array(pos), np.eye(3).ravel(), rgba)
            self._scene.ngeom += 1

    def _drawn(self) -> np.ndarray:
        self._context.make_current()
        width, height = self.size
        rect, image = mujoco.MjrRect(0, 0, width, height), np.empty((height, width, 3), np.uint8)
        mujoco.mjr_render(rect, self._scene, self._mjr)
        mujoco.mjr_readPixels(image, None, rect, self._mjr)
        return image[::-1].copy()


def _dressed() -> mujoco.MjModel:
    """The robot as it looks, on a floor, in the light."""
    spec = mujoco.MjSpec()
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = [0.38] * 3, [0.20] * 3
    spec.visual.map.znear = 0.01
    sky = spec.add_texture(name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX)
    sky.builtin, sky.width, sky.height = mujoco.mjtBuiltin.mjBUILTIN_GRADIENT, 32, 32
    sky.rgb1, sky.rgb2 = [0.87, 0.89, 0.91], [0.80, 0.83, 0.87]
    spec.attach(fetch_spec(), frame=spec.worldbody.add_frame(), prefix="robot/")
    looks.dress_robot(spec)
    world = spec.worldbody
    floor = world.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[5, 5, 0.1])
    floor.rgba, floor.group = [*FLOOR, 1], looks.VISUAL_GROUP
    for direction, strength in (((0.45, -0.5, -0.74), 0.45), ((-0.6, 0.5, -0.6), 0.2)):
        world.add_light(
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, dir=direction, diffuse=[strength] * 3,
            specular=[0.1] * 3, castshadow=False,
        )  # fmt: skip
    return spec.compile()


def _groups(*shown: int) -> mujoco.MjvOption:
    option = mujoco.MjvOption()
    option.geomgroup[:] = 0
    option.geomgroup[list(shown)] = 1
    option.sitegroup[:] = 0
    return option


def _paint(geom: mujoco.MjvGeom, model: mujoco.MjModel) -> None:
    """Colours what has no colour, and hides the training floor under our own."""
    geom.matid, name = -1, model.geom(geom.objid).name
    if geom.type == mujoco.mjtGeom.mjGEOM_PLANE:
        geom.rgba[3] = 0.0
    elif np.allclose(geom.rgba[:3], _BARE, atol=0.01):
        metal = name.startswith(("drawer/handle", "drawer/post"))
        geom.rgba[:3] = METAL if metal else FRONT if name.startswith("drawer/") else WOOD
