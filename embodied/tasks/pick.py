"""Pick: grasp one object, lift it, come to rest holding it. One policy over all objects."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from embodied.tasks.arm import (
    ARM_FEATURES,
    KINDS,
    ArmTask,
    Fixtures,
    Start,
    any_yaw,
    arm_features,
    arm_postures,
    at_rest,
    build_fixtures,
    grasp_point,
    in_open_drawer,
    place_bodies,
    rest_start,
    stand_before,
    standing,
    yaw_error,
)
from embodied.tasks.base import Goal
from embodied.tasks.randomise import NONE, RandomiseCfg, Randomiser
from embodied.world.control import ARM_ACTIONS, FINGER_OPEN, Controller
from embodied.world.engine import CpuEngine, Engines
from embodied.world.grasp import grasp_offset
from embodied.world.predicates import bottom, held, object_in_base, pick_out
from embodied.world.robot import BASE_RADIUS, REST_TCP
from embodied.world.scene import OPEN_DRAWER, FixtureKind, lies_in_drawer
from embodied.world.state import State, StateReader, quat_up, rotate
from embodied.world.tensors import Rows, constant

LIFTED = 0.05  # m above the surface
HOVER = 0.08  # m above the grasp, where a gripper that is not turned across yet should wait


def observe(state: State, goal: Goal, control: Controller) -> torch.Tensor:
    """(N, PickTask.obs_dim) the policy's observation."""
    above = (state.tcp_pos[:, 2] - goal.spot[:, 2])[:, None]
    return torch.cat([arm_features(state, goal, control), above * 3], -1)


def success(state: State, goal: Goal) -> torch.Tensor:
    """(N,) bool: the object is held, clear of the surface, and the arm is at rest."""
    lifted = bottom(state, goal.index, goal.half, goal.shape) > goal.spot[:, 2] + LIFTED
    return held(state, goal.index, goal.half) & lifted & at_rest(state)


def failure(state: State, goal: Goal) -> torch.Tensor:
    """(N,) bool: the object fell off the surface or rolled out of reach."""
    centre = object_in_base(state, goal.index)
    fell = bottom(state, goal.index, goal.half, goal.shape) < goal.spot[:, 2] - 0.08
    return fell | (centre[:, :2].norm(dim=-1) > 1.15)


def terms(state: State, goal: Goal, action: torch.Tensor) -> dict[str, torch.Tensor]:
    """Weighted reward terms, (N,) each. Each later stage is worth more than all before it."""
    grasp = grasp_point(state, goal)
    offset = state.tcp_pos - grasp
    # turned first, then down: fingers that come down on an object's top get stuck on it
    wait = HOVER * (yaw_error(state, goal).abs() / 0.6).clamp_max(1.0)
    away = (offset - torch.nn.functional.pad(wait[:, None], (2, 0))).norm(dim=-1)
    near, close = 1 - torch.tanh(5 * away), 1 - torch.tanh(12 * away)
    # a pinch at the rim or across the wide side slips when lifted: a grasp is worth what it is
    # deep and aligned
    aligned = torch.cos(2 * yaw_error(state, goal)).clamp_min(0)
    deep = torch.exp(-(offset.norm(dim=-1) / 0.025).square()) * aligned
    grasped = held(state, goal.index, goal.half).float() * deep
    height = (bottom(state, goal.index, goal.half, goal.shape) - goal.spot[:, 2]).clamp(
        0, 0.2
    ) / 0.2
    rest = 1 - torch.tanh(4 * (state.tcp_pos - constant(REST_TCP)).norm(dim=-1))
    lifted = grasped * (height > 0.15).float()
    open_before = (1 - grasped) * near * state.fingers.mean(-1) / FINGER_OPEN * (1 - close)
    tipped = (quat_up(pick_out(state.object_quat, goal.index)) < 0.9) & (goal.shape[:, 1] < 0.5)
    speed = pick_out(state.object_vel, goal.index).norm(dim=-1)
    on_top = (state.touch > 1.0).any(-1) & (offset[:, 2] > 0.025) & (height < 0.05)
    return {
        "reach": near + close * aligned,
        "align": 1.5 * (1 - torch.tanh(1.2 * yaw_error(state, goal).abs())) * (0.5 + near),
        "open": 0.4 * open_before,
        "grasp": 3.0 * grasped,
        "lift": 4.0
        * grasped
        * height.sqrt(),  # steepest off the surface: the first centimetre matters
        "rest": 6.0 * lifted * rest,
        "settled": 4.0 * success(state, goal).float(),  # else hovering near rest pays as much
        "slow": 1.0 * lifted * rest * (1 - torch.tanh(3 * state.tcp_vel.norm(dim=-1))),
        "press": -1.0 * on_top.float(),
        "disturb": -0.5 * torch.tanh(4 * speed) * (1 - grasped),
        "tip": -0.5 * tipped.float() * (1 - grasped),
        "effort": -0.03 * action.square().sum(-1),  # unclipped: a saturated mean stops exploring
    }


class PickTask(ArmTask):
    """The training MDP: one object on a surface, a tray or in an open drawer, the robot roughly where
    navigation stops; before the drawer that is one stand for all that lies in it."""

    name = "pick"
    obs_dim = ARM_FEATURES + 1
    act_dim = ARM_ACTIONS
    horizon = 90

    def __init__(
        self,
        num_envs: int,
        seed: int = 0,
        threads: int = 0,
        easy: float = 0.3,
        fixtures: Fixtures | None = None,
        engines: Engines = CpuEngine,
        randomise: RandomiseCfg = NONE,
    ) -> None:
        self.num_envs, self.easy = num_envs, easy
        kinds: tuple[FixtureKind, ...] = ("surface",) * 6 + ("tray",) + ("open drawer",) * 2
        self.fixtures = fixtures or build_fixtures(kinds, num_envs, seed, threads, engines)
        self.engine = self.fixtures.engine
        self.reader, self.control = StateReader(self.engine), Controller(self.engine)
        none = torch.zeros(num_envs, dtype=torch.long)
        fixed = self.fixtures
        self.random = Randomiser(self.engine, randomise, half=fixed.half)
        self.goal = Goal(none, fixed.half, fixed.shape, torch.zeros(num_envs, 3), none.bool())
        self.goal.spot[:, 2] = fixed.height
        self._action = torch.zeros(num_envs, ARM_ACTIONS)
        self.state = self.reader.read()

    def reset(self, mask: torch.Tensor, rng: torch.Generator) -> None:
        """See `Task.reset`."""
        rows, fixed = Rows(mask), self.fixtures
        count = len(rows)
        self.engine.reset(mask)
        self.random.begin(rows, rng)
        half = fixed.half[rows.index]
        where, yaw, lying = self._object_spot(rows, rng)
        start = self._start(rows, where, rng)
        aligned = start.base[:, 2] + start.tcp[:, 3] + 0.5 * torch.randn(count, generator=rng)
        yaw = torch.where(start.easy & ~lying, aligned, yaw)
        spot = torch.cat([where, fixed.height[rows.index, None]], -1)
        pose = standing(spot, half, lying, yaw)
        opening = torch.full((count,), FINGER_OPEN)
        # some begin with the object in the gripper: that lifting pays is learned before grasping is
        grip = start.easy & (torch.rand(count, generator=rng) < 0.4)
        held_at = torch.cat([where, start.tcp[:, 2:3] + grasp_offset(half)[:, None]], -1)
        across = start.base[:, 2] + start.tcp[:, 3]
        upright = torch.stack(
            [torch.cos(across / 2), 0 * across, 0 * across, torch.sin(across / 2)], -1
        )
        pose = torch.where(grip[:, None], torch.cat([held_at, upright], -1), pose)
        opening = torch.where(grip, half[:, 1], opening)
        place_bodies(fixed, rows, start, pose, opening[:, None].expand(-1, 2))
        self.control.reset(
            rows, start.tcp, torch.where(grip, (opening - 0.02).clamp_min(0), opening)
        )
        rows.put(self.goal.spot[:, :2], where)
        self.engine.forward(mask)
        self.state = self.reader.read()

    def _object_spot(
        self, rows: Rows, rng: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Where on the fixture the object stands (M, 2), its yaw (M,), and whether it lies (M,)."""
        fixed, count = self.fixtures, len(rows)
        unit, kind = torch.rand(count, 2, generator=rng), fixed.kind[rows.index]
        tray, drawer = kind == KINDS.index("tray"), kind == KINDS.index("open drawer")
        depth = torch.where(tray, 0.06 + 0.18 * unit[:, 0], 0.07 + 0.25 * unit[:, 0])
        side = (unit[:, 1] * 2 - 1) * torch.where(tray, 0.13, 0.35)
        lying = drawer & lies_in_drawer(fixed.half[rows.index])
        inside, yaw = in_open_drawer(lying, rng)
        where = torch.where(drawer[:, None], inside, torch.stack([depth, side], -1))
        return where, torch.where(drawer, yaw, any_yaw(count, rng)), lying

    def _start(self, rows: Rows, where: torch.Tensor, rng: torch.Generator) -> Start:
        """The arm at rest, turned as a place may have left it; a share begins above the object."""
        fixed, count, index = self.fixtures, len(where), rows.index
        drawer = fixed.kind[index] == KINDS.index("open drawer")
        before = torch.where(drawer[:, None], constant(OPEN_DRAWER), where)
        usual = rest_start(stand_before(before, rng), rng)
        tcp, arm = arm_postures()
        wanted = fixed.height[index] + 2 * fixed.half[index, 2] + 0.08
        pick = torch.randint(len(tcp), (count, 24), generator=rng)
        pick = pick[torch.arange(count), (tcp[pick, 2] - wanted[:, None]).abs().argmin(-1)]
        turn = usual.base[:, 2]
        under = where - rotate(tcp[pick, :2], turn)
        easy = torch.rand(count, generator=rng) < self.easy
        easy &= (tcp[pick, 2] > wanted - 0.03) & (under[:, 0] < -BASE_RADIUS)
        above = Start(easy, torch.cat([under, turn[:, None]], -1), tcp[pick], arm[pick])
        return usual.where(easy, above)

    def observe(self) -> torch.Tensor:
        """See `Task.observe`."""
        return observe(self.random.sense(self.state), self.goal, self.control)

    def step(self, action: torch.Tensor) -> None:
        """See `Task.step`."""
        self._action = action
        self.random.push(held(self.state, self.goal.index, self.goal.half), slips=True)
        self.control.move_arm(self.random.delay(action), self.state)
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

    def labels(self) -> Mapping[str, list[str]]:
        """What to report success by: each simulation's object and kind of fixture."""
        cfgs = self.fixtures.cfgs
        return {"object": [cfg.object for cfg in cfgs], "on": [cfg.kind for cfg in cfgs]}
