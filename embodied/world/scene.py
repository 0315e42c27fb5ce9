"""Composes MuJoCo models: robot + kitchen + objects for a run, robot + one fixture for training.

Both kinds of scene share the robot, the contact settings and the object primitives, so a skill
trained on a fixture meets the same physics in the kitchen. The robot's names carry the prefix
``robot/``; an object's body, joint and geom carry its instance name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Literal

import mujoco
import numpy as np
import torch

from embodied.errors import UsageError
from embodied.world import catalogue
from embodied.world.catalogue import ObjectSpec
from embodied.world.robot import fetch_spec

TIMESTEP = 0.008  # s
SUBSTEPS = 5  # physics steps per control step
CONTROL_DT = TIMESTEP * SUBSTEPS  # s: 25 Hz
DRAWER = "drawer"  # its body and its slide joint
OPEN_DRAWER = (0.23, 0.0)  # m: middle of the open drawer's usable floor in a fixture's frame
DRAWER_ROOM = 0.205  # m: what is higher than that lies down in it, or it does not shut
_COLLISION_GROUP = 3

FixtureKind = Literal["surface", "tray", "bin", "drawer", "open drawer"]


@dataclass(frozen=True)
class FixtureCfg:
    """One training scene: a fixture whose front edge is the line x = 0, and one object.

    height: of the surface, the tray's or the drawer's floor, or the bin's rim [m].
    size_scale, mass_scale, friction: this scene's object [1, 1, sliding coefficient].
    other: a second object of the catalogue; scenes with one have another layout than those without.
    """

    object: str
    kind: FixtureKind = "surface"
    height: float = 0.75
    size_scale: float = 1.0
    mass_scale: float = 1.0
    friction: float = 0.9
    other: str | None = None


@dataclass(frozen=True)
class DrawerCfg(FixtureCfg):
    """One training scene with the kitchen's own drawer and cabinet, raised or lowered to `height`.

    load: mass of what else is in the drawer [kg].
    damping, drag: how its slide resists [N s/m, N].
    """

    kind: FixtureKind = "drawer"
    height: float = 0.50
    load: float = 0.0
    damping: float = 8.0
    drag: float = 2.0


def kitchen_spec(instances: Sequence[str], visuals: bool = True) -> mujoco.MjSpec:
    """The kitchen with the robot and the named object instances, each a free body at the origin.

    Args:
        instances: e.g. ``["sponge", "coke can", "coke can#2"]``.
        visuals: keep robot meshes and the looks of furniture and objects.
    Raises:
        UsageError: an instance is not in the catalogue.
    """
    spec = _read("kitchen.xml")
    _physics(spec)
    if not visuals:
        for geom in list(spec.geoms):
            if geom.classname.name in ("look", "near"):
                spec.delete(geom)
    spec.attach(fetch_spec(visuals), frame=spec.worldbody.add_frame(), prefix="robot/")
    if visuals:
        from embodied.world import looks  # draws textures with OpenCV; training never needs it

        looks.dress_kitchen(spec)
    for instance in instances:
        name = catalogue.kind(instance)
        if name not in catalogue.objects():
            raise UsageError(
                f"The kitchen has no '{name}'; known objects: {', '.join(catalogue.objects())}."
            )
        add_object(spec, instance, catalogue.objects()[name])
        if visuals:
            looks.dress(spec, instance, catalogue.objects()[name])
    return spec


def fixture_model(cfg: FixtureCfg, candidates: bool = False) -> mujoco.MjModel:
    """A compiled training scene. All have the same layout, whatever their kind, except that a
    `DrawerCfg`'s drawer moves.

    Args:
        candidates: all fixtures have the same geoms, too, as an engine needs whose simulations share
            one topology: each object has a geom of every shape, and those that it is not are specks
            in its middle.
    """
    if isinstance(cfg, DrawerCfg):
        return drawer_model(cfg, candidates)
    spec = mujoco.MjSpec()
    _physics(spec)
    spec.attach(fetch_spec(visuals=False), frame=spec.worldbody.add_frame(), prefix="robot/")
    world = spec.worldbody
    world.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[5, 5, 0.1],
        friction=[0.9, 0.01, 0.001],
    )
    for name, size, pos in _fixture_boxes(cfg):
        geom = world.add_geom(name=name, type=mujoco.mjtGeom.mjGEOM_BOX, size=size, pos=pos)
        geom.contype, geom.conaffinity, geom.friction = 1, 3, [0.9, 0.01, 0.001]
    scaled = _scaled(catalogue.objects()[cfg.object], cfg)
    add_object(spec, "object", scaled, cfg.friction, candidates)
    if cfg.other is not None:
        add_object(spec, "other", catalogue.objects()[cfg.other], cfg.friction, candidates)
    return spec.compile()


def drawer_model(cfg: DrawerCfg, candidates: bool = False) -> mujoco.MjModel:
    """A compiled training scene: of the kitchen only floor, close counter and the drawer.

    See `fixture_model` for `candidates`.
    """
    spec = _read("kitchen.xml")
    _physics(spec)
    for body in list(spec.worldbody.bodies):
        if body.name != DRAWER:
            spec.delete(body)
    drawer, slide = spec.body(DRAWER), spec.joint(DRAWER)
    rise = np.array([0, 0, cfg.height - drawer.pos[2] - spec.site(f"place/{DRAWER}").pos[2]])
    drawer.pos = drawer.pos + rise
    for geom in list(spec.geoms):
        if not geom.name.startswith(
            (f"{DRAWER}/", "solid/cabinet", "solid/close counter", "floor")
        ):
            spec.delete(geom)
        elif geom.name.startswith("solid/"):
            geom.pos = geom.pos + rise
    slide.damping, slide.frictionloss = [cfg.damping, 0, 0], cfg.drag
    spec.geom(f"{DRAWER}/floor").mass += cfg.load
    spec.attach(fetch_spec(visuals=False), frame=spec.worldbody.add_frame(), prefix="robot/")
    scaled = _scaled(catalogue.objects()[cfg.object], cfg)
    add_object(spec, "object", scaled, cfg.friction, candidates)
    return spec.compile()


def lies_in_drawer(half: torch.Tensor) -> torch.Tensor:
    """(...) bool: things of half extents (..., 3) are too tall to stand in the shut drawer."""
    return 2 * half[..., 2] > DRAWER_ROOM


def scaled_half_extents(cfg: FixtureCfg) -> tuple[float, float, float]:
    """Half extents of the fixture's object after scaling [m]."""
    return _scaled(catalogue.objects()[cfg.object], cfg).half_extents


_SHAPES = {
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "box": mujoco.mjtGeom.mjGEOM_BOX,
}
_SPECK = 5e-4  # m


def add_object(
    spec: mujoco.MjSpec,
    instance: str,
    obj: ObjectSpec,
    friction: float = 0.9,
    candidates: bool = False,
) -> None:
    """Adds one free body with a collision primitive; its frame is at the primitive's centre.

    See `fixture_model` for `candidates`.
    """
    body = spec.worldbody.add_body(name=instance)
    body.add_freejoint(name=instance)
    half = obj.half_extents
    size = {"sphere": [half[0], 0, 0], "cylinder": [half[0], half[2], 0]}.get(obj.shape, list(half))
    for shape in _SHAPES if candidates else (obj.shape,):
        own = shape == obj.shape
        geom = body.add_geom(
            name=instance if own else f"{instance}/{shape}",
            type=_SHAPES[shape],
            mass=obj.mass if own else 0.0,
            size=size if own else [_SPECK] * 3,
        )
        geom.contype, geom.conaffinity, geom.group = 1, 3, _COLLISION_GROUP
        geom.rgba = obj.rgba
        # spheres roll away without rolling friction; tall things twist in the grasp without torsional
        geom.condim = 6 if shape == "sphere" else 4
        geom.friction = [friction, 0.01, 0.002]
        geom.solref, geom.solimp = [0.01, 1], [0.9, 0.95, 0.001, 0.5, 2]


def _physics(spec: mujoco.MjSpec) -> None:
    """8 ms with elliptic cones; below about 20 iterations at impratio 10 grasps explode."""
    option = spec.option
    option.timestep = TIMESTEP
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10
    option.iterations, option.ls_iterations = 20, 20


def _fixture_boxes(cfg: FixtureCfg) -> list[tuple[str, list[float], list[float]]]:
    """Names, half sizes and centres of the five boxes every fixture is made of."""
    far = [
        [0.01, 0.01, 0.01],
        [0, 0, -1.0],
    ]  # boxes that a kind has no use for wait under the floor
    h = cfg.height
    if cfg.kind == "surface":
        return [("slab", [0.30, 0.60, h / 2], [0.30, 0, h / 2])] + [
            (f"rim{i}", *far) for i in range(4)
        ]
    if cfg.kind == "drawer":  # shut: a floor, a front, and the cabinet's top above it
        return [
            ("slab", [0.30, 0.60, h / 2], [0.30, 0, h / 2]),
            ("rim0", [0.01, 0.60, 0.10], [0.01, 0, h + 0.10]),
            ("rim1", [0.30, 0.60, 0.015], [0.30, 0, h + 0.20]),
        ] + [(f"rim{i}", *far) for i in (2, 3)]
    if (
        cfg.kind == "open drawer"
    ):  # the kitchen's, its handle left out: floor, front, sides, cabinet
        return [
            ("slab", [0.25, 0.255, 0.006], [0.34, 0, h - 0.006]),
            ("rim0", [0.010, 0.268, 0.106], [0.08, 0, h + 0.094]),
            ("rim1", [0.25, 0.006, 0.071], [0.34, 0.249, h + 0.069]),
            ("rim2", [0.25, 0.006, 0.071], [0.34, -0.249, h + 0.069]),
            ("rim3", [0.30, 0.60, 0.015], [0.69, 0, h + 0.225]),
        ]
    if cfg.kind == "tray":  # as the user's: a thin plate with a low rim, open below
        top, depth, width, rim, t = h, 0.15, 0.21, 0.012, 0.005
        plate = ("slab", [depth, width, 0.01], [depth, 0, top - 0.01])
    else:  # bin: a bottom and four high sides
        top, depth, width, t = 0.04, 0.18, 0.18, 0.010
        rim = (h - top) / 2
        plate = ("slab", [depth, width, 0.02], [depth, 0, 0.02])
    z = top + rim - 0.002
    return [
        plate,
        ("rim0", [t, width, rim], [t, 0, z]),
        ("rim1", [t, width, rim], [2 * depth - t, 0, z]),
        ("rim2", [depth - t, t, rim], [depth, width - t, z]),
        ("rim3", [depth - t, t, rim], [depth, -width + t, z]),
    ]


def _scaled(obj: ObjectSpec, cfg: FixtureCfg) -> ObjectSpec:
    size = tuple(float(side) for side in np.multiply(obj.size, cfg.size_scale))
    return obj.model_copy(update={"size": size, "mass": obj.mass * cfg.mass_scale})


def _read(name: str) -> mujoco.MjSpec:
    with as_file(files("sim_assets").joinpath(name)) as path:
        return mujoco.MjSpec.from_file(str(path))
