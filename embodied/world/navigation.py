"""Ways through the kitchen: a map of its solids, geodesic fields to a goal, way-points on them.

The map is read from a compiled model: geoms named ``solid/*`` and the parts of the drawer, as
rectangles on the floor plan. A route is a shortest-path tree to one goal over a grid of 5 cm cells
whose cost rises near solids, so that paths keep off corners, and near walls and people, so that the
arm has room to turn. For each cell it holds two way-points ahead and the length of the way left.

Planning is numpy and scipy, about 30 ms a goal; what runs at every step is batched torch.
Not covered: free objects on the floor, rectangles at an angle (their bounding box counts).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import mujoco
import numpy as np
import torch
from scipy.ndimage import label
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from embodied.errors import UsageError
from embodied.world.proximity import (
    GRIPPER_AHEAD,
    GRIPPER_RADIUS,
    TALL,
    Obstacles,
    clearance,
)
from embodied.world.robot import BASE_RADIUS
from embodied.world.state import State

CELL = 0.05  # m
LOOKAHEAD = (0.3, 0.7)  # m along the way to the two way-points
_HOPS = ((1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, 2), (2, -1), (1, -2))
_BLOCKED = 60.0  # cost factor of cells where the base would touch: a way out, never a way through
_OFFERS = ((0, 0), (0.08, 0), (-0.08, 0), (0, 0.04), (0, -0.04), (0.15, 0), (-0.15, 0))
_MAX_STEPS = 14  # hops that reach the farther way-point


@dataclass(frozen=True)
class Grid:
    """Square cells over the floor; cell index = row * columns + column, rows along y."""

    low: tuple[float, float]
    columns: int
    rows: int

    @classmethod
    def over(cls, boxes: np.ndarray) -> Grid:
        """The grid that covers boxes (S, 4)."""
        low = (boxes[:, :2] - boxes[:, 2:]).min(0)
        extent = (boxes[:, :2] + boxes[:, 2:]).max(0) - low
        columns, rows = np.ceil(extent / CELL - 1e-6).astype(int)
        return cls((float(low[0]), float(low[1])), int(columns), int(rows))

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.columns * self.rows

    def centres(self) -> np.ndarray:
        """(size, 2) of all cells, world [m]."""
        row, column = np.divmod(np.arange(self.size), self.columns)
        return np.stack([column + 0.5, row + 0.5], -1) * CELL + self.low

    def cell(self, point: torch.Tensor) -> torch.Tensor:
        """Indices (...) of the cells that hold points (..., 2); points outside fall on the rim."""
        column = ((point[..., 0] - self.low[0]) / CELL).long().clamp(0, self.columns - 1)
        row = ((point[..., 1] - self.low[1]) / CELL).long().clamp(0, self.rows - 1)
        return row * self.columns + column

    def centre(self, cell: torch.Tensor) -> torch.Tensor:
        """(..., 2) of cells (...), world [m]."""
        row = torch.div(cell, self.columns, rounding_mode="floor")
        place = torch.stack([cell - row * self.columns, row], -1).float() + 0.5
        return place * CELL + torch.tensor(self.low)


@dataclass(frozen=True)
class Route:
    """Shortest-path trees to R goals; one row serves any number of simulations."""

    grid: Grid
    goals: torch.Tensor
    """(R, 2) world [m]."""
    length: torch.Tensor
    """(R, cells) way from a cell's centre to the goal [m], float32."""
    ahead: torch.Tensor
    """(R, cells, 2) integer cells of the way-points `LOOKAHEAD` ahead."""

    def waypoints(self, point: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        """(N, 2, 2) way-points from points (N, 2) to the goals of rows (N,), world [m]."""
        return self._locate(point, row)[0]

    def remaining(self, point: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        """(N,) length of the way left [m]; continuous, and exact near the goal."""
        points, cell = self._locate(point, row)
        return (points[:, 0] - point).norm(dim=-1) + self.length[row, cell]

    def _locate(self, point: torch.Tensor, row: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        cells = self.ahead[row, self.grid.cell(point)].long()
        goal = self.goals[row][:, None]
        arrived = (cells == self.grid.cell(goal))[..., None]
        return torch.where(arrived, goal, self.grid.centre(cells)), cells[:, 0]

    @classmethod
    def join(cls, routes: list[Route]) -> Route:
        """One table of the rows of all; their grids must be equal."""
        return cls(
            routes[0].grid,
            torch.cat([route.goals for route in routes]),
            torch.cat([route.length for route in routes]),
            torch.cat([route.ahead for route in routes]),
        )


@dataclass(frozen=True)
class Map:
    """The solids of one room."""

    boxes: np.ndarray
    """(S, 4) centre x, y and half extents x, y of what stands still, world [m]."""
    tall: np.ndarray
    """(S,) bool: higher than `proximity.TALL`."""
    drawer: np.ndarray | None = None
    """(4,) the closed drawer's box with its handle; None where there is none."""
    slide: tuple[float, float] = (0.0, 1.0)
    """Direction in which the drawer opens, world."""

    @classmethod
    def from_model(cls, model: mujoco.MjModel) -> Map:
        """Reads the solids of a compiled model in its default state.

        Raises:
            UsageError: the model has no geom named ``solid/*``.
        """
        data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, data)
        found: dict[str, list[np.ndarray]] = {"solid": [], "drawer": []}
        heights = []
        for i in range(model.ngeom):
            group = model.geom(i).name.partition("/")[0]
            if group not in found:
                continue
            centre, half = _bounding_box(model, data, i)
            found[group].append(np.concatenate([centre[:2], half[:2]]))
            if group == "solid":
                heights.append(centre[2] + half[2])
        if not found["solid"]:
            raise UsageError("The model has no geom named 'solid/...'; name its furniture so.")
        boxes, tall = _without_contained(np.stack(found["solid"]), np.array(heights) > TALL)
        if not found["drawer"]:
            return cls(boxes, tall)
        axis = data.joint("drawer").xaxis
        return cls(boxes, tall, _union(np.stack(found["drawer"])), (float(axis[0]), float(axis[1])))

    @cached_property
    def grid(self) -> Grid:
        """Covers all solids."""
        return Grid.over(self.boxes)

    def regions(self) -> np.ndarray:
        """(cells,) number of the connected region in which the robot can turn and drive; 0 outside.

        The arm may have to turn away from walls and people, but never to thread a gap.
        """
        centres = self.grid.centres()
        free = _distance(centres, self.boxes) > BASE_RADIUS + CELL
        free &= _distance(centres, self.boxes[self.tall]) > GRIPPER_AHEAD
        return label(free.reshape(self.grid.rows, -1))[0].ravel()  # type: ignore[index]

    def solids(self, drawer_open: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (S, 4) and tall (S,), the drawer among them, pulled out by drawer_open [m]."""
        if self.drawer is None:
            return self.boxes, self.tall
        drawer = self.drawer.copy()
        drawer[:2] += drawer_open * np.array(self.slide)
        return np.vstack([self.boxes, drawer]), np.append(self.tall, False)

    def obstacles(self, count: int = 1, drawer_open: float = 0.0) -> Obstacles:
        """The same solids around each of `count` simulations."""
        boxes, tall = self.solids(drawer_open)
        return Obstacles(
            torch.from_numpy(boxes).float().expand(count, -1, -1),
            torch.from_numpy(tall).expand(count, -1),
        )

    def clearance(self, state: State) -> torch.Tensor:
        """(N,) distance [m] that each robot keeps from solids; not positive on contact.

        All simulations are taken to have their drawer as far out as the first.
        """
        pose = state.base_pose
        return clearance(pose, self.obstacles(len(pose), float(state.drawer[0])))

    def route(self, goal_xy: tuple[float, float] | np.ndarray, drawer_open: float = 0.0) -> Route:
        """The route to one goal, or several (R, 2), in world coordinates [m]."""
        goals = np.atleast_2d(np.asarray(goal_xy, float))
        boxes, tall = self.solids(drawer_open)
        centres = self.grid.centres()
        graph = _graph(self.grid, _cost(centres, boxes, tall))
        cells = self.grid.cell(torch.from_numpy(goals)).numpy()
        _, back = dijkstra(graph, indices=cells, return_predecessors=True)
        lengths, ahead = zip(
            *(_table(back[i], cells[i], centres) for i in range(len(goals))), strict=True
        )
        return Route(
            self.grid,
            torch.from_numpy(goals).float(),
            torch.from_numpy(np.stack(lengths)),
            torch.from_numpy(np.stack(ahead)),
        )


def stand_pose(
    axis: np.ndarray, target: np.ndarray, distance: float, room: Map, drawer_open: float = 0.0
) -> tuple[float, float, float]:
    """(x, y, yaw) from which a target is straight ahead, facing along the place's approach.

    Where that would touch something, as beside an open drawer, the nearest turn or shift within what
    pick and place tolerate is taken; if none is free, the straight pose is returned all the same.

    Args:
        axis: (2,) or (3,) x axis of the place's site, from the robot towards the place, world.
        target: (2,) or (3,) object or spot, world [m].
        distance: from the base's centre to the target [m].
    """
    straight = float(np.arctan2(axis[1], axis[0]))
    offers = []
    for turn, shift in _OFFERS:
        yaw = straight + turn
        ahead = np.array([np.cos(yaw), np.sin(yaw)])
        place = np.asarray(target[:2]) - distance * ahead + shift * np.array([-ahead[1], ahead[0]])
        offers.append((float(place[0]), float(place[1]), float(yaw)))
    gaps = clearance(torch.tensor(offers), room.obstacles(len(offers), drawer_open))
    free = (gaps > 0.04).nonzero()
    return offers[int(free[0])] if len(free) else offers[0]


def _bounding_box(
    model: mujoco.MjModel, data: mujoco.MjData, geom: int
) -> tuple[np.ndarray, np.ndarray]:
    """Centre and half extents (3,) of a geom's bounding box along the world's axes."""
    turn = data.geom_xmat[geom].reshape(3, 3)
    local = model.geom_aabb[geom]
    return data.geom_xpos[geom] + turn @ local[:3], np.abs(turn) @ local[3:]


def _union(boxes: np.ndarray) -> np.ndarray:
    low, high = (boxes[:, :2] - boxes[:, 2:]).min(0), (boxes[:, :2] + boxes[:, 2:]).max(0)
    return np.concatenate([(low + high) / 2, (high - low) / 2])


def _without_contained(boxes: np.ndarray, tall: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drops boxes that lie within another, and so can never be nearest: most parts of furniture."""
    keep: list[int] = []
    for i in np.argsort(-boxes[:, 2] * boxes[:, 3]):
        inside = [
            bool(
                (np.abs(boxes[i, :2] - boxes[k, :2]) + boxes[i, 2:] <= boxes[k, 2:] + 0.002).all()
                and tall[k] >= tall[i]
            )
            for k in keep
        ]
        if not any(inside):
            keep.append(int(i))
    return boxes[keep], tall[keep]


def _distance(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(P,) from points (P, 2) to the nearest of boxes (S, 4), negative inside."""
    beyond = np.abs(points[:, None] - boxes[None, :, :2]) - boxes[None, :, 2:]
    outside = np.linalg.norm(beyond.clip(0), axis=-1)
    return (outside + beyond.max(-1).clip(max=0)).min(1, initial=10.0)


def _cost(centres: np.ndarray, boxes: np.ndarray, tall: np.ndarray) -> np.ndarray:
    """(cells,) factor on a metre of way: dearer near solids, and where the arm cannot turn freely."""
    gap = _distance(centres, boxes) - BASE_RADIUS
    reach = GRIPPER_AHEAD + GRIPPER_RADIUS
    arm_gap = _distance(centres, boxes[tall]) - reach
    cost = 1 + 4 * np.exp(-gap.clip(0) / 0.12) + 6 * (-arm_gap / (reach - BASE_RADIUS)).clip(0, 1)
    return np.where(gap > 0.01, cost, _BLOCKED * (1 - gap.clip(max=0)))


def _graph(grid: Grid, cost: np.ndarray) -> csr_matrix:
    """Sixteen neighbours a cell, each weighted by its length [m] and the mean cost of its ends."""
    index = np.arange(grid.size).reshape(grid.rows, grid.columns)
    starts, ends, lengths = [], [], []
    for dx, dy in _HOPS:
        rows, columns = grid.rows - abs(dy), grid.columns - dx
        first = index[:rows, :columns] if dy >= 0 else index[-dy:, :columns]
        second = index[max(dy, 0) : max(dy, 0) + rows, dx : dx + columns]
        starts.append(first.ravel())
        ends.append(second.ravel())
        lengths.append(np.full(first.size, CELL * np.hypot(dx, dy)))
    start, end = np.concatenate(starts), np.concatenate(ends)
    weight = np.concatenate(lengths) * (cost[start] + cost[end]) / 2
    both = (np.concatenate([start, end]), np.concatenate([end, start]))
    return csr_matrix((np.concatenate([weight, weight]), both), shape=(grid.size, grid.size))


def _table(back: np.ndarray, goal: int, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths (cells,) float32 and way-point cells (cells, 2) of one shortest-path tree."""
    cells = np.arange(len(back))
    step = np.where(back < 0, cells, back)
    step[goal] = goal
    length, jump = np.linalg.norm(centres - centres[step], axis=-1), step
    while (jump != goal).any():  # pointer doubling: each round covers twice the hops
        length, jump = length + length[jump], jump[jump]
    ahead = []
    for distance in LOOKAHEAD:
        here = cells
        for _ in range(_MAX_STEPS):
            onward = step[here]
            here = np.where(length - length[onward] <= distance + CELL / 2, onward, here)
        ahead.append(here)
    return length.astype(np.float32), np.stack(ahead, -1).astype(
        np.int16 if len(cells) < 2**15 else np.int32
    )
