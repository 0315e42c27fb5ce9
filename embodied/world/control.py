"""Control of the robot at 25 Hz: body-frame base velocities, task-space arm targets, the gripper.

An arm action moves a target pose in the base frame; the task-space servos pull the tcp there. The
target stays on a short leash from the tcp, so that blocked motion builds up no force, and inside a
workspace box. Base commands are accelerated gently: what is carried stays in the gripper.
"""

from __future__ import annotations

import torch

from embodied.world.engine import BatchEngine
from embodied.world.robot import FINGER_OPEN, REST_TCP
from embodied.world.scene import CONTROL_DT, SUBSTEPS
from embodied.world.state import State, rotate
from embodied.world.tensors import Rows

ARM_ACTIONS = 5  # dx, dy, dz, dyaw, gripper
BASE_ACTIONS = 3  # forward, left, turn
STEP_POS = 0.03  # m a control step at full action
STEP_YAW = 0.18  # rad a control step
STEP_FINGER = 0.008  # m a control step, each finger
LEASH_POS, LEASH_YAW = 0.03, 0.25  # m, rad: one opposite step undoes any push, so noise explores
WORKSPACE = ((0.34, -0.35, 0.08), (0.86, 0.35, 1.14))  # m, base frame
YAW_LIMIT = 1.9  # rad
MAX_SPEED = (0.7, 0.4, 1.4)  # m/s forward (backward too), m/s sideways, rad/s
MAX_ACCEL = (1.2, 1.2, 3.5)  # m/s2, m/s2, rad/s2


class Controller:
    """Turns actions in [-1, 1] into actuator commands; keeps each simulation's targets."""

    def __init__(self, engine: BatchEngine) -> None:
        self.engine, n = engine, engine.nsim
        names = [
            engine.model.actuator(i).name.removeprefix("robot/") for i in range(engine.model.nu)
        ]
        self._index = torch.tensor(
            [names.index(name) for name in (
                "base_x", "base_y", "base_yaw", "tcp_x", "tcp_y", "tcp_z", "tcp_rx", "tcp_ry", "tcp_rz",
                "finger_r", "finger_l",
            )]
        )  # fmt: skip
        self.target = torch.tensor([*REST_TCP, 0.0]).repeat(n, 1)
        """(N, 4) tcp target: x, y, z [m], yaw [rad], base frame."""
        self.opening = torch.full((n,), FINGER_OPEN)
        """(N,) target opening of each finger [m]."""
        self.velocity = torch.zeros(n, BASE_ACTIONS)
        """(N, 3) base velocity commanded now, base frame."""
        self._low, self._high = torch.tensor(WORKSPACE[0]), torch.tensor(WORKSPACE[1])
        self._speed, self._accel = torch.tensor(MAX_SPEED), torch.tensor(MAX_ACCEL) * CONTROL_DT

    def reset(self, rows: Rows, target: torch.Tensor, opening: torch.Tensor) -> None:
        """Sets targets (M, 4) and openings (M,) of rows, base at rest."""
        rows.put(self.target, target)
        rows.put(self.opening, opening)
        rows.put(self.velocity, 0.0)
        self._write(None)

    def move_arm(
        self, action: torch.Tensor, state: State, base: torch.Tensor | None = None
    ) -> None:
        """One step of the arm; the base is braked to rest, or commanded.

        Args:
            action: (N, 5) dx, dy, dz, dyaw, gripper (1 open, -1 closed), in [-1, 1].
            base: (N, 3) velocity command as of `move_base`, or None.
        """
        action = action.clamp(-1, 1)
        pos = self.target[:, :3] + action[:, :3] * STEP_POS
        offset = pos - state.tcp_pos
        length = offset.norm(dim=-1, keepdim=True).clamp_min(1e-6)
        pos = state.tcp_pos + offset * (LEASH_POS / length).clamp_max(1.0)
        self.target[:, :3] = pos.clamp(self._low, self._high)
        yaw = self.target[:, 3] + action[:, 3] * STEP_YAW
        yaw = state.tcp_yaw + (yaw - state.tcp_yaw).clamp(-LEASH_YAW, LEASH_YAW)
        self.target[:, 3] = yaw.clamp(-YAW_LIMIT, YAW_LIMIT)
        wanted = (action[:, 4] + 1) / 2 * FINGER_OPEN
        self.opening += (wanted - self.opening).clamp(-STEP_FINGER, STEP_FINGER)
        self.move_base(torch.zeros(len(action), BASE_ACTIONS) if base is None else base, state)

    def move_base(self, command: torch.Tensor, state: State) -> None:
        """One step of the base with the arm's targets kept. command (N, 3): m/s, m/s, rad/s."""
        command = torch.maximum(torch.minimum(command, self._speed), -self._speed)
        self.velocity += torch.maximum(
            torch.minimum(command - self.velocity, self._accel), -self._accel
        )
        self._write(state.base_pose[:, 2])

    def _write(self, heading: torch.Tensor | None) -> None:
        """Writes ctrl; heading (N,) turns base velocities into the world, None writes none."""
        n = self.engine.nsim
        ctrl = torch.zeros(n, len(self._index))
        if heading is not None:
            ctrl[:, :2] = rotate(self.velocity[:, :2], heading)
            ctrl[:, 2] = self.velocity[:, 2]
        ctrl[:, 3:6] = self.target[:, :3]
        ctrl[:, 8] = self.target[:, 3]
        ctrl[:, 9:] = self.opening[:, None]
        written = self.engine.field("ctrl")
        written[:, self._index] = ctrl.to(written.dtype)

    def advance(self) -> None:
        """Runs the physics for one control step (`scene.CONTROL_DT`)."""
        self.engine.step(SUBSTEPS)
