"""What people do in the kitchen while the robot works: they move, take and drop things, and stand about.

Every function changes the simulation's state as a hand would leave it, at once; nothing here tells
the robot, whose facts, affordances and success detectors read the state as ever. A bystander is a
body of its own in kitchens that were built with one. Not covered: how a hand gets there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np
import torch

from embodied.world.robot import BASE_RADIUS, FINGER_OPEN

if TYPE_CHECKING:
    from embodied.world.kitchen import Kitchen

BYSTANDER = "bystander"
RADIUS, HEIGHT = 0.22, 1.65  # m, of somebody standing
_APART = BASE_RADIUS + RADIUS + 0.10  # m, from the robot's centre to theirs
_AWAY = np.array([0.0, 0.0, -5.0])  # under the floor: nobody is there
_OUTSIDE = (-4.0, 3.0)  # m, beyond the walls


def put(kitchen: Kitchen, instance: str, where: str) -> None:
    """Puts an object on a free point of a place, out of the gripper if need be.

    Raises:
        UsageError: the place is too full.
    """
    if kitchen.holding() == instance:
        let_go(kitchen)
    point = kitchen.free_point(where, instance)
    kitchen.set_object(instance, point, kitchen.rng.uniform(-np.pi, np.pi), where)


def take_away(kitchen: Kitchen, instance: str) -> None:
    """Takes an object out of the room."""
    if kitchen.holding() == instance:
        let_go(kitchen)
    x, y = _OUTSIDE
    kitchen.set_object(instance, np.array([x, y + 0.3 * kitchen.index[instance], 0.0]), 0.0)


def let_go(kitchen: Kitchen) -> None:
    """Forces the gripper open; what it held falls in the steps that follow."""
    kitchen.control.opening[:] = FINGER_OPEN


def shut_drawer(kitchen: Kitchen) -> None:
    """Pushes the drawer shut."""
    kitchen.set_drawer(0.0)


def add_bystander(spec: mujoco.MjSpec) -> None:
    """Adds somebody to a kitchen, who is nowhere yet; they collide and cannot be pushed."""
    body = spec.worldbody.add_body(name=BYSTANDER, pos=_AWAY, mocap=True)
    geom = body.add_geom(
        name=BYSTANDER,
        type=mujoco.mjtGeom.mjGEOM_CAPSULE,
        size=[RADIUS, HEIGHT / 2 - RADIUS, 0],
        pos=[0, 0, HEIGHT / 2],
        rgba=[0.36, 0.46, 0.62, 1],
    )
    geom.contype, geom.conaffinity, geom.group = 1, 3, 2


def stand_in_the_way(kitchen: Kitchen, pose: np.ndarray) -> None:
    """The bystander stands at the x, y of a base pose, or short of it where the robot is already."""
    here = kitchen.state.base_pose[0, :2].numpy().astype(float)
    ahead = np.array([np.cos(pose[2]), np.sin(pose[2])])
    gap = np.asarray(pose[:2], float) - here
    room = float(np.linalg.norm(gap))
    if room < _APART:
        gap = (gap / room if room > 0.05 else ahead) * _APART
    _move(kitchen, np.array([*(here + gap), 0.0]))


def step_aside(kitchen: Kitchen) -> None:
    """The bystander leaves."""
    _move(kitchen, _AWAY)


def bystander(kitchen: Kitchen) -> torch.Tensor | None:
    """(1, 4) the box around the bystander on the floor plan, as `proximity.Obstacles` has it."""
    slot = _slot(kitchen)
    if slot is None:
        return None
    x, y, z = kitchen.engine.field("mocap_pos")[0, slot].tolist()
    return torch.tensor([[x, y, RADIUS, RADIUS]]) if z > _AWAY[2] / 2 else None


def in_the_way(kitchen: Kitchen, pose: np.ndarray) -> bool:
    """Whether the bystander keeps the robot from standing at a base pose (3,)."""
    box = bystander(kitchen)
    return box is not None and float(np.linalg.norm(box[0, :2].numpy() - pose[:2])) < _APART


def _move(kitchen: Kitchen, point: np.ndarray) -> None:
    slot = _slot(kitchen)
    assert slot is not None, "this kitchen was built without a bystander"
    kitchen.engine.field("mocap_pos")[0, slot] = torch.as_tensor(point)
    kitchen.refresh()


def _slot(kitchen: Kitchen) -> int | None:
    """Where the bystander's position stands among the model's."""
    names = [kitchen.model.body(i).name for i in range(kitchen.model.nbody)]
    if BYSTANDER not in names:
        return None
    return int(kitchen.model.body(BYSTANDER).mocapid[0])
