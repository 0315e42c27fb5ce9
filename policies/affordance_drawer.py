"""Wide starts for the success heads of opening and closing the drawer.

Most starts are what the skill really meets. The rest stand too far away or turned aside, have
something in the gripper, or find the drawer where it is wanted already.
"""

from __future__ import annotations

import torch

from embodied.tasks.drawer import OPENED, SHUT, DrawerTask, handle_now, missing
from embodied.world.predicates import TOUCH_FORCE
from embodied.world.robot import BASE_RADIUS
from embodied.world.state import rotate
from policies.affordance_bodies import Bodies, TaskStarts
from policies.affordance_features import drawer_features

WEIGHTS = {
    "usual": 46, "displaced": 24, "across the room": 12, "full gripper": 10, "done already": 8,
}  # fmt: skip
NAMES: tuple[str, ...] = tuple(WEIGHTS)
USUAL, DISPLACED, FAR, FULL, DONE = range(len(NAMES))


class DrawerStarts(TaskStarts[DrawerTask]):
    """`affordance_data.Starts` of opening or closing."""

    kinds: tuple[str, ...] = NAMES

    def __init__(self, task: DrawerTask) -> None:
        super().__init__(task)
        self.bodies = Bodies(task)
        self._weights = torch.tensor([float(weight) for weight in WEIGHTS.values()])

    def reset(self, mask: torch.Tensor, rng: torch.Generator) -> None:
        """See `Starts.reset`."""
        task, rows = self.task, mask.nonzero()[:, 0]
        task.reset(mask, rng)
        kind = torch.multinomial(self._weights, len(rows), replacement=True, generator=rng)
        self.kind[rows] = kind
        task.goal.kept[rows, 0] = kind != FULL
        self._finish(rows[kind == DONE], rng)
        self._move_base(rows, kind, rng)
        if bool((kind == FULL).any()):
            self.bodies.grip(rows[kind == FULL], 0, rng)
        task.engine.forward(mask)
        task.state = task.reader.read()

    def begin(self, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Starts.begin`. What is done already, or begun with a full gripper, does not count."""
        state, goal = self.task.state, self.task.goal
        empty = ~(state.touch > TOUCH_FORCE).all(-1)
        return drawer_features(state, goal), empty & (missing(state, goal) > 0)

    def _finish(self, rows: torch.Tensor, rng: torch.Generator) -> None:
        """Puts drawers where they are wanted, and what is in them along."""
        task, goal, layout = self.task, self.task.goal, self.task.fixtures.layout
        unit = torch.rand(len(rows), generator=rng)
        wide = goal.travel[rows] * (OPENED + (1 - OPENED) * unit)
        out = torch.where(goal.opened[rows], wide, SHUT * unit)
        qpos = task.engine.field("qpos")
        shift = goal.slide[rows] * (out - qpos[rows, layout.drawer].float())[:, None]
        first = layout.object_q[0]
        qpos[rows[:, None], torch.tensor([first, first + 1])] += shift.double()
        qpos[rows, layout.drawer] = out.double()

    def _move_base(self, rows: torch.Tensor, kind: torch.Tensor, rng: torch.Generator) -> None:
        """Moves bases away: displaced by up to 1.2 m and half a turn, or 1.5 to 3.5 m off."""
        u = torch.rand(len(rows), 6, generator=rng)
        displaced = (kind == DISPLACED) | ((kind == FULL) & (u[:, 5] > 0.6))
        far = (kind == FAR) | ((kind == FULL) & (u[:, 5] > 0.8))
        level, zero = u[:, 0] * displaced, torch.zeros(len(rows))
        old, goal = self.bodies.base(rows), self.task.goal
        slide = goal.slide[rows]
        turn = torch.where(u[:, 4] > 0.5, torch.pi, 0.4)  # half of them still face the drawer
        offset = rotate(torch.stack([1.2 * level * u[:, 1], zero], -1), 2 * torch.pi * u[:, 2])
        away = torch.stack([1.5 + 2.0 * u[:, 1], 3.0 * (u[:, 2] - 0.5)], -1)
        away = rotate(away, torch.atan2(slide[:, 1], slide[:, 0]))
        place = old[:, :2] + torch.where(far[:, None], away, offset)
        handle = handle_now(self.task.reader.read(), goal)[rows, :2]
        clear = ((place - handle) * slide).sum(-1)
        place = place + slide * (BASE_RADIUS + 0.03 - clear).clamp_min(0)[:, None]
        yaw = old[:, 2] + level * turn * (2 * u[:, 3] - 1)
        yaw = torch.where(far, 2 * torch.pi * u[:, 3], yaw)
        self.bodies.set_base(rows, torch.cat([place, yaw[:, None]], -1), carry=False)
