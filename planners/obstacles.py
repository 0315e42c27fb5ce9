"""Why a goal has no plan, in one sentence: not in this scene, out of reach, or no such skill."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from embodied.tasks.labels import OUT_OF_REACH
from embodied.world.facts import CONTAINERS, Facts
from embodied.world.goals import All, Any, At, Count, Goal, Holding, Not, Open, What
from planners.model import no_skill, not_in_scene

Shut = Collection[str]  # containers that no skill opens


def why_not(goal: Goal, facts: Facts, drawer: bool = False) -> str:
    """The first obstacle in the goal's order of mention; `drawer` as in `solver.solve`."""
    return _obstacle(goal, facts, () if drawer else CONTAINERS) or no_skill(
        "the parts of the goal exclude each other"
    )


def _obstacle(goal: Goal, facts: Facts, shut: Shut) -> str | None:
    if goal.holds(facts):
        return None
    if isinstance(goal, All):
        return next((why for part in goal.goals if (why := _obstacle(part, facts, shut))), None)
    if isinstance(goal, Any):
        reasons = [_obstacle(part, facts, shut) for part in goal.goals]
        return None if None in reasons else reasons[0]
    if isinstance(goal, Open) and goal.container in shut:
        return no_skill(f"it has no skill that opens the {goal.container}")
    if isinstance(goal, Not) and isinstance(goal.goal, At):
        return _stuck(goal.goal, facts, shut)
    if isinstance(goal, Holding):
        return _missing(goal.what, 1, facts.instances, facts, shut)
    if isinstance(goal, At):
        return _unservable(goal, 1, facts, shut)
    if isinstance(goal, Count):
        return _unservable(goal, goal.least, facts, shut)
    return None


def _unservable(goal: At | Count, number: int, facts: Facts, shut: Shut) -> str | None:
    if goal.place in shut:
        return no_skill(f"it has no skill that puts things into the {goal.place}")
    there = [obj for obj, where in facts.at.items() if where == goal.place]
    return _missing(goal.what, number, facts.instances, facts, shut, there)


def _missing(
    what: What,
    number: int,
    scene: Sequence[str],
    facts: Facts,
    shut: Shut,
    there: Sequence[str] = (),
) -> str | None:
    """Too few that are meant, or too few of them within reach (or `there` already)."""
    meant = [obj for obj in scene if what.matches(obj)]
    if len(meant) < number:
        return not_in_scene(str(what) if not meant else f"second {what}", facts)
    blocked = [why for obj in meant if obj not in there and (why := _unreachable(obj, facts, shut))]
    return no_skill(blocked[0]) if blocked and len(meant) - len(blocked) < number else None


def _stuck(goal: At, facts: Facts, shut: Shut) -> str | None:
    """For what must leave a place and cannot."""
    blocked = [o for o in facts.at if goal.what.matches(o) and facts.at[o] == goal.place]
    reasons = [why for obj in blocked if (why := _unreachable(obj, facts, shut))]
    return no_skill(reasons[0]) if reasons else None


def _unreachable(obj: str, facts: Facts, shut: Shut) -> str | None:
    where = facts.at.get(obj)
    if obj == facts.holding:
        return None
    if where is None:
        return f"the {obj} lies on the floor, out of its reach"
    if where in OUT_OF_REACH:
        return f"the {obj} is in the {where}, too deep to be reached"
    if where in shut and not facts.open.get(where):
        return f"the {obj} is in the {where}, which it has no skill to open"
    return None
