"""Gymnasium environments: one per skill, and the kitchen itself. One simulation each.

For training use `policies.vec_env.TaskVecEnv`, which steps hundreds of simulations at once; these
are for looking at a skill's MDP, for other libraries, and for the checkers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, get_args

import gymnasium as gym
import numpy as np
import torch

from embodied.errors import UsageError
from embodied.tasks import registry
from embodied.tasks.arm import Fixtures, fixtures_of
from embodied.tasks.base import CONFIRM, Task, settle
from embodied.tasks.drawer import CloseTask, OpenTask
from embodied.tasks.navigate import NavigateTask
from embodied.tasks.pick import PickTask
from embodied.tasks.place import PlaceTask
from embodied.world import catalogue
from embodied.world.control import ARM_ACTIONS, BASE_ACTIONS, MAX_SPEED
from embodied.world.goals import Goal, check_object, nearest, parse_goal
from embodied.world.kitchen import Kitchen
from embodied.world.scene import DrawerCfg, FixtureCfg, FixtureKind
from embodied.world.state import State

_BOUND = 10.0


class SkillEnv(gym.Env[np.ndarray, np.ndarray]):
    """One simulation of a skill's training MDP.

    Observations (obs_dim,) float32, actions (act_dim,) in [-1, 1]. The reward is the sum of the
    task's terms; ``info["terms"]`` has them by name. Success that has held for `CONFIRM` steps
    terminates, and so does failure; the horizon truncates. A success is paid as if it went on for
    ever (`tasks.base.settle`). Training differs in nothing but a constant factor on rewards.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(self, task: Task) -> None:
        self.task = task
        self.observation_space = gym.spaces.Box(-_BOUND, _BOUND, (task.obs_dim,), np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (task.act_dim,), np.float32)
        self._rng = torch.Generator()
        self._gamma = registry.family(task.name).gamma
        self._length = self._confirmed = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Draws a new start; the same seed draws the same one."""
        super().reset(seed=seed)
        self._rng.manual_seed(int(self.np_random.integers(2**31)))
        self._length = self._confirmed = 0
        self.task.reset(torch.ones(1, dtype=torch.bool), self._rng)
        return self._observe(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One control step; see `gymnasium.Env.step`."""
        self.task.step(torch.as_tensor(action, dtype=torch.float32)[None])
        terms = self.task.rewards()
        self._confirmed = self._confirmed + 1 if bool(self.task.success()[0]) else 0
        success = self._confirmed >= CONFIRM
        over = success or bool(self.task.failure()[0])
        self._length += 1
        truncated = self._length >= self.task.horizon and not over
        reward = torch.stack(list(terms.values())).sum(0)
        reward = settle(reward, torch.tensor([success]), self._gamma)
        named = {name: float(value[0]) for name, value in terms.items()}
        info = {"terms": named, "is_success": success}
        return self._observe(), float(reward[0]), over, truncated, info

    def _observe(self) -> np.ndarray:
        return self.task.observe()[0].clamp(-_BOUND, _BOUND).numpy()


class KitchenEnv(gym.Env[np.ndarray, np.ndarray]):
    """The kitchen: base and arm at once, any objects, an optional goal.

    Actions (8,) in [-1, 1]: base forward, left, turn (of `control.MAX_SPEED`), then dx, dy, dz,
    dyaw, gripper. Observations: the fields of `State`, flattened, in their order, float32 and
    clipped. With a goal of the suite format the reward is 1 where it holds, which terminates.

    Args:
        objects: instance -> place.
        robot_at: the robot's place; None is a random free pose.
        goal: e.g. ``{"at": ["sponge", "user"]}``.
        max_steps: control steps (25 a second) until truncation.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(
        self,
        objects: Mapping[str, str] | None = None,
        robot_at: str | None = None,
        goal: Mapping[str, Any] | None = None,
        max_steps: int = 1500,
    ) -> None:
        self._objects = dict(objects if objects is not None else {"sponge": "far counter"})
        self._robot_at, self._max_steps = robot_at, max_steps
        self._goal: Goal | None = parse_goal(goal) if goal else None
        self.kitchen = Kitchen(list(self._objects))
        size = len(self._flat(self.kitchen.state))
        self.observation_space = gym.spaces.Box(-_BOUND, _BOUND, (size,), np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (BASE_ACTIONS + ARM_ACTIONS,), np.float32)
        self._length = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Arranges the scene anew; the same seed stands everything on the same spots."""
        super().reset(seed=seed)
        self.kitchen.restart(self.np_random)
        self.kitchen.arrange(self._objects, self._robot_at)
        self._length = 0
        return self._flat(self.kitchen.state), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One control step; see `gymnasium.Env.step`. ``info["facts"]`` is the symbolic reading."""
        command = torch.as_tensor(action, dtype=torch.float32)[None]
        base = command[:, :BASE_ACTIONS] * torch.tensor(MAX_SPEED)
        self.kitchen.control.move_arm(command[:, BASE_ACTIONS:], self.kitchen.state, base)
        state = self.kitchen.step()
        self._length += 1
        facts = self.kitchen.facts()
        reached = self._goal is not None and self._goal.holds(facts)
        truncated = self._length >= self._max_steps and not reached
        return self._flat(state), float(reached), reached, truncated, {"facts": facts.to_json()}

    @staticmethod
    def _flat(state: State) -> np.ndarray:
        parts = [value[0].flatten() for value in vars(state).values()]
        return torch.cat(parts).clamp(-_BOUND, _BOUND).numpy()


def make_navigate(**kwargs: Any) -> SkillEnv:
    """``embodied/Navigate-v0``."""
    return SkillEnv(NavigateTask(1, **kwargs))


def make_pick(object: str = "sponge", kind: FixtureKind = "surface", easy: float = 0.0) -> SkillEnv:
    """``embodied/Pick-v0``: one object of the catalogue on one kind of fixture."""
    return SkillEnv(PickTask(1, easy=easy, fixtures=_fixture(object, kind)))


def make_place(
    object: str = "sponge", kind: FixtureKind = "surface", easy: float = 0.0
) -> SkillEnv:
    """``embodied/Place-v0``: one held object, one kind of fixture."""
    return SkillEnv(PlaceTask(1, easy=easy, fixtures=_fixture(object, kind)))


def _fixture(object: str, kind: FixtureKind) -> Fixtures:
    """One fixture. Raises UsageError on an object or a kind that there is not."""
    if kind not in get_args(FixtureKind):
        raise UsageError(f"unknown fixture '{kind}'{nearest(str(kind), get_args(FixtureKind))}")
    return fixtures_of([FixtureCfg(catalogue.kind(check_object(object)), kind)], 1)


def make_open(object: str = "sponge", easy: float = 0.0) -> SkillEnv:
    """``embodied/Open-v0``: the kitchen's drawer with one object in it."""
    return SkillEnv(OpenTask(1, easy=easy, fixtures=_drawer(object)))


def make_close(object: str = "sponge", easy: float = 0.0) -> SkillEnv:
    """``embodied/Close-v0``: the kitchen's drawer with one object in it."""
    return SkillEnv(CloseTask(1, easy=easy, fixtures=_drawer(object)))


def _drawer(object: str) -> Fixtures:
    return fixtures_of([DrawerCfg(catalogue.kind(check_object(object)))], 1)


def make_kitchen(**kwargs: Any) -> KitchenEnv:
    """``embodied/Kitchen-v0``."""
    return KitchenEnv(**kwargs)
