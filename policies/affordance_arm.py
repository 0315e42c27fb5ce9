"""Wide starts for the success heads of pick and place: their tasks' fresh starts, then disturbed.

Most starts are what the skill really meets. The rest move the base away, fill or empty the
gripper, put the object where it cannot be reached, or take it away. What a disturbance does to
the skill is found out by running it.
"""

from __future__ import annotations

import torch

from embodied.tasks.arm import HEIGHTS, KINDS, Fixtures, fixtures_of
from embodied.tasks.base import Goal
from embodied.tasks.pick import PickTask
from embodied.tasks.place import PlaceTask
from embodied.world import catalogue
from embodied.world.predicates import TOUCH_FORCE, bottom, held
from embodied.world.robot import BASE_RADIUS
from embodied.world.scene import FixtureCfg
from embodied.world.state import State, rotate
from policies.affordance_bodies import Props, TaskStarts
from policies.affordance_features import pick_features, place_features

NAMES: tuple[str, ...] = (
    "usual", "arm elsewhere", "displaced", "across the room", "holding it", "holding another",
    "empty gripper", "clutter", "in a bin", "in a shut drawer", "on the floor", "absent",
)  # fmt: skip
USUAL, POSTURE, DISPLACED, FAR, HOLDING, ANOTHER = range(6)
EMPTY, CLUTTER, BIN, DRAWER, FLOOR, ABSENT = range(6, 12)
WEIGHTS = {  # how often each kind is drawn, per family, without and with a second object
    ("pick", False): {
        USUAL: 50, POSTURE: 6, DISPLACED: 22, FAR: 14, HOLDING: 4, FLOOR: 4, ABSENT: 5,
    },
    ("pick", True): {ANOTHER: 60, CLUTTER: 40},
    ("place", False): {USUAL: 56, DISPLACED: 22, FAR: 12, EMPTY: 10, ABSENT: 5},
    ("place", True): {ANOTHER: 60, CLUTTER: 40},
}  # fmt: skip
FIXTURES = {
    "pick": ("surface",) * 9 + ("tray",) * 2 + ("open drawer",) * 3 + ("bin", "drawer"),
    "place": ("surface",) * 4 + ("tray", "bin", "open drawer"),
}


def counts(family: str, state: State, goal: Goal) -> torch.Tensor:
    """(N,) bool: whether a success from this start is the skill's.

    A pick begins with nothing between the pads, a place with its object between them. Without this
    a pick that finds its object in the gripper, or a place that finds it on its spot, would succeed
    by doing nothing. The success detector of the executor asks the same.
    """
    if family == "pick":
        return ~(state.touch > TOUCH_FORCE).all(-1)
    return held(state, goal.index, goal.half)


def wide_fixtures(family: str, num_envs: int, seed: int, threads: int, second: bool) -> Fixtures:
    """Every object in turn, each simulation with a fixture and sizes of its own.

    Args:
        second: with another object of the catalogue in the scene.
    """
    rng = torch.Generator().manual_seed(seed)
    names = list(catalogue.objects())
    kinds = [kind for kind in FIXTURES[family] if not second or kind in ("surface", "tray")]

    def draw(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand(1, generator=rng))

    def one(i: int) -> FixtureCfg:
        kind = kinds[int(draw(0, len(kinds)))]
        return FixtureCfg(
            object=names[i % len(names)],
            kind=kind,  # type: ignore[arg-type]
            height=draw(*HEIGHTS[kind]),
            size_scale=draw(0.92, 1.08),
            mass_scale=draw(0.7, 1.3),
            friction=draw(0.7, 1.1),
            other=names[int(draw(0, len(names)))] if second else None,
        )

    return fixtures_of([one(i) for i in range(num_envs)], threads)


def family_of(task: PickTask | PlaceTask) -> str:
    """The shipped family whose task it is, or extends."""
    return "pick" if isinstance(task, PickTask) else "place"


class ArmStarts(TaskStarts[PickTask | PlaceTask]):
    """`affordance_data.Starts` of pick or place, over the fixtures of the task."""

    kinds: tuple[str, ...] = NAMES

    def __init__(self, task: PickTask | PlaceTask) -> None:
        super().__init__(task)
        self.bodies = Props(task)
        self.family = family_of(task)
        weights = WEIGHTS[self.family, task.fixtures.cfgs[0].other is not None]
        self._choices = torch.tensor(list(weights))
        self._weights = torch.tensor([float(weight) for weight in weights.values()])
        self._covered = (task.fixtures.kind == KINDS.index("drawer")).float()

    def reset(self, mask: torch.Tensor, rng: torch.Generator) -> None:
        """See `Starts.reset`."""
        task, rows = self.task, mask.nonzero()[:, 0]
        task.reset(mask, rng)
        drawn = torch.multinomial(self._weights, len(rows), replacement=True, generator=rng)
        kind = self._choices[drawn]
        if self.family == "pick":
            kind = self._put_inside(rows, kind, rng)
        self.kind[rows] = kind
        self._move_base(rows, kind, rng)
        self._disturb(rows, kind, rng)
        task.engine.forward(mask)
        task.state = task.reader.read()

    def begin(self, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Starts.begin`. A pick's spot is right under its object."""
        task, goal = self.task, self.task.goal
        present = self.kind != ABSENT
        if self.family == "pick":
            goal.spot[mask, 2] = bottom(task.state, goal.index, goal.half, goal.shape)[mask]
        read = pick_features if self.family == "pick" else place_features
        features = read(task.state, goal, present, self._covered)
        return features, counts(self.family, task.state, goal) & present

    def _put_inside(
        self, rows: torch.Tensor, kind: torch.Tensor, rng: torch.Generator
    ) -> torch.Tensor:
        """Puts objects into bins and drawers; returns the kinds, with those starts told apart."""
        bodies, fixture = self.bodies, self.task.fixtures.kind[rows]
        plain = torch.isin(kind, torch.tensor([USUAL, POSTURE, DISPLACED, FAR]))
        for name, told, put in (
            ("bin", BIN, bodies.put_in_bin),
            ("drawer", DRAWER, bodies.put_in_drawer),
        ):
            inside = fixture == KINDS.index(name)
            put(rows[inside], rng)
            kind = torch.where(inside & plain, told, kind)
        return kind

    def _move_base(self, rows: torch.Tensor, kind: torch.Tensor, rng: torch.Generator) -> None:
        """Moves bases away: displaced by up to 1.3 m and half a turn, or 1.5 to 5 m off."""
        u = torch.rand(len(rows), 6, generator=rng)
        unmoved = torch.isin(kind, torch.tensor([USUAL, POSTURE, CLUTTER]))
        mixed = ~unmoved & (kind != DISPLACED) & (kind != FAR)  # these stand anywhere
        displaced = (kind == DISPLACED) | (mixed & (u[:, 5] > 0.6))
        far = (kind == FAR) | (mixed & (u[:, 5] > 0.8))
        level, zero = u[:, 0] * displaced, torch.zeros(len(rows))
        old = self.bodies.base(rows)
        spread = torch.where(u[:, 4] > 0.5, torch.pi, 0.4)  # half of them still face the place
        offset = torch.stack([1.3 * level * u[:, 1], zero], -1)
        near = old[:, :2] + rotate(offset, 2 * torch.pi * u[:, 2])
        limit = old[:, 0].clamp_min(-BASE_RADIUS - 0.02)  # the fixture begins at x = 0
        near[:, 0] = torch.minimum(near[:, 0], limit)
        away = torch.stack([1.5 + 3.5 * u[:, 1], zero], -1)
        away = torch.tensor([0.2, 0.0]) + rotate(away, 2 * torch.pi * u[:, 2])
        yaw = old[:, 2] + level * spread * (2 * u[:, 3] - 1)
        yaw = torch.where(far, 2 * torch.pi * u[:, 3], yaw)
        pose = torch.cat([torch.where(far[:, None], away, near), yaw[:, None]], -1)
        self.bodies.set_base(rows, pose, carry=self.family == "place")

    def _disturb(self, rows: torch.Tensor, kind: torch.Tensor, rng: torch.Generator) -> None:
        """What each kind of start is besides where the base stands."""
        bodies = self.bodies
        emptied = (kind == EMPTY) | ((kind == ANOTHER) & (self.family == "place"))
        bodies.open_gripper(rows[emptied])
        for chosen, put in (
            (kind == POSTURE, bodies.pose_arm),
            (kind == FLOOR, bodies.put_on_floor),
            (emptied, bodies.put_anywhere),
            (kind == CLUTTER, bodies.put_beside),
        ):
            if bool(chosen.any()):
                put(rows[chosen], rng)
        for chosen, which in ((kind == HOLDING, 0), (kind == ANOTHER, 1)):
            if bool(chosen.any()):
                bodies.grip(rows[chosen], which, rng)
