"""Geometric predicates over `State`, batched: the ground of goals, rewards and the success detector.

They read the state alone, never what was commanded. Thresholds are in metres, newtons, metres/second.
"""

from __future__ import annotations

import torch

from embodied.world.state import State, quat_up, to_base

TOUCH_FORCE = 0.3  # N on each pad that counts as contact
GRASP_RADIUS = 0.06  # m across, from the tcp to the object's surface point in the grasp
SLOW = 0.08  # m/s
UPRIGHT = 0.94  # cosine of 20 degrees


def pick_out(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """values (N, K, ...) at index (N,) -> (N, ...)."""
    return values[torch.arange(len(index)), index]


def object_in_base(state: State, index: torch.Tensor) -> torch.Tensor:
    """(N, 3) centre of one object per simulation, base frame."""
    return to_base(state.base_pose, pick_out(state.object_pos, index))


def vertical_half(
    state: State, index: torch.Tensor, half: torch.Tensor, shape: torch.Tensor
) -> torch.Tensor:
    """(N,) half the object's extent along the vertical as it stands or lies now.

    Round things are no higher for being rolled: a turned sphere's bounding box would reach up to
    0.7 radii below it. half (N, 3) extents, shape (N, 3) one-hot.
    """
    quat = pick_out(state.object_quat, index)
    w, x, y, z = quat.unbind(-1)
    row = torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1)
    box = (row.abs() * half).sum(-1)
    up = row[:, 2].abs().clamp_max(1.0)
    cylinder = up * half[:, 2] + (1 - up.square()).sqrt() * half[:, 0]
    return (shape * torch.stack([cylinder, half[:, 0], box], -1)).sum(-1)


def heading(
    state: State, index: torch.Tensor, half: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which way the object's longer horizontal side points, world (N,) [rad], and whether it has
    one (N,): as it stands or lies now, what is as long as it is wide has none."""
    w, x, y, z = pick_out(state.object_quat, index).unbind(-1)
    east = torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1)
    north = torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1)
    up = torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1)
    vertical = torch.nn.functional.one_hot(up.abs().argmax(-1), 3).bool()
    level = half.masked_fill(vertical, -1.0)
    long = level.argmax(-1, keepdim=True)
    short = half.masked_fill(vertical, 9.0).amin(-1)
    yaw = torch.atan2(north.gather(-1, long), east.gather(-1, long))[:, 0]
    return yaw, level.amax(-1) - short > 1e-3


def held(state: State, index: torch.Tensor, half: torch.Tensor) -> torch.Tensor:
    """(N,) bool: both pads press on something and the object is between them."""
    offset = object_in_base(state, index) - state.tcp_pos
    across = offset[:, :2].norm(dim=-1) < GRASP_RADIUS
    along = offset[:, 2].abs() < half.amax(-1) + 0.02
    return (state.touch > TOUCH_FORCE).all(-1) & across & along


def bottom(
    state: State, index: torch.Tensor, half: torch.Tensor, shape: torch.Tensor
) -> torch.Tensor:
    """(N,) height of the object's lowest point, world. half (N, 3) extents, shape (N, 3) one-hot."""
    return pick_out(state.object_pos, index)[:, 2] - vertical_half(state, index, half, shape)


def still(state: State, index: torch.Tensor) -> torch.Tensor:
    """(N,) bool: the object neither moves nor turns noticeably."""
    speed = pick_out(state.object_vel, index).norm(dim=-1)
    return (speed < SLOW) & (pick_out(state.object_spin, index).norm(dim=-1) < 1.0)


def upright(
    state: State, index: torch.Tensor, half: torch.Tensor, shape: torch.Tensor
) -> torch.Tensor:
    """(N,) bool: stands within 20 degrees of upright. Spheres always do, and so does what is wider
    than high, which rests as well on any side: half (N, 3) extents, shape (N, 3) one-hot."""
    stands = quat_up(pick_out(state.object_quat, index)) > UPRIGHT
    flat = half[:, 2] < half[:, :2].amin(-1)
    return stands | flat | (shape[:, 1] > 0.5)
