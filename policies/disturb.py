"""What a skill bears: episodes in each of which one thing goes wrong once, and how many still succeed.

Disturbances are physical where they can be (forces on base, drawer and object, a gripper that opens),
begin when the skill is in the midst of what they upset, and are not announced to the policy. A skill
that is interrupted gets the time that the kitchen gives it, `PATIENCE` times its training's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from embodied.tasks import registry
from embodied.tasks.arm import any_yaw, build_fixtures, grasp_point
from embodied.tasks.drawer import missing
from embodied.tasks.navigate import NavigateTask
from embodied.tasks.place import gap
from embodied.world.predicates import bottom, held
from embodied.world.proximity import clearance
from embodied.world.scene import DRAWER
from embodied.world.state import rotate, turn
from policies.execute import PATIENCE
from policies.rollouts import Act, run_episodes
from policies.skill import Figure

SHIFT, TWIST = (0.02, 0.04), 0.4  # m, rad: how far an object is nudged
BUMP, BUMP_TURN = 450.0, 60.0  # N and at most N m on the base, for `BUMP_STEPS` control steps
BUMP_STEPS = 5
OPEN_STEPS = 8  # control steps that the gripper is kept open for to knock something out of it
JOLT, JOLT_STEPS = 15.0, 2  # m/s2 on what is carried, and for how many control steps
SPEED, PULL = 0.4, 120.0  # m/s that a drawer is moved at, N per m/s that it is slower
PULL_STEPS = 50  # control steps that moving it takes at most
THERE = 0.015  # m, a drawer this close to where it was to be moved is let go


class Disturbed:
    """A task in whose every episode a disturbance sets in once, at `when` it first applies.

    Subclasses say when and what; everything else is the task's own.

    Args:
        task: whose simulations are disturbed.
    """

    def __init__(self, task: Any) -> None:
        self.task, self.engine = task, task.engine
        self.name, self.obs_dim, self.act_dim = task.name, task.obs_dim, task.act_dim
        self.num_envs, self.horizon = task.num_envs, int(task.horizon * PATIENCE)
        n = task.num_envs
        self.age = torch.zeros(n, dtype=torch.long)
        self.since = torch.full((n,), -1)
        """(N,) control steps since the disturbance set in; -1 before."""
        self.moment = torch.zeros(n, dtype=torch.long)
        self.upset = torch.zeros(n, dtype=torch.bool)
        """(N,) whether it set in during the simulation's first episode."""
        self.episodes = torch.zeros(n, dtype=torch.long)
        self.rng = torch.Generator()
        self.angle = torch.zeros(n)

    def reset(self, mask: torch.Tensor, rng: torch.Generator) -> None:
        """See `Task.reset`."""
        self.rng = rng
        self.task.reset(mask, rng)
        count = int(mask.sum())
        self.age[mask], self.since[mask] = 0, -1
        self.episodes[mask] += 1
        self.moment[mask] = torch.randint(5, 25, (count,), generator=rng)
        self.angle[mask] = any_yaw(count, rng)

    def step(self, action: torch.Tensor) -> None:
        """See `Task.step`."""
        begins = (self.since < 0) & self.when()
        self.upset |= begins & (self.episodes == 1)
        self.since = torch.where(begins, 0, torch.where(self.since >= 0, self.since + 1, -1))
        self.task.step(self.disturb(action.clone()))
        self.age += 1

    def observe(self) -> torch.Tensor:
        """See `Task.observe`."""
        return self.task.observe()

    def rewards(self) -> Mapping[str, torch.Tensor]:
        """See `Task.rewards`."""
        return self.task.rewards()

    def success(self) -> torch.Tensor:
        """See `Task.success`."""
        return self.task.success()

    def failure(self) -> torch.Tensor:
        """See `Task.failure`."""
        return self.task.failure()

    def labels(self) -> Mapping[str, list[str]]:
        """See `Task.labels`."""
        return self.task.labels()

    def when(self) -> torch.Tensor:
        """(N,) bool: the disturbance may set in now."""
        raise NotImplementedError

    def disturb(self, action: torch.Tensor) -> torch.Tensor:
        """Upsets what it does; returns the action (N, A) that is carried out instead."""
        raise NotImplementedError

    def force(self, body: str, planar: torch.Tensor, torque: torch.Tensor | None = None) -> None:
        """Horizontal forces (N, 2), world, and torques about the vertical (N,) for a control step."""
        applied = self.engine.field("xfrc_applied")
        row = self.engine.model.body(body).id
        applied[:, row, :2] = planar.double()
        if torque is not None:
            applied[:, row, 5] = torque.double()


class Nudged(Disturbed):
    """The object is moved a few centimetres and turned when the gripper is about to reach it."""

    def when(self) -> torch.Tensor:
        """See `Disturbed.when`."""
        state, goal = self.task.state, self.task.goal
        away = (state.tcp_pos - grasp_point(state, goal)).norm(dim=-1)
        return (away < 0.15) & ~held(state, goal.index, goal.half)

    def disturb(self, action: torch.Tensor) -> torch.Tensor:
        """See `Disturbed.disturb`."""
        now = self.since == 0
        if bool(now.any()):
            first = self.task.fixtures.layout.object_q[0]
            qpos = self.engine.field("qpos")
            unit = torch.rand(2, int(now.sum()), generator=self.rng)
            far = torch.stack([SHIFT[0] + (SHIFT[1] - SHIFT[0]) * unit[0], 0 * unit[0]], -1)
            qpos[now, first : first + 2] += rotate(far, self.angle[now]).double()
            quat = qpos[now, first + 3 : first + 7].float()
            qpos[now, first + 3 : first + 7] = turn(quat, TWIST * (2 * unit[1] - 1)).double()
            self.engine.forward(now)
            self.task.state = self.task.reader.read()
        return action


class KnockedOut(Disturbed):
    """The gripper is forced open when the object has just been lifted."""

    def when(self) -> torch.Tensor:
        """See `Disturbed.when`."""
        state, goal = self.task.state, self.task.goal
        lifted = bottom(state, goal.index, goal.half, goal.shape) > goal.spot[:, 2] + 0.02
        return lifted & held(state, goal.index, goal.half)

    def disturb(self, action: torch.Tensor) -> torch.Tensor:
        """See `Disturbed.disturb`."""
        action[(self.since >= 0) & (self.since < OPEN_STEPS), -1] = 1.0
        return action


class Jolted(Disturbed):
    """What is carried is struck on its way."""

    def when(self) -> torch.Tensor:
        """See `Disturbed.when`."""
        state, goal = self.task.state, self.task.goal
        above = -gap(state, goal)[:, 2] > 0.03
        return (self.age >= self.moment) & above & held(state, goal.index, goal.half)

    def disturb(self, action: torch.Tensor) -> torch.Tensor:
        """See `Disturbed.disturb`."""
        engine = self.engine
        now = (self.since >= 0) & (self.since < JOLT_STEPS)
        mass = engine.parameter("body_mass")[:, engine.model.body("object").id].float()
        along = torch.stack([torch.cos(self.angle), torch.sin(self.angle)], -1)
        self.force("object", along * (mass * JOLT * now)[:, None])
        return action


class Bumped(Disturbed):
    """Someone bumps into the robot, from any side, and turns it a little."""

    def when(self) -> torch.Tensor:
        """See `Disturbed.when`."""
        due = self.age >= self.moment
        if isinstance(self.task, NavigateTask):  # not into a wall: that would be no skill's fault
            due &= clearance(self.task.state.base_pose, self.task.goal.obstacles) > 0.12
        return due

    def disturb(self, action: torch.Tensor) -> torch.Tensor:
        """See `Disturbed.disturb`."""
        now = ((self.since >= 0) & (self.since < BUMP_STEPS)).float()
        along = torch.stack([torch.cos(self.angle), torch.sin(self.angle)], -1)
        body = "base_link" if isinstance(self.task, NavigateTask) else "robot/base_link"
        self.force(body, BUMP * along * now[:, None], BUMP_TURN * torch.sin(5 * self.angle) * now)
        return action


class HalfWay(Disturbed):
    """Someone pushes the drawer back half way once it is where it was wanted."""

    def when(self) -> torch.Tensor:
        """See `Disturbed.when`."""
        return missing(self.task.state, self.task.goal) <= 0

    def disturb(self, action: torch.Tensor) -> torch.Tensor:
        """See `Disturbed.disturb`."""
        task = self.task
        left = 0.5 * task.goal.travel - task.state.drawer
        pushed = (self.since >= 0) & (self.since < PULL_STEPS) & (left.abs() > THERE)
        # once there, it is left alone
        self.since = torch.where((self.since >= 0) & ~pushed, PULL_STEPS, self.since)
        dof = int(task.engine.model.joint(DRAWER).dofadr[0])
        slower = (5 * left).clamp(-SPEED, SPEED) - task.engine.field("qvel")[:, dof].float()
        task.engine.field("qfrc_applied")[:, dof] = (PULL * slower * pushed).double()
        return action


DISTURBANCES: Mapping[str, Mapping[str, Callable[[Any], Disturbed]]] = {
    "navigate": {"base bumped": Bumped},
    "pick": {
        "object nudged mid-reach": Nudged,
        "knocked out of the gripper": KnockedOut,
        "base bumped": Bumped,
    },
    "place": {"jolted in the gripper": Jolted, "base bumped": Bumped},
    "open": {"drawer half shut": HalfWay, "base bumped": Bumped},
    "close": {"drawer half opened": HalfWay, "base bumped": Bumped},
}
"""By family and name. What place drops it cannot pick up: that is the planner's to mend."""


@dataclass(frozen=True)
class Borne:
    """What came of the episodes with one disturbance."""

    figure: Figure
    upset: float
    """Share of the episodes in which it set in; the others went on as if nothing were."""


def disturbed(
    family: str, name: str, act: Act, episodes: int, seed: int, threads: int = 0, **starts: Any
) -> Borne:
    """Success from fresh starts with one disturbance, of those episodes in which it set in.

    Args:
        starts: policies of the families that it `needs`.
    """
    spec = registry.family(family)
    kind = DISTURBANCES[spec.base][name]
    if kind is Nudged:  # where there is room to be nudged
        starts["fixtures"] = build_fixtures(("surface",), episodes, seed, threads)
    task = kind(spec.make(episodes, seed, threads, **{**spec.fresh, **starts}))
    ended = run_episodes(task, act, 1, seed + 1)
    return Borne(ended.figure(task.upset.numpy()[ended.rows]), float(task.upset.float().mean()))
