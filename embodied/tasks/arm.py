"""What the arm skills share: features of arm and object, grasp geometry, postures, starts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice, product
from typing import Any, Self

import mujoco
import torch

from embodied.tasks.base import SHAPES, Goal
from embodied.tasks.randomise import NONE, Randomiser
from embodied.world import catalogue
from embodied.world.control import FINGER_OPEN, Controller
from embodied.world.engine import BatchEngine, CpuEngine, Engines
from embodied.world.grasp import FINGERTIP, GRASP_DEPTH, STAND
from embodied.world.predicates import heading, held, object_in_base, pick_out, vertical_half
from embodied.world.robot import BASE_RADIUS, HOME_ARM, REST_TCP
from embodied.world.scene import (
    OPEN_DRAWER,
    FixtureCfg,
    FixtureKind,
    fixture_model,
    scaled_half_extents,
)
from embodied.world.state import Layout, State, quat_up, rotate, turn, wrap
from embodied.world.tensors import Rows, constant

ROBOT_FEATURES = 21
ARM_FEATURES = ROBOT_FEATURES + 20
TURN_LIMIT = 1.75  # rad to either side that a grasp may want, within `control.YAW_LIMIT`
REST_RADIUS = 0.07  # m about `REST_TCP` within which the arm counts as at rest


class ArmTask(ABC):
    """What the arm's tasks share: each observes and judges any state, goal and controller it is given.

    `observe`, `success` and `failure` read nothing else of `self` than the attributes below, so the task
    that a policy was trained on is also the one that the kitchen asks.
    """

    horizon: int
    state: State
    goal: Any
    """A `Goal`, or a `drawer.DrawerGoal`."""
    control: Controller
    random: Randomiser

    @classmethod
    def over(cls, state: State, goal: Any, control: Controller) -> Self:
        """The task over a state from elsewhere: to be asked, not to be reset or stepped."""
        task = cls.__new__(cls)
        task.state, task.goal, task.control = state, goal, control
        task.random = Randomiser(control.engine, NONE)
        return task

    @abstractmethod
    def observe(self) -> torch.Tensor:
        """See `Task.observe`."""

    @abstractmethod
    def success(self) -> torch.Tensor:
        """See `Task.success`."""

    @abstractmethod
    def failure(self) -> torch.Tensor:
        """See `Task.failure`."""


def grasp_point(state: State, goal: Goal) -> torch.Tensor:
    """(N, 3) where the tcp should be to grasp the object, base frame: centred, near the top."""
    centre = object_in_base(state, goal.index)
    high = vertical_half(state, goal.index, goal.half, goal.shape)
    z = torch.maximum(centre[:, 2], centre[:, 2] + high - GRASP_DEPTH)
    z = torch.maximum(z, centre[:, 2] - high + FINGERTIP)
    return torch.cat([centre[:, :2], z[:, None]], -1)


def yaw_error(state: State, goal: Goal) -> torch.Tensor:
    """(N,) rad from the gripper's yaw to a grasp across the object's narrow side; 0 if it is round.

    Of the two such yaws the nearer one is meant, unless the wrist would have to turn beyond
    `TURN_LIMIT`. At the tie the error is a full quarter turn, never 0: there is always a way to go.
    """
    yaw, oblong = heading(state, goal.index, goal.half)
    error = wrap(2 * (yaw - state.base_pose[:, 2] - state.tcp_yaw)) / 2
    beyond = (state.tcp_yaw + error).abs() > TURN_LIMIT
    error = torch.where(beyond, error - error.sign() * torch.pi, error)
    return torch.where(oblong, error, torch.zeros_like(error))


def at_rest(state: State) -> torch.Tensor:
    """(N,) bool: the tcp is near `REST_TCP` and hardly moves."""
    distance = (state.tcp_pos - constant(REST_TCP)).norm(dim=-1)
    return (distance < REST_RADIUS) & (state.tcp_vel.norm(dim=-1) < 0.15)


def robot_features(state: State, control: Controller) -> torch.Tensor:
    """(N, ROBOT_FEATURES) what every arm skill observes of itself, scaled to about unit range."""
    columns = [
        (state.tcp_pos - constant(REST_TCP)) * 3,
        (control.target[:, :3] - state.tcp_pos) * 30,
        wrap(control.target[:, 3] - state.tcp_yaw)[:, None] * 3,
        state.tcp_yaw[:, None],
        state.tcp_up * 5,
        state.tcp_vel * 2,
        state.fingers * 30 - 0.75,
        control.opening[:, None] * 30 - 0.75,
        torch.tanh(state.touch / 10),
        ((state.tcp_pos - constant(REST_TCP)) * 15).clamp(-2, 2),
    ]
    return torch.cat(columns, -1)


def arm_features(state: State, goal: Goal, control: Controller) -> torch.Tensor:
    """(N, ARM_FEATURES) what pick and place observe; base frame, scaled to about unit range."""
    index = goal.index
    centre = object_in_base(state, index)
    velocity = pick_out(state.object_vel, index)
    velocity = torch.cat([rotate(velocity[:, :2], -state.base_pose[:, 2]), velocity[:, 2:]], -1)
    grasp = grasp_point(state, goal)
    error = yaw_error(state, goal)
    columns = [
        robot_features(state, control),
        (centre - state.tcp_pos) * 4,
        ((grasp - state.tcp_pos) * 20).clamp(-3, 3),
        (velocity * 2).clamp(-3, 3),
        quat_up(pick_out(state.object_quat, index))[:, None],
        torch.stack([torch.sin(2 * error), torch.cos(2 * error), error], -1),
        goal.half * 15,
        goal.shape,
        held(state, index, goal.half).float()[:, None],
    ]
    return torch.cat(columns, -1)


@dataclass(frozen=True)
class Fixtures:
    """An engine over fixture variants, with what is known of each simulation's variant."""

    engine: BatchEngine
    layout: Layout
    cfgs: tuple[FixtureCfg, ...]
    """One per simulation."""
    half: torch.Tensor
    shape: torch.Tensor
    height: torch.Tensor
    kind: torch.Tensor
    """(N,) index into `KINDS`."""
    models: tuple[mujoco.MjModel, ...]
    """One per simulation."""
    columns: torch.Tensor
    """(19,) where qpos has base, arm, fingers and the object's pose."""


VARIANTS = 256
"""Fixtures that thousands of simulations on a GPU share: preparing one takes it tens of milliseconds."""
KINDS = ("surface", "tray", "bin", "drawer", "open drawer")
HEIGHTS = {
    "surface": (0.66, 0.84),
    "tray": (0.76, 0.84),
    "bin": (0.44, 0.56),
    "drawer": (0.46, 0.62),
    "open drawer": (0.46, 0.54),
}


def build_fixtures(
    kinds: tuple[FixtureKind, ...],
    num_envs: int,
    seed: int,
    threads: int = 0,
    engines: Engines = CpuEngine,
) -> Fixtures:
    """Deals the catalogue's objects and `kinds` (repeats weigh) out to the simulations.

    Each simulation draws its own fixture: sizes vary by 8 %, masses by 30 %, friction in
    [0.7, 1.1], heights over `HEIGHTS`. Compiling one takes 6 ms. Beyond `VARIANTS` simulations on
    another engine than the CPU's they repeat.
    """
    rng = torch.Generator().manual_seed(seed)

    def draw(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand(1, generator=rng, device="cpu"))

    variants = num_envs if engines is CpuEngine else min(num_envs, VARIANTS)
    pairs = islice(cycle(product(kinds, catalogue.objects())), variants)
    cfgs = [
        FixtureCfg(
            name, kind, draw(*HEIGHTS[kind]), draw(0.92, 1.08), draw(0.7, 1.3), draw(0.7, 1.1)
        )
        for kind, name in pairs
    ]
    return fixtures_of(list(islice(cycle(cfgs), num_envs)), threads, engines)


def fixtures_of(
    cfgs: Sequence[FixtureCfg], threads: int = 0, engines: Engines = CpuEngine
) -> Fixtures:
    """One simulation per entry; equal entries share one compiled model."""
    candidates = engines is not CpuEngine  # others want one topology in all simulations
    models = {cfg: fixture_model(cfg, candidates) for cfg in dict.fromkeys(cfgs)}
    engine = engines([models[cfg] for cfg in cfgs], len(cfgs), threads)
    layout = Layout.of(engine.model)
    first = layout.object_q[0]
    columns = [*layout.base, *layout.arm, *layout.fingers, *range(first, first + 7)]
    shapes = [SHAPES.index(catalogue.objects()[cfg.object].shape) for cfg in cfgs]
    return Fixtures(
        engine=engine,
        layout=layout,
        cfgs=tuple(cfgs),
        half=torch.tensor([scaled_half_extents(cfg) for cfg in cfgs]),
        shape=torch.nn.functional.one_hot(torch.tensor(shapes), len(SHAPES)).float(),
        height=torch.tensor([cfg.height for cfg in cfgs]),
        kind=torch.tensor([KINDS.index(cfg.kind) for cfg in cfgs]),
        models=tuple(models[cfg] for cfg in cfgs),
        columns=torch.tensor(columns),
    )


def arm_postures() -> tuple[torch.Tensor, torch.Tensor]:
    """Postures to start episodes from: tcp poses (n, 4) x, y, z, yaw and arm joints (n, 7)."""
    return _postures_on(torch.get_default_device())


@cache
def _postures_on(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.device("cpu"):
        pose, arm = _postures()
    return pose.to(device), arm.to(device)


@cache
def _postures(count: int = 768) -> tuple[torch.Tensor, torch.Tensor]:
    """See `arm_postures`. The servos themselves find them: a bare robot is driven to random targets
    and read when settled."""
    rng = torch.Generator().manual_seed(0)
    low, high = torch.tensor([0.48, -0.22, 0.62, -1.7]), torch.tensor([0.78, 0.22, 1.05, 1.7])
    wanted = low + (high - low) * torch.rand(count, 4, generator=rng)
    engine = CpuEngine(fixture_model(FixtureCfg("sponge")), count)
    layout = Layout.of(engine.model)
    qpos, ctrl = engine.field("qpos"), engine.field("ctrl")
    engine.reset()
    qpos[:, layout.base[0]] = -3.0  # far from the fixture
    qpos[:, layout.arm] = torch.tensor(HOME_ARM).double()
    qpos[:, layout.fingers] = FINGER_OPEN
    ctrl[:, 9:] = FINGER_OPEN
    start = torch.tensor([*REST_TCP, 0.0])
    for fraction in torch.linspace(0, 1, 60).tolist() + [1.0] * 25:
        pose = start + (wanted - start) * fraction
        ctrl[:, 3:6], ctrl[:, 8] = pose[:, :3].double(), pose[:, 3].double()
        engine.step(5)
    sensed = engine.field("sensordata").float()
    reached = sensed[:, layout.sensors["tcp_pos"]]
    xaxis = sensed[:, layout.sensors["tcp_xaxis"]]
    yaw = torch.atan2(xaxis[:, 1], xaxis[:, 0])
    good = ((reached - wanted[:, :3]).norm(dim=-1) < 0.02) & (wrap(yaw - wanted[:, 3]).abs() < 0.1)
    pose = torch.cat([reached, yaw[:, None]], -1)
    return pose[good], qpos[:, layout.arm].float()[good]


@dataclass(frozen=True)
class Start:
    """Where episodes begin: rows (M, ...) for the simulations that are reset."""

    easy: torch.Tensor
    """(M,) bool: begins close to its end."""
    base: torch.Tensor
    """(M, 3) base pose x, y, yaw, world."""
    tcp: torch.Tensor
    """(M, 4) tcp target x, y, z, yaw, base frame."""
    arm: torch.Tensor
    """(M, 7) joint angles."""

    def where(self, mask: torch.Tensor, other: Start) -> Start:
        """The other's rows where mask (M,) holds, else this start's."""
        column = mask[:, None]
        return Start(
            torch.where(mask, other.easy, self.easy),
            torch.where(column, other.base, self.base),
            torch.where(column, other.tcp, self.tcp),
            torch.where(column, other.arm, self.arm),
        )


def in_open_drawer(lying: torch.Tensor, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Points (M, 2) of an open drawer's floor, fixture frame, and yaws (M,) for what stands there;
    what lies (M,) does so across it."""
    unit = torch.rand(len(lying), 3, generator=rng) * 2 - 1
    unit[:, :2] *= torch.where(lying[:, None], 0.6, 1.0)
    where = constant(OPEN_DRAWER) + torch.stack([0.065 * unit[:, 0], 0.155 * unit[:, 1]], -1)
    yaw = torch.where(lying, torch.pi / 2 + 0.3 * unit[:, 2], torch.pi * unit[:, 2])
    return where, yaw


def stand_before(where: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """(M, 3) base poses in front of where (M, 2), looser than navigation stops: 7 cm, 11 degrees."""
    unit = torch.rand(len(where), 3, generator=rng) * 2 - 1
    yaw = unit[:, 2] * 0.2
    base = where - rotate(torch.stack([STAND + 0.07 * unit[:, 0], 0.08 * unit[:, 1]], -1), yaw)
    base[:, 0] = base[:, 0].clamp_max(-BASE_RADIUS - 0.02)
    return torch.cat([base, yaw[:, None]], -1)


def rest_start(base: torch.Tensor, rng: torch.Generator) -> Start:
    """The arm at rest above base poses (M, 3); half of them turned as an earlier skill left them."""
    count = len(base)
    unit = torch.rand(count, 5, generator=rng) * 2 - 1
    yaw = unit[:, 3] * torch.where(unit[:, 4] > 0, 1.7, 0.1)
    tcp = torch.cat([constant(REST_TCP) + 0.02 * unit[:, :3], yaw[:, None]], -1)
    arm = constant(HOME_ARM).repeat(count, 1)
    arm[:, 6] -= yaw  # the wrist's roll axis points down
    return Start(torch.zeros(count, dtype=torch.bool), base, tcp, arm)


def place_bodies(
    fixed: Fixtures, rows: Rows, start: Start, pose: torch.Tensor, fingers: torch.Tensor
) -> None:
    """Writes robot and object into qpos: object poses (M, 7), finger openings (M, 2)."""
    values = torch.cat([start.base, start.arm, fingers, pose], -1)
    rows.put(fixed.engine.field("qpos"), values, fixed.columns)


def standing(
    spot: torch.Tensor, half: torch.Tensor, lying: torch.Tensor, yaw: torch.Tensor
) -> torch.Tensor:
    """(M, 7) poses on points (M, 3), upright or lying with their height along yaw (M,).

    half: (M, 3) extents. lying: (M,) bool.
    """
    zero, flat = torch.zeros_like(yaw), torch.full_like(yaw, 0.5**0.5)
    upright = torch.stack([torch.ones_like(yaw), zero, zero, zero], -1)
    tipped = torch.stack([flat, zero, flat, zero], -1)  # about y: its height now points along x
    quat = turn(torch.where(lying[:, None], tipped, upright), yaw)
    high = torch.where(lying, half[:, 0], half[:, 2])
    return torch.cat([spot[:, :2], (spot[:, 2] + high + 0.001)[:, None], quat], -1)


def any_yaw(count: int, rng: torch.Generator) -> torch.Tensor:
    """(count,) uniform in [-pi, pi]."""
    return (torch.rand(count, generator=rng) * 2 - 1) * torch.pi
