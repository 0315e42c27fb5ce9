"""Readings and wide starts for the success head of navigate.

Most starts are what driving really meets. The rest ask for what cannot be done or hardly can: a
goal inside furniture or too tight for the robot, a way that is walled off or squeezes through a
gap, an absent object. The policy tries them all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from embodied.tasks.navigate import NavigateTask, holding
from embodied.tasks.rooms import Rooms, free_poses
from embodied.world.navigation import Map
from embodied.world.proximity import Obstacles, Proximity
from embodied.world.robot import BASE_RADIUS
from embodied.world.routes import Route
from embodied.world.state import State, rotate, wrap

NAVIGATE_FEATURES = 21
NAMES: tuple[str, ...] = (
    "usual", "tight start", "tight goal", "goal in a solid", "beyond a barrier", "absent",
)  # fmt: skip
USUAL, TIGHT_START, TIGHT_GOAL, SOLID, BEYOND, ABSENT = range(len(NAMES))
_ABSENT_SHARE = 0.06
_TIGHT = 0.045  # m of clearance that navigation's own goals have at least
_HOPS = 48  # along a way, of `navigation.LOOKAHEAD[0]` each: 14 m
_BARRIERS = (0.35, 1.1)  # m, the widths of gaps in barriers that have one


@dataclass(frozen=True)
class Way:
    """What a map tells of the ways between N pairs of points."""

    length: torch.Tensor
    """(N,) [m]."""
    narrowest: torch.Tensor
    """(N,) the least clearance [m] of the base's disc on the way, its ends left out."""

    @classmethod
    def of(cls, route: Route, row: torch.Tensor, point: torch.Tensor, around: Obstacles) -> Way:
        """The ways from points (N, 2) to the goals of a route's rows (N,), or back: the same."""
        here, goal = point, route.goals[row]
        narrowest = torch.full((len(point),), 1.0)
        for _ in range(_HOPS):
            there = route.waypoints(here, row)[:, 0]
            for at in ((here + there) / 2, there):
                ends = torch.minimum((at - point).norm(dim=-1), (at - goal).norm(dim=-1))
                gap = _disc_gap(at, around)
                narrowest = torch.where(ends > 0.1, torch.minimum(narrowest, gap), narrowest)
            if bool(((there - goal).norm(dim=-1) < 1e-3).all()):
                break
            here = there
        return cls(route.remaining(point, row), narrowest)


def navigate_features(
    state: State, pose: torch.Tensor, around: Obstacles, way: Way, present: torch.Tensor
) -> torch.Tensor:
    """(N, NAVIGATE_FEATURES) readings before driving.

    Args:
        state: of N starts.
        pose: (N, 3) goal poses x, y, yaw, world.
        around: the solids around each.
        way: from the robot to the goal.
        present: (N,) bool, what the goal is about is in the scene; else its readings are zero.
    """
    base = state.base_pose
    place = rotate(pose[:, :2] - base[:, :2], -base[:, 2])
    turn = wrap(pose[:, 2] - base[:, 2])
    distance = place.norm(dim=-1, keepdim=True)
    columns = [
        _gaps(pose, around),
        (way.narrowest[:, None] * 10).clamp(-3, 3),
        (way.narrowest[:, None] * 40).clamp(-3, 3),
        torch.log1p(way.length)[:, None],
        torch.tanh(way.length / 4)[:, None],
        torch.log1p(distance),
        torch.tanh(place / 2),
        (place * 6).clamp(-3, 3),
        torch.stack([torch.sin(turn), torch.cos(turn)], -1),
    ]
    readings = torch.cat(columns, -1)
    seen = torch.where(present[:, None], readings, torch.zeros_like(readings))
    own = [_gaps(base, around), holding(state)[:, None], present.float()[:, None]]
    return torch.cat([*own, seen], -1)


def _gaps(pose: torch.Tensor, around: Obstacles) -> torch.Tensor:
    """(N, 4) clearances of base and gripper at poses (N, 3), coarse and fine."""
    near = Proximity.of(pose, around)
    gap = torch.stack([near.base.amin(-1), near.gripper.amin(-1)], -1)
    return torch.cat([(gap * 4).clamp(-3, 3), (gap * 40).clamp(-3, 3)], -1)


def _disc_gap(point: torch.Tensor, around: Obstacles) -> torch.Tensor:
    """(N,) clearance of the base's disc at points (N, 2)."""
    pose = torch.cat([point, torch.zeros(len(point), 1)], -1)
    return Proximity.of(pose, around).base.amin(-1)


class NavigateStarts:
    """`affordance_data.Starts` of navigate."""

    kinds: tuple[str, ...] = NAMES

    def __init__(self, num_envs: int, seed: int, threads: int = 0) -> None:
        self.rooms, self._divided = wide_rooms(seed)
        self.task = NavigateTask(num_envs, seed, threads, easy=0.12, rooms=self.rooms)
        self.num_envs, self.horizon = num_envs, self.task.horizon
        self.kind = torch.zeros(num_envs, dtype=torch.long)

    def reset(self, mask: torch.Tensor, rng: torch.Generator) -> None:
        """See `Starts.reset`."""
        task = self.task
        task.reset(mask, rng)
        near = Proximity.of(task.goal.pose, task.goal.obstacles).clearance
        start = Proximity.of(task.state.base_pose, task.goal.obstacles).clearance
        kind = torch.where(start < 0.03, TIGHT_START, USUAL)
        kind = torch.where(self._divided[self.rooms.room[task.goal.row]], BEYOND, kind)
        kind = torch.where(near < _TIGHT, TIGHT_GOAL, kind)
        kind = torch.where(near <= 0, SOLID, kind)
        absent = torch.rand(self.num_envs, generator=rng) < _ABSENT_SHARE
        self.kind = torch.where(mask, torch.where(absent, ABSENT, kind), self.kind)

    def observe(self) -> torch.Tensor:
        """See `Starts.observe`."""
        return self.task.observe()

    def step(self, action: torch.Tensor, still: torch.Tensor) -> None:
        """See `Starts.step`."""
        self.task.step(torch.where(still[:, None], 0.0, action))

    def begin(self, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Starts.begin`."""
        state, goal = self.task.state, self.task.goal
        present = self.kind != ABSENT
        way = Way.of(goal.route, goal.row, state.base_pose[:, :2], goal.obstacles)
        return navigate_features(state, goal.pose, goal.obstacles, way, present), present

    def success(self) -> torch.Tensor:
        """See `Starts.success`."""
        return self.task.success()

    def failure(self) -> torch.Tensor:
        """See `Starts.failure`."""
        return self.task.failure()


def wide_rooms(seed: int, random: int = 20, real: int = 10) -> tuple[Rooms, torch.Tensor]:
    """Rooms as navigation is trained in, with hard goals and starts added and barriers put in.

    Returns them and which of them (M,) have a barrier.
    """
    rng = np.random.default_rng(seed)
    rooms = Rooms.build(seed, random, real)
    divided = torch.zeros(random + real, dtype=torch.bool)
    divided[rng.permutation(random + real)[: (random + real) // 4]] = True
    boxes = torch.cat([rooms.boxes, torch.full((len(divided), 2, 4), 50.0)], 1)
    boxes[:, -2:, 2:] = 0.01
    tall = torch.cat([rooms.tall, torch.zeros(len(divided), 2, dtype=torch.bool)], 1)
    starts, goals, room_of, routes = rooms.starts.clone(), [], [], []
    for m in range(len(divided)):
        if bool(divided[m]):
            boxes[m, -2:] = torch.from_numpy(_barrier(rooms.boxes[m], rng)).float()
            tall[m, -2:] = bool(rng.random() < 0.5)
        real_boxes = boxes[m, :, 0] < 40
        room = Map(boxes[m, real_boxes].double().numpy(), tall[m, real_boxes].numpy())
        starts[m] = _starts(room, starts[m], rng)
        of_room = torch.cat([rooms.goals[rooms.room == m], _hard_goals(room, rng)])
        goals.append(of_room)
        room_of.append(torch.full((len(of_room),), m))
        routes.append(room.route(of_room[:, :2].numpy()))
    wide = replace(
        rooms, boxes=boxes, tall=tall, starts=starts, room=torch.cat(room_of),
        goals=torch.cat(goals), route=Route.join(routes),
    )  # fmt: skip
    return wide, divided


def _barrier(boxes: torch.Tensor, rng: np.random.Generator) -> np.ndarray:
    """(2, 4) two boxes that divide a room of boxes (S, 4), with a gap between them or none."""
    real = boxes[boxes[:, 0] < 40]
    ends = (real[:, :2] + real[:, 2:]).amax(0).tolist()  # the walls, which lie around the origin
    axis = int(rng.random() < 0.5)
    reach = ends[1 - axis]
    gap = rng.uniform(*_BARRIERS) if rng.random() < 0.6 else 0.0
    where, opening = rng.uniform(-0.8, 0.8), rng.uniform(-1.0, 1.0)
    low, high = (-reach, opening - gap / 2), (opening + gap / 2, reach)
    parts = [[where, (a + b) / 2, 0.05, (b - a) / 2] for a, b in (low, high)]
    return np.array(parts if axis == 0 else [[y, x, b, a] for x, y, a, b in parts])


def _starts(room: Map, usual: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """As many starts as usual (S, 3): those that are free, and a tenth that hardly are."""
    gap = Proximity.of(usual, room.obstacles(len(usual))).clearance
    free = usual[gap > 0.03]
    some = free_poses(room, 12 * len(usual) // 10, rng, gap=0.003)
    tight = some[Proximity.of(some, room.obstacles(len(some))).clearance < 0.03]
    chosen = torch.cat([free[: int(0.9 * len(usual))], tight[: len(usual) // 10]])
    return chosen[torch.from_numpy(rng.integers(len(chosen), size=len(usual)))]


def _hard_goals(room: Map, rng: np.random.Generator, count: int = 3) -> torch.Tensor:
    """(2 count, 3) goal poses: `count` that touch something, `count` that nearly do."""
    pose = torch.cat([_anywhere(room, rng) for _ in range(20)])
    gap = Proximity.of(pose, room.obstacles(len(pose))).clearance
    return torch.cat([pose[gap <= 0][:count], pose[(gap > 0) & (gap < _TIGHT)][:count]])


def _anywhere(room: Map, rng: np.random.Generator, count: int = 64) -> torch.Tensor:
    """(count, 3) base poses within the room, free or not."""
    low, high = room.boxes[:, :2].min(0) + BASE_RADIUS, room.boxes[:, :2].max(0) - BASE_RADIUS
    unit = rng.random((count, 3))
    xy = low + (high - low) * unit[:, :2]
    return torch.from_numpy(np.column_stack([xy, (unit[:, 2] * 2 - 1) * np.pi])).float()
