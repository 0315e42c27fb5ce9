"""The goal language: what must be true in the end, read from suites, checked against `Facts`.

    {at: [WHAT, PLACE]}  {holding: WHAT}  {robot_at: PLACE}  {visited: [PLACE, ...]}  {open: drawer}
    {all: [GOAL, ...]}  {any: [GOAL, ...]}  {not: GOAL}
    {count: {at: [WHAT, PLACE], min: 2, max: 2, distinct: true}}

WHAT is an object name, ``{category: soda}``, ``{one_of: [a, b]}``, or either with ``except: NAME``
(or a list of names). A name without ``#n`` matches every instance of its kind; ``coke can#1`` is
the first one alone. At ``user`` means handed over. `count` counts instances; with `distinct`, no
kind counts twice; without min and max it asks for at least one. `visited` asks for the places in
this order, with any others in between.

Not covered: where on a place, and for how long.
"""

from __future__ import annotations

import difflib
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from embodied.errors import UsageError
from embodied.world import catalogue
from embodied.world.facts import CONTAINERS, WHEREABOUTS
from embodied.world.goal_terms import All as All
from embodied.world.goal_terms import Any as Any
from embodied.world.goal_terms import At as At
from embodied.world.goal_terms import Count as Count
from embodied.world.goal_terms import Goal as Goal
from embodied.world.goal_terms import Holding as Holding
from embodied.world.goal_terms import Not as Not
from embodied.world.goal_terms import Open as Open
from embodied.world.goal_terms import RobotAt as RobotAt
from embodied.world.goal_terms import Visited as Visited
from embodied.world.goal_terms import What as What
from embodied.world.goal_terms import atoms as atoms

_WORDS = ("at", "holding", "robot_at", "visited", "open", "all", "any", "not", "count")


def parse_goal(spec: t.Any, where: str = "") -> Goal:
    """Read a goal in the suite format.

    Args:
        spec: nested plain values. Words that carry a `line` attribute have it named in errors.
        where: what to call the source in errors, e.g. a file name.
    Raises:
        UsageError: an unknown word (with the nearest known one) or a wrong form.
    """
    return _Reader(where).goal(spec)


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'table'?``, or the list of what is known when nothing is near."""
    names = list(known)
    near = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(names)}."


def check_object(name: t.Any, where: str = "") -> str:
    """`name` if the catalogue has it, with or without ``#n``.

    Raises:
        UsageError: it has not.
    """
    return _Reader(where).object(name)


def check_place(name: t.Any, where: str = "", known: Sequence[str] = WHEREABOUTS) -> str:
    """`name` if it is one of the `known` places.

    Raises:
        UsageError: it is not.
    """
    return _Reader(where).word(name, known, "place")


@dataclass(frozen=True)
class _Reader:
    """Recursive descent over the suite format."""

    where: str

    def error(self, at: t.Any, text: str) -> UsageError:
        line = getattr(at, "line", None)
        place = ", ".join(part for part in (self.where, f"line {line}" if line else "") if part)
        return UsageError(f"{place}: {text}" if place else text)

    def word(self, word: t.Any, known: Sequence[str], noun: str) -> str:
        if word not in known or not isinstance(word, str):
            raise self.error(word, f"unknown {noun} '{word}'{nearest(str(word), known)}")
        return str(word)

    def object(self, name: t.Any) -> str:
        base, mark, number = str(name).partition("#")
        known = catalogue.objects()
        if isinstance(name, str) and base in known and (not mark or _is_index(number)):
            return str(name)
        if base in known:
            raise self.error(name, f"'{name}' is no instance name; write '{base}' or '{base}#2'.")
        called = {alias: spec.name for spec in known.values() for alias in spec.aliases}
        if base in called:
            raise self.error(name, f"unknown object '{name}'; did you mean '{called[base]}'?")
        raise self.error(name, f"unknown object '{name}'{nearest(base, known)}")

    def body(self, spec: t.Any, known: Sequence[str], noun: str) -> Mapping[str, t.Any]:
        if not isinstance(spec, Mapping):
            raise self.error(spec, f"a {noun} is a mapping of {', '.join(known)}; got '{spec}'.")
        for word in spec:
            self.word(word, known, f"word in a {noun}")
        return spec

    def goal(self, spec: t.Any) -> Goal:
        body = self.body(spec, _WORDS, "goal")
        if len(body) != 1:
            raise self.error(spec, f"a goal has one key, not {len(body)}; join goals by 'all'.")
        ((word, value),) = body.items()
        if word in ("all", "any"):
            parts = tuple(self.goal(part) for part in self.sequence(value, str(word)))
            return All(parts) if word == "all" else Any(parts)
        if word == "not":
            return Not(self.goal(value))
        if word == "count":
            return self.count(value)
        if word == "at":
            return At(*self.pair(value))
        if word == "holding":
            return Holding(self.what(value))
        if word == "visited":
            return Visited(self.order(self.sequence(value, "visited")))
        if word == "open":
            return Open(self.word(value, CONTAINERS, "container"))
        return RobotAt(self.word(value, WHEREABOUTS, "place"))

    def order(self, items: Sequence[t.Any]) -> tuple[str, ...]:
        places = tuple(self.word(item, WHEREABOUTS, "place") for item in items)
        for item, place, after in zip(items, places, places[1:], strict=False):
            if place == after:
                raise self.error(item, f"'visited' names '{place}' twice in a row; once is enough.")
        return places

    def count(self, value: t.Any) -> Count:
        body = self.body(value, ("at", "min", "max", "distinct"), "count")
        if "at" not in body:
            raise self.error(value, "a count needs 'at: [WHAT, PLACE]'.")
        what, place = self.pair(body["at"])
        limits = [body.get("min", 0 if "max" in body else 1), body.get("max")]
        for limit in limits:
            if limit is not None and (type(limit) is not int or limit < 0):
                raise self.error(value, f"min and max are whole numbers from 0; got '{limit}'.")
        if limits[1] is not None and limits[0] > limits[1]:
            raise self.error(value, f"min {limits[0]} is above max {limits[1]}.")
        distinct = body.get("distinct", False)
        if not isinstance(distinct, bool):
            raise self.error(value, f"distinct is true or false; got '{distinct}'.")
        return Count(what, place, limits[0], limits[1], distinct)

    def pair(self, value: t.Any) -> tuple[What, str]:
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
            raise self.error(value, f"'at' takes [WHAT, PLACE]; got '{value}'.")
        return self.what(value[0]), self.word(value[1], WHEREABOUTS, "place")

    def what(self, value: t.Any) -> What:
        if not isinstance(value, Mapping):
            return What((self.object(value),))
        body = self.body(value, ("category", "one_of", "except"), "choice of objects")
        if ("category" in body) == ("one_of" in body):
            raise self.error(value, "a choice of objects has either 'category' or 'one_of'.")
        excluded = tuple(self.object(name) for name in self.left_out(body))
        if "one_of" in body:
            names = tuple(self.object(name) for name in self.sequence(body["one_of"], "one_of"))
            return What(names, None, excluded)
        every = (c for spec in catalogue.objects().values() for c in spec.categories)
        known = list(dict.fromkeys(every))
        return What((), self.word(body["category"], known, "category"), excluded)

    def left_out(self, body: Mapping[str, t.Any]) -> Sequence[t.Any]:
        names = body.get("except")
        if names is None:
            return ()
        return (names,) if isinstance(names, str) else self.sequence(names, "except")

    def sequence(self, value: t.Any, word: str) -> Sequence[t.Any]:
        if (
            not isinstance(value, Sequence)
            or isinstance(value, str)
            or (word != "except" and not value)
        ):
            raise self.error(value, f"'{word}' takes a list; got '{value}'.")
        return value


def _is_index(number: str) -> bool:
    return number.isascii() and number.isdigit() and not number.startswith("0")
