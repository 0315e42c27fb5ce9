"""The state views of gymnasium-robotics' Fetch, Adroit, hand and maze tasks, cut from their observations.

What the observations hold is documented with the environments; speeds that Fetch gives per control step
are given per second here. The shipped rewards and the success flags are no part of a view.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from planners.rewards.views import Brief, Signal

Observation = Mapping[str, torch.Tensor]
"""achieved_goal, desired_goal, observation (N, ...); the last alone where a task has no goal."""
Read = Callable[[Observation], torch.Tensor]
_FETCH_DT = 0.04  # s a control step


@dataclass(frozen=True)
class FieldTask:
    """A task of gymnasium-robotics.

    Args:
        reads: per signal of the brief but the action, how it is cut from an observation.
        hindsight: whether goals may be relabelled (Andrychowicz et al. 2017).
        net: hidden layers.
    """

    brief: Brief
    reads: Mapping[str, Read]
    gamma: float = 0.98
    hindsight: bool = True
    net: tuple[int, ...] = (256, 256)
    kwargs: Mapping[str, object] = field(default_factory=dict)

    def view(self, obs: Observation, action: torch.Tensor) -> dict[str, torch.Tensor]:
        """The state view after an action (N, A)."""
        return {**{name: read(obs) for name, read in self.reads.items()}, "action": action}


def _cut(start: int, stop: int, scale: float = 1.0, key: str = "observation") -> Read:
    return lambda obs: obs[key][:, start:stop].float() * scale


def _task(
    task: str,
    sentence: str,
    success: str,
    actions: int,
    rows: Mapping[str, tuple[int, str, str, str, Read]],
    **settings: object,
) -> FieldTask:
    signals = [
        Signal(name, (n,), unit, frame, text) for name, (n, unit, frame, text, _) in rows.items()
    ]
    signals.append(Signal("action", (actions,), "1", "", "what the policy asked for, in [-1, 1]."))
    brief = Brief(task, sentence, success, tuple(signals))
    return FieldTask(brief, {name: row[4] for name, row in rows.items()}, **settings)  # type: ignore[arg-type]


def _goal(size: int, key: str) -> Read:
    return _cut(0, size, key=key)


def _fetch(task: str, sentence: str, success: str) -> FieldTask:
    moving = task != "FetchReach-v4"
    at = 20 if moving else 5
    velocity, relative = _cut(at, at + 3, 1 / _FETCH_DT), _cut(14, 17, 1 / _FETCH_DT)
    rows: dict[str, tuple[int, str, str, str, Read]] = {
        "gripper_position": (3, "m", "world", "point between the fingertips.", _cut(0, 3)),
        "gripper_velocity": (3, "m/s", "world", "its velocity.", velocity),
        "finger_opening": (
            2, "m", "", "of each finger, 0 shut to 0.05 open.", _cut(9, 11) if moving else _cut(3, 5),
        ),
        "goal_position": (3, "m", "world", "where it is wanted.", _goal(3, "desired_goal")),
    }  # fmt: skip
    if moving:
        rows["object_position"] = (
            3,
            "m",
            "world",
            "centre of the object.",
            _goal(3, "achieved_goal"),
        )
        rows["object_velocity"] = (  # observed is that relative to the gripper's
            3, "m/s", "world", "its velocity.", lambda obs: relative(obs) + velocity(obs),
        )  # fmt: skip
    net = (256, 256) if moving else (64, 64)
    return _task(task, sentence, success, 4, rows, gamma=0.95, net=net)


def _rotation_error(obs: Observation) -> torch.Tensor:
    """(N, 1) angle between the object's orientation and the wanted one."""
    a, b = obs["achieved_goal"][:, 3:7].float(), obs["desired_goal"][:, 3:7].float()
    cosine = (torch.nn.functional.normalize(a) * torch.nn.functional.normalize(b)).sum(-1).abs()
    return 2 * torch.acos(cosine.clamp(max=1.0))[:, None]


def _manipulate(name: str) -> FieldTask:
    """name: of the thing, and how it is to be turned where its place does not matter, as BlockRotateZ."""
    thing, _, turned = name.partition("Rotate")
    alone = name != thing
    about = {"Z": " about the vertical axis", "Parallel": ", its faces parallel to the axes"}
    rows: dict[str, tuple[int, str, str, str, Read]] = {
        "object_position": (3, "m", "world", "centre of the object.", _goal(3, "achieved_goal")),
        "goal_position": (3, "m", "world", "where it is wanted.", _goal(3, "desired_goal")),
        "rotation_error": (1, "rad", "", "angle to the wanted orientation.", _rotation_error),
        "object_velocity": (3, "m/s", "world", "of the object.", _cut(48, 51)),
        "object_spin": (3, "rad/s", "object", "of the object.", _cut(51, 54)),
        "joint_velocities": (24, "rad/s", "", "of the hand's joints.", _cut(24, 48)),
    }
    within, thing = "5 cm" if thing == "Pen" else "1 cm", thing.lower()
    if alone:
        del rows["goal_position"]
        sentence = f"Turn the {thing} in the hand to the wanted orientation{about.get(turned, '')}."
        success = f"the {thing} is within 0.1 rad of the wanted orientation"
    else:
        sentence = f"Turn and move the {thing} in the hand to the wanted pose."
        success = f"the {thing} is within {within} and 0.1 rad of the wanted pose"
    return _task(f"HandManipulate{name}-v1", sentence, success, 20, rows)


def _maze(name: str, version: str, ant: bool) -> FieldTask:
    speed = _cut(13, 15) if ant else _cut(2, 4)
    rows: dict[str, tuple[int, str, str, str, Read]] = {
        "agent_position": (2, "m", "world", "of the agent.", _goal(2, "achieved_goal")),
        "goal_position": (2, "m", "world", "where it is wanted.", _goal(2, "desired_goal")),
        "agent_velocity": (2, "m/s", "world", "of the agent.", speed),
    }
    if ant:
        rows["torso_height"] = (1, "m", "world", "of the ant; it has fallen below 0.3.", _cut(0, 1))
    body = "ant" if ant else "ball"
    return _task(
        f"{name}-{version}",
        f"Move the {body} through the maze to the goal and stay there.",
        f"the {body} is within 0.45 m of the goal",
        8 if ant else 2,
        rows,
        gamma=0.99,
    )


_WORLD3 = (3, "m", "world")
_ADROIT: dict[str, tuple[str, str, int, dict[str, tuple[int, str, str, str, Read]]]] = {
    "Door": (
        "Undo the latch with the hand and swing the door open.",
        "the door's hinge is at 1.35 rad or beyond",
        28,
        {
            "palm_position": (*_WORLD3, "of the palm.", _cut(29, 32)),
            "handle_position": (*_WORLD3, "of the door's handle.", _cut(32, 35)),
            "latch_angle": (1, "rad", "", "how far the latch is turned; about 1.8 undoes it.", _cut(27, 28)),
            "door_angle": (1, "rad", "", "how far the door is open.", _cut(28, 29)),
        },
    ),
    "Hammer": (
        "Pick up the hammer and drive the nail into the board.",
        "the nail's head is within 1 cm of its goal",
        26,
        {
            "palm_position": (*_WORLD3, "of the palm.", _cut(33, 36)),
            "hammer_position": (*_WORLD3, "of the hammer.", _cut(36, 39)),
            "hammer_rotation": (3, "rad", "world", "of the hammer, as Euler angles.", _cut(39, 42)),
            "nail_position": (*_WORLD3, "of the nail's head.", _cut(42, 45)),
            "nail_force": (1, "1", "", "of the blow on the nail, clipped to [-1, 1].", _cut(45, 46)),
            "hammer_velocity": (3, "m/s", "world", "of the hammer, clipped to 1.", _cut(27, 30)),
        },
    ),
    "Pen": (
        "Turn the pen in the hand to the wanted orientation without dropping it.",
        "the pen is within 7.5 cm of its place and its direction within a cosine of 0.95 of the wanted",
        24,
        {
            "pen_position": (*_WORLD3, "of the pen.", _cut(24, 27)),
            "pen_velocity": (3, "m/s", "world", "of the pen.", _cut(27, 30)),
            "pen_direction": (3, "1", "world", "unit vector along the pen.", _cut(33, 36)),
            "wanted_direction": (3, "1", "world", "unit vector along which it is wanted.", _cut(36, 39)),
            "goal_offset": (*_WORLD3, "from where the pen is wanted to the pen.", _cut(39, 42)),
        },
    ),
    "Relocate": (
        "Pick up the ball and carry it to the target.",
        "the ball is within 10 cm of the target",
        30,
        {
            "palm_to_ball": (*_WORLD3, "offset from the ball to the palm.", _cut(30, 33)),
            "palm_to_goal": (*_WORLD3, "offset from the target to the palm.", _cut(33, 36)),
            "ball_to_goal": (*_WORLD3, "offset from the target to the ball.", _cut(36, 39)),
        },
    ),
}  # fmt: skip


def _all() -> list[FieldTask]:
    near = "is within 5 cm of the goal at the episode's end"
    fetch = [
        _fetch("FetchReach-v4", "Move the gripper to the goal.", f"the gripper {near}"),
        _fetch("FetchPush-v4", "Push the block to the goal on the table.", f"the block {near}"),
        _fetch(
            "FetchSlide-v4",
            "Hit the puck so that it slides to a goal out of reach.",
            f"the puck {near}",
        ),
        _fetch(
            "FetchPickAndPlace-v4",
            "Bring the block to the goal, on the table or in the air.",
            f"the block {near}",
        ),
    ]
    adroit = [
        _task(f"AdroitHand{name}-v1", sentence, success, actions, rows, hindsight=False)
        for name, (sentence, success, actions, rows) in _ADROIT.items()
    ]
    tips: dict[str, tuple[int, str, str, str, Read]] = {
        "fingertip_positions": (
            15, "m", "world", "x, y, z of the five fingertips.", _goal(15, "achieved_goal"),
        ),
        "goal_positions": (15, "m", "world", "where they are wanted.", _goal(15, "desired_goal")),
        "joint_velocities": (24, "rad/s", "", "of the hand's joints.", _cut(24, 48)),
    }  # fmt: skip
    hand = _task(
        "HandReach-v3",
        "Move all fingertips to their goals.",
        "the fingertips are within 1 cm of their goals, all distances taken together as one vector",
        20,
        tips,
    )
    wide = ("Open", "Medium", "Large")
    mazes = ("UMaze", *wide, *(f"{maze}_Diverse_{what}" for maze in wide for what in ("G", "GR")))
    turns = ("BlockRotateZ", "BlockRotateParallel", "BlockRotateXYZ", "EggRotate", "PenRotate")
    points = [_maze(f"PointMaze_{name}", "v3", False) for name in mazes]
    ants = [_maze(f"AntMaze_{name}", "v5", True) for name in mazes]
    hands = [hand, *(_manipulate(name) for name in ("Block", "Egg", "Pen", *turns))]
    return [*fetch, *adroit, *hands, *points, *ants]


FIELD = {task.brief.task: task for task in _all()}
"""By Gymnasium id."""
