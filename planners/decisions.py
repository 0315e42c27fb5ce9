"""Labelled decisions to calibrate a language model on: situations, and the labels right in them.

Plain requests about random scenes, followed along the solver's plans, with a failure now and then.
Which labels are right is a set: every one that begins a shortest plan. The sentences are plain on
purpose; how far a model understands people is what suites measure.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from embodied.tasks.labels import SkillCall, enumerate_calls, ideal_effect
from embodied.world import catalogue
from embodied.world.facts import PLACES, SURFACES, Facts
from embodied.world.goals import All, At, Goal, Holding, RobotAt, What
from planners.model import SUCCESS, Prompt, Step, in_front
from planners.solver import next_calls

FAILS = 0.15  # of the skills on the way
OBJECTS = (3, 7)  # in a scene


@dataclass(frozen=True)
class Labelled:
    """A decision and its answers. right: indices into `calls`, at least one."""

    prompt: Prompt
    calls: tuple[SkillCall, ...]
    right: frozenset[int]


Draw = tuple[str, Goal]


def decisions(count: int, seed: int = 0) -> list[Labelled]:
    """`count` decisions, no two of one episode."""
    return list(islice(_episodes(random.Random(seed)), count))


def _episodes(rng: random.Random) -> Iterator[Labelled]:
    while True:
        facts = _scene(rng)
        say, goal = rng.choice(REQUESTS)(rng, list(facts.at))
        if not goal.holds(facts):
            found = _decision(rng, rng.choice(POLITE).format(say), goal, facts)
            if found is not None:
                yield found


def _decision(rng: random.Random, said: str, goal: Goal, facts: Facts) -> Labelled | None:
    """A decision at a random step of an episode; None if the goal cannot be reached."""
    seen: list[Labelled] = []
    history: tuple[Step, ...] = ()
    calls = tuple(enumerate_calls(facts.instances))
    while answers := next_calls(goal, facts, in_front(history)):
        right = frozenset(calls.index(call) for call in answers)
        seen.append(Labelled(Prompt(said, history, facts), calls, right))
        call = rng.choice(sorted(answers, key=lambda call: call.label))
        if call.kind == "done":
            return rng.choice(seen)
        failed = rng.random() < FAILS
        history += (Step(call.label, "failure: it did not work" if failed else SUCCESS),)
        facts = facts if failed else ideal_effect(call, facts)
    return None


def _scene(rng: random.Random) -> Facts:
    names = rng.sample(list(catalogue.objects()), rng.randint(*OBJECTS))
    at = {name: rng.choice((*SURFACES, *SURFACES, "user")) for name in names}
    robot = rng.choice(PLACES)
    return Facts(at, None, robot, visited=(robot,))


def _what(name: str) -> What:
    return What(names=(name,))


def _bring(rng: random.Random, names: list[str]) -> Draw:
    name = rng.choice(names)
    say = rng.choice(
        ("bring me the {}", "get the {} for me", "I would like the {}", "hand me the {}")
    )
    return say.format(name), At(_what(name), "user")


def _move(rng: random.Random, names: list[str]) -> Draw:
    name, to = rng.choice(names), rng.choice(SURFACES)
    say = rng.choice(
        ("put the {} on the {}", "move the {} to the {}", "take the {} over to the {}")
    )
    return say.format(name, to), At(_what(name), to)


def _discard(rng: random.Random, names: list[str]) -> Draw:
    name = rng.choice(names)
    say = rng.choice(("throw the {} away", "put the {} in the trash", "bin the {}"))
    return say.format(name), At(_what(name), "trash")


def _go(rng: random.Random, names: list[str]) -> Draw:
    to = rng.choice(PLACES)
    return rng.choice(("go to the {}", "drive over to the {}")).format(to), RobotAt(to)


def _hold(rng: random.Random, names: list[str]) -> Draw:
    name = rng.choice(names)
    return rng.choice(("pick up the {}", "grab the {}")).format(name), Holding(_what(name))


def _both(rng: random.Random, names: list[str]) -> Draw:
    half = len(names) // 2
    one, first = rng.choice(FETCHES)(rng, names[:half])
    other, second = rng.choice(FETCHES)(rng, names[half:])
    return rng.choice(("{} and {}", "{}. Also {}", "{} as well as {}")).format(one, other), All(
        (first, second)
    )


FETCHES: tuple[Callable[[random.Random, list[str]], Draw], ...] = (_bring, _move, _discard)
REQUESTS = (*FETCHES, _go, _hold, _both, _both)
POLITE = ("{}", "{}", "{}, please", "Robot, {}", "Could you do this for me: {}?")
