"""Suites of instructions: read and checked whole before anything runs.

    suite: example
    items:
      - id: verbs-02
        family: nl_verbs
        instruction: "How would you bring me a sponge?"
        start:
          robot: {at: user, holding: null}          # a place, or null for a random free pose
          objects: {sponge: far counter, "coke can#2": table, apple: drawer}
          drawer: shut                              # or open
        goal: {at: [sponge, user]}
        max_skills: 12
        expect: done                                # done | refuse | ask | done_at_once
        answer: "the yellow one"                    # or a list: replies to questions, in order
        amend:                                      # said when this label has first ended
          - {after: pick up the sponge, say: "and the apple too, please"}
        disturb:                                    # happens once, after or half way through it
          - {during: go to the user, do: drop, object: sponge, place: table}

`embodied.world.goals` describes the goals. An object that the robot holds need not stand among the
objects; if it does, holding wins. A `refuse` item needs no goal. With `expect: ask` a question has
to come before the first skill, and with an `answer`, the goal has to hold in the end.

Disturbances: ``move`` (somebody puts the object at the place), ``drop`` (the object slips out of
the gripper and ends at the place, or on the floor if none is named), ``take`` (a person takes the
object out of the room), ``shut`` (the drawer is pushed shut) and ``block`` (somebody stands in the
way: the next `tries` drives to the place fail, one if left out). Without an `object`, ``drop`` and
``take`` mean what the robot holds; if it holds nothing, nothing happens.

Everything that is wrong is reported with its file and line, and unknown words with the nearest
known one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from embodied.errors import UsageError
from embodied.lined_yaml import LinedLoader
from embodied.tasks.labels import DRAWER, enumerate_calls
from embodied.world.facts import Facts
from embodied.world.goals import Goal, check_object, check_place, nearest, parse_goal

Expect = Literal["done", "refuse", "ask", "done_at_once"]
Deed = Literal["move", "drop", "take", "shut", "block"]
# what a disturbance must say besides, and what it may say
DEEDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "move": (("object", "place"), ()),
    "drop": ((), ("object", "place")),
    "take": ((), ("object",)),
    "shut": ((), ()),
    "block": (("place",), ("tries",)),
}
ITEM_WORDS = ("id", "family", "instruction", "start", "goal", "max_skills", "expect")
ITEM_WORDS += ("answer", "amend", "disturb")
MAX_SKILLS = 16  # where an item does not say


@dataclass(frozen=True)
class Start:
    """objects: every instance of the scene -> its place; None for the one that is held.

    robot_at: a place, or None for a random free pose. holding: an instance or None. drawer_open:
    whether the drawer stands open.
    """

    objects: Mapping[str, str | None]
    robot_at: str | None = None
    holding: str | None = None
    drawer_open: bool = False

    def facts(self) -> Facts:
        """The start in symbols; a random free pose is at no place."""
        visited = (self.robot_at,) if self.robot_at else ()
        doors = {DRAWER: self.drawer_open}
        return Facts(self.objects, self.holding, self.robot_at, doors, visited)


@dataclass(frozen=True)
class Amendment:
    """Something the person says unasked, once the skill `after` has first ended."""

    after: str
    say: str


@dataclass(frozen=True)
class Disturbance:
    """Something that happens to the robot once, when a skill is first tried.

    label: the skill. during: half way through it; else when it has ended. object: an instance of
    the scene. place: where it ends, or what is blocked. tries: drives that fail for it.
    """

    label: str
    during: bool
    do: Deed
    object: str | None = None
    place: str | None = None
    tries: int = 1


@dataclass(frozen=True)
class SuiteItem:
    """One instruction in one scene, and what must be true in the end.

    goal: None only where a refusal is expected. line: where the item begins in its file. answer:
    what the person replies to questions, in order.
    """

    id: str
    family: str
    instruction: str
    start: Start
    goal: Goal | None
    max_skills: int
    expect: Expect
    line: int
    answer: tuple[str, ...] = ()
    amend: tuple[Amendment, ...] = ()
    disturb: tuple[Disturbance, ...] = ()


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
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=LinedLoader)
    except OSError as error:
        raise UsageError(f"The suite {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"The suite {path} is not valid YAML: {reason}") from error
    return _Reader(path.name).suite(found, path.stem)


def suite_paths(names: Sequence[str]) -> tuple[Path, ...]:
    """The files that are meant: paths, names of shipped suites, or ``all`` of those.

    Raises:
        UsageError: there is no such suite, or two have the same name.
    """
    folder = Path(str(files("sim_assets").joinpath("suites")))
    shipped = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    found: list[Path] = []
    for name in names:
        if name != "all" and name not in shipped and not Path(name).is_file():
            near = nearest(name, [*shipped, "all"])
            raise UsageError(f"There is no suite '{name}', neither shipped nor a file{near}")
        found += shipped.values() if name == "all" else [shipped.get(name, Path(name))]
    doubled = {path.name for path in found if sum(other.name == path.name for other in found) > 1}
    if doubled:
        raise UsageError(f"Two suites are called {min(doubled)}; evaluate them one by one.")
    return tuple(found)


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
        body = self.body(spec, ITEM_WORDS, "an item")
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
            answer=self.answers(body.get("answer")),
            amend=tuple(self.amendment(part, start) for part in self.parts(body, "amend")),
            disturb=tuple(self.disturbance(part, start) for part in self.parts(body, "disturb")),
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
        body = self.body(spec, ("robot", "objects", "drawer"), "a start")
        drawer = body.get("drawer", "shut")
        if drawer not in ("open", "shut"):
            near = nearest(str(drawer), ("open", "shut"))
            raise self.error(drawer, f"unknown word '{drawer}' for 'drawer'{near}")
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
        return Start(objects, at, holding, drawer == "open")

    def parts(self, body: Mapping[str, Any], word: str) -> Sequence[Any]:
        found = body.get(word) or []
        if not isinstance(found, list):
            raise self.error(body[word], f"'{word}' takes a list; got '{found}'.")
        return found

    def answers(self, value: Any) -> tuple[str, ...]:
        if value is None:
            return ()
        replies = value if isinstance(value, list) else [value]
        return tuple(self.text(reply, "an answer") for reply in replies)

    def amendment(self, spec: Any, start: Start) -> Amendment:
        body = self.body(spec, ("after", "say"), "an amendment")
        if len(body) != 2:
            raise self.error(spec, "an amendment needs 'after' and 'say'.")
        return Amendment(self.label(body["after"], start), self.text(body["say"], "an amendment"))

    def disturbance(self, spec: Any, start: Start) -> Disturbance:
        known = ("after", "during", "do", "object", "place", "tries")
        body = self.body(spec, known, "a disturbance")
        if ("after" in body) == ("during" in body) or "do" not in body:
            raise self.error(spec, "a disturbance needs 'do', and either 'after' or 'during'.")
        do = next((deed for deed in get_args(Deed) if deed == body["do"]), None)
        if do is None:
            near = nearest(str(body["do"]), DEEDS)
            raise self.error(body["do"], f"unknown word '{body['do']}' for 'do'{near}")
        needs, may = DEEDS[do]
        given = body.keys() - {"after", "during", "do"}
        for word in [*(set(needs) - given), *(given - {*needs, *may})]:
            has = "needs" if word in needs else "takes no"
            raise self.error(spec, f"the disturbance '{do}' {has} '{word}'.")
        during = "during" in body
        return Disturbance(
            self.label(body["during" if during else "after"], start),
            during,
            do,
            self.instance(body["object"], start) if "object" in body else None,
            check_place(body["place"], self.where) if "place" in body else None,
            self.number(body.get("tries", 1), spec, "tries"),
        )

    def label(self, value: Any, start: Start) -> str:
        """The label of a skill that can be tried in this scene."""
        known = [call.label for call in enumerate_calls(start.objects)]
        if value not in known or not isinstance(value, str):
            near = nearest(str(value), known) if isinstance(value, str) else "."
            raise self.error(value, f"no skill is called '{value}'{near}")
        return str(value)

    def instance(self, value: Any, start: Start) -> str:
        name = check_object(value, self.where).removesuffix("#1")
        if name not in start.objects:
            near = nearest(name, start.objects)
            raise self.error(value, f"there is no '{name}' in the scene{near}")
        return name

    def text(self, value: Any, noun: str = "an instruction") -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.error(value, f"{noun} is a sentence; got '{value}'.")
        return str(value)

    def number(self, value: Any, spec: Any, word: str = "max_skills") -> int:
        if type(value) is not int or value < 1:
            raise self.error(spec, f"'{word}' is a whole number from 1; got '{value}'.")
        return value
