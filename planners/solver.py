"""Shortest plans in symbols: from a goal and `Facts` to labels, or to why there are none.

A* over the search space of `search_space` with the bound of `search_bound`; ideal effects, one
label per step, ``done`` not counted. It plans in the order in which the goal mentions things
wherever that is no longer. Exact as long as it ends within `MAX_STATES`; a goal that needs more is
reported as too large.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from heapq import heappop, heappush
from itertools import count

from embodied.tasks.labels import DONE, SkillCall
from embodied.world.facts import Facts
from embodied.world.goals import Goal
from planners.model import no_skill
from planners.obstacles import why_not
from planners.search_bound import Bound, lower_bound
from planners.search_space import Space, State

MAX_STATES = 20_000


class _TooLargeError(Exception):
    """The search grew past `MAX_STATES`."""


@dataclass(frozen=True)
class Solution:
    """calls: a shortest plan without ``done``, empty when the goal holds; None when there is none.

    reason: why there is none, one sentence.
    """

    calls: tuple[SkillCall, ...] | None
    reason: str | None = None

    @property
    def solved(self) -> bool:
        """Whether there is a plan."""
        return self.calls is not None

    @property
    def next_call(self) -> SkillCall | None:
        """The plan's first call, ``done`` when nothing is left to do, None without a plan."""
        if self.calls is None:
            return None
        return self.calls[0] if self.calls else DONE


@lru_cache(maxsize=4096)
def solve(goal: Goal, facts: Facts, in_front: str | None = None, drawer: bool = False) -> Solution:
    """A shortest plan.

    Args:
        in_front: the object that the robot stands in front of, if known (`model.in_front`); any
            other object is found before it is picked up.
        drawer: whether the robot has skills that open and close the drawer (`labels.opens`).
    """
    space = Space(goal, facts, in_front, drawer)
    try:
        calls = _search(space, lower_bound(goal, space), space.start, math.inf)
    except _TooLargeError:
        return Solution(None, no_skill("the goal is too large to plan for"))
    if calls is None:
        return Solution(None, why_not(goal, facts, drawer))
    return Solution(calls)


@lru_cache(maxsize=4096)
def next_calls(
    goal: Goal, facts: Facts, in_front: str | None = None, drawer: bool = False
) -> frozenset[SkillCall]:
    """Every call that begins some shortest plan; {done} when the goal holds, else empty."""
    best = solve(goal, facts, in_front, drawer)
    if not best.calls:
        return frozenset() if best.calls is None else frozenset({DONE})
    space = Space(goal, facts, in_front, drawer)
    bound, left = lower_bound(goal, space), len(best.calls) - 1
    first = {best.calls[0]}
    for call, state in space.moves(space.start):
        if call not in first and bound(state) <= left:
            with suppress(_TooLargeError):
                if _search(space, bound, state, left) is not None:
                    first.add(call)
    return frozenset(first)


def _search(space: Space, bound: Bound, start: State, limit: float) -> tuple[SkillCall, ...] | None:
    """A* from `start`: a shortest plan of at most `limit` calls, or None.

    Of states with equal totals, the one closer to the goal comes first, then the one that was made
    first: with a tight bound the search walks straight down the preferred plan.
    """
    order = count()
    queue = [(bound(start), 0, next(order), start)]
    cost = {start: 0}
    came: dict[State, tuple[State, SkillCall]] = {}
    while queue:
        total, depth, _, state = heappop(queue)
        if total > limit or total == math.inf:
            return None
        if space.test(state):
            return _trace(came, state)
        steps = cost[state] + 1
        if depth > -cost[state]:
            continue  # a shorter way to this state was found later
        if len(cost) > MAX_STATES:
            raise _TooLargeError
        for call, after in space.moves(state):
            if steps < cost.get(after, math.inf):
                cost[after], came[after] = steps, (state, call)
                heappush(queue, (steps + bound(after), -steps, next(order), after))
    return None


def _trace(came: dict[State, tuple[State, SkillCall]], state: State) -> tuple[SkillCall, ...]:
    calls: list[SkillCall] = []
    while state in came:
        state, call = came[state]
        calls.append(call)
    return tuple(reversed(calls))
