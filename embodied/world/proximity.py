"""How near the robot is to what it must not touch, and a shield that keeps it from touching.

The robot is three discs on the floor plan: the base, which must clear every solid, and forearm and
gripper at rest ahead of it, which pass above furniture but must clear walls and people. Solids are rectangles
aligned with the axes: nearest points and range rays are exact, and everything here is batched.

The shield bounds the speed of approach to every solid by its clearance: the velocity damper of
Faverjon & Tournassoud (1987, "A local based approach for path planning of manipulators with a high
number of degrees of freedom"), today read as a control barrier function on the velocity (Ames et
al. 2019, "Control barrier functions: theory and applications"). It is a safety layer below the
policy, in training and at run time alike.

Not covered: moving solids between two control steps, objects on the floor, the arm away from
`robot.REST_TCP`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from embodied.world.control import MAX_ACCEL, MAX_SPEED
from embodied.world.robot import BASE_RADIUS, REST_TCP
from embodied.world.scene import CONTROL_DT
from embodied.world.state import State, rotate
from embodied.world.tensors import constant

GRIPPER_AHEAD = REST_TCP[0]  # m from the base's centre
GRIPPER_RADIUS = 0.12  # m: the palm at any yaw, what it holds, and the arm's give under way
FOREARM_AHEAD = 0.36  # m: a disc of the same radius closes the gap between base and gripper
TALL = 1.0  # m: solids that reach higher are in the gripper's way, too
RAYS = 24
RANGE = 2.0  # m, of the rays
MARGIN = 0.025  # m of clearance that the shield keeps
GAIN = 4.0  # 1/s: speed of approach per metre of clearance
BRAKING = 0.7  # m/s2 that the shield counts on, of the 1.2 that the controller allows
LAG = 0.06  # s by which the base follows its command
CREEP, SLOWING = 0.12, 3.0  # m/s at contact, 1/s: the speed allowed rises with the clearance
_SWEEPS = 3
_EPS = 1e-6


@dataclass(frozen=True)
class Obstacles:
    """The solids around each of N simulations; rows may be padded with boxes far away."""

    boxes: torch.Tensor
    """(N, S, 4) centre x, y and half extents x, y, world [m]."""
    tall: torch.Tensor
    """(N, S) bool: higher than `TALL`."""


def nearest(point: torch.Tensor, boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Distances (N, S) from points (N, 2) to boxes (N, S, 4), and unit vectors (N, S, 2) to them.

    Inside a box the distance is negative and the vector zero.
    """
    offset = point[:, None] - boxes[..., :2]
    half = boxes[..., 2:]
    beyond = offset.abs() - half
    gap = beyond.clamp_min(0)
    distance = gap.norm(dim=-1)
    towards = -gap * offset.sign() / distance.clamp_min(_EPS)[..., None]
    return distance + beyond.amax(-1).clamp_max(0), towards


def point_ahead(pose: torch.Tensor, ahead: float) -> torch.Tensor:
    """(N, 2) points this far [m] ahead of base poses (N, 3), world."""
    heading = torch.stack([torch.cos(pose[:, 2]), torch.sin(pose[:, 2])], -1)
    return pose[:, :2] + ahead * heading


@dataclass(frozen=True)
class Proximity:
    """Clearances [m] and the directions they are measured in, world unit vectors to the solid."""

    base: torch.Tensor
    """(N, S) of the base's disc."""
    base_towards: torch.Tensor
    """(N, S, 2)."""
    gripper: torch.Tensor
    """(N, S) of the gripper's disc; large for solids that it passes above."""
    gripper_towards: torch.Tensor
    """(N, S, 2)."""
    forearm: torch.Tensor
    """(N, S) of the forearm's disc, likewise."""
    forearm_towards: torch.Tensor
    """(N, S, 2)."""

    @classmethod
    def of(cls, pose: torch.Tensor, obstacles: Obstacles) -> Proximity:
        """Measures at base poses (N, 3)."""
        base, base_towards = nearest(pose[:, :2], obstacles.boxes)
        arm = []
        for ahead in (GRIPPER_AHEAD, FOREARM_AHEAD):
            gap, towards = nearest(point_ahead(pose, ahead), obstacles.boxes)
            arm += [torch.where(obstacles.tall, gap - GRIPPER_RADIUS, 10.0), towards]
        return cls(base - BASE_RADIUS, base_towards, *arm)

    @property
    def clearance(self) -> torch.Tensor:
        """(N,) the smallest; not positive on contact."""
        arm = torch.minimum(self.gripper, self.forearm)
        return torch.minimum(self.base, arm).amin(-1)


def clearance(pose: torch.Tensor, obstacles: Obstacles) -> torch.Tensor:
    """(N,) distance [m] that the robot at base poses (N, 3) keeps from solids."""
    return Proximity.of(pose, obstacles).clearance


def ranges(pose: torch.Tensor, obstacles: Obstacles) -> torch.Tensor:
    """(N, RAYS) distances [m] from the base's centre, counterclockwise from ahead, up to `RANGE`."""
    angle = pose[:, 2:] + torch.arange(RAYS) * (2 * torch.pi / RAYS)
    near, far = [], []
    for axis, direction in enumerate((torch.cos(angle), torch.sin(angle))):
        inverse = 1 / torch.where(direction.abs() < _EPS, _EPS, direction)[..., None]
        offset = (obstacles.boxes[..., axis] - pose[:, axis, None])[:, None] * inverse
        half = obstacles.boxes[:, None, :, 2 + axis] * inverse.abs()
        near.append(offset - half)
        far.append(offset + half)
    entry = torch.maximum(*near).clamp_min(0)
    missed = torch.minimum(*far) < entry
    return entry.masked_fill_(missed, RANGE).amin(-1).clamp_max(RANGE)


def speed_limit(gap: torch.Tensor) -> torch.Tensor:
    """Highest speed of approach [m/s] at clearances [m] of any shape.

    Never more than `GAIN` x (clearance - `MARGIN`); at high speed as much as can be braked away.
    Below the margin it is negative: the robot backs off.
    """
    gap = gap - MARGIN
    knee = BRAKING / GAIN**2
    return torch.where(
        gap < knee, GAIN * gap, torch.sqrt((2 * BRAKING * (gap - knee / 2)).clamp_min(0))
    )


def shield(
    wanted: torch.Tensor, velocity: torch.Tensor, state: State, obstacles: Obstacles
) -> torch.Tensor:
    """The base command (N, 3), body frame, near the wanted one, that approaches no solid too fast.

    Each solid forbids a half space of velocities. What the controller's acceleration would make of
    the wanted command is projected onto them in turn, then shortened until all are kept. Close to
    solids the robot is slowed in all directions: its response lags and would cut the corner.

    Args:
        wanted: (N, 3) m/s, m/s, rad/s.
        velocity: (N, 3) what the controller commands now (`Controller.velocity`).
    """
    pose, turned = state.base_pose, rotate(state.base_vel[:, :2], state.base_pose[:, 2])
    soon = pose + LAG * torch.cat([turned, state.base_vel[:, 2:]], -1)
    near = Proximity.of(soon, obstacles)
    speed, accel = constant(MAX_SPEED), constant(MAX_ACCEL) * CONTROL_DT
    wanted = torch.maximum(torch.minimum(wanted, speed), -speed)
    gap = torch.minimum(near.clearance, clearance(pose, obstacles)).clamp_min(0)
    fastest = torch.maximum(wanted[:, :2].norm(dim=-1), wanted[:, 2].abs() * GRIPPER_AHEAD)
    wanted = wanted * ((CREEP + SLOWING * gap) / fastest.clamp_min(_EPS)).clamp_max(1)[:, None]
    command = velocity + torch.maximum(torch.minimum(wanted - velocity, accel), -accel)
    rows, bounds = _half_spaces(soon, near)
    return _project(command, rows, bounds)


def _project(command: torch.Tensor, rows: torch.Tensor, bounds: torch.Tensor) -> torch.Tensor:
    """(N, 3) commands with rows . command <= bounds; exact where standing still is allowed."""
    speed = constant(MAX_SPEED)
    length = rows.square().sum(-1).clamp_min(_EPS)
    for _ in range(_SWEEPS):
        for k in range(rows.shape[1]):
            excess = ((rows[:, k] * command).sum(-1) - bounds[:, k]).clamp_min(0)
            command = command - rows[:, k] * (excess / length[:, k])[:, None]
        command = torch.maximum(torch.minimum(command, speed), -speed)
    along = (rows * command[:, None]).sum(-1)
    over = (along > bounds) & (bounds >= 0)
    return command * torch.where(over, bounds / along, 1.0).amin(-1)[:, None]


def _half_spaces(pose: torch.Tensor, near: Proximity) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows (N, K, 3) and bounds (N, K): rows . command <= bounds, for the nearest solids."""
    rows, bounds = [], []
    for gap, towards, ahead, most in (
        (near.base, near.base_towards, 0.0, 3),
        (near.gripper, near.gripper_towards, GRIPPER_AHEAD, 2),
        (near.forearm, near.forearm_towards, FOREARM_AHEAD, 2),
    ):
        gap, index = gap.topk(min(most, gap.shape[1]), largest=False)
        normal = towards.gather(1, index[..., None].expand(-1, -1, 2))
        normal = rotate(normal, -pose[:, 2:])
        rows.append(torch.cat([normal, ahead * normal[..., 1:]], -1))
        bounds.append(speed_limit(gap))
    return torch.cat(rows, 1), torch.cat(bounds, 1)
