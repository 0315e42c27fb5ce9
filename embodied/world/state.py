"""A typed, batched view of the world's state: the only thing that tasks and predicates read.

All tensors are float32 with the simulations first, (N, ...). Frames: *world* is the kitchen's (z up,
floor at 0); *base* is the robot's (origin on the floor under the base's centre, x forward, y left).
Units: metres, radians, seconds, newtons. Quaternions are (w, x, y, z).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import torch

from embodied.world.engine import BatchEngine
from embodied.world.robot import ARM_JOINTS, BASE_JOINTS, FINGER_JOINTS


@dataclass(frozen=True)
class State:
    """One reading of N simulations with K objects each."""

    base_pose: torch.Tensor
    """(N, 3) x, y, yaw, world."""
    base_vel: torch.Tensor
    """(N, 3) forward, left, yaw rate, base frame."""
    tcp_pos: torch.Tensor
    """(N, 3) base frame."""
    tcp_vel: torch.Tensor
    """(N, 3) relative to the base, base frame."""
    tcp_yaw: torch.Tensor
    """(N,) about the vertical, base frame; 0 when the fingers close along y."""
    tcp_up: torch.Tensor
    """(N, 2) x and y of the tcp's z axis, base frame; 0 when the gripper points straight down."""
    fingers: torch.Tensor
    """(N, 2) opening of each finger."""
    touch: torch.Tensor
    """(N, 2) normal force on each pad."""
    object_pos: torch.Tensor
    """(N, K, 3) centres, world."""
    object_quat: torch.Tensor
    """(N, K, 4) world."""
    object_vel: torch.Tensor
    """(N, K, 3) linear, world."""
    object_spin: torch.Tensor
    """(N, K, 3) angular, object frame."""
    drawer: torch.Tensor
    """(N,) how far the drawer is out; 0 where there is none."""
    arm: torch.Tensor
    """(N, 7) arm joint angles, in the order of `robot.ARM_JOINTS`."""


def to_base(base_pose: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
    """World points (N, ..., 3) in the base frame of each simulation; base_pose (N, 3)."""
    shape = (-1,) + (1,) * (point.dim() - 2)
    delta = point[..., :2] - base_pose[:, :2].reshape(*shape, 2)
    return torch.cat([rotate(delta, -base_pose[:, 2].reshape(shape)), point[..., 2:]], -1)


def rotate(vector: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Planar vectors (..., 2) turned by angle (...) counterclockwise."""
    c, s = torch.cos(angle), torch.sin(angle)
    x, y = vector[..., 0], vector[..., 1]
    return torch.stack([c * x - s * y, s * x + c * y], -1)


def quat_yaw(quat: torch.Tensor) -> torch.Tensor:
    """Heading (...) of the rotated x axis, quat (..., 4)."""
    w, x, y, z = quat.unbind(-1)
    return torch.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))


def quat_up(quat: torch.Tensor) -> torch.Tensor:
    """Vertical part (...) of the rotated z axis: 1 upright, 0 lying, -1 upside down."""
    return 1 - 2 * (quat[..., 1] ** 2 + quat[..., 2] ** 2)


def turn(quat: torch.Tensor, yaw: torch.Tensor) -> torch.Tensor:
    """Quaternions (M, 4) after a further turn by yaw (M,) about the vertical."""
    c, s = torch.cos(yaw / 2), torch.sin(yaw / 2)
    w, x, y, z = quat.unbind(-1)
    return torch.stack([c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w], -1)


def wrap(angle: torch.Tensor) -> torch.Tensor:
    """Angles in [-pi, pi)."""
    return torch.remainder(angle + torch.pi, 2 * torch.pi) - torch.pi


@dataclass(frozen=True)
class Layout:
    """Where a model keeps what we read and write: addresses into qpos, qvel, sensordata, ctrl."""

    base: list[int]
    arm: list[int]
    fingers: list[int]
    base_dof: list[int]
    sensors: dict[str, slice]
    objects: dict[str, int] = field(default_factory=dict)
    """Instance name -> index K, in the model's order."""
    object_q: list[int] = field(default_factory=list)
    object_v: list[int] = field(default_factory=list)
    drawer: int | None = None

    @classmethod
    def of(cls, model: mujoco.MjModel) -> Layout:
        """Reads the addresses from a model made by `scene`."""
        q = {model.joint(i).name: int(model.jnt_qposadr[i]) for i in range(model.njnt)}
        v = {model.joint(i).name: int(model.jnt_dofadr[i]) for i in range(model.njnt)}
        free = int(mujoco.mjtJoint.mjJNT_FREE)
        names = [model.joint(i).name for i in range(model.njnt) if int(model.jnt_type[i]) == free]
        sensors = {}
        for i in range(model.nsensor):
            start = int(model.sensor_adr[i])
            sensors[model.sensor(i).name.removeprefix("robot/")] = slice(
                start, start + int(model.sensor_dim[i])
            )
        return cls(
            base=[q[f"robot/{name}"] for name in BASE_JOINTS],
            arm=[q[f"robot/{name}"] for name in ARM_JOINTS],
            fingers=[q[f"robot/{name}"] for name in FINGER_JOINTS],
            base_dof=[v[f"robot/{name}"] for name in BASE_JOINTS],
            sensors=sensors,
            objects={name: k for k, name in enumerate(names)},
            object_q=[q[name] for name in names],
            object_v=[v[name] for name in names],
            drawer=q.get("drawer"),
        )


class StateReader:
    """Reads `State` from an engine. Keep one per engine: it holds the index tensors."""

    def __init__(self, engine: BatchEngine) -> None:
        self.layout = layout = Layout.of(engine.model)
        self._engine = engine

        def columns(addresses: list[int]) -> torch.Tensor:
            return torch.tensor(addresses, dtype=torch.long, device=engine.device)

        self._base, self._arm = columns(layout.base), columns(layout.arm)
        self._fingers, self._base_dof = columns(layout.fingers), columns(layout.base_dof)
        self._object_q = columns([a + i for a in layout.object_q for i in range(7)])
        self._object_v = columns([a + i for a in layout.object_v for i in range(6)])

    def read(self) -> State:
        """The state after the engine's last step or forward."""
        layout, n = self.layout, self._engine.nsim
        qpos, qvel, sensed = (  # copies: a state stays what it was when the engine goes on
            self._engine.field(name).to(torch.float32, copy=True)
            for name in ("qpos", "qvel", "sensordata")
        )
        base, speed = qpos[:, self._base], qvel[:, self._base_dof]
        xaxis, zaxis = (
            sensed[:, layout.sensors["tcp_xaxis"]],
            sensed[:, layout.sensors["tcp_zaxis"]],
        )
        touch = [sensed[:, layout.sensors[name]] for name in ("touch_r", "touch_l")]
        k = len(layout.objects)
        pose = qpos[:, self._object_q].reshape(n, k, 7)
        twist = qvel[:, self._object_v].reshape(n, k, 6)
        return State(
            base_pose=base,
            base_vel=torch.cat([rotate(speed[:, :2], -base[:, 2]), speed[:, 2:]], -1),
            tcp_pos=sensed[:, layout.sensors["tcp_pos"]],
            tcp_vel=sensed[:, layout.sensors["tcp_vel"]],
            tcp_yaw=torch.atan2(xaxis[:, 1], xaxis[:, 0]),
            tcp_up=zaxis[:, :2],
            fingers=qpos[:, self._fingers],
            touch=torch.cat(touch, -1),
            object_pos=pose[..., :3],
            object_quat=pose[..., 3:],
            object_vel=twist[..., :3],
            object_spin=twist[..., 3:],
            drawer=qpos[:, layout.drawer]
            if layout.drawer is not None
            else torch.zeros_like(qpos[:, 0]),
            arm=qpos[:, self._arm],
        )
