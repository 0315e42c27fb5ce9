"""The robot's base alone: one rigid body that answers base commands as the whole robot does.

Driving does not need the arm's joints, so navigation trains on this model, which is much faster.
Mass, centre of mass and inertia are the whole robot's with its arm at rest, the gains are its own;
`tests/world/test_cart.py` holds both against each other in motion. It has no collisions: `proximity`
tells contact.
"""

from __future__ import annotations

import mujoco
import torch

from embodied.world.control import MAX_ACCEL, MAX_SPEED
from embodied.world.engine import CpuEngine, Engines
from embodied.world.robot import ARM_JOINTS, BASE_JOINTS, HOME_ARM, fetch_spec
from embodied.world.scene import CONTROL_DT, SUBSTEPS, TIMESTEP
from embodied.world.state import State, rotate
from embodied.world.tensors import Rows


def cart_model() -> mujoco.MjModel:
    """A compiled model with the joints and actuators of `robot.BASE_JOINTS` alone."""
    robot = fetch_spec(visuals=False).compile()
    data = mujoco.MjData(robot)
    for name, angle in zip(ARM_JOINTS, HOME_ARM, strict=True):
        data.joint(name).qpos[0] = angle
    mujoco.mj_forward(robot, data)
    base = robot.body("base_link").id
    dof = int(robot.joint("base_yaw").dofadr[0])
    mass, centre = float(robot.body_subtreemass[base]), data.subtree_com[base]
    inertia = float(data.M[robot.M_rowadr[dof] + robot.M_rownnz[dof] - 1])
    inertia -= float(robot.dof_armature[dof]) + mass * float(centre[0] ** 2 + centre[1] ** 2)
    spec = mujoco.MjSpec()
    spec.option.timestep = TIMESTEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONTACT)
    spec.option.gravity = [0, 0, 0]
    body = spec.worldbody.add_body(name="base_link", mass=mass, ipos=centre, inertia=[inertia] * 3)
    body.explicitinertial = True
    for name in BASE_JOINTS:
        joint, actuator = robot.joint(name), robot.actuator(name)
        body.add_joint(
            name=name,
            type=joint.type[0],
            axis=joint.axis,
            armature=float(joint.armature[0]),
            damping=[float(joint.damping[0]), 0, 0],
        )
        copy = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        copy.set_to_velocity(kv=float(actuator.gainprm[0]))
        copy.forcerange, copy.forcelimited = actuator.forcerange, True
    return spec.compile()


class Carts:
    """N carts under body-frame velocity commands at 25 Hz, as `control.Controller` gives them."""

    def __init__(self, nsim: int, threads: int = 0, engines: Engines = CpuEngine) -> None:
        self.engine = engines(cart_model(), nsim, threads)
        self.velocity = torch.zeros(nsim, 3)
        """(N, 3) base velocity commanded now, base frame."""
        self.holding = torch.zeros(nsim, dtype=torch.bool)
        """(N,) whether the state says that something is held."""
        self._speed, self._accel = torch.tensor(MAX_SPEED), torch.tensor(MAX_ACCEL) * CONTROL_DT

    def reset(self, rows: Rows, pose: torch.Tensor, holding: torch.Tensor) -> None:
        """Puts the simulations of rows to poses (M, 3), at rest; holding (M,) bool."""
        self.engine.reset(rows.mask)
        rows.put(self.engine.field("qpos"), pose)
        rows.put(self.velocity, 0.0)
        rows.put(self.holding, holding)

    def drive(self, command: torch.Tensor) -> None:
        """One control step. command (N, 3): m/s, m/s, rad/s, body frame."""
        command = torch.maximum(torch.minimum(command, self._speed), -self._speed)
        change = torch.maximum(torch.minimum(command - self.velocity, self._accel), -self._accel)
        self.velocity += change
        ctrl, yaw = self.engine.field("ctrl"), self.engine.field("qpos")[:, 2].float()
        ctrl[:, :2] = rotate(self.velocity[:, :2], yaw).to(ctrl.dtype)
        ctrl[:, 2] = self.velocity[:, 2].to(ctrl.dtype)
        self.engine.step(SUBSTEPS)

    def state(self) -> State:
        """The state now; what a cart does not have is zero."""
        pose, speed = (
            self.engine.field(name).to(torch.float32, copy=True) for name in ("qpos", "qvel")
        )
        n = len(pose)
        zeros = {
            name: torch.zeros(n, *shape)
            for name, shape in {
                "tcp_pos": (3,), "tcp_vel": (3,), "tcp_yaw": (), "tcp_up": (2,), "fingers": (2,),
                "object_pos": (0, 3), "object_quat": (0, 4), "object_vel": (0, 3),
                "object_spin": (0, 3), "drawer": (), "arm": (7,),
            }.items()
        }  # fmt: skip
        return State(
            base_pose=pose,
            base_vel=torch.cat([rotate(speed[:, :2], -pose[:, 2]), speed[:, 2:]], -1),
            touch=5.0 * self.holding.float()[:, None].expand(-1, 2),
            **zeros,
        )
