"""Rooms to practise driving in: the real kitchen and random ones, with goals, routes and starts.

A random room has about the kitchen's size and the same kinds of furniture, of other sizes, in other
places, along other walls, and clutter. Goals are stand poses in front of furniture, at the distance
at which pick and place want the robot: most lie a few centimetres from an edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import mujoco
import numpy as np
import torch
from scipy.ndimage import grey_dilation

from embodied.tasks.arm import STAND
from embodied.world import scene
from embodied.world.navigation import Map
from embodied.world.proximity import Obstacles, clearance
from embodied.world.routes import Route

STARTS = 512  # start poses kept per room
GOALS = 16  # goal poses per room
_CLOSE = 0.045  # m of clearance that a goal must have
_FREE = 0.03  # m of clearance that a start must have
_REACH = (0.08, 0.30)  # m: how far behind a front edge things stand
_WALL = 0.05  # m, half the thickness
_FAR = (50.0, 50.0, 0.01, 0.01)  # a box that pads
_SIZE = (2.6, 2.1)  # m, half extents of the floor


@dataclass(frozen=True)
class Piece:
    """A piece of furniture: its box, whether it is tall, the sides it can be approached from."""

    box: tuple[float, float, float, float]
    tall: bool = False
    sides: tuple[tuple[int, int], ...] = ()
    """Directions from the robot towards the piece, e.g. (1, 0)."""


@dataclass(frozen=True)
class Rooms:
    """M rooms with R goals in all, ready for batched look-ups."""

    boxes: torch.Tensor
    """(M, S, 4)."""
    tall: torch.Tensor
    """(M, S)."""
    kitchen: torch.Tensor
    """(M,) bool: laid out as the real kitchen."""
    starts: torch.Tensor
    """(M, STARTS, 3) free base poses."""
    room: torch.Tensor
    """(R,) the room of each goal."""
    goals: torch.Tensor
    """(R, 3) base poses."""
    route: Route
    """R rows."""

    def obstacles(self, row: torch.Tensor) -> Obstacles:
        """The solids around simulations whose goals are rows (N,)."""
        room = self.room[row]
        return Obstacles(self.boxes[room], self.tall[room])

    def rows(self, kitchen: bool) -> torch.Tensor:
        """Goals in the real kitchen or in random rooms; all of them where there are none such."""
        rows = (self.kitchen[self.room] == kitchen).nonzero()[:, 0]
        return rows if len(rows) else torch.arange(len(self.room))

    @classmethod
    def build(cls, seed: int, random: int, real: int) -> Rooms:
        """Draws `random` rooms and `real` copies of the kitchen, its drawer more or less open."""
        rng = np.random.default_rng(seed)
        found = []
        for i in range(real + random):
            found.append(_real_room(rng) if i < real else _random_room(rng))
        size = max(len(room.boxes) for room, _, _ in found)
        pad = [size - len(room.boxes) for room, _, _ in found]
        boxes = [np.vstack([room.boxes, [_FAR] * n]) if n else room.boxes
                 for (room, _, _), n in zip(found, pad, strict=True)]  # fmt: skip
        tall = [
            np.append(room.tall, np.zeros(n, bool))
            for (room, _, _), n in zip(found, pad, strict=True)
        ]
        counts = torch.tensor([len(goals) for _, goals, _ in found])
        return cls(
            boxes=torch.from_numpy(np.stack(boxes)).float(),
            tall=torch.from_numpy(np.stack(tall)),
            kitchen=torch.arange(len(found)) < real,
            starts=torch.stack([starts for _, _, starts in found]),
            room=torch.repeat_interleave(torch.arange(len(found)), counts),
            goals=torch.cat([goals for _, goals, _ in found]),
            route=Route.join([room.route(goals[:, :2].numpy()) for room, goals, _ in found]),
        )


def free_poses(room: Map, count: int, rng: np.random.Generator, gap: float = _FREE) -> torch.Tensor:
    """(count, 3) random base poses that keep `gap` [m] from solids."""
    low = room.boxes[:, :2].min(0)
    high = room.boxes[:, :2].max(0)
    found = torch.zeros(0, 3)
    while len(found) < count:
        unit = rng.random((4 * count, 3))
        pose = np.column_stack([low + (high - low) * unit[:, :2], (unit[:, 2] * 2 - 1) * np.pi])
        drawn = torch.from_numpy(pose).float()
        found = torch.cat([found, drawn[clearance(drawn, room.obstacles(len(drawn))) > gap]])
    return found[:count]


@cache
def kitchen_pieces() -> tuple[Map, tuple[tuple[np.ndarray, np.ndarray], ...]]:
    """The kitchen's map and its places: axis (2,), low and high corner (2, 2) of their areas."""
    model = scene.kitchen_spec([], visuals=False).compile()
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    places = []
    for i in range(model.nsite):
        if model.site(i).name.startswith("place/"):
            turn = data.site_xmat[i].reshape(3, 3)
            half = (np.abs(turn) @ model.site_size[i])[:2]
            centre = data.site_xpos[i][:2]
            places.append((turn[:2, 0], np.stack([centre - half, centre + half])))
    return Map.from_model(model), tuple(places)


def _real_room(rng: np.random.Generator) -> tuple[Map, torch.Tensor, torch.Tensor]:
    kitchen, places = kitchen_pieces()
    boxes, tall = kitchen.solids(rng.choice([0.0, 0.0, 0.16, 0.30]))
    room = Map(boxes, tall)
    goals = []
    while len(goals) < 2 * GOALS:
        axis, (low, high) = places[rng.integers(len(places))]
        spot = low + (high - low) * rng.random(2)
        goals.append([*(spot - STAND * axis), np.arctan2(axis[1], axis[0])])
    return room, _clear(room, torch.tensor(goals).float())[:GOALS], free_poses(room, STARTS, rng)


def _random_room(rng: np.random.Generator) -> tuple[Map, torch.Tensor, torch.Tensor]:
    """Draws until enough free goals and starts lie in one region."""
    while True:
        pieces = _furnish(rng)
        room = Map(np.array([piece.box for piece in pieces]), np.array([p.tall for p in pieces]))
        goals = _clear(room, torch.tensor([_stand(rng, pieces) for _ in range(4 * GOALS)]).float())
        starts = free_poses(room, 2 * STARTS, rng)
        region = room.regions().reshape(room.grid.rows, -1)
        beside = torch.from_numpy(grey_dilation(region, size=7).ravel())  # up to 15 cm away
        of_goals, of_starts = (beside[room.grid.cell(poses[:, :2])] for poses in (goals, starts))
        largest = int(torch.mode(of_starts).values)
        goals, starts = goals[of_goals == largest], starts[of_starts == largest]
        if largest > 0 and len(goals) >= GOALS and len(starts) >= STARTS:
            return room, goals[:GOALS], starts[:STARTS]


def _clear(room: Map, poses: torch.Tensor) -> torch.Tensor:
    return poses[clearance(poses, room.obstacles(len(poses))) > _CLOSE]


def _stand(rng: np.random.Generator, pieces: list[Piece]) -> list[float]:
    """A base pose in front of a random side of a random piece, not always quite square."""
    offered = [piece for piece in pieces if piece.sides]
    piece = offered[rng.integers(len(offered))]
    side = np.array(piece.sides[rng.integers(len(piece.sides))], float)
    centre, half = np.array(piece.box[:2]), np.array(piece.box[2:])
    along = np.array([-side[1], side[0]])
    reach = min(rng.uniform(*_REACH), 1.8 * float(half @ np.abs(side)))
    spot = centre - side * (half - reach) + along * half * rng.uniform(-0.85, 0.85)
    yaw = float(np.arctan2(side[1], side[0])) + rng.normal(0, 0.08) * (rng.random() < 0.3)
    base = spot - STAND * np.array([np.cos(yaw), np.sin(yaw)])
    return [float(base[0]), float(base[1]), yaw]


_FOUR = ((1, 0), (-1, 0), (0, 1), (0, -1))


def _furnish(rng: np.random.Generator) -> list[Piece]:
    """Walls, counters, a cabinet with its drawer, a table, a bin, a user with a tray, clutter."""
    size = np.array(_SIZE) - rng.uniform(0, 0.3, 2) * (rng.random() < 0.5)
    pieces = [_wall(size, side) for side in _FOUR]
    for length, depth in (
        (rng.uniform(1.2, 2.4), 0.60),
        (rng.uniform(1.2, 2.4), 0.60),
        (0.6, 0.65),
    ):
        depth += rng.uniform(-0.1, 0.1) + 0.3 * rng.random() * (length == 0.6)
        pieces.append(_against(rng, size, _FOUR[rng.integers(4)], length / 2, depth))
    table = rng.permutation([rng.uniform(0.35, 0.5), rng.uniform(0.45, 0.7)])
    pieces.append(Piece(_anywhere(rng, size, table), sides=_FOUR))
    pieces.append(Piece(_anywhere(rng, size, np.full(2, rng.uniform(0.14, 0.2))), sides=_FOUR))
    pieces += _user(rng, size)
    for _ in range(rng.integers(3)):
        box = _anywhere(rng, size, rng.uniform(0.1, 0.3, 2))
        pieces.append(Piece(box, tall=bool(rng.random() < 0.4)))
    return pieces


def _wall(size: np.ndarray, side: tuple[int, int]) -> Piece:
    """A wall that reaches to the outer bounds, which are the same for all rooms."""
    normal, outer = np.array(side, float), np.array(_SIZE) + 2 * _WALL
    depth = (outer - size) @ np.abs(normal)
    half = np.where(normal == 0, outer, depth / 2)
    return Piece((*(normal * (outer - depth / 2)), *half), tall=True)


def _against(
    rng: np.random.Generator, size: np.ndarray, side: tuple[int, int], half: float, depth: float
) -> Piece:
    """A counter of this depth and half length [m] along the wall on a side of the room."""
    normal, along = np.array(side, float), np.abs(side[::-1]).astype(float)
    slack = (size @ along - half) * rng.uniform(-1, 1)
    centre = normal * (size - depth / 2) + along * slack
    return Piece((*centre, *(half * along + depth / 2 * np.abs(normal))), sides=(side,))


def _anywhere(
    rng: np.random.Generator, size: np.ndarray, half: np.ndarray
) -> tuple[float, float, float, float]:
    centre = rng.uniform(-1, 1, 2) * (size - half)
    return (*centre.tolist(), *half.tolist())


def _user(rng: np.random.Generator, size: np.ndarray) -> list[Piece]:
    """A tall body and a tray before it, reached from the front."""
    side = _FOUR[rng.integers(4)]
    normal, along = np.array(side, float), np.abs(side[::-1]).astype(float)
    half = 0.14 * np.abs(normal) + 0.22 * along
    body = np.array(_anywhere(rng, size, half))
    body[:2] = np.clip(body[:2], 0.6 * normal - size, size + 0.6 * normal)  # room for the tray
    tray = np.concatenate([body[:2] - 0.42 * normal, 0.15 * np.abs(normal) + 0.21 * along])
    return [Piece(tuple(body), tall=True), Piece(tuple(tray), sides=(side,))]  # type: ignore[arg-type]
