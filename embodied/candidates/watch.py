"""What a policy does, picture by picture: the first episodes of its task, whatever becomes of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from embodied.candidates import field, skills
from embodied.candidates.episodes import finite
from embodied.candidates.field_views import FIELD
from embodied.candidates.net import Net
from embodied.candidates.skill_views import SKILLS
from embodied.tasks import registry
from embodied.tasks.navigate import NavigateTask
from embodied.tasks.place import PlaceTask
from embodied.world import robotics_shim
from embodied.world.robot import BASE_RADIUS
from embodied.world.stage import ABOVE, Shot, Stage, beside
from policies.field import succeeded
from policies.vec_env import TaskVecEnv

PICTURES = 45  # at most, of an episode that takes as long as it may


@dataclass(frozen=True)
class Frame:
    """picture: uint8 (H, W, 3). episode: from 0. success: how it ended; None while it lasts. state: the
    state view after the step that led here, (size,) a signal; None at the start."""

    picture: np.ndarray
    episode: int
    success: bool | None
    state: Mapping[str, np.ndarray] | None = None


def watch(task: str, net: Net, episodes: int, seed: int) -> Iterator[Frame]:
    """So many episodes of a task. The same seed gives every policy the same starts.

    Raises:
        EnvironmentFault: there is no GL.
        EmbodiedError: the policy is one of another task.
    """
    return (_skill if task in SKILLS else _field)(task, net, episodes, seed)


def _field(task: str, net: Net, episodes: int, seed: int) -> Iterator[Frame]:
    env = robotics_shim.make(task, render_mode="rgb_array", **FIELD[task].kwargs)
    space: Any = env.action_space
    stride = math.ceil(env.spec.max_episode_steps / PICTURES)
    try:
        for episode in range(episodes):
            obs, _ = env.reset(seed=seed + episode)
            yield Frame(np.asarray(env.render()), episode, None)
            steps, over = 0, False
            while not over:
                seen = field.flat({name: value[None] for name, value in field.tensors(obs).items()})
                net.check(seen.shape[1], space.shape[0])
                action = field.scaled(net(seen).numpy().clip(-1, 1), space)[0]
                obs, _, terminated, truncated, info = env.step(action)
                steps, over = steps + 1, bool(terminated or truncated)
                if over or steps % stride == 0:
                    won = succeeded(info) if over else None
                    reached = {name: value[None] for name, value in field.tensors(obs).items()}
                    view = FIELD[task].view(reached, torch.as_tensor(action)[None])
                    yield Frame(np.asarray(env.render()), episode, won, _row(view, 0))
    finally:
        env.close()


def _skill(task: str, net: Net, episodes: int, seed: int) -> Iterator[Frame]:
    spec = registry.family(task)
    made: Any = spec.make(episodes, seed, 1, **spec.fresh, **skills.starts(task))
    net.check(made.obs_dim, made.act_dim)
    stage = Stage()
    try:
        states, views, settings, ends = _played(made, net, seed)
        stride = math.ceil(made.horizon / PICTURES)
        for row, setting in enumerate(settings):
            last, won = ends[row]
            model = made.engine.variant(row)
            for step in [*range(0, last, stride), last]:
                shot = Shot(model, states[step][row], **setting)
                state = _row(views[step - 1], row) if step else None
                yield Frame(stage.picture(shot), row, won if step == last else None, state)
    finally:
        stage.close()


def _played(
    task: Any, net: Net, seed: int
) -> tuple[
    list[np.ndarray],
    list[Mapping[str, torch.Tensor]],
    list[dict[str, Any]],
    dict[int, tuple[int, bool]],
]:
    """The first episode of every simulation: states (N, nq) from the start on, the state views of all but
    the start, their settings, and by row the index of its last state and whether it succeeded."""
    states: list[np.ndarray] = []
    views: list[Mapping[str, torch.Tensor]] = []

    def noted(view: skills.View) -> Mapping[str, torch.Tensor]:
        """The task's own rewards; asked for once a step, before episodes begin anew."""
        states.append(task.engine.field("qpos").numpy().copy())
        views.append({name: value.detach().clone() for name, value in view.items()})
        return task.rewards()

    watched: Any = skills.Rewarded(task, noted)
    env = TaskVecEnv(watched, seed=seed, desync=False)
    obs, ends = torch.as_tensor(env.reset()), {}
    states.append(task.engine.field("qpos").numpy().copy())
    settings = [_setting(task, row) for row in range(task.num_envs)]
    while len(ends) < task.num_envs:
        obs, _, _ = env.step_tensors(net(obs))
        if (ended := env.ended) is not None:
            for row, won in zip(ended.rows.tolist(), ended.success.tolist(), strict=True):
                ends.setdefault(row, (len(states) - 1, bool(won)))
    return states, views, settings, ends


def _row(view: Mapping[str, torch.Tensor], row: int) -> dict[str, np.ndarray]:
    """One simulation's part of a state view."""
    return {name: finite(value[row].numpy()) for name, value in view.items()}


def _setting(task: Any, row: int) -> dict[str, Any]:
    """The camera of an episode, and what its model does not show: the room, the goal."""
    if isinstance(task, NavigateTask):
        boxes, tall = task.goal.obstacles.boxes[row], task.goal.obstacles.tall[row]
        solids = [(*box, high) for box, high in zip(boxes.tolist(), tall.tolist(), strict=True)]
        goal = (*task.goal.pose[row, :2].tolist(), 0.005, BASE_RADIUS)
        return {"view": ABOVE, "solids": solids, "goal": goal}
    setting: dict[str, Any] = {"view": beside(task.state.base_pose[row].tolist())}
    if isinstance(task, PlaceTask):
        setting["goal"] = (*task.goal.spot[row].tolist(), 0.05)
    return setting
