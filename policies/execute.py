"""Carries out one grounded skill call in the kitchen: policy in, physics out, success read off the state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from embodied.tasks import navigate, registry, task_file
from embodied.tasks.arm import ArmTask
from embodied.tasks.base import CONFIRM
from embodied.tasks.grounding import Request, ground
from embodied.tasks.labels import SkillCall
from embodied.tasks.navigate import NavGoal
from embodied.world.kitchen import Kitchen
from embodied.world.navigation import Map
from embodied.world.people import bystander
from embodied.world.predicates import held
from embodied.world.robot import FINGER_OPEN, REST_TCP
from embodied.world.scene import CONTROL_DT
from policies.skill import Skill

OnStep = Callable[[float], None]
"""Called after every control step with the seconds since the skill began."""
PATIENCE = 1.5  # of the training horizon: a kitchen is allowed more time than an episode
_WITHDRAW = 40  # control steps
_WAIT, _CRAWL = (
    50,
    0.05,
)  # control steps before somebody in the way; m/s, rad/s below which it waits
_MISHAPS = {  # by the family that is, or that a skill of your own extends
    "pick": "it fell or got out of reach",
    "place": "it fell or got out of reach",
    "open": "something was pushed out of the drawer",
    "close": "something was pushed out of the drawer",
}


@dataclass(frozen=True)
class Outcome:
    """How a skill ended."""

    success: bool
    reason: str
    steps: int
    """Control steps at 25 Hz."""


class Executor:
    """Runs skills in one kitchen.

    Args:
        skills: a loaded skill per family.
    """

    def __init__(self, kitchen: Kitchen, skills: Mapping[str, Skill]) -> None:
        self.kitchen, self.skills = kitchen, skills
        self._tasks = {family: registry.family(family).make for family in skills}
        self.map = Map.from_model(kitchen.model)

    def run(self, call: SkillCall, on_step: OnStep | None = None) -> Outcome:
        """Carries out the call; returns when it succeeded, cannot succeed any more, or ran out of time."""
        request = ground(call, self.kitchen)
        if not request.present:
            return Outcome(False, _absence(call, self.kitchen), 0)
        tick = on_step or (lambda seconds: None)
        if call.base == "navigate":
            return self._navigate(request, tick)
        carried = self.kitchen.holding()
        if not self._ready(call, request, carried):
            found = f"holds the {carried}" if carried else "is empty"
            return Outcome(False, f"the gripper {found}", 0)
        if call.own:
            return self._own(call, request, tick)
        return self._arm(call, request, tick)

    def _own(self, call: SkillCall, request: Request, tick: OnStep) -> Outcome:
        """Runs a skill of your own; its task file failing is a failure of the skill, no more."""
        try:
            outcome = self._arm(call, request, tick)
        except Exception as error:
            fault = task_file.blame(error)
            if fault is None:
                raise
            return Outcome(False, str(fault), 0)
        if outcome.success:
            self.kitchen.did.append(call.label)
        return outcome

    def _ready(self, call: SkillCall, request: Request, carried: str | None) -> bool:
        """Whether the gripper has what the skill begins with: its object, or nothing."""
        if call.base != "place":
            return carried is None
        goal = request.goal
        assert goal is not None
        return bool(held(self.kitchen.state, goal.index, goal.half)[0])

    def _navigate(self, request: Request, tick: OnStep) -> Outcome:
        kitchen, skill = self.kitchen, self.skills["navigate"]
        assert request.stand is not None
        goal = NavGoal.plan(self.map, request.stand, float(kitchen.state.drawer[0]))
        person = bystander(kitchen)
        if person is not None:  # seen by the shield and the policy; the map knows furniture alone
            goal = goal.beside(person)
        carried = kitchen.holding()
        confirmed = waited = 0
        for step in range(1, int(navigate.NavigateTask.horizon * PATIENCE) + 1):
            action = skill.act(navigate.observe(kitchen.state, goal))
            velocity = kitchen.control.velocity
            command = navigate.command(kitchen.state, action, goal, velocity)
            kitchen.control.move_base(command, kitchen.state)
            kitchen.step()
            tick(step * CONTROL_DT)
            if bool(navigate.failure(kitchen.state, goal)[0]):
                return Outcome(False, "the base touched something", step)
            confirmed = confirmed + 1 if bool(navigate.success(kitchen.state, goal)[0]) else 0
            if confirmed >= CONFIRM:
                if carried is not None and kitchen.holding() != carried:
                    return Outcome(False, f"the {carried} was lost on the way", step)
                return Outcome(True, "", step)
            moving = float(kitchen.state.base_vel.abs().amax()) > _CRAWL
            waited = 0 if person is None or moving else waited + 1
            if waited >= _WAIT:
                return Outcome(False, "somebody stands in the way", step)
        return Outcome(False, "did not get there in time", step)

    def _arm(self, call: SkillCall, request: Request, tick: OnStep) -> Outcome:
        """Runs an arm skill: its policy acts, its task judges."""
        kitchen, confirmed, reason, step = self.kitchen, 0, "ran out of time", 0
        skill, made = self.skills[call.family], self._tasks[call.family]
        goal = request.goal if request.drawer is None else request.drawer
        task: ArmTask = made.over(kitchen.state, goal, kitchen.control)  # type: ignore[attr-defined]
        for step in range(1, int(task.horizon * PATIENCE) + 1):
            kitchen.control.move_arm(skill.act(task.observe()), kitchen.state)
            kitchen.step()
            tick(step * CONTROL_DT)
            task.state = kitchen.state
            confirmed = confirmed + 1 if bool(task.success()[0]) else 0
            if confirmed >= CONFIRM:
                rest = self._withdraw(tick, step) if call.own or call.base == "place" else 0
                return Outcome(True, "", step + rest)
            if bool(task.failure()[0]):
                reason = _MISHAPS[call.base]
                break
        return Outcome(False, reason, step + self._withdraw(tick, step))

    def _withdraw(self, tick: OnStep, before: int) -> int:
        """After a placement or a failed arm skill the target is led back to rest, an empty gripper
        opens: not a policy but a reflex of the controller, so that the next skill starts from where
        it was trained to. A closed empty gripper is one that pick and its head have never seen."""
        kitchen = self.kitchen
        rest = torch.tensor(REST_TCP)
        empty = kitchen.holding() is None
        for step in range(1, _WITHDRAW + 1):
            offset = rest - kitchen.state.tcp_pos
            # up before back: the fingers may be beside something tall
            rising = offset[:, 2:] > 0.12
            move = torch.where(rising, torch.tensor([[0.0, 0.0, 1.0]]), offset * 12).clamp(-1, 1)
            turn = (-5 * kitchen.state.tcp_yaw[:, None]).clamp(-1, 1)
            action = torch.cat([move, turn, torch.full((1, 1), 1.0 if empty else -1.0)], -1)
            kitchen.control.move_arm(action, kitchen.state)
            kitchen.step()
            tick((before + step) * CONTROL_DT)
            ready = not empty or float(kitchen.state.fingers.amin()) > 0.9 * FINGER_OPEN
            if ready and float(offset.norm()) < 0.03 and float(turn.abs()) < 0.5:
                break
        return step


def _absence(call: SkillCall, kitchen: Kitchen) -> str:
    if call.kind in ("put down", "bring", "place") and kitchen.holding() is None:
        return "the gripper is empty"
    if call.obj is not None and not kitchen.has(call.obj):
        return f"there is no {call.obj} here"
    return "there is no surface in front of the robot"
