"""What happened so far, from the prompt alone: the first scene and every state since.

The model keeps nothing between calls. The reading of an instruction belongs to the scene it was
said in, so that scene is worked out from the history's successes and the state now: where the robot
stood from the places it visited, then where things were, step by step backwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from embodied.tasks.labels import SkillCall, parse_label
from embodied.world.facts import Facts
from planners.model import Prompt, Step

ARRIVE, TAKE, LEAVE = ("find", "go to"), ("pick up",), ("put down", "place", "bring")
DOORS = ("open", "close")


def succeeded(history: Sequence[Step]) -> list[SkillCall]:
    """The calls of the steps that succeeded, in order."""
    return [parse_label(step.label) for step in history if step.succeeded]


def seen(prompt: Prompt) -> list[Facts]:
    """The first state and the state after each success; the last is the present one.

    As the prompt tells them, or worked out where it does not.
    """
    if len(prompt.trail) != len(prompt.history) + 1:  # imagined steps leave no trail
        return states(succeeded(prompt.history), prompt.facts)
    after = zip(prompt.history, prompt.trail[1:], strict=True)
    known = [prompt.trail[0], *(facts for step, facts in after if step.succeeded)]
    past = known if len(known) == 1 and prompt.history else known[:-1]
    return [*past, prompt.facts]


def states(done: Sequence[SkillCall], now: Facts) -> list[Facts]:
    """The first state and the state after each success; the last is `now` itself."""
    robot = _robot(done, now)
    trail = [now]
    for i in range(len(done) - 1, -1, -1):
        trail.append(replace(_undo(done[i], trail[-1], done[:i]), robot_at=robot[i]))
    return trail[::-1]


def _robot(done: Sequence[SkillCall], now: Facts) -> list[str | None]:
    """Where the robot stood at first and after each success: a way that `visited` allows."""
    taken = {c.obj for c in done if c.kind in TAKE}
    known = {o: p for o, p in now.at.items() if o not in taken}
    for start in (-1, 0):
        path = _align(done, now.visited, known, start, None)
        if path is not None:
            steps = (start, *path)
            return [now.visited[p] if 0 <= p < len(now.visited) else None for p in steps]
    places: list[str | None] = [now.visited[0] if now.visited else None]
    for call in done:  # something else moved the robot or a thing: take the labels' word
        goal = call.place if call.kind == "go to" else now.at.get(call.obj or "")
        places.append(goal or places[-1] if call.kind in ARRIVE else places[-1])
    return [*places[:-1], now.robot_at]


def _align(
    done: Sequence[SkillCall],
    visited: Sequence[str],
    known: Mapping[str, str | None],
    p: int,
    held: str | None,
) -> tuple[int, ...] | None:
    """Index into `visited` after each call, given the index before; None: no way fits.

    known: where things are by now as far as the calls so far tell; held: what was taken last.
    """
    if not done:
        return () if p == len(visited) - 1 else None
    call, here = done[0], visited[p] if 0 <= p < len(visited) else None
    if call.kind not in ARRIVE:
        if call.own:
            ways = True
        elif call.kind in DOORS:
            ways = here == call.place
        elif call.kind in TAKE:
            ways = here is not None and known.get(call.obj or "", here) == here
            known, held = {**known, call.obj or "": None}, call.obj
        else:
            ways = here is not None and call.place in (None, here)
            known = {**known, call.obj or held or "": here}
        rest = _align(done[1:], visited, known, p, held) if ways else None
        return None if rest is None else (p, *rest)
    goal = call.place if call.kind == "go to" else known.get(call.obj or "")
    for q in (p + 1, p):
        if 0 <= q < len(visited) and goal in (None, visited[q]):
            told = known if call.obj is None else {**known, call.obj: visited[q]}
            rest = _align(done[1:], visited, told, q, held)
            if rest is not None:
                return (q, *rest)
    return None


def _undo(call: SkillCall, after: Facts, before: Sequence[SkillCall]) -> Facts:
    """The things' state before a success, from the state behind it."""
    if call.kind in TAKE and call.obj is not None:
        return replace(after, at={**after.at, call.obj: after.robot_at}, holding=None)
    if call.kind in DOORS:
        return replace(after, open={**after.open, call.place or "": call.kind == "close"})
    if call.own:
        return replace(after, did=after.did[:-1])
    if call.kind not in LEAVE:
        return after
    thing = call.obj
    if thing is None:  # "bring it to you": what was held is what was taken last, or handed over
        taken = next((c.obj for c in reversed(before) if c.kind in TAKE), None)
        given = [o for o, p in after.at.items() if p == "user"]
        thing = taken or (given[-1] if given else None)
    return after if thing is None else replace(after, at={**after.at, thing: None}, holding=thing)
