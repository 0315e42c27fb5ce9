"""The state views of our skills: what reward terms may read, read off a task's state and goal.

Frames: *base* is the robot's (x forward, y left, z up, origin on the floor). No signal is the success
detector's, nor a term of the shipped reward.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from embodied.tasks import arm, drawer, navigate, place
from embodied.world.predicates import bottom, held, object_in_base, pick_out
from embodied.world.proximity import clearance
from embodied.world.robot import REST_TCP
from embodied.world.state import quat_up, rotate, to_base
from embodied.world.tensors import constant
from planners.rewards.views import Brief, Signal

View = dict[str, torch.Tensor]


def _s(name: str, size: int, unit: str, frame: str, text: str) -> Signal:
    return Signal(name, (size,), unit, frame, text)


_ROBOT = (
    _s("tcp_position", 3, "m", "base", "point between the fingertips."),
    _s("tcp_velocity", 3, "m/s", "base", "its velocity."),
    _s("rest_goal", 3, "m", "base", "where that point is when the arm is at rest."),
    _s("finger_opening", 1, "m", "", "mean opening of the two fingers, 0 shut to 0.05 open."),
    _s("pad_force", 2, "N", "", "normal force on each finger pad; over 0.3 counts as touch."),
    _s("action", 5, "1", "", "what the policy asked for: dx, dy, dz, dyaw, gripper (1 opens)."),
)
_OBJECT = (
    _s("object_position", 3, "m", "base", "centre of the object."),
    _s("object_velocity", 3, "m/s", "base", "its velocity."),
    _s("object_half", 3, "m", "object", "half extents of its bounding box."),
    _s("object_upright", 1, "1", "", "1 standing, 0 lying, -1 upside down."),
    _s("grasp_point", 3, "m", "base", "where tcp_position is in a good grasp of the object."),
    _s("grasp_yaw_error", 1, "rad", "", "turn that the gripper lacks to close on its narrow side."),
    _s("object_held", 1, "bool", "", "both pads press, and the object is between them."),
)


@dataclass(frozen=True)
class SkillTask:
    """A skill's brief and the function that reads its view off the task."""

    brief: Brief
    view: Callable[[Any], View]


def _robot(task: Any) -> View:
    state = task.state
    return {
        "tcp_position": state.tcp_pos,
        "tcp_velocity": state.tcp_vel,
        "rest_goal": constant(REST_TCP).expand_as(state.tcp_pos),
        "finger_opening": state.fingers.mean(-1, keepdim=True),
        "pad_force": state.touch,
        "action": task._action,
    }


def _object(task: Any) -> View:
    state, goal = task.state, task.goal
    speed = pick_out(state.object_vel, goal.index)
    level = rotate(speed[:, :2], -state.base_pose[:, 2])
    return {
        "object_position": object_in_base(state, goal.index),
        "object_velocity": torch.cat([level, speed[:, 2:]], -1),
        "object_half": goal.half,
        "object_upright": quat_up(pick_out(state.object_quat, goal.index))[:, None],
        "grasp_point": arm.grasp_point(state, goal),
        "grasp_yaw_error": arm.yaw_error(state, goal)[:, None],
        "object_held": held(state, goal.index, goal.half).float()[:, None],
    }


def _pick(task: Any) -> View:
    state, goal = task.state, task.goal
    height = bottom(state, goal.index, goal.half, goal.shape) - goal.spot[:, 2]
    return {**_robot(task), **_object(task), "object_height": height[:, None]}


def _place(task: Any) -> View:
    state, goal = task.state, task.goal
    return {
        **_robot(task),
        **_object(task),
        "goal_position": to_base(state.base_pose, goal.spot),
        "goal_offset": place.gap(state, goal),
        "into_bin": goal.drop.float()[:, None],
    }


def _drawer(task: Any) -> View:
    state, goal = task.state, task.goal
    inside = (drawer.inside(state, goal) | ~goal.kept).all(-1)
    return {
        **_robot(task),
        "handle_position": to_base(state.base_pose, drawer.handle_now(state, goal)),
        "handle_yaw_error": drawer.yaw_error(state, goal)[:, None],
        "drawer_error": drawer.missing(state, goal).clamp_min(0)[:, None],
        "drawer_speed": task.speed[:, None],
        "contents_inside": inside.float()[:, None],
    }


def _navigate(task: Any) -> View:
    state, goal = task.state, task.goal
    where, turn = navigate.offset(state, goal)
    left = navigate.remaining(state, goal)
    return {
        "goal_offset": where,
        "heading_error": turn[:, None],
        "route_distance": left[:, None],
        "route_progress": (task._left - left)[:, None],
        "base_velocity": state.base_vel[:, :2],
        "turn_rate": state.base_vel[:, 2:],
        "clearance": clearance(state.base_pose, goal.obstacles)[:, None],
        "action": task._action,
        "last_action": task._last,
    }


_DRAWER = (
    *_ROBOT,
    _s("handle_position", 3, "m", "base", "middle of the drawer's handle."),
    _s("handle_yaw_error", 1, "rad", "", "turn that the gripper lacks to close on the handle."),
    _s(
        "drawer_error",
        1,
        "m",
        "",
        "distance that the drawer still has to move; 0 when it is there.",
    ),
    _s("drawer_speed", 1, "m/s", "", "of the drawer, positive when it opens."),
    _s("contents_inside", 1, "bool", "", "what was in the drawer still is."),
)
_BRIEFS = {
    "pick": Brief(
        "pick",
        "Grasp the object, lift it off its surface and bring the arm to rest holding it.",
        "the object is held by both pads, its underside is more than 5 cm above the surface, and "
        "the tcp is within 7 cm of its rest position and nearly still (below 0.15 m/s)",
        (
            *_ROBOT,
            *_OBJECT,
            _s("object_height", 1, "m", "", "height of its underside above the surface."),
        ),
    ),
    "place": Brief(
        "place",
        "Set the held object down at the spot (or drop it into the bin), let go, bring the arm to rest.",
        "the object stands upright and still within 8 cm of the spot (or lies in the bin), no pad "
        "touches anything, and the tcp is within 7 cm of its rest position and nearly still",
        (
            *_ROBOT,
            *_OBJECT,
            _s("goal_position", 3, "m", "base", "the spot, or the middle of the bin's opening."),
            _s("goal_offset", 3, "m", "base", "from the object's underside to the spot."),
            _s("into_bin", 1, "bool", "", "the place is a bin, into which things are dropped."),
        ),
    ),
    "open": Brief(
        "open",
        "Take the drawer by its handle, pull it open, let go, bring the arm to rest.",
        "the drawer is out by 90 % of its travel, its contents are still in it, no pad touches "
        "anything, the fingers are open, and the tcp is at rest",
        _DRAWER,
    ),
    "close": Brief(
        "close",
        "Push the drawer shut, let go of it, bring the arm to rest.",
        "the drawer is within 1 cm of shut, its contents are still in it, no pad touches anything, "
        "the fingers are open, and the tcp is at rest",
        _DRAWER,
    ),
    "navigate": Brief(
        "navigate",
        "Drive the base to the goal pose without touching anything, and come to rest there.",
        "the base is within 4 cm and 0.07 rad of the goal pose, slower than 0.03 m/s and 0.05 rad/s",
        (
            _s("goal_offset", 2, "m", "base", "from the base to the goal."),
            _s("heading_error", 1, "rad", "", "turn from the base's heading to the goal's."),
            _s("route_distance", 1, "m", "", "length of the planned way that is left."),
            _s("route_progress", 1, "m", "", "what this step shortened it by; at most 0.03."),
            _s("base_velocity", 2, "m/s", "base", "forward, left."),
            _s("turn_rate", 1, "rad/s", "", "of the base."),
            _s("clearance", 1, "m", "", "gap to the nearest solid; 0 is a collision."),
            _s("action", 3, "1", "", "what the policy asked for: forward, left, turn."),
            _s("last_action", 3, "1", "", "what it asked for a step before."),
        ),
    ),
}
_VIEWS: Mapping[str, Callable[[Any], View]] = {
    "pick": _pick,
    "place": _place,
    "open": _drawer,
    "close": _drawer,
    "navigate": _navigate,
}
SKILLS = {name: SkillTask(brief, _VIEWS[name]) for name, brief in _BRIEFS.items()}
"""By family."""
