"""Where wide starts put things: the robot's base and arm, the object, a second object.

Everything here writes positions into a task's simulations and runs nothing. Rows (M,) are the
simulations meant. Object 0 is the one that the goal is about, object 1 the other.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import torch

from embodied.tasks.arm import KINDS, any_yaw, arm_postures, stand_before, standing
from embodied.tasks.drawer import DrawerTask
from embodied.tasks.handoff import carried_to
from embodied.tasks.pick import PickTask
from embodied.tasks.place import PlaceTask
from embodied.world import catalogue
from embodied.world.control import FINGER_OPEN
from embodied.world.grasp import grasp_offset
from embodied.world.scene import lies_in_drawer
from embodied.world.state import rotate, to_base, turn

_BIN_FLOOR = 0.04  # m


_Task = TypeVar("_Task", bound=PickTask | PlaceTask | DrawerTask)


class TaskStarts(Generic[_Task]):
    """What `affordance_data.Starts` of all arm tasks share: steps and ends are the task's own."""

    def __init__(self, task: _Task) -> None:
        self.task, self.num_envs, self.horizon = task, task.num_envs, task.horizon
        self.kind = torch.zeros(task.num_envs, dtype=torch.long)

    def observe(self) -> torch.Tensor:
        """See `Starts.observe`."""
        return self.task.observe()

    def step(self, action: torch.Tensor, still: torch.Tensor) -> None:
        """See `Starts.step`."""
        task, control = self.task, self.task.control
        target, opening = control.target[still].clone(), control.opening[still].clone()
        control.move_arm(action, task.state)
        control.target[still], control.opening[still] = target, opening
        control.move_base(torch.zeros(self.num_envs, 3), task.state)  # writes the kept targets
        control.advance()
        task.state = task.reader.read()

    def success(self) -> torch.Tensor:
        """See `Starts.success`."""
        return self.task.success()

    def failure(self) -> torch.Tensor:
        """See `Starts.failure`."""
        return self.task.failure()


class Bodies:
    """Writes into the simulations of one arm task; `task.state` is the state before."""

    def __init__(self, task: PickTask | PlaceTask | DrawerTask) -> None:
        self.task, self.fixed = task, task.fixtures
        names = [cfg.other or cfg.object for cfg in self.fixed.cfgs]
        self.half = (
            self.fixed.half,
            torch.tensor([catalogue.objects()[name].half_extents for name in names]),
        )
        """(N, 3) half extents of either object."""

    def base(self, rows: torch.Tensor) -> torch.Tensor:
        """(M, 3) base poses."""
        return self.task.engine.field("qpos")[rows][:, self.fixed.layout.base].float()

    def set_base(self, rows: torch.Tensor, pose: torch.Tensor, carry: bool) -> None:
        """Moves bases to (M, 3); the first object comes along or stays."""
        if carry:
            first, old = self.fixed.layout.object_q[0], self.base(rows)
            here = self.task.engine.field("qpos")[rows][:, first : first + 7].float()
            local = torch.cat([to_base(old, here[:, :3]), turn(here[:, 3:], -old[:, 2])], -1)
            self.set_object(rows, carried_to(pose, local))
        self._write(rows, self.fixed.layout.base, pose)

    def set_object(self, rows: torch.Tensor, pose: torch.Tensor, which: int = 0) -> None:
        """Puts an object to poses (M, 7), world."""
        first = self.fixed.layout.object_q[which]
        self._write(rows, list(range(first, first + 7)), pose)

    def grip(self, rows: torch.Tensor, which: int, rng: torch.Generator) -> None:
        """Puts an object upright between the pads and closes them on it."""
        state, half, zero = self.task.state, self.half[which][rows], torch.zeros(len(rows))
        u = torch.rand(len(rows), 2, generator=rng) * 2 - 1
        yaw = state.tcp_yaw[rows] + 0.1 * u[:, 0]
        centre = state.tcp_pos[rows].clone()
        centre[:, 2] += grasp_offset(half) + 0.01 * u[:, 1] * (half[:, 2] > 0.03)
        quat = torch.stack([torch.cos(yaw / 2), zero, zero, torch.sin(yaw / 2)], -1)
        self.set_object(rows, carried_to(self.base(rows), torch.cat([centre, quat], -1)), which)
        self._write(rows, self.fixed.layout.fingers, (half[:, 1:2] + 0.0005).expand(-1, 2))
        self.task.control.opening[rows] = (half[:, 1] - 0.02).clamp_min(0)

    def open_gripper(self, rows: torch.Tensor) -> None:
        """Opens the gripper wide."""
        opening = torch.full((len(rows),), FINGER_OPEN)
        self._write(rows, self.fixed.layout.fingers, opening[:, None].expand(-1, 2))
        self.task.control.opening[rows] = opening

    def _write(self, rows: torch.Tensor, columns: list[int], values: torch.Tensor) -> None:
        self.task.engine.field("qpos")[rows[:, None], torch.tensor(columns)] = values.double()


class Props(Bodies):
    """Puts the objects of pick or place where they make a skill hard or impossible."""

    def __init__(self, task: PickTask | PlaceTask) -> None:
        super().__init__(task)
        self.goal = task.goal

    def pose_arm(self, rows: torch.Tensor, rng: torch.Generator) -> None:
        """Any posture above the object, as a skill that ran out of time may leave it."""
        tcp, arm = arm_postures()
        top = self.goal.spot[rows, 2] + 2 * self.fixed.half[rows, 2] + 0.06
        pick = torch.randint(len(tcp), (len(rows), 16), generator=rng)
        pick = pick[torch.arange(len(rows)), (tcp[pick, 2] > top[:, None]).float().argmax(-1)]
        self._write(rows, self.fixed.layout.arm, arm[pick])
        self.task.control.target[rows] = tcp[pick]

    def put_in_bin(self, rows: torch.Tensor, rng: torch.Generator) -> None:
        """Upright or lying on the bin's bottom, the robot in front."""
        u = torch.rand(len(rows), 3, generator=rng) * 2 - 1
        where = torch.stack([0.18 + 0.06 * u[:, 0], 0.06 * u[:, 1]], -1)
        self._support(rows, where, torch.full((len(rows),), _BIN_FLOOR), u[:, 2] > 0, rng)
        self.set_base(rows, stand_before(where, rng), carry=False)

    def put_in_drawer(self, rows: torch.Tensor, rng: torch.Generator) -> None:
        """On the shut drawer's floor, lying if tall, the robot in front."""
        where = self.goal.spot[rows, :2].clone()
        lying = lies_in_drawer(self.fixed.half[rows])
        self._support(rows, where, self.fixed.height[rows], lying, rng)
        self.set_base(rows, stand_before(where, rng), carry=False)

    def put_on_floor(self, rows: torch.Tensor, rng: torch.Generator) -> None:
        """On the floor in front of the robot, which stands back from the fixture."""
        u = torch.rand(len(rows), 6, generator=rng)
        base = torch.stack([-1.5 - u[:, 0], u[:, 1] - 0.5, (u[:, 2] - 0.5) * 6.28], -1)
        away = torch.stack([0.42 + 0.6 * u[:, 3], torch.zeros(len(rows))], -1)
        where = base[:, :2] + rotate(away, base[:, 2] + (u[:, 4] - 0.5) * 2)
        self._support(rows, where, torch.zeros(len(rows)), u[:, 5] > 0.5, rng)
        self.set_base(rows, base, carry=False)

    def put_anywhere(self, rows: torch.Tensor, rng: torch.Generator) -> None:
        """On the very spot, elsewhere on the fixture, or up to 4 m from it at any height."""
        count, half = len(rows), self.fixed.half[rows]
        u = torch.rand(count, 4, generator=rng)
        spot = self.goal.spot[rows].clone()
        beside = torch.stack([0.08 + 0.2 * u[:, 1], 0.3 * (u[:, 2] * 2 - 1)], -1)
        away = rotate(torch.stack([4 * u[:, 1], torch.zeros(count)], -1), 6.28 * u[:, 2])
        away[:, 0] = torch.where(away[:, 0] > -0.2, away[:, 0] + 1.0, away[:, 0])
        elsewhere = torch.where((u[:, 0] > 0.6)[:, None], away, beside)
        spot[:, :2] = torch.where((u[:, 0] > 0.3)[:, None], elsewhere, spot[:, :2])
        spot[:, 2] = torch.where(u[:, 0] > 0.6, 1.1 * u[:, 3], spot[:, 2])
        upright = torch.zeros(count, dtype=torch.bool)
        self.set_object(rows, standing(spot, half, upright, any_yaw(len(rows), rng)))

    def put_beside(self, rows: torch.Tensor, rng: torch.Generator) -> None:
        """The second object 14 to 30 cm to the side of the first's spot, towards the middle."""
        spot, half = self.goal.spot[rows].clone(), self.half[1][rows]
        u = torch.rand(len(rows), 2, generator=rng)
        side = torch.where(spot[:, 1] > 0, -1.0, 1.0)
        tray = self.fixed.kind[rows] == KINDS.index("tray")
        spot[:, 1] += side * (0.14 + torch.where(tray, 0.08, 0.16) * u[:, 0])
        spot[:, 0] = (spot[:, 0] + 0.08 * (u[:, 1] - 0.5)).clamp(0.08, 0.22)
        upright = torch.zeros(len(rows), dtype=torch.bool)
        self.set_object(rows, standing(spot, half, upright, any_yaw(len(rows), rng)), 1)

    def _support(
        self, rows: torch.Tensor, where: torch.Tensor, height: torch.Tensor,
        lying: torch.Tensor, rng: torch.Generator,
    ) -> None:  # fmt: skip
        """Puts the object on points (M, 2) at heights (M,), and makes them its goal's spot."""
        spot = torch.cat([where, height[:, None]], -1)
        self.goal.spot[rows] = spot
        self.set_object(rows, standing(spot, self.fixed.half[rows], lying, any_yaw(len(rows), rng)))
