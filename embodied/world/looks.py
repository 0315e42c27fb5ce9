"""What things look like: dresses the objects, the robot and the room. Never touches the physics.

Everything added here has no collision, no mass and group 2. An object's looks come from the
catalogue fields ``look``, ``rgba`` and ``look_colors`` alone, so a new entry needs no code; a look
that is not in `_LOOKS` becomes the plain shape with a band that names the thing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

from embodied.world import textures
from embodied.world.catalogue import ObjectSpec
from embodied.world.meshes import Ring, Surface, add_mesh, circle, loft
from embodied.world.surfaces import add_texture, paint

VISUAL_GROUP = 2  # drawn by every camera
NEAR_GROUP = 1  # drawn by the robot's camera only: it stands between the room camera and the room
_UNSET = (0.5, 0.5, 0.5, 1)  # MuJoCo's default colour, which lets the material's show
SHADOW = "soft shadow"  # the material of contact shadows under what moves


@dataclass(frozen=True)
class Look:
    """shape: surface of an object with the given half extents. image: its texture."""

    shape: Callable[[tuple[float, float, float]], Surface]
    image: Callable[[ObjectSpec], np.ndarray]
    shine: float = 0.1


def dress(spec: mujoco.MjSpec, instance: str, obj: ObjectSpec) -> None:
    """Adds the looks of a catalogue object to its body; meshes and textures are shared by kind.

    Args:
        spec: holds the body `instance`, whose origin is the centre of the collision primitive.
    """
    look = _LOOKS.get(obj.look, _UNKNOWN)
    name = f"look/{obj.name}"
    if spec.mesh(name) is None:
        add_mesh(spec, name, look.shape(obj.half_extents))
        material = spec.add_material(name=name, specular=look.shine, shininess=0.5)
        add_texture(spec, material, look.image(obj))
    geom = _visual(spec.body(instance), mujoco.mjtGeom.mjGEOM_MESH)
    geom.meshname, geom.material, geom.rgba = name, name, _UNSET
    if obj.look == "fruit" and len(obj.look_colors) > 1:
        _stem(spec.body(instance), obj)


def dress_kitchen(spec: mujoco.MjSpec) -> None:
    """Paints the room and the robot of a composed kitchen."""
    paint(spec)
    dress_robot(spec)
    _aim_head_camera(spec)


def dress_robot(spec: mujoco.MjSpec) -> None:
    """Wheels, and cylinders for two small parts whose meshes hold half of the robot's triangles."""
    base = spec.body("robot/base_link")
    for name, size, rgba, pos in (
        ("estop_link", [0.020, 0.018, 0], [0.85, 0.08, 0.08, 1], [0.0, 0.0, 0.0]),
        ("laser_link", [0.040, 0.030, 0], [0.13, 0.14, 0.16, 1], [0.0, 0.0, 0.0]),
    ):
        spec.delete(spec.geom(f"robot/{name}"))
        spec.delete(spec.mesh(f"robot/{name}"))
        geom = _visual(spec.body(f"robot/{name}"), mujoco.mjtGeom.mjGEOM_CYLINDER)
        geom.size, geom.rgba, geom.pos = size, rgba, pos
    for side in (-1, 1):
        wheel = _visual(base, mujoco.mjtGeom.mjGEOM_CYLINDER)
        wheel.size, wheel.pos = [0.062, 0.022, 0], [0.0, 0.187 * side, 0.062]
        wheel.quat = [np.sqrt(0.5), np.sqrt(0.5), 0, 0]
        wheel.rgba = [0.10, 0.10, 0.11, 1]


def _aim_head_camera(spec: mujoco.MjSpec) -> None:
    """Moves the head's camera from between its eyes to the left one.

    In the middle it looks straight at the raised elbow. From the left and 10 degrees further down
    it sees the gripper, what is under it, and the worktop. Optical frame: right, down, forward.
    """
    camera = spec.camera("robot/head_camera_rgb")
    camera.pos = [-0.09, -0.026, 0.019]
    back = -np.array([np.tan(np.radians(15)), np.tan(np.radians(10)), 1.0])
    back /= np.linalg.norm(back)
    right = np.cross([0, -1, 0], back)
    right /= np.linalg.norm(right)
    quat = np.empty(4)
    mujoco.mju_mat2Quat(quat, np.column_stack([right, np.cross(back, right), back]).ravel())
    camera.quat = quat


def _visual(body: mujoco.MjsBody, kind: mujoco.mjtGeom) -> mujoco.MjsGeom:
    """A geom without collision or mass, and without the defaults of the body's class."""
    geom = body.add_geom(type=kind, mass=0, group=VISUAL_GROUP)
    geom.material, geom.rgba = "", _UNSET
    geom.contype = geom.conaffinity = 0
    return geom


def _stem(body: mujoco.MjsBody, obj: ObjectSpec) -> None:
    radius = obj.half_extents[2]
    wood, green = obj.look_colors[:2]
    stem = _visual(body, mujoco.mjtGeom.mjGEOM_CAPSULE)
    stem.fromto = [0, 0, 0.72 * radius, 0.12 * radius, 0.03 * radius, 1.12 * radius]
    stem.size, stem.rgba = [0.0022, 0, 0], [*wood, 1]
    leaf = _visual(body, mujoco.mjtGeom.mjGEOM_ELLIPSOID)
    leaf.size, leaf.rgba = [0.30 * radius, 0.14 * radius, 0.03 * radius], [*green, 1]
    leaf.pos, leaf.quat = [0.34 * radius, 0.05 * radius, 1.02 * radius], [0.97, 0, 0.23, 0.05]


def _can(half: tuple[float, float, float]) -> Surface:
    r, _, h = half
    lid = textures.LID
    rings = [
        circle(0, h - 0.004, 0), circle(0.78 * r, h - 0.004, 0.75 * lid),
        circle(0.80 * r, h, 0.85 * lid), circle(0.86 * r, h, 0.95 * lid),
        circle(0.86 * r, h, lid), circle(r, h - 0.010, lid + 0.03),
        circle(r, 0.008 - h, 0.96), circle(0.82 * r, -h, 1),
        circle(0.82 * r, -h, 0.99), circle(0, -h, 0.99),
    ]  # fmt: skip
    return loft(rings)


def _bottle(half: tuple[float, float, float]) -> Surface:
    r, _, h = half
    neck, cap, height = 0.36 * r, 0.44 * r, 2 * h
    rings = [
        circle(0, h, 0.02), circle(cap, h, 0.04), circle(cap, h, 0.05),
        circle(cap, h - 0.10 * height, 0.19), circle(neck, h - 0.10 * height, 0.195),
        circle(neck, h - 0.10 * height, 0.22), circle(neck, h - 0.16 * height, 0.25),
        circle(0.80 * r, h - 0.30 * height, 0.34), circle(r, h - 0.38 * height, 0.40),
        circle(r, h - 0.74 * height, 0.75), circle(0.95 * r, h - 0.77 * height, 0.78),
        circle(r, h - 0.80 * height, 0.81), circle(r, 0.008 - h, 0.96),
        circle(0.86 * r, -h, 1), circle(0.86 * r, -h, 0.99), circle(0, -h, 0.99),
    ]  # fmt: skip
    return loft(rings)


def _fruit(half: tuple[float, float, float]) -> Surface:
    r = half[2]
    angle = np.linspace(0, np.pi, 13)
    dimple = 1 - 0.16 * np.exp(-((angle / 0.28) ** 2))
    return loft(
        [
            circle(0 if k in (0, 12) else r * np.sin(a), r * np.cos(a) * d, a / np.pi)
            for k, (a, d) in enumerate(zip(angle, dimple, strict=True))
        ]
    )


def _sponge(half: tuple[float, float, float]) -> Surface:
    a, b, h = half
    seam = h * 0.42
    rings = [
        Ring(0, 0, h, 0), Ring(0.97 * a, 0.96 * b, h, 0.28), Ring(a, b, h - 0.002, 0.32),
        Ring(a, b, seam, 0.44), Ring(a, b, seam, 0.46), Ring(0.985 * a, 0.975 * b, 0.0, 0.62),
        Ring(a, b, 0.004 - h, 0.80), Ring(0.96 * a, 0.95 * b, -h, 0.84), Ring(0, 0, -h, 1),
    ]  # fmt: skip
    return loft(rings, power=9, segments=32)


def _bag(half: tuple[float, float, float], lying: bool = False) -> Surface:
    """A pillow between two flat crimped ends; `lying` lays its height along x."""
    a, b, h = (half[1], half[2], half[0]) if lying else half
    rings = []
    for v in (0, 0.035, textures.CRIMP, 0.12, 0.2, 0.32, 0.5):
        inner = np.clip((v - textures.CRIMP) / (0.5 - textures.CRIMP), 0, 1)
        belly = 0.0018 + (b - 0.0018) * np.sin(np.pi / 2 * inner) ** (0.45 if lying else 0.52)
        waist = a * (1 - 0.05 * np.sin(np.pi * inner))
        rings.append((waist, belly, v))
    whole = [Ring(w, t, h * (1 - 2 * v), v) for w, t, v in rings]
    whole += [Ring(w, t, -h * (1 - 2 * v), 1 - v) for w, t, v in reversed(rings[:-1])]
    return loft(whole, power=4.5 if lying else 3.0, segments=28, lying=lying)


def _plain(half: tuple[float, float, float]) -> Surface:
    a, b, h = half
    rings = [
        Ring(0, 0, h, 0.0), Ring(0.94 * a, 0.94 * b, h, 0.04), Ring(a, b, 0.94 * h, 0.06),
        Ring(a, b, -0.94 * h, 0.94), Ring(0.94 * a, 0.94 * b, -h, 0.96), Ring(0, 0, -h, 1),
    ]  # fmt: skip
    return loft(rings, power=2.0 if a == b else 8.0, segments=28)


_UNKNOWN = Look(_plain, lambda o: textures.label(o.name, o.rgba, o.look_colors))
_LOOKS: dict[str, Look] = {
    "can": Look(_can, lambda o: textures.can(o.name, o.rgba, o.look_colors), 0.5),
    "slim can": Look(_can, lambda o: textures.can(o.name, o.rgba, o.look_colors), 0.5),
    "bottle": Look(_bottle, lambda o: textures.bottle(o.name, o.rgba, o.look_colors), 0.5),
    "fruit": Look(_fruit, lambda o: textures.fruit(o.rgba, o.look_colors), 0.3),
    "sponge": Look(_sponge, lambda o: textures.sponge(o.rgba, o.look_colors), 0.0),
    "bag": Look(_bag, lambda o: textures.bag(o.name, o.rgba, o.look_colors), 0.3),
    "bar": Look(
        lambda half: _bag(half, lying=True),
        lambda o: textures.bar(o.name, o.rgba, o.look_colors),
        0.3,
    ),
}
