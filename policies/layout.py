"""What a policy observes, as numbers that a skill's card keeps: one per column of its observation.

They are read off fixed made-up states by the code of the task. If a later version's columns are in
another order, of another scale or of something else, it reads other numbers there, and a policy that
was trained before would take one quantity for another: `library.check_layout` refuses it. Not covered:
what the actions do.

``python -m policies.layout FOLDER...`` notes what this version reads in the cards of skills that were
made before cards kept it. Their weights are neither touched nor measured again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from embodied.tasks.base import Goal
from embodied.tasks.drawer import DrawerGoal, DrawerTask
from embodied.tasks.navigate import NavGoal, NavigateTask
from embodied.tasks.registry import Family, family
from embodied.world.proximity import Obstacles
from embodied.world.robot import REST_TCP
from embodied.world.routes import Grid, Route
from embodied.world.state import State
from policies.skill import Skill, save_skill

TOLERANCE = 1e-4
_ROWS = 96
_CELLS = 8  # of the made-up route's grid, to a side
Draw = Callable[..., torch.Tensor]


def readings(spec: Family) -> list[float]:
    """(obs_dim,) the family's observation of the made-up states, a number a column: the mean over them
    of w (x + x²), where w are fixed weights. It tells order, sign and scale."""
    rng = torch.Generator().manual_seed(0)

    def draw(*shape: int, about: Sequence[float] | float = 0.0, by: float = 1.0) -> torch.Tensor:
        return torch.tensor(about) + by * (2 * torch.rand(_ROWS, *shape, generator=rng) - 1)

    task: Any = spec.make.__new__(spec.make)  # type: ignore[arg-type, call-overload]
    task.state, task.control = _state(draw), _control(draw)
    task.goal = _goal(spec.make, draw)
    task.random = SimpleNamespace(sense=lambda state: state)  # senses without noise
    x = task.observe().double()
    weight = draw(1, about=1.0, by=0.5).double()
    return [round(float(value), 5) for value in (weight * (x + x.square())).mean(0)]


def changed(before: Sequence[float], spec: Family) -> list[int]:
    """The columns, counted from 1, that the family now fills with something else than `before`."""
    pairs = zip_longest(before, readings(spec), fillvalue=float("nan"))
    return [i for i, (a, b) in enumerate(pairs, 1) if not abs(a - b) <= TOLERANCE]


def note(folder: Path) -> None:
    """Puts this version's readings into the card of a skill that has none.

    Raises:
        UsageError: the folder is no skill, or not as its card says.
    """
    skill = Skill.load(folder)
    if skill.card.observes is None:
        found = readings(family(skill.card.family))
        save_skill(folder, skill.card.model_copy(update={"observes": found}), {})


def _state(draw: Draw) -> State:
    """The robot near the origin, its gripper near rest, two objects about it."""
    return State(
        base_pose=draw(3, by=0.3), base_vel=draw(3, by=0.3), tcp_pos=draw(3, about=REST_TCP, by=0.1),
        tcp_vel=draw(3, by=0.5), tcp_yaw=draw(), tcp_up=draw(2, by=0.2),
        fingers=draw(2, about=0.025, by=0.025), touch=draw(2, about=4.0, by=5.0).clamp_min(0),
        object_pos=draw(2, 3, about=REST_TCP, by=0.15), object_vel=draw(2, 3),
        object_quat=torch.nn.functional.normalize(draw(2, 4), dim=-1), object_spin=draw(2, 3),
        drawer=draw(about=0.15, by=0.15), arm=draw(7),
    )  # fmt: skip


def _control(draw: Draw) -> SimpleNamespace:
    """The targets that a `Controller` keeps."""
    target = torch.cat([draw(3, about=REST_TCP, by=0.1), draw(1)], -1)
    return SimpleNamespace(
        target=target, opening=draw(about=0.025, by=0.025), velocity=draw(3, by=0.3)
    )


def _goal(make: Any, draw: Draw) -> Goal | DrawerGoal | NavGoal:
    """What a task of this class is asked to do."""
    if issubclass(make, NavigateTask):
        boxes = torch.cat([draw(4, 2, by=1.5), draw(4, 2, about=0.25, by=0.15)], -1)
        tall = torch.arange(4).expand(_ROWS, 4) % 2 == 0
        pose = torch.cat([draw(2, by=0.4), draw(1)], -1)
        return NavGoal(pose, Obstacles(boxes, tall), _route(pose), torch.arange(_ROWS))
    if issubclass(make, DrawerTask):
        heading, wanted = draw(by=3.0), getattr(make, "wants_open", True)
        return DrawerGoal(
            handle=draw(3, about=REST_TCP, by=0.15),
            slide=torch.stack([torch.cos(heading), torch.sin(heading)], -1),
            travel=draw(about=0.3, by=0.1),
            opened=torch.full((_ROWS,), wanted),
            kept=torch.zeros(_ROWS, 2, dtype=torch.bool),
        )
    return Goal(
        index=torch.arange(_ROWS) % 2,
        half=draw(3, about=0.06, by=0.04),
        shape=torch.nn.functional.one_hot(torch.arange(_ROWS) % 3, 3).float(),
        spot=draw(3, about=REST_TCP, by=0.15),
        drop=torch.arange(_ROWS) % 5 == 0,
    )


def _route(pose: torch.Tensor) -> Route:
    """Ways to these goals that nobody planned: planning may break ties otherwise elsewhere."""
    cells = torch.arange(_CELLS**2)
    ahead = torch.stack([(cells + 5) % _CELLS**2, (cells + 19) % _CELLS**2], -1)
    grid = Grid((-0.2, -0.2), _CELLS, _CELLS)
    return Route(
        grid,
        pose[:, :2],
        (0.05 * cells).expand(_ROWS, -1),
        ahead.expand(_ROWS, -1, -1),
    )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        note(Path(name))
