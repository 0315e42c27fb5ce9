"""A second engine, PyBullet, agrees with our MuJoCo objects: mass, inertia, standing and tipping.

It shares no code with MuJoCo, so an object that only stands because of our contact settings, or
whose size and mass were misread, shows here. Needs the extra `[pybullet]`, which `[dev]` includes.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np
import pytest

from embodied.world import catalogue, scene
from embodied.world.catalogue import ObjectSpec

pybullet = pytest.importorskip("pybullet")
OBJECTS = list(catalogue.objects())
SECONDS = 2.0


def tipping_angle(spec: ObjectSpec) -> float:
    """Tilt at which the centre stands right above the edge [rad]."""
    return math.atan2(spec.half_extents[1], spec.half_extents[2])


# Not the spheres, and not what lies so flat that 1.3 times the angle would be upside down.
TIPPABLE = [
    name
    for name, spec in catalogue.objects().items()
    if spec.shape != "sphere" and tipping_angle(spec) < 1.0
]


def tilted(spec: ObjectSpec, angle: float) -> tuple[list[float], list[float]]:
    """Position and quaternion (w, x, y, z) of the object on its lower edge, tilted about x."""
    _, half_y, half_z = spec.half_extents
    height = half_z * math.cos(angle) + half_y * math.sin(angle)
    return [0, 0, height + 0.001], [math.cos(angle / 2), math.sin(angle / 2), 0, 0]


def rest_in_mujoco(spec: ObjectSpec, angle: float) -> tuple[float, np.ndarray, np.ndarray]:
    """Height at rest [m], final up axis, and (mass, inertia) of our object."""
    world = mujoco.MjSpec()
    world.option.timestep = scene.TIMESTEP / 4
    world.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[1, 1, 0.1])
    scene.add_object(world, "thing", spec)
    model = world.compile()
    data = mujoco.MjData(model)
    position, quaternion = tilted(spec, angle)
    data.qpos[:3], data.qpos[3:7] = position, quaternion
    for _ in range(int(SECONDS / model.opt.timestep)):
        mujoco.mj_step(model, data)
    body = model.body("thing").id
    inertia = np.sort(np.append(model.body_inertia[body], model.body_mass[body]))
    return data.xpos[body, 2], data.xmat[body].reshape(3, 3)[:, 2], inertia


def rest_in_pybullet(spec: ObjectSpec, angle: float) -> tuple[float, np.ndarray, np.ndarray]:
    """The same of PyBullet's object, built from the catalogue's numbers alone."""
    client = pybullet.connect(pybullet.DIRECT)
    try:
        pybullet.setGravity(0, 0, -9.81)
        pybullet.setTimeStep(1 / 480)
        plane = pybullet.createCollisionShape(pybullet.GEOM_PLANE)
        pybullet.createMultiBody(0, plane)
        half = spec.half_extents
        if spec.shape == "sphere":
            shape = pybullet.createCollisionShape(pybullet.GEOM_SPHERE, radius=half[0])
        elif spec.shape == "cylinder":
            shape = pybullet.createCollisionShape(
                pybullet.GEOM_CYLINDER, radius=half[0], height=2 * half[2]
            )
        else:
            shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half)
        position, (w, x, y, z) = tilted(spec, angle)
        thing = pybullet.createMultiBody(spec.mass, shape, -1, position, [x, y, z, w])
        pybullet.changeDynamics(thing, -1, lateralFriction=0.9)
        for _ in range(int(SECONDS * 480)):
            pybullet.stepSimulation()
        (_, _, height), quaternion = pybullet.getBasePositionAndOrientation(thing)
        up = np.array(pybullet.getMatrixFromQuaternion(quaternion)).reshape(3, 3)[:, 2]
        info = pybullet.getDynamicsInfo(thing, -1)
        return height, up, np.sort([info[0], *info[2]])
    finally:
        pybullet.disconnect(client)


@pytest.mark.parametrize("name", OBJECTS)
def test_both_engines_stand_the_object_up(name: str) -> None:
    spec = catalogue.objects()[name]
    height, up, inertia = rest_in_mujoco(spec, 0.0)
    other_height, other_up, other_inertia = rest_in_pybullet(spec, 0.0)
    assert height == pytest.approx(spec.half_extents[2], abs=0.001)
    assert height == pytest.approx(other_height, abs=0.0015)
    if spec.shape != "sphere":
        assert min(up[2], other_up[2]) > 0.999
    assert inertia == pytest.approx(other_inertia, rel=0.02)


@pytest.mark.parametrize("name", TIPPABLE)
@pytest.mark.parametrize("share", [0.7, 1.3])
def test_both_engines_tip_it_at_the_same_angle(name: str, share: float) -> None:
    spec = catalogue.objects()[name]
    angle = share * tipping_angle(spec)
    stands = [rest(spec, angle)[1][2] > 0.95 for rest in (rest_in_mujoco, rest_in_pybullet)]
    assert stands == [share < 1, share < 1]
