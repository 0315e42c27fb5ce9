"""A lower bound on how many labels a goal still needs, tight enough that A* rarely turns back.

An object that must be moved costs find, pick up, go to, place: four labels that no other object can
share. What can be shared (driving, the object already held or faced) is counted once or not at all,
so the bound never exceeds the true number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from embodied.tasks.labels import DRAWER
from embodied.world.goals import All, Any, At, Count, Goal, Holding, Not, Open, RobotAt, Visited
from planners.search_space import Space, State

Bound = Callable[[State], float]
MOVE, FETCH = 4, 2  # labels: find + pick up + go to + place; find + pick up


def lower_bound(goal: Goal, space: Space) -> Bound:
    """An admissible bound for `goal`; infinite where it sees that no plan exists."""
    return _together([goal], space)


def _bound(goal: Goal, space: Space) -> Bound:
    """For the terms that `_together` does not count jointly."""
    if isinstance(goal, Any):
        parts = [_together([part], space) for part in goal.goals]
        return lambda s: min(part(s) for part in parts)
    if isinstance(goal, Count):
        number, most = space.counter(goal), goal.most
        if most is None:
            return lambda s: 0
        return lambda s: max(0, MOVE * (number(s) - most) - 3)
    holds = space.compile(goal)
    if isinstance(goal, Open) and not space.drawer:
        return lambda s: 0 if holds(s) else math.inf
    return lambda s: 0 if holds(s) else 1


class _Group:
    """`at` and `count` wishes for one place whose objects overlap: the largest need counts."""

    def __init__(self, goals: Sequence[At | Count], space: Space) -> None:
        self.place = goals[0].place
        self.reachable, self.fetchable = self.place in space.places, space.fetchable
        least = [1 if isinstance(goal, At) else goal.least for goal in goals]
        self.needs = [(space.counter(g), n) for g, n in zip(goals, least, strict=True)]
        self.members = frozenset(i for goal in goals for i in space.members(goal.what))

    def need(self, s: State) -> int:
        """How many more objects must come here, at the least."""
        return max(0, *(least - number(s) for number, least in self.needs))

    def possible(self, s: State, need: int) -> bool:
        """Whether that many can still be brought."""
        if not self.reachable:
            return False
        movable = sum(s.at[i] in self.fetchable and s.at[i] != self.place for i in self.members)
        return movable + (s.held in self.members) >= need


def _together(goals: Sequence[Goal], space: Space) -> Bound:
    """The bound of a conjunction: moves add up, and driving is shared."""
    flat = _flatten(goals)
    groups = [_Group(part, space) for part in _overlapping(flat, space)]
    grasps = [frozenset(space.members(goal.what)) for goal in flat if isinstance(goal, Holding)]
    stands = [goal.place for goal in flat if isinstance(goal, RobotAt)]
    visits = [(space.visits.index(g), len(g.places)) for g in flat if isinstance(g, Visited)]
    away = [(space.members(at.what), at.place) for at in map(_away, flat) if at]
    counted = At | Holding | RobotAt | Visited
    others = [_bound(g, space) for g in flat if not isinstance(g, counted) and not _away(g)]

    def bound(s: State) -> float:
        leaving = {i for members, place in away for i in members if s.at[i] == place}
        total = _labels(s, groups, grasps, stands, leaving, space.fetchable)
        for slot, length in visits:
            total = max(total, length - s.seen[slot])
        for other in others:
            total = max(total, other(s))
        return total

    return bound


def _labels(
    s: State,
    groups: list[_Group],
    grasps: list[frozenset[int]],
    stands: list[str],
    leaving: set[int],
    fetchable: Sequence[str],
) -> float:
    """Labels for bringing what is missing, clearing away, then holding and standing as wished."""
    moves, ends, wanted, shut = 0, set(), set(), False
    carried: float = math.inf  # what is left to do for the held object, if it is wanted
    for group in groups:
        need = group.need(s)
        if not need:
            continue
        if not group.possible(s, need):
            return math.inf
        moves += need
        shut |= group.place == DRAWER and not s.open
        ends.add(group.place)
        wanted |= group.members
        if s.held in group.members:
            carried = min(carried, 1 + (s.robot != group.place))
    total: float = MOVE * moves + shut  # what goes into a shut drawer needs it opened
    if moves and carried < math.inf:
        total -= MOVE - carried
    elif moves and s.held is not None:
        total += 1  # the gripper must be emptied first
    if any(moves or s.held not in members for members in grasps):
        if not all(any(s.at[i] in fetchable or s.held == i for i in part) for part in grasps):
            return math.inf
        total += FETCH + (s.held is not None and not moves)
    wanted = wanted.union(*grasps)
    rest = leaving - wanted
    if rest:  # the last of them may stay in the gripper
        total += MOVE * len(rest) - FETCH
    if s.front in wanted or s.front in rest:
        total -= 1  # no need to find what the robot stands before
    here = ends if moves else {s.robot}
    if not (grasps or rest) and any(place not in here for place in stands):
        total += 1
    return max(total, float(bool(leaving)), float(any(place != s.robot for place in stands)))


def _away(goal: Goal) -> At | None:
    """The inner goal of ``not: {at: ...}``."""
    return goal.goal if isinstance(goal, Not) and isinstance(goal.goal, At) else None


def _flatten(goals: Sequence[Goal]) -> list[Goal]:
    flat: list[Goal] = []
    for goal in goals:
        flat += _flatten(goal.goals) if isinstance(goal, All) else [goal]
    return flat


def _overlapping(goals: Sequence[Goal], space: Space) -> list[list[At | Count]]:
    """Split the `at` and `count` goals so that no object can serve two parts."""
    parts: list[tuple[str, set[int], list[At | Count]]] = []
    for goal in goals:
        if not isinstance(goal, At | Count):
            continue
        place, members, joined = goal.place, set(space.members(goal.what)), [goal]
        for part in [part for part in parts if part[0] == place and part[1] & members]:
            parts.remove(part)
            members, joined = members | part[1], part[2] + joined
        parts.append((place, members, joined))
    return [joined for _, _, joined in parts]
