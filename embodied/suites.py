"""Suites of instructions: read and checked whole before anything runs.

    suite: example
    items:
      - id: verbs-02
        family: nl_verbs
        instruction: "How would you bring me a sponge?"
        start:
          robot: {at: user, holding: null}          # a place, or null for a random free pose
          objects: {sponge: far counter, "coke can#2": table, apple: drawer}
        goal: {at: [sponge, user]}
        max_skills: 12
        expect: done                                # done | refuse | ask | done_at_once

`embodied.world.goals` describes the goals. An object that the robot holds need not stand among the
objects; if it does, holding wins. A `refuse` item needs no goal. Everything that is wrong is
reported with its file and line, and unknown words with the nearest known one.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from embodied.errors import UsageError
from embodied.world.facts import Facts
from embodied.world.goals import Goal, check_object, check_place, nearest, parse_goal

Expect = Literal["done", "refuse", "ask", "done_at_once"]
MAX_SKILLS = 16  # where an item does not say


@dataclass(frozen=True)
class Start:
    """objects: every instance of the scene -> its place; None for the one that is held.

    robot_at: a place, or None for a random free pose. holding: an instance or None.
    """

    objects: Mapping[str, str | None]
    robot_at: str | None = None
    holding: str | None = None

    def facts(self) -> Facts:
        """The start in symbols; a random free pose is at no place."""
        visited = (self.robot_at,) if self.robot_at else ()
        return Facts(self.objects, self.holding, self.robot_at, visited=visited)


@dataclass(frozen=True)
class SuiteItem:
    """One instruction in one scene, and what must be true in the end.

    goal: None only where a refusal is expected. line: where the item begins in its file.
    """

    id: str
    family: str
    instruction: str
    start: Start
    goal: Goal | None
    max_skills: int
    expect: Expect
    line: int


@dataclass(frozen=True)
class Suite:
    """A named list of items with distinct ids."""

    name: str
    items: tuple[SuiteItem, ...]


def load_suite(path: str | Path) -> Suite:
    """Read a suite file.

    Raises:
        UsageError: the file cannot be read, or anything in it is wrong.
    """
    path = Path(path)
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise UsageError(f"The suite {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"The suite {path} is not valid YAML: {reason}") from error
    return _Reader(path.name).suite(found, path.stem)


def parse_start(spec: Any, where: str = "") -> Start:
    """Read the start of an item or of a scene file: ``{robot: {at, holding}, objects}``.

    Raises:
        UsageError: an unknown object or place, or a wrong form.
    """
    return _Reader(where).start(spec)


@dataclass(frozen=True)
class _Reader:
    where: str

    def error(self, at: Any, text: str) -> UsageError:
        line = getattr(at, "line", None)
        return UsageError(f"{self.where}{f', line {line}' if line else ''}: {text}")

    def body(self, spec: Any, known: Sequence[str], noun: str) -> Mapping[str, Any]:
        if not isinstance(spec, Mapping):
            raise self.error(spec, f"{noun} is a mapping of {', '.join(known)}; got '{spec}'.")
        for word in spec:
            if word not in known:
                near = nearest(str(word), known)
                raise self.error(word, f"unknown word '{word}' in {noun}{near}")
        return spec

    def suite(self, spec: Any, stem: str) -> Suite:
        body = self.body(spec, ("suite", "items"), "a suite")
        items = body.get("items")
        if not isinstance(items, list) or not items:
            raise self.error(spec, "a suite needs 'items', a list with at least one instruction.")
        seen: dict[str, int] = {}
        read = []
        for part in items:
            item = self.item(part)
            if item.id in seen:
                raise self.error(part, f"the id '{item.id}' is taken by line {seen[item.id]}.")
            seen[item.id] = item.line
            read.append(item)
        return Suite(str(body.get("suite") or stem), tuple(read))

    def item(self, spec: Any) -> SuiteItem:
        known = ("id", "family", "instruction", "start", "goal", "max_skills", "expect")
        body = self.body(spec, known, "an item")
        expect = self.expectation(body)
        for word in ("id", "family", "instruction", "start", "goal"):
            if body.get(word) in (None, "") and not (word == "goal" and expect == "refuse"):
                raise self.error(spec, f"an item needs '{word}'.")
        start = self.start(body["start"])
        goal = None if body.get("goal") is None else parse_goal(body["goal"], self.where)
        item = SuiteItem(
            id=str(body["id"]),
            family=str(body["family"]),
            instruction=self.text(body["instruction"]),
            start=start,
            goal=goal,
            max_skills=self.number(body.get("max_skills", MAX_SKILLS), spec),
            expect=expect,
            line=getattr(spec, "line", 0),
        )
        self.check_goal(item, body)
        return item

    def expectation(self, body: Mapping[str, Any]) -> Expect:
        expect = body.get("expect", "done")
        if expect not in get_args(Expect):
            near = nearest(str(expect), get_args(Expect))
            raise self.error(expect, f"unknown word '{expect}' for 'expect'{near}")
        return next(word for word in get_args(Expect) if word == expect)

    def check_goal(self, item: SuiteItem, body: Mapping[str, Any]) -> None:
        """A goal that holds at the start measures nothing, unless that is the point."""
        if item.goal is None or item.expect == "refuse":
            return
        holds = item.goal.holds(item.start.facts())
        if holds and item.expect != "done_at_once":
            raise self.error(
                body["goal"],
                f"the goal of '{item.id}' already holds at the start; change one of them, or say "
                "'expect: done_at_once'.",
            )
        if not holds and item.expect == "done_at_once":
            raise self.error(
                body["goal"], f"'{item.id}' is done at once, but its goal does not hold yet."
            )

    def start(self, spec: Any) -> Start:
        body = self.body(spec, ("robot", "objects"), "a start")
        robot = self.body(body.get("robot") or {}, ("at", "holding"), "the robot's start")
        at, holding = robot.get("at"), robot.get("holding")
        if at is not None:
            at = check_place(at, self.where)
        if holding is not None:
            holding = check_object(holding, self.where)
        listed = body.get("objects") or {}
        if not isinstance(listed, Mapping):
            raise self.error(listed, f"'objects' maps object to place; got '{listed}'.")
        objects: dict[str, str | None] = {}
        for name, place in listed.items():
            instance = check_object(name, self.where).removesuffix("#1")
            objects[instance] = check_place(place, self.where)
        if holding is not None:
            holding = holding.removesuffix("#1")
            objects[holding] = None
        return Start(objects, at, holding)

    def text(self, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.error(value, f"an instruction is a sentence; got '{value}'.")
        return str(value)

    def number(self, value: Any, spec: Any) -> int:
        if type(value) is not int or value < 1:
            raise self.error(spec, f"'max_skills' is a whole number from 1; got '{value}'.")
        return value


# ------------------------------------------------------------------ YAML that knows its lines


class _Str(str):
    line: int


class _List(list[Any]):
    line: int


class _Map(dict[Any, Any]):
    line: int


class _Loader(yaml.SafeLoader):
    """Strings, lists and mappings that carry the line they begin on; a doubled key is an error."""


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _string(loader: _Loader, node: yaml.ScalarNode) -> _Str:
    made = _Str(loader.construct_scalar(node))
    made.line = _line(node)
    return made


def _list(loader: _Loader, node: yaml.SequenceNode) -> _List:
    made = _List(loader.construct_object(part, deep=True) for part in node.value)
    made.line = _line(node)
    return made


def _map(loader: _Loader, node: yaml.MappingNode) -> _Map:
    loader.flatten_mapping(node)
    made = _Map()
    made.line = _line(node)
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        wrong = "a key must be a word" if not isinstance(key, Hashable) else ""
        if wrong or key in made:
            wrong = wrong or f"the key '{key}' stands twice"
            raise yaml.constructor.ConstructorError(None, None, wrong, key_node.start_mark)
        made[key] = loader.construct_object(value_node, deep=True)
    return made


_Loader.add_constructor("tag:yaml.org,2002:str", _string)
_Loader.add_constructor("tag:yaml.org,2002:seq", _list)
_Loader.add_constructor("tag:yaml.org,2002:map", _map)
