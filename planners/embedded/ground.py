"""From guesses to duties in a scene: likely hypotheses, and what stands in the way of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from embodied.tasks import own
from embodied.tasks.labels import DRAWER
from embodied.world.facts import SURFACES, Facts, kind
from planners.embedded.agenda import BACK, Duty
from planners.embedded.anaphora import ONE, Group, another_kind, linked, names_itself, points_back
from planners.embedded.interpret import Guess
from planners.embedded.leaning import for_each, narrowed, strange, with_place_spoken_of
from planners.embedded.reading import ACTS, QUANTS
from planners.embedded.referents import FITS, Problem, Scene, Sense, apart, things
from planners.embedded.relations import (
    ONE_ON_EACH,
    OTHER,
    THE_ONE,
    fallbacks,
    other_side,
)
from planners.embedded.starts import REQUEST

PER_PIECE, BEAM = 5, 12
SURE = 0.7  # from which what is merely mentioned is taken for named
PUT = re.compile(r"\b(?:put|set|place|lay|stand|move|leave)\b")


@dataclass(frozen=True)
class Hypothesis:
    """Duties in order of doing, how likely they are meant, and the first problem if any."""

    duties: tuple[Duty, ...]
    weight: float
    problem: Problem | None = None


def senses(guess: Guess) -> list[tuple[float, Sense]]:
    """The likeliest ways to take one piece."""
    found = []
    if guess.own:
        return _own_senses(guess)
    for a in np.argsort(-guess.act)[:3]:
        act, p = ACTS[a], float(guess.act[a])
        if p < 0.04 and found:
            continue
        goals = _targets(guess) if act in ("move", "go") else [(1.0, ())]
        for q in np.argsort(-guess.quant)[: 2 if act in ("move", "hold", "none") else 1]:
            share = float(guess.quant[q])
            if share > 0.1:
                found += [(p * share * w, Sense(act, goal, QUANTS[q], guess)) for w, goal in goals]
    found.sort(key=lambda pair: -pair[0])
    return found[:PER_PIECE]


def _own_senses(guess: Guess) -> list[tuple[float, Sense]]:
    """The likeliest ways to take a piece that asks for a skill of your own. Where its label wants a place and
    the piece names none, any surface would do."""
    quant = QUANTS[int(guess.quant.argmax())]
    if "place" not in own.registered()[guess.own].fields:
        return [(1.0, Sense("own", (), quant, guess))]
    surfaces = tuple((surface, 1.0) for surface in SURFACES)
    found = [(w, Sense("own", goal or surfaces, quant, guess)) for w, goal in _targets(guess)]
    return sorted(found, key=lambda pair: -pair[0])


def _targets(guess: Guess) -> list[tuple[float, tuple[tuple[str, float], ...]]]:
    p = {name: float(role[1]) for name, role in guess.roles.items()}
    best = max(p, key=lambda name: p[name])
    goal = tuple(sorted(((n, w) for n, w in p.items() if w > 0.4), key=lambda x: -x[1]))
    if not goal:
        goal = ((best, p[best]),) if p[best] > 0.12 else ()
    rest = sorted(((w, n) for n, w in p.items() if n not in dict(goal) and w > 0.1), reverse=True)
    main = float(np.mean([w for _, w in goal])) if goal else 1 - p[best]
    return [(main, goal)] + [(w, ((n, 1.0),)) for w, n in rest[:1]]


def hypotheses(
    guesses: Sequence[Guess], first: Facts, drawer: bool = False, temperature: float = 1.0
) -> list[Hypothesis]:
    """Combinations of senses, likeliest first, weights summing to one.

    With the calibrated `temperature` (`Calibration.whole`) the weight of the first is the share of
    instructions that are read right at such a weight.

    Args:
        first: the scene that the instruction was given in.
        drawer: whether there are skills that open and close the drawer. Without them whatever asks
            for it is a problem.
    """
    scene = Scene(first, drawer)
    beam: list[tuple[float, tuple[Sense, ...]]] = [(1.0, ())]
    for guess in guesses:
        beam = [(p * q, (*picked, s)) for p, picked in beam for q, s in senses(guess)]
        beam = sorted(beam, key=lambda x: -x[0])[:BEAM]
    if all(s.act == "none" for s in beam[0][1]):  # someone who speaks to a robot wants something
        active = [(p, picked) for p, picked in beam if any(s.act != "none" for s in picked)]
        beam = active if active and active[0][0] > 0.05 * beam[0][0] else beam
    weights = np.array([p for p, _ in beam]) ** (1 / temperature)
    shares = (weights / weights.sum()).tolist()
    return [_build(w, picked, scene) for w, (_, picked) in zip(shares, beam, strict=True)]


def _build(weight: float, picked: Sequence[Sense], scene: Scene) -> Hypothesis:
    duties: list[tuple[float, Duty]] = []
    groups: list[Group] = []
    problem: Problem | None = None
    aside: Problem | None = None  # stands in the way only if nothing else is asked for
    instead = fallbacks(s.guess.text for s in picked)
    picked = for_each(picked)
    for i, sense in enumerate(picked):
        if instead[i]:
            if not _blocked(problem):
                continue
            problem = None
        if narrower := narrowed(i, picked, duties, scene):
            duties[-1] = narrower
            continue
        fresh, trouble = _duties(i, sense, picked, scene, groups, len(duties))
        duties += [(sense.guess.order, replace(d, skill=sense.guess.own)) for d in fresh]
        if trouble is not None and (_idle(trouble, sense) or _spoken_for(trouble, i, picked)):
            aside = aside or trouble
        else:
            problem = problem or trouble
    problem = problem or (None if duties else aside)
    if not duties and problem is None:
        problem = Problem("nothing", " ".join(s.guess.text for s in picked).strip(" .?!"))
    order = sorted(range(len(duties)), key=lambda k: duties[k][0])
    new = {old: k for k, old in enumerate(order)}
    final = []
    for k in order:
        duty = duties[k][1]
        refers = new.get(duty.refers) if duty.refers is not None else None
        final.append(
            replace(duty, refers=refers if refers is not None and refers < new[k] else None)
        )
    return Hypothesis(tuple(final), weight, problem)


def _blocked(problem: Problem | None) -> bool:
    """Whether what is to be done "otherwise" is to be done."""
    return problem is not None and problem.what in ("absent", "few", "unknown", "shut", "gone")


def _idle(trouble: Problem, sense: Sense) -> bool:
    """Whether a piece that leads nowhere may have been mere talk."""
    talk = float(sense.guess.act[ACTS.index("none")])
    return trouble.what in ("nothing", "referent") or (trouble.what == "unknown" and talk > 0.12)


def _spoken_for(trouble: Problem, i: int, picked: Sequence[Sense]) -> bool:
    """Whether what a need would take is not there, and the request behind it asks for something."""
    text = picked[i].guess.text
    later = any(REQUEST.match(s.guess.text) and s.act == "move" for s in picked[i + 1 :])
    need = picked[i].guess.det == "a" and not REQUEST.search(text)
    return trouble.what in ("absent", "unknown") and need and later


def _duties(
    i: int, sense: Sense, picked: Sequence[Sense], scene: Scene, groups: list[Group], count: int
) -> tuple[list[Duty], Problem | None]:
    """What one piece asks for, and what stands in its way; what it speaks of joins the groups."""
    if sense.act == "swap":
        return _swapped(i, picked, scene)
    sense = with_place_spoken_of(i, _with_place(_set_down(sense), scene), picked)
    if sense.act in ("cannot", "open", "close", "release") or _thingless(sense):
        return _about_nothing(sense, scene)
    if sense.act in ("move", "go"):
        targets = tuple(t for t in sense.targets if scene.drawer or t[0] != DRAWER)
        if not targets:
            return [], Problem("drawer" if sense.targets else "place", sense.guess.text)
        sense = replace(sense, targets=targets)
    if sense.act == "go":
        return _driven(sense, scene.first), None
    another = another_kind(sense, groups, scene.first)
    if points_back(sense) and (groups or not names_itself(sense)) and not another:
        before = picked[i - 1] if i else None
        if before is not None and not groups and before.act in ("open", "close"):
            return [], None  # "the drawer is open again, can you get that"
        one = bool(ONE.search(sense.guess.text))
        if before is not None and not groups and strange(before, one):
            return [], Problem("unknown", before.guess.text)
        return linked(sense, groups, scene.first, count)
    if sense.act == "none":
        groups += _mentioned(sense, scene)
        return [], None
    follow = picked[i + 1 : i + 2]
    led = any(points_back(s) and s.act in ("move", "hold") for s in follow)
    silent = sense.act in ("hold", "find") and led
    choices, need, trouble = things(sense, scene)
    if groups and THE_ONE.search(sense.guess.text):  # "two cans. the one that isn't red"
        spoken_of = {o for o, _ in groups[-1].choices}
        choices = tuple(c for c in choices if c[0] in spoken_of) or choices
    if groups and OTHER.search(sense.guess.text):  # "not the pepsi, the other can"
        choices = tuple(c for c in choices if c[0] in another) or choices
    groups.append(Group(choices, need, None if silent or trouble else count, sense.act))
    if trouble or silent:
        return [], trouble
    return _handled(sense, choices, need, scene.first), None


def _thingless(sense: Sense) -> bool:
    """Whether a piece asks for a skill of your own that is about no thing."""
    return sense.act == "own" and "object" not in own.registered()[sense.guess.own].fields


def _set_down(sense: Sense) -> Sense:
    """ "Set it down next to the tea" is a move."""
    guess = sense.guess
    if sense.act not in ("release", "find") or not guess.beside:
        return sense
    moves = PUT.search(guess.text) and names_itself(sense)
    named = tuple((p, float(role[1])) for p, role in guess.roles.items() if role[1] > FITS)
    return replace(sense, act="move", targets=named) if moves else sense


def _about_nothing(sense: Sense, scene: Scene) -> tuple[list[Duty], Problem | None]:
    """Letting go, the drawer, and what no skill does: duties without things or places."""
    text = sense.guess.text
    if sense.act == "cannot":
        return [], Problem("cannot", text)
    if sense.act in ("open", "close") and not scene.drawer:
        return [], Problem("drawer", text)
    return [Duty(sense.act, said=text)], None


def _driven(sense: Sense, first: Facts) -> list[Duty]:
    """A drive to a place, or to each of several: "go to both counters"."""
    guess = sense.guess
    goal = other_side(guess.text, first.robot_at) or sense.targets
    return Duty("go", targets=goal, where=guess.where, said=guess.text).spread()


def _mentioned(sense: Sense, scene: Scene) -> list[Group]:
    """The things that a piece speaks of without asking for anything, if it surely does."""
    guess, (choices, need, trouble) = sense.guess, things(sense, scene)
    if trouble is not None:
        return [Group((), need, None, trouble.about)] if trouble.what == "absent" else []
    surely = max(guess.members.values(), default=0.0) >= SURE
    return [Group(choices, need, None, sense.act, guess.det)] if choices and surely else []


def _handled(
    sense: Sense, choices: tuple[tuple[str, float], ...], need: int, first: Facts
) -> list[Duty]:
    """What is to be done with things, at one place or at each: "one on each counter"."""
    guess, targets = sense.guess, _elsewhere(sense, choices, first)
    duty = Duty(
        sense.act, choices, need, targets, det=guess.det, where=guess.where, said=guess.text
    )
    duty = replace(duty, distinct=apart(sense))
    spread = duty.spread()
    if len(spread) > 1 and ONE_ON_EACH.search(guess.text):
        return [replace(d, need=1, det="any") for d in spread]
    return spread


def _swapped(i: int, picked: Sequence[Sense], scene: Scene) -> tuple[list[Duty], Problem | None]:
    """Two duties: each of two things goes where the other is."""
    sense, at = picked[i], scene.first.at
    if i and picked[i - 1].act == "swap":
        return [], None  # the piece before spoke for both
    if i + 1 < len(picked) and picked[i + 1].act == "swap":
        pair = [sense, picked[i + 1]]
    else:  # both are named in this piece
        best = sorted(sense.guess.members, key=lambda k: -sense.guess.members[k])[:2]
        pair = [replace(sense, guess=replace(sense.guess, members={k: 1.0})) for k in best]
    found = [things(s, scene) for s in pair]
    for _, _, trouble in found:
        if trouble:
            return [], trouble
    sides = [
        [(o, p) for o, _ in choices if (p := at.get(o)) is not None] for choices, _, _ in found
    ]
    for a, here in sides[0]:
        for b, there in sides[1]:
            if here != there:
                return [
                    Duty("move", ((a, 1.0),), 1, ((there, 1.0),), det="the", said=sense.guess.text),
                    Duty("move", ((b, 1.0),), 1, ((here, 1.0),), det="the", said=sense.guess.text),
                ], None
    return [], Problem("nothing", sense.guess.text)


def _with_place(sense: Sense, scene: Scene) -> Sense:
    """ "Next to the apple" is where the apple is: a target where none is named, else a source."""
    at = {scene.first.at.get(o) for o in scene.first.instances if kind(o) in sense.guess.beside}
    near = frozenset(p for p in at if p is not None)
    if not near:
        return sense
    named = max((role[1] for role in sense.guess.roles.values()), default=0.0) > 0.5
    if sense.act == "move" and not named:
        return replace(sense, targets=tuple((p, 1.0) for p in sorted(near)))
    return replace(sense, near=near)


def _elsewhere(
    sense: Sense, choices: tuple[tuple[str, float], ...], first: Facts
) -> tuple[tuple[str, float], ...]:
    """The targets, without the place where all the things are: a move has to move something.

    Where nothing else is left, the next likely place counts; where none is, the move is done.
    """
    here = {first.at.get(o) for o, _ in choices}
    if sense.act != "move" or len(here) != 1 or None in here:
        return sense.targets
    if opposite := other_side(sense.guess.text, next(iter(here))):
        return opposite
    stay = {*here, BACK}
    rest = tuple((p, w) for p, w in sense.targets if p not in stay)
    if rest or (len(sense.targets) == 1 and BACK not in dict(sense.targets)):
        return rest or sense.targets
    likely = [(float(role[1]), p) for p, role in sense.guess.roles.items() if p not in stay]
    best = max(likely, default=(0.0, ""))
    return ((best[1], 1.0),) if best[0] > 0.1 else sense.targets
