"""Pick: grasp one object, lift it, come to rest holding it. One policy over all objects."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from embodied.tasks.arm import (
    ARM_FEATURES,
    KINDS,
    REST_RADIUS,
    STAND,
    arm_features,
    arm_postures,
    at_rest,
    build_fixtures,
    grasp_point,
    yaw_error,
)
from embodied.tasks.base import Goal
from embodied.world.control import ARM_ACTIONS, FINGER_OPEN, Controller
from embodied.world.predicates import bottom, held, object_in_base, pick_out
from embodied.world.robot import BASE_RADIUS, HOME_ARM, REST_TCP
from embodied.world.state import State, StateReader, quat_up, rotate, to_base

LIFTED = 0.05  # m above the surface


def observe(state: State, goal: Goal, control: Controller) -> torch.Tensor:
    """(N, PickTask.obs_dim) the policy's observation."""
    above = (state.tcp_pos[:, 2] - goal.spot[:, 2])[:, None]
    return torch.cat([arm_features(state, goal, control), above * 3], -1)


def success(state: State, goal: Goal) -> torch.Tensor:
    """(N,) bool: the object is held, clear of the surface, and the arm is at rest."""
    lifted = bottom(state, goal.index, goal.half) > goal.spot[:, 2] + LIFTED
    return held(state, goal.index, goal.half) & lifted & at_rest(state)


def failure(state: State, goal: Goal) -> torch.Tensor:
    """(N,) bool: the object fell off the surface or rolled out of reach."""
    centre = object_in_base(state, goal.index)
    fell = bottom(state, goal.index, goal.half) < goal.spot[:, 2] - 0.08
    return fell | (centre[:, :2].norm(dim=-1) > 1.15)


def terms(state: State, goal: Goal, action: torch.Tensor) -> dict[str, torch.Tensor]:
    """Weighted reward terms, (N,) each. Each later stage is worth more than all before it."""
    grasp = grasp_point(state, goal)
    offset = state.tcp_pos - grasp
    near = 1 - torch.tanh(5 * offset.norm(dim=-1))
    close = 1 - torch.tanh(12 * offset.norm(dim=-1))
    grasped = held(state, goal.index, goal.half).float()
    height = (bottom(state, goal.index, goal.half) - goal.spot[:, 2]).clamp(0, 0.2) / 0.2
    rest = 1 - torch.tanh(4 * (state.tcp_pos - torch.tensor(REST_TCP)).norm(dim=-1))
    lifted = grasped * (height > 0.15).float()
    open_before = (1 - grasped) * near * state.fingers.mean(-1) / FINGER_OPEN * (1 - close)
    tipped = (quat_up(pick_out(state.object_quat, goal.index)) < 0.9) & (goal.shape[:, 1] < 0.5)
    speed = pick_out(state.object_vel, goal.index).norm(dim=-1)
    return {
        "reach": near * (1 - grasped) + close * (1 - grasped) + 2 * grasped,
        "align": 0.5 * torch.cos(2 * yaw_error(state, goal)) * near,
        "open": 0.4 * open_before,
        "grasp": 2.0 * grasped,
        "lift": 4.0 * grasped * height,
        "rest": 6.0 * lifted * rest,
        "slow": 1.0 * lifted * rest * (1 - torch.tanh(3 * state.tcp_vel.norm(dim=-1))),
        "disturb": -0.5 * torch.tanh(4 * speed) * (1 - grasped),
        "tip": -0.5 * tipped.float() * (1 - grasped),
        "effort": -0.03 * action.square().sum(-1),
    }


class PickTask:
    """The training MDP: one object on a surface or tray, the robot roughly where navigation stops."""

    name = "pick"
    obs_dim = ARM_FEATURES + 1
    act_dim = ARM_ACTIONS
    horizon = 75

    def __init__(self, num_envs: int, seed: int = 0, threads: int = 0, easy: float = 0.25) -> None:
        self.num_envs, self.easy = num_envs, easy
        self.fixtures = build_fixtures(("surface",) * 5 + ("tray",), num_envs, seed, threads)
        self.engine = self.fixtures.engine
        self.reader, self.control = StateReader(self.engine), Controller(self.engine)
        none = torch.zeros(num_envs, dtype=torch.long)
        fixed = self.fixtures
        self.goal = Goal(none, fixed.half, fixed.shape, torch.zeros(num_envs, 3), none.bool())
        self.goal.spot[:, 2] = fixed.height
        self._action = torch.zeros(num_envs, ARM_ACTIONS)
        self.state = self.reader.read()

    def reset(self, mask: torch.Tensor, rng: torch.Generator) -> None:
        """See `Task.reset`."""
        count = int(mask.sum())
        fixed, layout = self.fixtures, self.fixtures.layout
        self.engine.reset(mask)
        where = self._object_spot(mask, rng)
        yaw = (torch.rand(count, generator=rng) * 2 - 1) * torch.pi
        tcp, arm, base = self._start(mask, where, rng)
        easy = tcp[:, 2] < 1.0
        aligned = base[:, 2] + tcp[:, 3] + 0.5 * torch.randn(count, generator=rng)
        yaw = torch.where(easy, aligned, yaw)
        qpos, rows = self.engine.field("qpos"), mask.nonzero()[:, 0]
        pose = torch.zeros(count, 7)
        pose[:, :2], pose[:, 2] = where, fixed.height[mask] + fixed.half[mask, 2] + 0.001
        pose[:, 3], pose[:, 6] = torch.cos(yaw / 2), torch.sin(yaw / 2)
        start = layout.object_q[0]
        qpos[rows, start : start + 7] = pose.double()
        self._put(rows, base, arm, torch.full((count,), FINGER_OPEN))
        self.control.reset(mask, tcp, torch.full((count,), FINGER_OPEN))
        self.goal.spot[mask, :2] = where
        self.engine.forward(mask)
        self.state = self.reader.read()

    def _object_spot(self, mask: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """(M, 2) where on the fixture the object stands; a tray is smaller than a surface."""
        unit = torch.rand(int(mask.sum()), 2, generator=rng)
        tray = self.fixtures.kind[mask] == KINDS.index("tray")
        depth = torch.where(tray, 0.06 + 0.18 * unit[:, 0], 0.07 + 0.25 * unit[:, 0])
        side = (unit[:, 1] * 2 - 1) * torch.where(tray, 0.13, 0.35)
        return torch.stack([depth, side], -1)

    def _start(
        self, mask: torch.Tensor, where: torch.Tensor, rng: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """tcp targets (M, 4), arm joints (M, 7), base poses (M, 3); a share begins above the object."""
        count = len(where)
        unit = torch.rand(count, 6, generator=rng) * 2 - 1
        yaw = unit[:, 3] * torch.where(
            unit[:, 4] > 0, 1.7, 0.1
        )  # after a place the gripper stays turned
        tcp = torch.cat(
            [torch.tensor(REST_TCP).repeat(count, 1) + 0.02 * unit[:, :3], yaw[:, None]], -1
        )
        arm = torch.tensor(HOME_ARM).repeat(count, 1)
        arm[:, 6] -= yaw
        base = self._stand(where, torch.rand(count, 3, generator=rng) * 2 - 1)
        bank_tcp, bank_arm = arm_postures()
        wanted = self.fixtures.height[mask] + 2 * self.fixtures.half[mask, 2] + 0.05
        pick = torch.randint(len(bank_tcp), (count, 24), generator=rng)
        best = (bank_tcp[pick, 2] - wanted[:, None] - 0.05).abs().argmin(-1)
        chosen = pick[torch.arange(count), best]
        turn = base[:, 2]
        under = where - rotate(bank_tcp[chosen, :2] + 0.03 * unit[:, :2], turn)
        easy = (
            (torch.rand(count, generator=rng) < self.easy)
            & (bank_tcp[chosen, 2] > wanted)
            & (under[:, 0] < -BASE_RADIUS)
        )
        base = torch.where(easy[:, None], torch.cat([under, turn[:, None]], -1), base)
        return (
            torch.where(easy[:, None], bank_tcp[chosen], tcp),
            torch.where(easy[:, None], bank_arm[chosen], arm),
            base,
        )

    @staticmethod
    def _stand(where: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
        """(M, 3) base poses in front of where (M, 2), as loosely as navigation may stop; unit (M, 3)."""
        yaw = unit[:, 2] * 0.2
        ahead = torch.stack([STAND + 0.07 * unit[:, 0], 0.08 * unit[:, 1]], -1)
        base = where - rotate(ahead, yaw)
        base[:, 0] = base[:, 0].clamp_max(-BASE_RADIUS - 0.02)
        return torch.cat([base, yaw[:, None]], -1)

    def _put(
        self, rows: torch.Tensor, base: torch.Tensor, arm: torch.Tensor, opening: torch.Tensor
    ) -> None:
        qpos, layout = self.engine.field("qpos"), self.fixtures.layout
        for columns, values in (
            (layout.base, base),
            (layout.arm, arm),
            (layout.fingers, opening[:, None].expand(-1, 2)),
        ):
            qpos[rows[:, None], torch.tensor(columns)] = values.double()

    def observe(self) -> torch.Tensor:
        """See `Task.observe`."""
        return observe(self.state, self.goal, self.control)

    def step(self, action: torch.Tensor) -> None:
        """See `Task.step`."""
        self._action = action
        self.control.move_arm(action, self.state)
        self.control.advance()
        self.state = self.reader.read()

    def rewards(self) -> Mapping[str, torch.Tensor]:
        """See `Task.rewards`."""
        return terms(self.state, self.goal, self._action)

    def success(self) -> torch.Tensor:
        """See `Task.success`."""
        return success(self.state, self.goal)

    def failure(self) -> torch.Tensor:
        """See `Task.failure`."""
        return failure(self.state, self.goal)
