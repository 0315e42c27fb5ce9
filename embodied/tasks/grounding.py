"""From a label to numbers: which object, which spot, which stand pose a skill call means right now."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from embodied.tasks.base import Goal
from embodied.tasks.drawer import DrawerGoal, inside
from embodied.tasks.labels import SkillCall
from embodied.world.grasp import STAND
from embodied.world.kitchen import SPACING, Kitchen

_TRAY_SPACING = 0.13
_REACH = ((0.46, 0.84), 0.30)  # m ahead, m to the side: spots the arm reaches from where it stands


@dataclass(frozen=True)
class Request:
    """A grounded call.

    present: the scene has the object that the call names.
    goal: of pick and place.
    drawer: of opening and closing.
    stand: base pose (3,) x, y, yaw of a navigation.
    place: where it happens, if that is known.
    """

    call: SkillCall
    present: bool
    goal: Goal | None = None
    drawer: DrawerGoal | None = None
    stand: np.ndarray | None = None
    place: str | None = None
    covered: bool = False


def ground(call: SkillCall, kitchen: Kitchen) -> Request:
    """What the call means in the kitchen's present state."""
    if call.base == "navigate":
        return _navigation(call, kitchen)
    if call.base == "pick":
        return _pick(call, kitchen)
    if call.base in ("open", "close"):
        return Request(call, True, drawer=_drawer(call, kitchen), place=call.place)
    return _place(call, kitchen)


def _navigation(call: SkillCall, kitchen: Kitchen) -> Request:
    here = kitchen.state.base_pose[0].numpy().astype(float)
    if call.kind == "go to":
        assert call.place is not None
        stand = kitchen.stand(call.place, _roomy_spot(kitchen, call.place))
        return Request(call, True, stand=stand, place=call.place)
    if call.obj is None or not kitchen.has(call.obj):
        return Request(call, False, stand=here)
    where, point = kitchen.place_of(call.obj), kitchen.position(call.obj)
    if where is not None:
        return Request(call, True, stand=kitchen.stand(where, point), place=where)
    # held or fallen: stand before it as seen from here
    yaw = float(np.arctan2(point[1] - here[1], point[0] - here[0]))
    stand = np.array([point[0] - STAND * np.cos(yaw), point[1] - STAND * np.sin(yaw), yaw])
    return Request(call, True, stand=stand)


def _pick(call: SkillCall, kitchen: Kitchen) -> Request:
    if call.obj is None or not kitchen.has(call.obj):
        return Request(call, False, goal=_goal(kitchen, None, np.zeros(3), False))
    point = kitchen.position(call.obj)
    spot = np.array([point[0], point[1], kitchen.underside(call.obj)])
    goal = _goal(kitchen, call.obj, spot, False)
    return Request(
        call, True, goal=goal, place=kitchen.place_of(call.obj), covered=kitchen.covered(call.obj)
    )


def _place(call: SkillCall, kitchen: Kitchen) -> Request:
    where = call.place or _surface_here(kitchen)
    name = kitchen.holding() if call.kind == "bring" else call.obj
    present = kitchen.has(name) and where is not None
    spot = reachable_spot(kitchen, where) if where is not None else np.zeros(3)
    drop = where is not None and kitchen.place(where).kind == "bin"
    return Request(
        call, present, goal=_goal(kitchen, name if present else None, spot, drop), place=where
    )


def _drawer(call: SkillCall, kitchen: Kitchen) -> DrawerGoal:
    """What is in the drawer now has to stay there."""
    goal = DrawerGoal.read([kitchen.model], opened=call.base == "open")
    return replace(goal, kept=inside(kitchen.state, goal))


def _surface_here(kitchen: Kitchen) -> str | None:
    """The surface that the robot stands at; putting down is not throwing away or handing over."""
    here = kitchen.robot_at()
    return here if here is not None and kitchen.place(here).kind == "surface" else None


def _goal(kitchen: Kitchen, name: str | None, spot: np.ndarray, drop: bool) -> Goal:
    k = torch.tensor([kitchen.index[name] if name is not None else 0])
    known = bool(kitchen.index)
    return Goal(
        index=k,
        half=kitchen.half[k] if known else torch.zeros(1, 3),
        shape=kitchen.shape[k] if known else torch.zeros(1, 3),
        spot=torch.tensor(spot, dtype=torch.float32)[None],
        drop=torch.tensor([drop]),
    )


def reachable_spot(kitchen: Kitchen, where: str) -> np.ndarray:
    """(3,) the free spot of a place that lies best before the robot; the nearest if none is in reach."""
    return kitchen.memo(f"spot {where}", lambda: _reachable_spot(kitchen, where))


def _reachable_spot(kitchen: Kitchen, where: str) -> np.ndarray:
    spots = _free(kitchen, where)
    x, y, yaw = kitchen.state.base_pose[0].tolist()
    dx, dy = spots[:, 0] - x, spots[:, 1] - y
    ahead, side = np.cos(yaw) * dx + np.sin(yaw) * dy, -np.sin(yaw) * dx + np.cos(yaw) * dy
    cost = np.hypot(ahead - STAND, side)
    (near, far), wide = _REACH
    out = (ahead < near) | (ahead > far) | (np.abs(side) > wide)
    return spots[np.argmin(cost + 10.0 * out)]


def _roomy_spot(kitchen: Kitchen, where: str) -> np.ndarray:
    """(3,) the spot to stand before: in the middle of free room, not far from the place's middle."""
    place, spots = kitchen.place(where), _free(kitchen, where)
    taken = [kitchen.position(name) for name in kitchen.index if kitchen.place_of(name) == where]
    depth, side = np.abs(place.local(spots)).T
    cost = 0.5 * side + depth
    if taken:
        gaps = np.linalg.norm(spots[:, None, :2] - np.stack(taken)[None, :, :2], axis=-1).min(1)
        cost = cost - np.minimum(gaps, 0.35)
    return spots[np.argmin(cost)]


def _free(kitchen: Kitchen, where: str) -> np.ndarray:
    for spacing in (SPACING, _TRAY_SPACING, 0.10, 0.0):
        spots = kitchen.free_spots(where, spacing)
        if len(spots):
            return spots
    return kitchen.place(where).centre[None]
