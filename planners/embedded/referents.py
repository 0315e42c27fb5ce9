"""Which things of the scene a piece means: kinds that fit, instances in reach, how many."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from embodied.tasks.labels import DRAWER
from embodied.world.facts import Facts, kind
from planners.embedded.agenda import BACK
from planners.embedded.interpret import Guess
from planners.embedded.reading import QUANTS
from planners.embedded.relations import (
    AT_MOST,
    BOTH_AND,
    BOTH_OF_A_KIND,
    DISTINCT,
    HALF,
    IN_REACH,
    NOT_AT,
    ONE_OF_EACH,
    THAT_THING,
    spares_one,
)

FITS, MAYBE = 0.5, 0.25  # a kind's probability from which it fits, and from which it might


@dataclass(frozen=True)
class Sense:
    """One way to take a piece."""

    act: str
    targets: tuple[tuple[str, float], ...]
    quant: str
    guess: Guess
    near: frozenset[str] = frozenset()  # where the things are that it names to tell a place


@dataclass(frozen=True)
class Problem:
    """Why a hypothesis cannot be carried out.

    what: cannot | unknown | absent | few | place | drawer | shut | gone | nothing | referent (a
    word points back to something, and nothing was spoken of, held or alone in reach).
    about: the words or things it is about.
    """

    what: str
    about: str


@dataclass(frozen=True)
class Scene:
    """The facts when the instruction was given, and whether the drawer is a place like others."""

    first: Facts
    drawer: bool = False


def at_hand(first: Facts) -> str | None:
    """What "it" means when nothing was spoken of: what is held, or the only thing in reach."""
    if first.holding is not None:
        return first.holding
    here = [o for o, p in first.at.items() if p is not None and p == first.robot_at]
    pool = here or list(first.instances)
    return pool[0] if len(pool) == 1 else None


def things(sense: Sense, scene: Scene) -> tuple[tuple[tuple[str, float], ...], int, Problem | None]:
    """(instances that fit with weights, how many are meant, what is wrong with that)."""
    guess, first = sense.guess, scene.first
    top = max(guess.members.values(), default=0.0)
    fitting = {k: p for k, p in guess.members.items() if p >= FITS and p >= 0.5 * top}
    if not fitting:
        fitting = {k: p for k, p in guess.members.items() if p >= MAYBE and kind_in(k, first)}
    if not fitting:
        return (), 1, Problem("unknown", guess.text)
    found = {o: fitting[kind(o)] for o in first.instances if kind(o) in fitting}
    if not found and top < 0.9:
        near = {k: p for k, p in guess.members.items() if p >= MAYBE}
        found = {o: near[kind(o)] for o in first.instances if kind(o) in near}
    if not found:
        return (), 1, Problem("absent", _named(fitting))
    found, trouble = _reachable(found, sense, scene)
    if trouble:
        return (), 1, trouble
    # "there are two cans on the table" tells where they are, not where they go
    told = sense.act == "none"
    sources = {
        p for p, r in guess.roles.items() if r[2] > max(0.3, r[1]) or (told and r[1] > FITS)
    } | sense.near
    away = _not_at(guess)
    near = sources - away
    placed = {
        o: p for o, p in found.items()
        if (first.at.get(o) in near or (away and not near)) and first.at.get(o) not in away
    }  # fmt: skip
    found = placed or found
    found = _pointed_at(found, guess, first)
    choices = tuple(sorted(((o, p * p) for o, p in found.items()), key=lambda x: -x[1]))
    wanted = _count(sense, [o for o, _ in choices])
    several = {kind(o) for o in found} if apart(sense) else found
    if len(several) < wanted:
        return choices, len(several), Problem("few", f"{wanted} × {_named(fitting)}")
    return choices, wanted, None


def _not_at(guess: Guess) -> set[str]:
    """The places that are named only to leave out what is there: "a coke, not the one on the table"."""
    found = NOT_AT.search(guess.text)
    behind = guess.text[found.end() :] if found else ""
    return {p for p in guess.roles if re.search(rf"\b{re.escape(p)}\b", behind)}


def _pointed_at(found: dict[str, float], guess: Guess, first: Facts) -> dict[str, float]:
    """What the words point at: things where the robot stands, "that thing" in its hand."""
    if IN_REACH.search(guess.text):
        here = {o: p for o, p in found.items() if first.at.get(o) == first.robot_at is not None}
        return here or found
    held = first.holding
    if held in found and len(found) > 1 and THAT_THING.search(guess.text):
        return {held: found[held]}
    return found


def _count(sense: Sense, found: list[str]) -> int:
    """How many of the things found are meant."""
    text = sense.guess.text
    if ONE_OF_EACH.search(text):
        return len({kind(o) for o in found})
    several = len(found) > 1 and BOTH_OF_A_KIND.search(text)
    if BOTH_AND.search(text) and not several:
        return 1  # and one of what the next piece names
    if HALF.search(text):
        return max(1, len(found) // 2)
    if sense.quant == "all":
        return max(1, len(found) - spares_one(text))
    wanted = QUANTS.index(sense.quant) + 1
    return min(wanted, len(found)) if AT_MOST.search(text) else wanted


def apart(sense: Sense) -> bool:
    """Whether no two of the things may be of one kind."""
    text = sense.guess.text
    counted = sense.quant not in ("one", "all") and DISTINCT.search(text)
    return bool(counted or ONE_OF_EACH.search(text))


def kind_in(name: str, facts: Facts) -> bool:
    """Whether some instance of the kind is in the scene."""
    return any(kind(o) == name for o in facts.instances)


def _named(fitting: Mapping[str, float]) -> str:
    names = sorted(fitting, key=lambda k: -fitting[k])
    return " or ".join(names[:3])


def _reachable(
    found: dict[str, float], sense: Sense, scene: Scene
) -> tuple[dict[str, float], Problem | None]:
    """Without what lies in the trash or in the shut drawer, unless nothing has to be taken."""
    if sense.act in ("find", "none"):
        return found, None
    goals, at = {p for p, _ in sense.targets}, scene.first.at
    shut = not (scene.drawer or scene.first.open.get(DRAWER, False))
    lost = {"trash", DRAWER} if shut else {"trash"}
    free = {o: p for o, p in found.items() if at.get(o) in goals or at.get(o) not in lost}
    if free or BACK in goals:
        return free or found, None
    what = "shut" if any(at.get(o) == DRAWER for o in found) else "gone"
    return {}, Problem(what, _named({kind(o): p for o, p in found.items()}))
