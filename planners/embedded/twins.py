"""Instructions of the training grammar in scenes where they can and cannot be carried out.

The grammar knows what a sentence means, so the symbolic half of the model can say, without the
network, which scenes satisfy it. Each sentence comes with a scene of either sort where there is one:
the twins on which hypotheses' weights and the threshold for refusing are calibrated.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from embodied.world import catalogue
from embodied.world.facts import Facts, kind
from planners.embedded.determiners import of_place, of_things
from planners.embedded.grammar import Grammar
from planners.embedded.ground import Hypothesis, hypotheses
from planners.embedded.interpret import Guess, order_of
from planners.embedded.reading import ACTS, LINKS, QUANTS, ROLES, Example, Segment
from planners.embedded.relations import beside

TRIES = 12  # scenes drawn for each twin
SPOTS = ("close counter", "far counter", "table", "table", "drawer", "user")


@dataclass(frozen=True)
class Twin:
    """A sentence in a scene, what it means there by the grammar's own reading, drawer or not."""

    text: str
    first: Facts
    drawer: bool
    meant: Hypothesis

    @property
    def feasible(self) -> bool:
        """Whether it can be carried out."""
        return self.meant.problem is None


def twins(grammar: Grammar, count: int, seed: int) -> Iterator[Twin]:
    """Twins of `count` sentences about the kitchen's own kinds."""
    rng, own = random.Random(seed), set(catalogue.objects())
    while count:
        example = grammar.example()
        if not set(example.kinds) <= own or not set(example.places) <= _known_places():
            continue
        count -= 1
        drawer = rng.random() < 0.7
        guesses = said(example)
        wanted = {True, False}
        for attempt in range(TRIES):
            first = _scene(example, rng, full=attempt % 2 == 0)
            meant = hypotheses(guesses, first, drawer)[0]
            if (meant.problem is None) in wanted:
                wanted.remove(meant.problem is None)
                yield Twin(example.text, first, drawer, meant)
            if not wanted:
                break


def said(example: Example) -> tuple[Guess, ...]:
    """The grammar's reading of a sentence, as guesses that leave no doubt."""
    ends = [*example.starts[1:], len(example.text)]
    texts = [example.text[a:b] for a, b in zip(example.starts, ends, strict=True)]
    order = order_of(texts)
    return tuple(
        _sure(text, segment, example, order[i])
        for i, (text, segment) in enumerate(zip(texts, example.segments, strict=True))
    )


def _sure(text: str, s: Segment, example: Example, order: float) -> Guess:
    def role(place: str) -> np.ndarray:
        name = "target" if place in s.targets else "source" if place in s.sources else "no"
        return _one_hot(ROLES, name)

    specs = catalogue.objects()
    near = tuple(k for k in specs if beside(text, (k, *specs[k].aliases)))
    names = [n for p, spec in catalogue.places().items() for n in (p, *spec.aliases)]
    return Guess(
        text, _one_hot(ACTS, s.act), _one_hot(QUANTS, s.quant), _one_hot(LINKS, s.link),
        {p: role(p) for p in example.places}, {k: float(k in s.members) for k in example.kinds},
        order, of_things(text, names), of_place(text), near,
    )  # fmt: skip


def _one_hot(classes: Sequence[str], name: str) -> np.ndarray:
    return np.array([float(c == name) for c in classes])


def _known_places() -> set[str]:
    return {*catalogue.places(), "back"}


def _scene(example: Example, rng: random.Random, full: bool) -> Facts:
    """A random scene; `full`: with what the sentence speaks of, where it says that it is."""
    at: dict[str, str | None] = {}
    names = list(catalogue.objects())

    def put(name: str, places: Sequence[str]) -> None:
        copies = sum(kind(o) == name for o in at)
        at[name if not copies else f"{name}#{copies + 1}"] = rng.choice(list(places))

    for s in example.segments if full else ():
        fitting = sorted(s.members & set(names))
        for _ in range(1 if s.quant == "all" else QUANTS.index(s.quant) + 1):
            free = [p for p in SPOTS[:4] if p not in s.targets]
            if fitting:
                put(rng.choice(fitting), sorted(s.sources & set(SPOTS)) or free)
    for _ in range(rng.randint(0 if full else 2, 5)):
        put(rng.choice(names), SPOTS)
    held = rng.choice(list(at)) if at and rng.random() < 0.15 else None
    if held is not None:
        at[held] = None
    robot = rng.choice([None, *SPOTS[:3], "user"])
    is_open = {"drawer": rng.random() < 0.3}
    return Facts(at, held, robot, is_open, (robot,) if robot else ())
