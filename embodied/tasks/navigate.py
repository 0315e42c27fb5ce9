"""Navigate: drive from any free pose to a stand pose, touch nothing, come to rest there.

The policy sees way-points of a planned route, the goal in its own frame and range rays, and commands
base velocities; `proximity.shield` bounds what it commands by the clearance it has. One policy over
all places, rooms and goals. The arm is at `robot.REST_TCP` all the while.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch

from embodied.tasks.randomise import NONE, RandomiseCfg, Randomiser
from embodied.tasks.rooms import Rooms
from embodied.world.cart import Carts
from embodied.world.control import BASE_ACTIONS, MAX_SPEED
from embodied.world.engine import CpuEngine, Engines
from embodied.world.navigation import Map
from embodied.world.predicates import TOUCH_FORCE
from embodied.world.proximity import RANGE, RAYS, Obstacles, Proximity, clearance, ranges, shield
from embodied.world.routes import Route
from embodied.world.scene import CONTROL_DT
from embodied.world.state import State, rotate, wrap
from embodied.world.tensors import Rows, constant, moved

OBS_DIM = 24 + RAYS
NEAR, ALIGNED = 0.04, 0.07  # m, rad (4 degrees): of the goal pose at success
SLOW, SLOW_TURN = 0.03, 0.05  # m/s, rad/s at success
SMOOTHING = 0.35  # of the way to the wanted velocity a control step: a filter of about 0.1 s


@dataclass(frozen=True)
class NavGoal:
    """Where each of N simulations is to drive, and what is known of the way."""

    pose: torch.Tensor
    """(N, 3) x, y, yaw of the base, world."""
    obstacles: Obstacles
    route: Route
    row: torch.Tensor
    """(N,) row of the route."""

    @classmethod
    def plan(
        cls, room: Map, pose: tuple[float, float, float] | np.ndarray, drawer_open: float = 0.0
    ) -> NavGoal:
        """The goal of one simulation (N = 1) in a room, with its route; about 30 ms."""
        return cls(
            pose=torch.tensor([[float(value) for value in pose]]),
            obstacles=room.obstacles(1, drawer_open),
            route=room.route((float(pose[0]), float(pose[1])), drawer_open),
            row=torch.zeros(1, dtype=torch.long),
        )

    def beside(self, box: torch.Tensor) -> NavGoal:
        """The same with one more tall solid, (N, 4) as in `Obstacles`, that the route ignores."""
        known = self.obstacles
        tall = torch.ones(len(box), 1, dtype=torch.bool)
        solids = Obstacles(
            torch.cat([known.boxes, box[:, None]], 1), torch.cat([known.tall, tall], 1)
        )
        return replace(self, obstacles=solids)


def remaining(state: State, goal: NavGoal) -> torch.Tensor:
    """(N,) length of the way left [m]."""
    return goal.route.remaining(state.base_pose[:, :2], goal.row)


def offset(state: State, goal: NavGoal) -> tuple[torch.Tensor, torch.Tensor]:
    """The goal in the base frame: position (N, 2) [m] and heading (N,) [rad]."""
    pose = state.base_pose
    return rotate(goal.pose[:, :2] - pose[:, :2], -pose[:, 2]), wrap(goal.pose[:, 2] - pose[:, 2])


def observe(state: State, goal: NavGoal) -> torch.Tensor:
    """(N, OBS_DIM) the policy's observation, base frame, scaled to about unit range."""
    pose = state.base_pose
    points = goal.route.waypoints(pose[:, :2], goal.row) - pose[:, None, :2]
    points = rotate(points, -pose[:, 2:])
    left = remaining(state, goal)[:, None]
    place, turn = offset(state, goal)
    near = Proximity.of(pose, goal.obstacles)
    arm, solid = near.gripper.min(-1)
    normal = near.gripper_towards[torch.arange(len(pose)), solid]
    columns = [
        points[:, 0] / 0.3,
        points[:, 1] / 0.7,
        (place / 2).clamp(-1.5, 1.5),
        (place * 6).clamp(-1.5, 1.5),
        torch.tanh(left),
        torch.tanh(left / 4),
        torch.stack([torch.sin(turn), torch.cos(turn), (turn * 5).clamp(-1.5, 1.5)], -1),
        state.base_vel / constant(MAX_SPEED),
        (state.base_vel * 8).clamp(-1, 1),
        holding(state)[:, None],
        torch.exp(-near.base.amin(-1).clamp_min(0) / 0.15)[:, None],
        torch.exp(-arm.clamp_min(0) / 0.25)[:, None] * torch.cat(
            [torch.ones(len(pose), 1), rotate(normal, -pose[:, 2])], -1
        ),
        1 - ranges(pose, goal.obstacles) / RANGE,
    ]  # fmt: skip
    return torch.cat(columns, -1)


def holding(state: State) -> torch.Tensor:
    """(N,) 1 where both pads press on something, else 0."""
    return (state.touch > TOUCH_FORCE).all(-1).float()


def command(
    state: State, action: torch.Tensor, goal: NavGoal, velocity: torch.Tensor
) -> torch.Tensor:
    """(N, 3) base velocity command, body frame, of action (N, 3) in [-1, 1], behind the shield.

    Small actions are finer than large ones, for coming to rest.

    Args:
        velocity: (N, 3) what the controller commands now (`Controller.velocity`).
    """
    action = action.clamp(-1, 1)
    wanted = action * (0.2 + 0.8 * action.abs()) * constant(MAX_SPEED)
    wanted = velocity + SMOOTHING * (wanted - velocity)
    return shield(wanted, velocity, state, goal.obstacles)


def success(state: State, goal: NavGoal) -> torch.Tensor:
    """(N,) bool: at the goal pose and nearly still."""
    place, turn = offset(state, goal)
    there = (place.norm(dim=-1) < NEAR) & (turn.abs() < ALIGNED)
    slow = state.base_vel[:, :2].norm(dim=-1) < SLOW
    return there & slow & (state.base_vel[:, 2].abs() < SLOW_TURN)


def failure(state: State, goal: NavGoal) -> torch.Tensor:
    """(N,) bool: the robot touches something."""
    return clearance(state.base_pose, goal.obstacles) <= 0


def terms(
    state: State, goal: NavGoal, left: torch.Tensor, action: torch.Tensor, last: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Weighted reward terms, (N,) each. Each later stage is worth more than all before it.

    Args:
        left: (N,) way that was left before the step [m].
        action, last: (N, 3) this step's action and the one before.
    """
    place, turn = offset(state, goal)
    distance, speed = place.norm(dim=-1), state.base_vel
    progress = (left - remaining(state, goal)) / (MAX_SPEED[0] * CONTROL_DT)
    ahead = speed[:, 0] / speed[:, :2].norm(dim=-1).clamp_min(0.05)
    near = torch.exp(-distance / 0.25)
    there = torch.exp(-(distance / NEAR).square() - (turn / ALIGNED).square())
    motion = speed[:, :2].norm(dim=-1) / 0.1 + speed[:, 2].abs() / 0.2
    gap = clearance(state.base_pose, goal.obstacles)
    jerk = (action - last).square().sum(-1)
    return {
        "progress": progress.clamp(-1.5, 1.5),
        "near": near,
        "align": near * torch.exp(-turn.abs() / 0.4),
        "there": 2.0 * there,
        "rest": 2.0 * there * torch.exp(-motion),
        "forward": 0.8 * progress.clamp(0, 1) * ahead,
        "close": -0.5 * (1 - gap / 0.05).clamp(0, 1) * (1 - near),
        "touch": -20.0 * (gap <= 0).float(),
        "jerk": -0.15 * (1 + holding(state)) * jerk,
        "effort": -0.1 * (action.abs() - 1).clamp_min(0).square().sum(-1),
    }


class NavigateTask:
    """The training MDP: carts in random rooms and the real kitchen, from any free pose.

    Args:
        easy: share of episodes that begin near their goal; twice as many begin in tight spots.
        rooms: where; by default new ones are drawn for the seed.
    """

    name = "navigate"
    obs_dim = OBS_DIM
    act_dim = BASE_ACTIONS
    horizon = 350
    gamma: ClassVar[float] = 0.98
    ppo: ClassVar[dict[str, Any]] = {"gae_lambda": 0.95}
    """What the trainer passes to `policies.ppo.make_ppo` beyond its defaults."""

    def __init__(
        self,
        num_envs: int,
        seed: int = 0,
        threads: int = 0,
        easy: float = 0.15,
        rooms: Rooms | None = None,
        engines: Engines = CpuEngine,
        randomise: RandomiseCfg = NONE,
    ) -> None:
        self.num_envs, self.easy, self.tight = num_envs, easy, 2 * easy
        with torch.device("cpu"):
            rooms = rooms or Rooms.build(
                seed, random=min(60, 3 + num_envs // 8), real=min(20, 1 + num_envs // 24)
            )
        self.rooms = moved(rooms, torch.get_default_device())
        self._in_kitchen = torch.arange(num_envs) % 3 == 0
        self._rows = (self.rooms.rows(kitchen=False), self.rooms.rows(kitchen=True))
        self.carts = Carts(num_envs, threads, engines)
        self.engine = self.carts.engine
        self.random = Randomiser(self.engine, randomise, body="base_link")
        row = torch.zeros(num_envs, dtype=torch.long)
        self.goal = NavGoal(self.rooms.goals[row], self.rooms.obstacles(row), self.rooms.route, row)
        self.state = self.carts.state()
        self._left = torch.zeros(num_envs)
        self._action = torch.zeros(num_envs, BASE_ACTIONS)
        self._last = torch.zeros(num_envs, BASE_ACTIONS)

    def reset(self, mask: torch.Tensor, rng: torch.Generator) -> None:
        """See `Task.reset`."""
        begin, rooms, goal = Rows(mask), self.rooms, self.goal
        unit = torch.rand(len(begin), generator=rng)
        elsewhere, kitchen = (rows[(unit * len(rows)).long()] for rows in self._rows)
        row = torch.where(self._in_kitchen[begin.index], kitchen, elsewhere)
        around = rooms.obstacles(row)
        for target, value in (
            (goal.row, row),
            (goal.pose, rooms.goals[row]),
            (goal.obstacles.boxes, around.boxes),
            (goal.obstacles.tall, around.tall),
            (self._action, 0.0),
        ):
            begin.put(target, value)
        start = self._start(row, around, rng)
        held = torch.rand(len(begin), generator=rng) < 0.5
        self.carts.reset(begin, start, held)
        self.random.begin(begin, rng)
        self.state = self.carts.state()
        self._left = remaining(self.state, goal)

    def _start(self, row: torch.Tensor, around: Obstacles, rng: torch.Generator) -> torch.Tensor:
        """(M, 3) free base poses anywhere in the room. A share is near the goals of rows (M,), a
        share where the robot can hardly turn: what is rare there would not be learned."""
        count, starts = len(row), self.rooms.starts[self.rooms.room[row]]
        pick = torch.randint(starts.shape[1], (count, 6), generator=rng)
        offered = starts[torch.arange(count)[:, None], pick]
        gaps = torch.stack([clearance(offered[:, k], around) for k in range(6)], -1)
        tight = torch.rand(count, generator=rng) < self.tight
        anywhere = offered[torch.arange(count), torch.where(tight, gaps.argmin(-1), 0)]
        spread = torch.randn(count, 3, generator=rng) * constant((0.2, 0.2, 0.5))
        beside = self.rooms.goals[row] + spread
        easy = (torch.rand(count, generator=rng) < self.easy) & (clearance(beside, around) > 0.03)
        return torch.where(easy[:, None], beside, anywhere)

    def observe(self) -> torch.Tensor:
        """See `Task.observe`."""
        return observe(self.random.sense(self.state), self.goal)

    def step(self, action: torch.Tensor) -> None:
        """See `Task.step`."""
        self._left = remaining(self.state, self.goal)
        self._last, self._action = self._action, action.clone()
        acted = self.random.delay(action)
        self.carts.drive(command(self.state, acted, self.goal, self.carts.velocity))
        self.state = self.carts.state()

    def rewards(self) -> Mapping[str, torch.Tensor]:
        """See `Task.rewards`."""
        return terms(self.state, self.goal, self._left, self._action, self._last)

    def success(self) -> torch.Tensor:
        """See `Task.success`."""
        return success(self.state, self.goal)

    def failure(self) -> torch.Tensor:
        """See `Task.failure`."""
        return failure(self.state, self.goal)

    def labels(self) -> Mapping[str, list[str]]:
        """What to report success by: each simulation's kind of room."""
        kitchen = self._in_kitchen.tolist()
        return {"room": ["the kitchen" if real else "a random room" for real in kitchen]}
