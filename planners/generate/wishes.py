"""What could be wanted in a scene: goal trees, sampled by a small grammar.

    wish   := errand{n} [ending]        n grows with the length that is aimed at
    errand := deliver | choice | several | every | exception | either
    ending := robot_at | visited | holding | clear | open

Objects that one errand speaks of are left alone by the others, so that no object serves two
wishes and none undoes another.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from embodied.world import catalogue
from embodied.world.facts import BINS, PLACES, SURFACES, kind
from embodied.world.goals import (
    All,
    Any,
    At,
    Count,
    Goal,
    Holding,
    Not,
    Open,
    RobotAt,
    Visited,
    What,
)
from planners.generate.scenes import Scene

DELIVERY = 4  # skills of an errand: find, pick up, go, place
TARGETS = ("user", "user", *SURFACES, *BINS)
WEIGHTS = {"deliver": 5, "choice": 2, "several": 2, "every": 1, "exception": 1, "either": 1}
SINGLE = {name: weight for name, weight in WEIGHTS.items() if name not in ("several", "every")}


class Wishes:
    """Samples goals for one scene."""

    def __init__(self, rng: Random, scene: Scene, drawer: bool = False) -> None:
        self.rng, self.scene = rng, scene
        self.free = list(dict.fromkeys(kind(instance) for instance in scene.objects))
        self.targets = (*TARGETS, "drawer") if drawer else TARGETS
        self.drawer = drawer
        self.errands: dict[str, Callable[[], Goal | None]] = {
            "deliver": self.deliver, "choice": self.choice, "several": self.several,
            "every": self.every, "exception": self.exception, "either": self.either,
        }  # fmt: skip

    def sample(self, length: int) -> Goal | None:
        """A goal whose shortest plan is about `length` skills; None when the scene gives none."""
        goals: list[Goal] = []
        held = self.scene.holding
        left = length
        if held and left >= 2:
            goals.append(self.put_away(held))
            left -= 2
        while left >= DELIVERY and self.free:
            goal = self.errand(left)
            if goal is None:
                continue
            goals.append(goal)
            left -= DELIVERY * (goal.least if isinstance(goal, Count) else 1)
        if left > 0:
            goals += filter(None, [self.ending(left, goals)])
        if not goals:
            return None
        return goals[0] if len(goals) == 1 else All(tuple(goals))

    def errand(self, left: int) -> Goal | None:
        """One errand; what takes several trips only where there is room for them."""
        weights = WEIGHTS if left >= 2 * DELIVERY else SINGLE
        return self.errands[self.rng.choices(list(weights), list(weights.values()))[0]]()

    def put_away(self, held: str) -> Goal:
        """The held object goes somewhere."""
        self.take(kind(held))
        place = self.rng.choice(self.targets)
        return At(What((kind(held),)), place)

    def take(self, *names: str) -> None:
        """These kinds are spoken for."""
        self.free = [name for name in self.free if name not in names]

    def elsewhere(self, name: str) -> str | None:
        """A place where none of a kind is yet."""
        here = {at for instance, at in self.scene.objects.items() if kind(instance) == name}
        return self.rng.choice([t for t in self.targets if t not in here])

    def deliver(self) -> Goal | None:
        """One kind to one place."""
        name = self.rng.choice(self.free)
        self.take(name)
        place = self.elsewhere(name)
        return At(What((name,)), place) if place else None

    def category(self) -> tuple[str, list[str]] | None:
        """A category of which every object in the scene is free and in reach, and those kinds."""
        found: dict[str, list[str]] = {}
        for name in dict.fromkeys(kind(instance) for instance in self.scene.objects):
            for category in catalogue.objects()[name].categories:
                found.setdefault(category, []).append(name)
        whole = [c for c, names in found.items() if set(names) <= set(self.free)]
        if not whole:
            return None
        category = self.rng.choice(whole)
        return category, found[category]

    def somewhere(self, names: list[str]) -> str | None:
        """A place where none of several kinds is yet."""
        here = {at for instance, at in self.scene.objects.items() if kind(instance) in names}
        left = [target for target in self.targets if target not in here]
        return self.rng.choice(left) if left else None

    def choice(self) -> Goal | None:
        """Any one of a category."""
        found = self.category()
        place = self.somewhere(found[1]) if found else None
        if not found or not place:
            return self.deliver()
        self.take(*found[1])
        return At(What((), found[0]), place)

    def several(self) -> Goal | None:
        """Two of a kind, or two different ones of a category."""
        twins = [name for name in self.free if self.scene.number(name) > 1]
        if twins and self.rng.random() < 0.5:
            name = self.rng.choice(twins)
            place = self.somewhere([name])
            self.take(name)
            exact = self.rng.choice([None, 2])
            return Count(What((name,)), place, 2, exact) if place else None
        found = self.category()
        if not found or len(found[1]) < 2:
            return self.choice()
        place = self.somewhere(found[1])
        self.take(*found[1])
        return Count(What((), found[0]), place, 2, distinct=True) if place else None

    def every(self) -> Goal | None:
        """All of a category that there are, two or three."""
        found = self.category()
        number = sum(self.scene.number(name) for name in found[1]) if found else 0
        place = self.somewhere(found[1]) if found else None
        if not found or not place or not 2 <= number <= 3:
            return self.choice()
        self.take(*found[1])
        return Count(What((), found[0]), place, number)

    def exception(self) -> Goal | None:
        """One of a category, but not a certain one."""
        found = self.category()
        place = self.somewhere(found[1]) if found else None
        if not found or not place or len(found[1]) < 2:
            return self.choice()
        self.take(*found[1])
        name = self.rng.choice(found[1])
        return All((At(What((), found[0], (name,)), place), Not(At(What((name,)), place))))

    def either(self) -> Goal | None:
        """One of two kinds, or one of two places."""
        if len(self.free) < 2:
            return self.deliver()
        first, second = self.rng.sample(self.free, 2)
        place = self.somewhere([first, second])
        if place and self.rng.random() < 0.5:
            self.take(first, second)
            return At(What((first, second)), place)
        self.take(first)
        here = {at for instance, at in self.scene.objects.items() if kind(instance) == first}
        left = [surface for surface in SURFACES if surface not in here]
        if len(left) < 2:
            return At(What((first,)), self.rng.choice(["user", "trash"]))
        return Any(tuple(At(What((first,)), place) for place in self.rng.sample(left, 2)))

    def ending(self, left: int, before: list[Goal]) -> Goal | None:
        """Up to three skills: where the robot stands or stood, what it holds, what it clears."""
        if left == 2 and not before and self.drawer and self.rng.random() < 0.3:
            return Open("drawer")
        if left == 2 and not before and self.free:
            name = self.rng.choice(self.free)
            self.take(name)
            place = next(at for o, at in self.scene.objects.items() if kind(o) == name)
            off = place in SURFACES and self.scene.number(name) == 1 and self.rng.random() < 0.3
            return Not(At(What((name,)), str(place))) if off else Holding(What((name,)))
        here = [
            self.scene.robot_at,
            *(goal.place for goal in before if isinstance(goal, At | Count)),
        ]
        elsewhere = [place for place in PLACES if place != here[-1]]
        if left == 1 or before:
            return RobotAt(self.rng.choice(elsewhere))
        stops = [self.rng.choice(elsewhere)]
        while len(stops) < left:
            stops.append(self.rng.choice([p for p in PLACES if p != stops[-1]]))
        return All((Visited(tuple(stops)), RobotAt(stops[-1])))
