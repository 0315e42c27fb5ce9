"""Navigation measured where it is used: the whole robot in the real kitchen, touches counted by MuJoCo.

Training and its figures know the robot as a few discs on a cart (`world.cart`). Here the drives are
those of a run, with the executor, the arm, and in every other one an object in the gripper, and any
contact that the physics engine finds between robot (or what it carries) and furniture, walls, drawer
or user spoils the drive. Not covered: other people in the room, objects on the floor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import mujoco
import numpy as np

from embodied.tasks import labels
from embodied.tasks.labels import SkillCall
from embodied.tasks.rooms import free_poses
from embodied.world import catalogue
from embodied.world.facts import PLACES, SURFACES
from embodied.world.kitchen import Kitchen
from embodied.world.scene import CONTROL_DT
from policies.execute import Executor
from policies.skill import Skill

_BLOCK = 16  # drives in one kitchen before another one is furnished
_DRAWER = (0.0, 0.0, 0.5, 1.0)  # how far it is out, of its travel


@dataclass(frozen=True)
class Drive:
    """One drive. touched: names of the solids that robot or load came into contact with."""

    label: str
    carried: str | None
    arrived: bool
    reason: str
    touched: tuple[str, ...]
    seconds: float
    """Of simulated time."""

    @property
    def success(self) -> bool:
        """Arrived, still holding what was carried, and touched nothing."""
        return self.arrived and not self.touched


def drives(navigate: Skill, count: int, seed: int) -> Iterator[Drive]:
    """Drives from random free poses to places and objects, one after another."""
    return islice(_drives(navigate, np.random.default_rng(seed)), count)


def _drives(navigate: Skill, rng: np.random.Generator) -> Iterator[Drive]:
    while True:
        names = [str(name) for name in rng.permutation(list(catalogue.objects()))[:3]]
        kitchen = Kitchen(names, seed=int(rng.integers(2**31)))
        executor, watch = Executor(kitchen, {"navigate": navigate}), Touches(kitchen)
        starts = free_poses(executor.map, _BLOCK, rng).numpy().astype(float)
        for i, pose in enumerate(starts):
            load = names[0] if i % 2 else None
            standing = {name: str(rng.choice(SURFACES)) for name in names if name != load}
            kitchen.restart(rng)
            kitchen.arrange(standing, "user", load)
            kitchen.set_drawer(kitchen.travel * float(rng.choice(_DRAWER)))
            kitchen.set_robot(pose)
            kitchen.settle(5)
            if kitchen.holding() != load or watch.now(load) or executor.map.clearance(
                kitchen.state
            )[0] <= 0:  # fmt: skip
                continue  # no start of a drive: the load slipped, or the open drawer is in the way
            yield _drive(executor, watch, load, _destination(list(standing), rng))


def _destination(standing: list[str], rng: np.random.Generator) -> SkillCall:
    calls = [*map(labels.go_to, PLACES), *map(labels.find, standing)]
    return calls[rng.integers(len(calls))]


def _drive(executor: Executor, watch: Touches, load: str | None, call: SkillCall) -> Drive:
    touched: set[str] = set()
    outcome = executor.run(call, lambda seconds: touched.update(watch.now(load)))
    seconds = outcome.steps * CONTROL_DT
    names = tuple(sorted(touched))
    return Drive(call.label, load, outcome.success, outcome.reason, names, seconds)


class Touches:
    """Reads contacts between the robot, or its load, and the solids of a kitchen."""

    def __init__(self, kitchen: Kitchen) -> None:
        self._kitchen, model = kitchen, kitchen.model
        root = model.body_rootid[model.site("robot/tcp").bodyid[0]]
        names = [model.geom(i).name for i in range(model.ngeom)]
        self._robot = model.body_rootid[model.geom_bodyid] == root
        self._solid = np.array([name.startswith(("solid/", "drawer/")) for name in names])
        self._names = names

    def now(self, load: str | None) -> set[str]:
        """The solids that are touched in the present state."""
        data: mujoco.MjData = self._kitchen.engine.data(0)
        pairs = data.contact.geom[: data.ncon]
        ours = self._robot | np.array([name == load for name in self._names])
        found = set()
        for a, b in pairs[data.contact.dist[: data.ncon] <= 0]:
            if ours[a] and self._solid[b]:
                found.add(self._names[b])
            if ours[b] and self._solid[a]:
                found.add(self._names[a])
        return found
