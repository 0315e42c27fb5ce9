"""Place: set what is held down on a spot, let go, come to rest. Surfaces, the user's tray, the bin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from embodied.tasks.arm import (
    ARM_FEATURES,
    KINDS,
    ArmTask,
    Fixtures,
    Start,
    arm_features,
    arm_postures,
    at_rest,
    build_fixtures,
    in_open_drawer,
    place_bodies,
    rest_start,
    stand_before,
)
from embodied.tasks.base import Goal
from embodied.tasks.handoff import Act, carried_to, collect_grasps
from embodied.tasks.randomise import NONE, RandomiseCfg, Randomiser
from embodied.world.control import ARM_ACTIONS, FINGER_OPEN, Controller
from embodied.world.engine import CpuEngine, Engines
from embodied.world.grasp import grasp_offset
from embodied.world.predicates import bottom, held, object_in_base, pick_out, still, upright
from embodied.world.robot import BASE_RADIUS, REST_TCP
from embodied.world.scene import OPEN_DRAWER, FixtureKind
from embodied.world.state import State, StateReader, quat_up, rotate, to_base
from embodied.world.tensors import Rows, constant

NEAR_SPOT = 0.08  # m, how far from the spot something may stand
BIN_HALF = 0.155  # m, half the bin's inner width
GENTLE = 0.35  # m/s: what is carried faster slips out of a loose grasp
RELEASE = 0.02  # m over the surface, below which something may be let go
ON_SURFACE = 0.02  # m, a bottom this close to the surface stands on it


def gap(state: State, goal: Goal) -> torch.Tensor:
    """(N, 3) from the middle of the object's underside to the spot, base frame."""
    centre = object_in_base(state, goal.index)
    spot = to_base(state.base_pose, goal.spot)
    under = bottom(state, goal.index, goal.half, goal.shape)
    return torch.cat([spot[:, :2] - centre[:, :2], (goal.spot[:, 2] - under)[:, None]], -1)


def observe(state: State, goal: Goal, control: Controller) -> torch.Tensor:
    """(N, PlaceTask.obs_dim) the policy's observation."""
    delta = gap(state, goal)
    columns = [
        arm_features(state, goal, control),
        delta * 3,
        (delta * 20).clamp(-2, 2),
        goal.drop.float()[:, None],
        (state.tcp_pos[:, 2] - goal.spot[:, 2])[:, None] * 3,
    ]
    return torch.cat(columns, -1)


def delivered(state: State, goal: Goal) -> torch.Tensor:
    """(N,) bool: the object stands upright at the spot, or lies in the bin, touched by no pad."""
    delta = gap(state, goal)
    free = (state.touch < 0.05).all(-1)
    stands = (delta[:, :2].norm(dim=-1) < NEAR_SPOT) & (delta[:, 2].abs() < ON_SURFACE)
    stands &= still(state, goal.index) & upright(state, goal.index, goal.half, goal.shape)
    inside = (delta[:, :2].abs() < BIN_HALF).all(-1)
    fallen = inside & (pick_out(state.object_pos, goal.index)[:, 2] < goal.spot[:, 2] - 0.02)
    return free & torch.where(goal.drop, fallen, stands)


def success(state: State, goal: Goal) -> torch.Tensor:
    """(N,) bool: delivered, and the arm is at rest."""
    return delivered(state, goal) & at_rest(state)


def failure(state: State, goal: Goal) -> torch.Tensor:
    """(N,) bool: the object fell beside its place."""
    delta = gap(state, goal)
    beside = ~(delta[:, :2].abs() < BIN_HALF + 0.01).all(-1)
    fell = delta[:, 2] > torch.where(goal.drop, 0.15, 0.08)
    return torch.where(goal.drop, fell & beside, fell)


def terms(state: State, goal: Goal, action: torch.Tensor) -> dict[str, torch.Tensor]:
    """Weighted reward terms, (N,) each: carry there, lower, let go gently, come to rest."""
    delta = gap(state, goal)
    across, above = delta[:, :2].norm(dim=-1), -delta[:, 2]
    holding = held(state, goal.index, goal.half).float()
    done = delivered(state, goal).float()
    # a bin takes what is let go anywhere over its opening; a surface wants contact before release
    over = 1 - torch.tanh(5 * across)
    hover = torch.where(goal.drop, (above - 0.12).clamp_min(0), above.abs())
    low = over * (1 - torch.tanh(8 * hover))
    ready_bin = (across < 0.09) & (above > 0.0)
    ready_spot = (across < 0.05) & (above.abs() < 0.012)
    ready = torch.where(goal.drop, ready_bin, ready_spot).float() * (1 - done)
    openness = state.fingers.mean(-1) / FINGER_OPEN
    away = (state.tcp_pos - constant(REST_TCP)).norm(dim=-1)
    rest = 0.6 * (1 - away / 0.5).clamp(0, 1) + 0.4 * (1 - torch.tanh(8 * away))
    tilt = 1 - quat_up(pick_out(state.object_quat, goal.index)).clamp(-1, 1)
    speed = pick_out(state.object_vel, goal.index).norm(dim=-1)
    hand = state.tcp_vel.norm(dim=-1)
    falling = (speed > 0.25).float() * (1 - holding) * (~goal.drop).float()
    dropped = falling * (above > RELEASE)
    return {
        "carry": (1.5 * over + 1.5 * low) * (1 - done) * torch.maximum(holding, ready),
        "ready": (1.5 + 1.5 * openness) * ready,
        "done": 7.0 * done,
        "rest": 8.0 * done * rest,
        "settled": 2.0 * success(state, goal).float(),
        "slow": 1.0 * done * rest.square() * (1 - torch.tanh(3 * hand)),
        "tilt": -1.5 * tilt * (goal.shape[:, 1] < 0.5).float() * (~goal.drop).float(),
        "fall": -1.0 * falling,
        # tossing things there saves two thirds of the time: only this makes setting them down pay
        "drop": -20.0 * dropped,
        "gentle": -3.0 * (hand - GENTLE).clamp_min(0) * holding,
        "effort": -0.03 * action.square().sum(-1),
    }


class PlaceTask(ArmTask):
    """The training MDP: an object in the gripper, a fixture in front, a spot on it.

    Args:
        pick: a trained pick policy, to begin where picks end; None begins all from made-up grasps.
        handoff: share of the starts at rest that do so.
    """

    name = "place"
    obs_dim = ARM_FEATURES + 8
    act_dim = ARM_ACTIONS
    horizon = 100

    def __init__(
        self,
        num_envs: int,
        seed: int = 0,
        threads: int = 0,
        easy: float = 0.35,
        pick: Act | None = None,
        handoff: float = 0.6,
        fixtures: Fixtures | None = None,
        engines: Engines = CpuEngine,
        randomise: RandomiseCfg = NONE,
    ) -> None:
        self.num_envs, self.easy, self.handoff = num_envs, easy, handoff
        kinds: tuple[FixtureKind, ...] = ("surface",) * 4 + ("tray", "bin", "open drawer")
        self.fixtures = fixtures or build_fixtures(kinds, num_envs, seed, threads, engines)
        self.engine = self.fixtures.engine
        self.grasps = collect_grasps(self.fixtures, pick, 6, seed, threads) if pick else None
        self.reader, self.control = StateReader(self.engine), Controller(self.engine)
        fixed, none = self.fixtures, torch.zeros(num_envs, dtype=torch.long)
        self.random = Randomiser(self.engine, randomise, half=fixed.half)
        drop = fixed.kind == KINDS.index("bin")
        self.goal = Goal(none, fixed.half, fixed.shape, torch.zeros(num_envs, 3), drop)
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
        where = self._spot(rows, rng)
        start = self._start(rows, where, rng)
        unit = torch.rand(count, 4, generator=rng) * 2 - 1
        # the grasp as loosely as a pick may leave it: along the pads, in depth, in yaw
        yaw = start.base[:, 2] + start.tcp[:, 3] + 0.12 * unit[:, 0]
        yaw = torch.where(fixed.shape[rows.index, 2] > 0.5, yaw, yaw + torch.pi * unit[:, 3])
        along = torch.stack([0.012 * unit[:, 1], torch.zeros(count)], -1)
        grip = start.tcp[:, :2] + rotate(along, start.tcp[:, 3])
        pose = torch.zeros(count, 7)
        pose[:, :2] = rotate(grip, start.base[:, 2]) + start.base[:, :2]
        pose[:, 2] = start.tcp[:, 2] + grasp_offset(half) + 0.012 * unit[:, 2] * (half[:, 2] > 0.03)
        pose[:, 3], pose[:, 6] = torch.cos(yaw / 2), torch.sin(yaw / 2)
        opening = half[:, 1] + 0.0005
        fingers, target, closed = (
            opening[:, None].repeat(1, 2),
            start.tcp,
            (opening - 0.02).clamp_min(0),
        )
        if self.grasps is not None:  # start as a pick ended
            real = ~start.easy & (torch.rand(count, generator=rng) < self.handoff)
            drawn = self.grasps.draw(rows.index, rng)
            real &= drawn["count"] > 0
            column = real[:, None]
            pose = torch.where(column, carried_to(start.base, drawn["pose"]), pose)
            fingers = torch.where(column, drawn["fingers"], fingers)
            closed = torch.where(real, drawn["opening"], closed)
            target = torch.where(column, drawn["target"], target)
            start = replace(start, arm=torch.where(column, drawn["arm"], start.arm))
        place_bodies(fixed, rows, start, pose, fingers)
        self.control.reset(rows, target, closed)
        rows.put(self.goal.spot[:, :2], where)
        self.engine.forward(mask)
        self.state = self.reader.read()

    def _spot(self, rows: Rows, rng: torch.Generator) -> torch.Tensor:
        """(M, 2) where on the fixture to place: anywhere on surface, tray and drawer, the bin's
        centre."""
        unit, kind = torch.rand(len(rows), 2, generator=rng), self.fixtures.kind[rows.index]
        depth = torch.where(kind == 1, 0.07 + 0.16 * unit[:, 0], 0.08 + 0.24 * unit[:, 0])
        side = (unit[:, 1] * 2 - 1) * torch.where(kind == 1, 0.12, 0.35)
        drop = kind == KINDS.index("bin")
        where = torch.stack([torch.where(drop, 0.18, depth), torch.where(drop, 0.0, side)], -1)
        drawer = kind == KINDS.index("open drawer")
        inside, _ = in_open_drawer(torch.zeros_like(drawer), rng)
        return torch.where(drawer[:, None], inside, where)

    def _start(self, rows: Rows, where: torch.Tensor, rng: torch.Generator) -> Start:
        """The arm at rest holding the object; a share begins low over the spot."""
        fixed, count, index = self.fixtures, len(where), rows.index
        half = fixed.half[index]
        drawer = fixed.kind[index] == KINDS.index("open drawer")
        before = torch.where(drawer[:, None], constant(OPEN_DRAWER), where)
        usual = rest_start(stand_before(before, rng), rng)
        tcp, arm = arm_postures()
        hang = half[:, 2] - grasp_offset(half)  # from the tcp down to the underside
        lowest = fixed.height[index] + hang + 0.015
        pick = torch.randint(len(tcp), (count, 24), generator=rng)
        height = tcp[pick, 2] - lowest[:, None]
        pick = pick[torch.arange(count), torch.where(height > 0, height, 9.0).argmin(-1)]
        turn = usual.base[:, 2]
        noise = 0.04 * (torch.rand(count, 2, generator=rng) * 2 - 1)
        under = where + noise - rotate(tcp[pick, :2], turn)
        easy = torch.rand(count, generator=rng) < self.easy
        easy &= (tcp[pick, 2] > lowest) & (under[:, 0] < -BASE_RADIUS)
        return usual.where(
            easy, Start(easy, torch.cat([under, turn[:, None]], -1), tcp[pick], arm[pick])
        )

    def observe(self) -> torch.Tensor:
        """See `Task.observe`."""
        return observe(self.random.sense(self.state), self.goal, self.control)

    def step(self, action: torch.Tensor) -> None:
        """See `Task.step`."""
        self._action = action
        self.random.push(held(self.state, self.goal.index, self.goal.half))
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
