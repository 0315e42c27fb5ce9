"""The skill families: how each one's MDP is made and how long it trains. One entry per family.

A family of your own is a task file (see `task_file`). Once it is trained and registered (see `own`), it is
known by its name, too.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embodied.errors import UsageError
from embodied.tasks import own


@dataclass(frozen=True)
class Family:
    """One skill family.

    make: ``(num_envs, seed, threads, **starts) -> Task``.
    steps: environment steps that its training takes.
    ppo: overrides of the PPO settings.
    fresh: starts that it is measured on; those that ease the learning are left out.
    needs: families whose policies its starts are made with, passed to `make` by family.
    randomised: whether its training varies physics, senses and latency, unless that is turned off.
    label, aliases: of a family of your own: the template of its labels, and other ways to ask for it.
    base: of a family of your own: the shipped one whose task its own extends.
    file, source: of a family of your own: its task file, and the text that it was read from.
    """

    name: str
    make: Callable[..., Any]
    steps: int
    gamma: float = 0.95
    ppo: dict[str, Any] = field(default_factory=dict)
    fresh: Mapping[str, float] = field(default_factory=lambda: {"easy": 0.0})
    needs: tuple[str, ...] = ()
    randomised: bool = True
    label: str = ""
    aliases: tuple[str, ...] = ()
    base: str = ""
    file: Path | None = None
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", self.base or self.name)

    @property
    def words(self) -> str:
        """What names it on the command line: its task file, or its name."""
        return str(self.file or self.name)


def families() -> Mapping[str, Family]:
    """The shipped families by name. Imported late: they bring MuJoCo and torch along."""
    from embodied.tasks.drawer import CloseTask, OpenTask
    from embodied.tasks.navigate import NavigateTask
    from embodied.tasks.pick import PickTask
    from embodied.tasks.place import PlaceTask

    return {
        "navigate": Family(  # it bears bumps as well without, and arrives a little more often
            "navigate",
            NavigateTask,
            3_000_000,
            NavigateTask.gamma,
            NavigateTask.ppo,
            randomised=False,
        ),
        "pick": Family("pick", PickTask, steps=5_000_000),
        "place": Family(
            "place",
            PlaceTask,
            steps=6_000_000,
            fresh={"easy": 0.0, "handoff": 1.0},
            needs=("pick",),
        ),
        "open": Family("open", OpenTask, steps=2_600_000),
        "close": Family("close", CloseTask, steps=2_600_000),
    }


def family(name: str) -> Family:
    """One family, by its name or by its task file.

    Raises:
        UsageError: there is none, naming the nearest known one, or the file is no task file.
    """
    from embodied.tasks import task_file

    shipped = families()
    if name in shipped:
        return shipped[name]
    if name.endswith(".py"):
        return task_file.read(Path(name).expanduser())
    if name in task_file.READ:
        return task_file.READ[name]
    if name in own.registered():
        return task_file.read(own.registered()[name].folder / own.TASK)
    known = [*shipped, *own.registered()]
    near = difflib.get_close_matches(name, known, 1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise UsageError(f"There is no skill family '{name}'; known: {', '.join(known)}.{hint}")
