"""Which part each signal of a task plays, told from its documentation: names, units, frames, sizes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product

from planners.rewards.views import Brief, Signal

EFFECTOR = re.compile(
    r"grip|hand(?!le)|palm|tcp|tool|effector|finger ?tip|agent|robot", re.IGNORECASE
)
GOAL = re.compile(r"goal|target|desired|wanted|destination", re.IGNORECASE)
OFFSET = re.compile(
    r"relative|offset|minus|seen from|displacement|_to_|\bfrom .* to ", re.IGNORECASE
)
DISTANCE = re.compile(r"distance|error|_to_", re.IGNORECASE)
SIZE = re.compile(r"half|extent|size", re.IGNORECASE)
OPENING = re.compile(r"opening|finger|gap", re.IGNORECASE)
HEIGHT = re.compile(r"height|above|lift", re.IGNORECASE)
FLAG = re.compile(r"bool", re.IGNORECASE)
HELD = re.compile(r"held|hold|grasp|grip", re.IGNORECASE)
HOME = re.compile(r"\b(?:at rest|home|retreat\w*)\b", re.IGNORECASE)
LETS_GO = re.compile(
    r"\b(let\w* go|releas\w*|drop\w*|set\w* down|put\w*|leave\w*)\b", re.IGNORECASE
)
PLACE = re.compile(r"_?(position|pos|point)$", re.IGNORECASE)
SPEED = re.compile(r"_?(velocity|vel|speed)$", re.IGNORECASE)
LENGTHS = ("m", "metre", "metres")
SPEEDS = ("m/s", "rad/s")


@dataclass(frozen=True)
class Roles:
    """Signals by the part they play, as names. Points are positions in one frame; `pairs` are two of
    them that a distance makes sense between, the more mobile one first."""

    brief: Brief

    def size(self, name: str) -> int:
        """How many numbers a signal has."""
        return self.brief.sizes[name]

    @property
    def points(self) -> list[str]:
        """Positions."""
        return [s.name for s in self.brief.signals if _is_point(s)]

    @property
    def goals(self) -> list[str]:
        """Positions that something is wanted at."""
        return [name for name in self.points if GOAL.search(name)]

    @property
    def homes(self) -> list[str]:
        """Goals of the effector itself, for when its work is done."""
        signals = [self._signal(name) for name in self.goals]
        return [s.name for s in signals if HOME.search(f"{s.name} {s.text}")]

    @property
    def wanted(self) -> list[str]:
        """Goals of objects: those of the effector only if there are no others."""
        return [name for name in self.goals if name not in self.homes] or self.goals

    @property
    def effectors(self) -> list[str]:
        """Positions of what the robot moves itself."""
        return [p for p in self.points if EFFECTOR.search(p) and not GOAL.search(p)]

    @property
    def objects(self) -> list[str]:
        """Positions of what is to be moved."""
        return [p for p in self.points if p not in self.goals and p not in self.effectors]

    @property
    def pairs(self) -> list[tuple[str, ...]]:
        """Two points of one frame and size: effector and object, object and goal, effector and goal."""
        return [
            pair
            for first, second in (
                (self.effectors, self.objects),
                (self.objects, self.wanted),
                (self.effectors, self.goals),
            )
            for pair in self._between(first, second)
        ]

    @property
    def touches(self) -> list[tuple[str, ...]]:
        """Effector and what it is to touch."""
        return self._between(self.effectors, self.objects)

    @property
    def arrivals(self) -> list[tuple[str, ...]]:
        """What is to come to a goal, and the goal."""
        return self._between(self.objects or self.effectors, self.wanted)

    @property
    def goes(self) -> list[tuple[str, ...]]:
        """What the robot moves or carries, and a goal."""
        return [
            *self._between(self.objects, self.wanted),
            *self._between(self.effectors, self.goals),
        ]

    @property
    def triples(self) -> list[tuple[str, ...]]:
        """Effector, object, goal."""
        return [(e, o, g) for e, o in self.touches for p, g in self.arrivals if p == o]

    @property
    def offsets(self) -> list[str]:
        """Differences and distances, which are small where something is achieved."""
        return [s.name for s in self.brief.signals if _offset(s) or _distance(s)]

    @property
    def distances(self) -> list[tuple[str, ...]]:
        """All that can be near: pairs of points, offsets and distances."""
        return [*self.pairs, *((name,) for name in self.offsets)]

    @property
    def ends(self) -> list[tuple[str, ...]]:
        """Distances that a task is likely to be about: to its goals, and those that are given."""
        return [*self.arrivals, *((name,) for name in self.offsets)] or self.distances

    @property
    def velocities(self) -> list[str]:
        """Linear and angular ones."""
        return [s.name for s in self.brief.signals if s.unit in SPEEDS]

    def speeds(self, point: str) -> list[str]:
        """Velocities of a position: named like it, in its frame."""
        linear = [name for name in self.velocities if self._signal(name).unit == "m/s"]
        fitting = [name for _, name in self._between([point], linear)]
        return [name for name in fitting if SPEED.sub("", name) == PLACE.sub("", point)]

    @property
    def actions(self) -> list[str]:
        """What the policy did."""
        return [s.name for s in self.brief.signals if "action" in s.name]

    @property
    def openings(self) -> list[str]:
        """How far fingers are open."""
        found = [s for s in self.brief.signals if _is_length(s) and OPENING.search(s.name)]
        return [s.name for s in found if s.size <= 2 and not _distance(s)]

    @property
    def heights(self) -> list[str]:
        """Heights above what something stands on."""
        return [s.name for s in self.brief.signals if s.size == 1 and HEIGHT.search(s.name)]

    @property
    def flags(self) -> list[str]:
        """What is either 0 or 1."""
        return [s.name for s in self.brief.signals if s.size == 1 and _is_flag(s)]

    @property
    def releases(self) -> list[tuple[str, ...]]:
        """Flag of holding, and where what is held is wanted, for tasks that are about letting it go."""
        if not LETS_GO.search(f"{self.brief.sentence} {self.brief.success_in_words}"):
            return []
        held = [flag for flag in self.flags if HELD.search(flag)]
        offsets = [(name,) for name in self.offsets if _is_length(self._signal(name))]
        ends = [*self._between(self.objects, self.wanted), *offsets]
        return [(flag, *end) for flag in held for end in ends]

    @property
    def retreats(self) -> list[tuple[str, ...]]:
        """Effector, and where it goes when its work is done."""
        return self._between(self.effectors, self.homes)

    @property
    def scalars(self) -> list[str]:
        """Single numbers of which more may be better: angles, heights."""
        taken = {*self.offsets, *self.flags, *self.openings, *self.actions, *self.velocities}
        return [s.name for s in self.brief.signals if s.size == 1 and s.name not in taken]

    def _signal(self, name: str) -> Signal:
        return next(s for s in self.brief.signals if s.name == name)

    def _between(self, first: list[str], second: list[str]) -> list[tuple[str, ...]]:
        def fits(a: str, b: str) -> bool:
            one, other = self._signal(a), self._signal(b)
            return one.size == other.size and one.frame == other.frame

        return [pair for pair in product(first, second) if fits(*pair)]


def _is_length(signal: Signal) -> bool:
    return signal.unit in LENGTHS


def _is_point(signal: Signal) -> bool:
    other = SIZE.search(signal.name) or OPENING.search(signal.name) or _offset(signal)
    return _is_length(signal) and signal.size > 1 and not other


def _offset(signal: Signal) -> bool:
    return (
        _is_length(signal)
        and signal.size > 1
        and bool(OFFSET.search(f"{signal.name} {signal.text}"))
    )


def _distance(signal: Signal) -> bool:
    return signal.size == 1 and not _is_flag(signal) and bool(DISTANCE.search(signal.name))


def _is_flag(signal: Signal) -> bool:
    return bool(FLAG.search(signal.unit))
