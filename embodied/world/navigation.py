"""A room as navigation sees it: its solids on the floor plan, clearances, routes and stand poses.

The map is read from a compiled model: geoms named ``solid/*`` and the parts of the drawer, as
rectangles aligned with the axes. Not covered: free objects on the floor; furniture at an angle
counts with its bounding box.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import mujoco
import numpy as np
import torch
from scipy.ndimage import label

from embodied.errors import UsageError
from embodied.world.proximity import GRIPPER_AHEAD, TALL, Obstacles, clearance
from embodied.world.robot import BASE_RADIUS
from embodied.world.routes import CELL, Grid, Route, distance, plan
from embodied.world.state import State


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
        free = distance(centres, self.boxes) > BASE_RADIUS + CELL
        free &= distance(centres, self.boxes[self.tall]) > GRIPPER_AHEAD
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
        return plan(self.grid, goals, *self.solids(drawer_open))


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
