"""Shortest ways over the floor: a grid of 5 cm cells, and trees of way-points to goals.

A metre costs more near solids, so that paths keep off corners, and near walls and people, so that
the arm has room to turn. For each cell a route holds two way-points ahead and the length of the way.

Planning is numpy and scipy, about 25 ms a goal; what runs at every step is batched torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from embodied.world.proximity import GRIPPER_AHEAD, GRIPPER_RADIUS
from embodied.world.robot import BASE_RADIUS
from embodied.world.tensors import constant

CELL = 0.05  # m
LOOKAHEAD = (0.3, 0.7)  # m along the way to the two way-points
_HOPS = ((1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, 2), (2, -1), (1, -2))
_BLOCKED = 60.0  # cost factor of cells where the base would touch: a way out, never a way through
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
        return place * CELL + constant(self.low)


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


def plan(grid: Grid, goals: np.ndarray, boxes: np.ndarray, tall: np.ndarray) -> Route:
    """The route to goals (R, 2) among boxes (S, 4), tall ones marked (S,)."""
    centres = grid.centres()
    graph = _graph(grid, _cost(centres, boxes, tall))
    cells = grid.cell(torch.from_numpy(goals)).numpy()
    _, back = dijkstra(graph, indices=cells, return_predecessors=True)
    tables = [_table(back[i], cells[i], centres) for i in range(len(goals))]
    return Route(
        grid,
        torch.from_numpy(goals).float(),
        torch.from_numpy(np.stack([length for length, _ in tables])),
        torch.from_numpy(np.stack([ahead for _, ahead in tables])),
    )


def distance(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(P,) from points (P, 2) to the nearest of boxes (S, 4), negative inside."""
    beyond = np.abs(points[:, None] - boxes[None, :, :2]) - boxes[None, :, 2:]
    outside = np.linalg.norm(beyond.clip(0), axis=-1)
    return (outside + beyond.max(-1).clip(max=0)).min(1, initial=10.0)


def _cost(centres: np.ndarray, boxes: np.ndarray, tall: np.ndarray) -> np.ndarray:
    """(cells,) factor on a metre of way: dear near solids and where the arm cannot turn."""
    gap = distance(centres, boxes) - BASE_RADIUS
    reach = GRIPPER_AHEAD + GRIPPER_RADIUS
    arm_gap = distance(centres, boxes[tall]) - reach
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
