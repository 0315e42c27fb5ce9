"""Open and close: take the drawer by its handle, pull or push it, let go, come to rest.

One MDP, two families: they differ in which end of its travel the drawer is wanted at, in the starts
that this leads to, and in nothing else. The scene is the kitchen's own drawer with one object in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
import torch

from embodied.tasks.arm import (
    ROBOT_FEATURES,
    TURN_LIMIT,
    ArmTask,
    Fixtures,
    at_rest,
    place_bodies,
    robot_features,
)
from embodied.tasks.drawer_starts import (
    about_handle,
    contents,
    drawer_fixtures,
    extension,
    places,
    postures_across,
    stand_before,
)
from embodied.tasks.randomise import NONE, RandomiseCfg, Randomiser
from embodied.world.control import ARM_ACTIONS, FINGER_OPEN, Controller
from embodied.world.engine import CpuEngine, Engines
from embodied.world.predicates import TOUCH_FORCE
from embodied.world.robot import REST_TCP
from embodied.world.scene import (
    CONTROL_DT,
    DRAWER,
)
from embodied.world.state import Layout, State, StateReader, quat_up, to_base, wrap
from embodied.world.tensors import Rows, constant

OPENED = 0.9  # of the travel that counts as open
SHUT = 0.01  # m that counts as shut
GENTLE = 0.3  # m/s: faster, and things in the drawer topple
JOLT = 0.1  # m/s more or less within a control step: so do they then
_INSIDE = ((0.05, 0.62), 0.26, (-0.17, 0.08))
"""Of an object in the drawer, from the handle [m]: behind it, to either side, above it."""


@dataclass(frozen=True)
class DrawerGoal:
    """Which drawer, and where it is wanted. All tensors have the simulations first, (N, ...)."""

    handle: torch.Tensor
    """(N, 3) middle of the handle when shut, world [m]."""
    slide: torch.Tensor
    """(N, 2) unit vector in which it opens, world."""
    travel: torch.Tensor
    """(N,) how far it opens [m]."""
    opened: torch.Tensor
    """(N,) bool: wanted open; else shut."""
    kept: torch.Tensor
    """(N, K) bool: the objects that are in it and have to stay there."""

    @classmethod
    def read(cls, models: Sequence[mujoco.MjModel], opened: bool) -> DrawerGoal:
        """The goal of one simulation per model, nothing inside."""
        handles, slides, travels = [], [], []
        for model in models:
            data = mujoco.MjData(model)
            mujoco.mj_kinematics(model, data)
            handles.append(data.geom("drawer/handle").xpos.copy())
            slides.append(data.joint(DRAWER).xaxis[:2].copy())
            travels.append(float(model.joint(DRAWER).range[1]))
        n, objects = len(models), len(Layout.of(models[0]).objects)
        return cls(
            handle=torch.tensor(np.array(handles), dtype=torch.float32),
            slide=torch.tensor(np.array(slides), dtype=torch.float32),
            travel=torch.tensor(travels),
            opened=torch.full((n,), opened),
            kept=torch.zeros(n, objects, dtype=torch.bool),
        )


def handle_now(state: State, goal: DrawerGoal) -> torch.Tensor:
    """(N, 3) middle of the handle, world."""
    return goal.handle + torch.nn.functional.pad(goal.slide * state.drawer[:, None], (0, 1))


def facing(state: State, goal: DrawerGoal) -> torch.Tensor:
    """(N,) heading of who faces the drawer squarely, base frame [rad]."""
    return wrap(torch.atan2(-goal.slide[:, 1], -goal.slide[:, 0]) - state.base_pose[:, 2])


def yaw_error(state: State, goal: DrawerGoal) -> torch.Tensor:
    """(N,) rad from the gripper's yaw to the nearer one across the handle, within `TURN_LIMIT`."""
    error = wrap(2 * (facing(state, goal) + torch.pi / 2 - state.tcp_yaw)) / 2
    beyond = (state.tcp_yaw + error).abs() > TURN_LIMIT
    return torch.where(beyond, error - error.sign() * torch.pi, error)


def missing(state: State, goal: DrawerGoal) -> torch.Tensor:
    """(N,) how far the drawer is from where it counts as open or shut [m]; not positive there."""
    return torch.where(goal.opened, OPENED * goal.travel - state.drawer, state.drawer - SHUT)


def inside(state: State, goal: DrawerGoal) -> torch.Tensor:
    """(N, K) bool: which objects are in the drawer."""
    offset = handle_now(state, goal)[:, None] - state.object_pos
    behind = (offset[..., :2] * goal.slide[:, None]).sum(-1)
    along = torch.stack([-goal.slide[:, 1], goal.slide[:, 0]], -1)[:, None]
    aside = (offset[..., :2] * along).sum(-1).abs()
    (near, far), wide, (low, high) = _INSIDE
    level = (-offset[..., 2] > low) & (-offset[..., 2] < high)
    return (behind > near) & (behind < far) & (aside < wide) & level


def observe(state: State, goal: DrawerGoal, control: Controller) -> torch.Tensor:
    """(N, OBS_DIM) the policy's observation, base frame, scaled to about unit range."""
    handle = to_base(state.base_pose, handle_now(state, goal)) - state.tcp_pos
    error, square = yaw_error(state, goal), facing(state, goal)
    left = missing(state, goal)
    columns = [
        robot_features(state, control),
        handle * 4,
        (handle * 20).clamp(-3, 3),
        torch.stack([torch.sin(2 * error), torch.cos(2 * error), error], -1),
        torch.stack([square * 3, state.drawer / goal.travel], -1),
        torch.stack([(left * 20).clamp(-2, 2), (left * 100).clamp(-2, 2)], -1),
    ]
    return torch.cat(columns, -1)


OBS_DIM = ROBOT_FEATURES + 13


def moved(state: State, goal: DrawerGoal) -> torch.Tensor:
    """(N,) bool: the drawer is where it is wanted, and what was in it still is."""
    return (missing(state, goal) <= 0) & (inside(state, goal) | ~goal.kept).all(-1)


def success(state: State, goal: DrawerGoal) -> torch.Tensor:
    """(N,) bool: the drawer is where it is wanted; the gripper is free, open and at rest."""
    free = (state.touch < 0.05).all(-1) & (state.fingers.mean(-1) > 0.8 * FINGER_OPEN)
    return moved(state, goal) & free & at_rest(state)


def failure(state: State, goal: DrawerGoal) -> torch.Tensor:
    """(N,) bool: something was pushed out of the drawer."""
    return (~inside(state, goal) & goal.kept).any(-1)


def terms(
    state: State,
    goal: DrawerGoal,
    action: torch.Tensor,
    speed: torch.Tensor,
    before: torch.Tensor,
    toppled: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """Weighted reward terms, (N,) each: take the handle, move it, let go, come to rest.

    Args:
        speed, before: (N,) of the drawer, and a control step earlier [m/s].
        toppled: (N,) in [0, 2], how far what is in it has tipped since the start.
    """
    offset = to_base(state.base_pose, handle_now(state, goal)) - state.tcp_pos
    distance, done = offset.norm(dim=-1), moved(state, goal).float()
    near, close = 1 - torch.tanh(4 * distance), 1 - torch.tanh(15 * distance)
    aligned = torch.cos(2 * yaw_error(state, goal)).clamp_min(0)
    gripped = (state.touch > TOUCH_FORCE).all(-1) & (distance < 0.05)
    share = 1 - (missing(state, goal) / (OPENED * goal.travel)).clamp(0, 1)
    away = (state.tcp_pos - constant(REST_TCP)).norm(dim=-1)
    rest = 0.5 * (1 - away / 0.6).clamp(0, 1) + 0.5 * (1 - torch.tanh(12 * away))
    openness = state.fingers.mean(-1) / FINGER_OPEN
    return {
        "reach": (near + close * aligned) * (1 - done),
        "align": 0.5 * (1 - torch.tanh(1.2 * yaw_error(state, goal).abs())) * (1 - done),
        "grip": 1.5 * gripped.float() * aligned * (1 - done),
        "move": 5.0 * share,
        "gentle": -40.0 * (speed.abs() - GENTLE).clamp_min(0).square(),
        "jolt": -1.0 * (((speed - before).abs() - JOLT) / JOLT).clamp(0, 3).square(),
        "topple": -6.0 * toppled,
        "done": 4.0 * done,
        "free": 1.5 * done * openness,
        "rest": 7.0 * done * rest,
        "settled": 6.0 * success(state, goal).float(),  # else hovering near rest pays as much
        "slow": 1.0 * done * rest.square() * (1 - torch.tanh(3 * state.tcp_vel.norm(dim=-1))),
        "effort": -0.03 * action.square().sum(-1),
    }


class DrawerTask(ArmTask):
    """The training MDP of one of the two families."""

    name: str
    wants_open: bool
    obs_dim = OBS_DIM
    act_dim = ARM_ACTIONS
    horizon = 120

    def __init__(
        self,
        num_envs: int,
        seed: int = 0,
        threads: int = 0,
        easy: float = 0.35,
        fixtures: Fixtures | None = None,
        engines: Engines = CpuEngine,
        randomise: RandomiseCfg = NONE,
    ) -> None:
        self.num_envs, self.easy = num_envs, easy
        fixed = fixtures or drawer_fixtures(num_envs, seed, threads, engines)
        self.fixtures, self.engine = fixed, fixed.engine
        self.random = Randomiser(self.engine, randomise, half=fixed.half)
        self.reader, self.control = StateReader(self.engine), Controller(self.engine)
        self.goal = DrawerGoal.read(fixed.models, self.wants_open)
        self.goal.kept[:, 0] = True
        self.floor, self.stand = places(fixed.models, self.goal.slide, self.goal.travel)
        self.speed, self._before = torch.zeros(num_envs), torch.zeros(num_envs)
        """(N,) of the drawers, now and a control step earlier [m/s]."""
        self._standing = torch.ones(num_envs)
        self._action = torch.zeros(num_envs, ARM_ACTIONS)
        self._postures = postures_across()
        self.state = self.reader.read()

    def reset(self, mask: torch.Tensor, rng: torch.Generator) -> None:
        """See `Task.reset`."""
        rows = Rows(mask)
        index, count = rows.index, len(rows)
        self.engine.reset(mask)
        self.random.begin(rows, rng)
        goal, slide = self.goal, self.goal.slide[index]
        unit = torch.rand(2, count, generator=rng)
        easy = unit[0] < self.easy
        made = extension(easy, self.easy, rng)
        out = (made if self.wants_open else 1 - made) * goal.travel[index]
        usual = stand_before(self.stand[index], rng)
        about, gripping, opening = about_handle(
            usual, goal.handle[index], slide, out, unit[1], self._postures, rng
        )
        near = easy & about.easy
        start = usual.where(near, about)
        gripping, opening = near & gripping, torch.where(near, opening, FINGER_OPEN)
        pose = contents(self.floor[index], self.fixtures.half[index], slide, out, rng)
        place_bodies(self.fixtures, rows, start, pose, opening[:, None].expand(count, 2))
        rows.put(self.engine.field("qpos")[:, self.fixtures.layout.drawer], out)
        self.control.reset(
            rows, start.tcp, torch.where(gripping, (opening - 0.02).clamp_min(0), opening)
        )
        self.engine.forward(mask)
        self.state = self.reader.read()
        rows.put(self._standing, self._upness()[index])
        self.speed = torch.where(mask, 0.0, self.speed)

    def observe(self) -> torch.Tensor:
        """See `Task.observe`."""
        return observe(self.random.sense(self.state), self.goal, self.control)

    def step(self, action: torch.Tensor) -> None:
        """See `Task.step`."""
        self._action, last = action, self.state.drawer
        self.control.move_arm(self.random.delay(action), self.state)
        self.control.advance()
        self.state = self.reader.read()
        self._before, self.speed = self.speed, (self.state.drawer - last) / CONTROL_DT

    def rewards(self) -> Mapping[str, torch.Tensor]:
        """See `Task.rewards`."""
        toppled = (self._standing - self._upness()).abs()
        return terms(self.state, self.goal, self._action, self.speed, self._before, toppled)

    def _upness(self) -> torch.Tensor:
        """(N,) how upright the object is; 1 for those that have no top."""
        up, ball = quat_up(self.state.object_quat[:, 0]), self.fixtures.shape[:, 1] > 0.5
        return torch.where(ball, torch.ones_like(up), up)

    def success(self) -> torch.Tensor:
        """See `Task.success`."""
        return success(self.state, self.goal)

    def failure(self) -> torch.Tensor:
        """See `Task.failure`."""
        return failure(self.state, self.goal)

    def labels(self) -> Mapping[str, list[str]]:
        """What to report success by: what each simulation's drawer holds."""
        return {"holding": [cfg.object for cfg in self.fixtures.cfgs]}


class OpenTask(DrawerTask):
    """Pull the drawer out to at least `OPENED` of its travel."""

    name, wants_open = "open", True


class CloseTask(DrawerTask):
    """Push the drawer in to within `SHUT`."""

    name, wants_open = "close", False
