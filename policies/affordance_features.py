"""What the success heads see: plain readings of one start state, one function per family.

The same functions serve the training fixtures (many simulations, one goal each) and the kitchen
(one simulation, one row per label: see `repeat`). They read a `State`, a `Goal` and what a ray or a
map says, and they decide nothing: no reading is compared with what would make a skill possible.
Where the object is absent, all that would be read of it is zero.

Distances are given twice, at the scale at which a grasp is decided and at that of a room, so that
one small network can tell both millimetres and metres apart.
"""

from __future__ import annotations

from dataclasses import fields

import torch

from embodied.tasks.base import Goal
from embodied.tasks.drawer import DrawerGoal, facing, handle_now, missing
from embodied.world.grasp import STAND
from embodied.world.predicates import bottom, heading, held, object_in_base, pick_out
from embodied.world.robot import REST_TCP
from embodied.world.state import State, quat_up, to_base

PICK_FEATURES, PLACE_FEATURES, DRAWER_FEATURES = 41, 57, 24
_COUNTER = 0.75  # m, a usual height of surfaces: heights are given relative to it


def pick_features(
    state: State, goal: Goal, present: torch.Tensor, covered: torch.Tensor
) -> torch.Tensor:
    """(N, PICK_FEATURES) readings before a pick.

    Args:
        state, goal: of N starts; `goal.spot` is right under the object.
        present: (N,) bool, the object is in the scene.
        covered: (N,) in [0, 1], something solid is right above the object (a ray tells).
    """
    return _masked(state, present, [_object(state, goal, covered), _kind(goal)])


def place_features(
    state: State, goal: Goal, present: torch.Tensor, covered: torch.Tensor
) -> torch.Tensor:
    """(N, PLACE_FEATURES) readings before a place: those before a pick, and where the spot is.

    Args: as of `pick_features`; `goal.spot` is where the object is to be left.
    """
    spot = to_base(state.base_pose, goal.spot)
    delta = spot - object_in_base(state, goal.index)
    delta[:, 2] = goal.spot[:, 2] - bottom(state, goal.index, goal.half, goal.shape)
    columns = [
        _object(state, goal, covered),
        _kind(goal),
        (delta * 3).clamp(-3, 3),
        (delta * 12).clamp(-3, 3),
        _where(spot),
        goal.drop.float()[:, None],
    ]
    return _masked(state, present, columns)


def drawer_features(state: State, goal: DrawerGoal) -> torch.Tensor:
    """(N, DRAWER_FEATURES) readings before opening or closing the drawer."""
    square, left = facing(state, goal), missing(state, goal)
    columns = [
        _robot(state),
        _where(to_base(state.base_pose, handle_now(state, goal))),
        torch.stack(
            [
                torch.sin(square),
                torch.cos(square),
                state.drawer / goal.travel,
                (left * 4).clamp(-2, 2),
                (left * 40).clamp(-2, 2),
            ],
            -1,
        ),
    ]
    return torch.cat(columns, -1)


def repeat(state: State, count: int) -> State:
    """The state of one simulation as `count` equal rows, without copying.

    An empty scene gets an object of zeros, so that a goal's index has something to point at; what
    is read of it is masked, since nothing is present.
    """
    values = {field.name: getattr(state, field.name) for field in fields(state)}
    if not state.object_pos.shape[1]:
        for name, width in (("pos", 3), ("quat", 4), ("vel", 3), ("spin", 3)):
            values[f"object_{name}"] = torch.zeros(1, 1, width)
    return State(**{name: value.expand(count, *value.shape[1:]) for name, value in values.items()})


def _robot(state: State) -> torch.Tensor:
    """(N, 10) arm pose, finger openings, forces on the pads."""
    columns = [
        (state.tcp_pos - torch.tensor(REST_TCP)) * 3,
        state.tcp_yaw[:, None],
        state.tcp_up * 5,
        state.fingers * 30 - 0.75,
        torch.tanh(state.touch / 10),
    ]
    return torch.cat(columns, -1)


def _masked(state: State, present: torch.Tensor, columns: list[torch.Tensor]) -> torch.Tensor:
    """The robot's readings, whether the object is present, and where it is, the columns."""
    readings = torch.cat(columns, -1)
    seen = torch.where(present[:, None], readings, torch.zeros_like(readings))
    return torch.cat([_robot(state), present.float()[:, None], seen], -1)


def _object(state: State, goal: Goal, covered: torch.Tensor) -> torch.Tensor:
    """(N, 24) where the object is, how it stands, whether the pads hold it."""
    index = goal.index
    centre = object_in_base(state, index)
    under = bottom(state, index, goal.half, goal.shape)
    grip = centre - state.tcp_pos
    # a heading counts modulo a half turn; round things have none
    towards, oblong = heading(state, index, goal.half)
    yaw, box = 2 * (towards - state.base_pose[:, 2]), oblong.float()
    columns = [
        _where(centre),
        (grip * 4).clamp(-3, 3),
        (grip * 20).clamp(-2, 2),
        torch.stack(
            [
                ((under - _COUNTER) * 4).clamp(-3, 3),
                ((under - goal.spot[:, 2]) * 10).clamp(-3, 3),
                quat_up(pick_out(state.object_quat, index)),
                box * torch.sin(yaw),
                box * torch.cos(yaw),
                box * torch.sin(yaw - 2 * state.tcp_yaw),
                box * torch.cos(yaw - 2 * state.tcp_yaw),
                held(state, index, goal.half).float(),
                covered.float(),
            ],
            -1,
        ),
    ]
    return torch.cat(columns, -1)


def _kind(goal: Goal) -> torch.Tensor:
    """(N, 6) the object's size and shape."""
    return torch.cat([goal.half * 15, goal.shape], -1)


def _where(point: torch.Tensor) -> torch.Tensor:
    """(N, 9) a point (N, 3) of the base frame, at the scale of the arm and at that of the room."""
    planar = point[:, :2]
    distance = planar.norm(dim=-1, keepdim=True)
    columns = [
        ((planar - torch.tensor([STAND, 0.0])) * 4).clamp(-3, 3),
        torch.tanh(planar / 1.5),
        planar / distance.clamp_min(1e-3),
        torch.log1p(distance),
        ((distance - STAND) * 8).clamp(-3, 3),
        ((point[:, 2:] - _COUNTER) * 4).clamp(-3, 3),
    ]
    return torch.cat(columns, -1)
