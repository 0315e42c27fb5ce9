"""The terms of the goal language, each a predicate over `Facts`; `goals` documents them."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from embodied.world import catalogue
from embodied.world.facts import Facts, kind

Json: TypeAlias = dict[str, typing.Any]


@dataclass(frozen=True)
class What:
    """Which objects are meant: any of `names`, or of `category`, but none of `excluded`."""

    names: tuple[str, ...] = ()
    category: str | None = None
    excluded: tuple[str, ...] = ()

    def matches(self, instance: str) -> bool:
        """Whether this instance is meant."""
        if any(_named(name, instance) for name in self.excluded):
            return False
        if self.category is not None:
            spec = catalogue.objects().get(kind(instance))
            return spec is not None and self.category in spec.categories
        return any(_named(name, instance) for name in self.names)

    @property
    def one_kind(self) -> bool:
        """Whether only objects of a single kind can match."""
        return self.category is None and len({kind(name) for name in self.names}) == 1

    def to_json(self) -> typing.Any:
        """The same in the suite format."""
        if self.category is None and len(self.names) == 1 and not self.excluded:
            return self.names[0]
        body: Json = {"category": self.category} if self.category else {"one_of": list(self.names)}
        if self.excluded:
            one = self.excluded[0] if len(self.excluded) == 1 else list(self.excluded)
            body["except"] = one
        return body

    def __str__(self) -> str:
        text = self.category or " or ".join(self.names)
        return text + (f" except {' and '.join(self.excluded)}" if self.excluded else "")


@dataclass(frozen=True)
class At:
    """At least one of `what` is at `place`."""

    what: What
    place: str

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return any(at == self.place and self.what.matches(obj) for obj, at in facts.at.items())

    def to_json(self) -> Json:
        """The same in the suite format."""
        return {"at": [self.what.to_json(), self.place]}


@dataclass(frozen=True)
class Holding:
    """One of `what` is in the gripper."""

    what: What

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return facts.holding is not None and self.what.matches(facts.holding)

    def to_json(self) -> Json:
        """The same in the suite format."""
        return {"holding": self.what.to_json()}


@dataclass(frozen=True)
class RobotAt:
    """The robot stands at `place`."""

    place: str

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return facts.robot_at == self.place

    def to_json(self) -> Json:
        """The same in the suite format."""
        return {"robot_at": self.place}


@dataclass(frozen=True)
class Visited:
    """The robot has stood at these places in this order, with any others in between."""

    places: tuple[str, ...]

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        seen = iter(facts.visited)
        return all(place in seen for place in self.places)  # `in` consumes: a subsequence test

    def to_json(self) -> Json:
        """The same in the suite format."""
        return {"visited": list(self.places)}


@dataclass(frozen=True)
class Open:
    """A container is open."""

    container: str

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return facts.open.get(self.container, False)

    def to_json(self) -> Json:
        """The same in the suite format."""
        return {"open": self.container}


@dataclass(frozen=True)
class Count:
    """Between `least` and `most` of `what` are at `place`.

    distinct: no kind counts twice. Where `what` is one kind anyway, its instances count.
    """

    what: What
    place: str
    least: int = 1
    most: int | None = None
    distinct: bool = False

    @property
    def by_kind(self) -> bool:
        """Whether kinds are counted and not instances."""
        return self.distinct and not self.what.one_kind

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        there = [o for o, at in facts.at.items() if at == self.place and self.what.matches(o)]
        number = len({kind(obj) for obj in there}) if self.by_kind else len(there)
        return self.least <= number and (self.most is None or number <= self.most)

    def to_json(self) -> Json:
        """The same in the suite format."""
        body: Json = {"at": [self.what.to_json(), self.place], "min": self.least}
        if self.most is not None:
            body["max"] = self.most
        if self.distinct:
            body["distinct"] = True
        return {"count": body}


@dataclass(frozen=True)
class Not:
    """The opposite of `goal`."""

    goal: Goal

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return not self.goal.holds(facts)

    def to_json(self) -> Json:
        """The same in the suite format."""
        return {"not": self.goal.to_json()}


@dataclass(frozen=True)
class All:
    """Every one of `goals`."""

    goals: tuple[Goal, ...]

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return all(goal.holds(facts) for goal in self.goals)

    def to_json(self) -> Json:
        """The same in the suite format."""
        return {"all": [goal.to_json() for goal in self.goals]}


@dataclass(frozen=True)
class Any:
    """At least one of `goals`."""

    goals: tuple[Goal, ...]

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return any(goal.holds(facts) for goal in self.goals)

    def to_json(self) -> Json:
        """The same in the suite format."""
        return {"any": [goal.to_json() for goal in self.goals]}


Goal: TypeAlias = At | Holding | RobotAt | Visited | Open | All | Any | Not | Count


def atoms(goal: Goal) -> Iterator[At | Holding | RobotAt | Visited | Open | Count]:
    """The leaves of a goal from left to right, whatever their polarity."""
    if isinstance(goal, All | Any):
        for part in goal.goals:
            yield from atoms(part)
    elif isinstance(goal, Not):
        yield from atoms(goal.goal)
    else:
        yield goal


def _named(name: str, instance: str) -> bool:
    if name == instance and "#" in name:
        return True
    return name == kind(instance) or (name.endswith("#1") and name[:-2] == instance)
