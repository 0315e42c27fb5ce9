"""The thresholds of asking: conformal prediction over generated instructions with known referents.

    python -m planners.embedded.conformal      fits them anew, prints what they are worth

`python -m embodied.train planner` does so at its end: they belong to the readers they were fitted to.

Scenes are drawn at random, and instructions that name a thing by its own name, by a word that fits
one or several things ("the can"), by an indefinite ("a can"), or a place ("the counter"). What is
meant is drawn among what fits. The share of instructions whose meaning reaches a score is what the
threshold at that score covers (split conformal prediction; Angelopoulos and Bates, 2021). Half of
the set fits, the other half reports. What people say in a kitchen may have another mix of these;
then so has the coverage.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from embodied.tasks.labels import enumerate_calls, feasible
from embodied.world import catalogue
from embodied.world.facts import SURFACES, Facts
from planners.embedded.asking import TIE, Meaning, meanings, question

FILE = Path(__file__).with_name("weights") / "asking.json"
TARGET_SUCCESS = 0.97  # of the reading alone: 0.95 with execution at 0.98
REPORTED = (0.7, 0.8, 0.9, 0.95, 0.99)
WORDS = ("soda", "can", "drink", "bottle", "chips", "fruit", "snack")
FRAMES = (
    "bring me {}", "could you get me {}", "throw away {}", "pick up {}", "please fetch {}",
    "put {} on the table", "i would like {}", "hand me {}, would you", "take {} to the trash",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """An instruction in a scene, and what is meant by it. open: whether the words leave it open."""

    said: str
    facts: Facts
    meant: frozenset[str]
    open: bool


@cache
def table(path: Path = FILE) -> tuple[tuple[float, float], ...]:
    """(coverage, threshold) pairs, coverage rising."""
    return tuple((c, t) for c, t in json.loads(path.read_text(encoding="utf-8"))["thresholds"])


def threshold(coverage: float, path: Path = FILE) -> float:
    """The score from which a meaning belongs to the prediction set of that coverage."""
    return next((t for c, t in table(path) if c >= coverage - 1e-9), table(path)[-1][1])


def draw(rng: random.Random) -> Case:
    """One instruction whose meaning is known."""
    known = catalogue.objects()
    names = rng.sample(sorted(known), rng.randint(3, 6))
    facts = Facts({name: rng.choice(SURFACES) for name in names}, robot_at="user")
    form = rng.choice(("name", "name", "word", "word", "some", "counter"))
    if form == "name":
        name = rng.choice(names)
        said = rng.choice((name, *known[name].aliases))
        return Case(rng.choice(FRAMES).format(f"the {said}"), facts, frozenset({name}), False)
    if form == "counter":
        name, aim = rng.choice(names), rng.choice(("close counter", "far counter"))
        facts = Facts({**facts.at, name: "table"}, robot_at="user")
        said = rng.choice(("put the {} on the counter", "take the {} over to the counter"))
        return Case(said.format(name), facts, frozenset({aim}), True)
    word = rng.choice(WORDS)
    fits = [name for name in names if word in (*known[name].categories, *name.split())]
    if not fits:
        return draw(rng)
    if form == "some":
        return Case(rng.choice(FRAMES).format(f"a {word}"), facts, frozenset(fits), False)
    meant = frozenset({rng.choice(fits)})
    return Case(rng.choice(FRAMES).format(f"the {word}"), facts, meant, len(fits) > 1)


def score(found: list[Meaning], meant: frozenset[str]) -> float:
    """The best score of a meaning that is right."""
    return max((m.score for m in found if m.accepts & meant), default=0.0)


def fit(weights: Path = FILE.parent, count: int = 3200, seed: int = 0) -> dict:
    """Thresholds from one half of `count` cases, their worth on the other half."""
    from planners.embedded.model import EmbeddedModel

    model, rng = EmbeddedModel(weights), random.Random(seed)
    cases = [draw(rng) for _ in range(count)]
    read = []
    for case in cases:
        calls = enumerate_calls(case.facts.instances)
        can = [0.98 * feasible(call, case.facts) for call in calls]
        found = model.hypotheses(case.said, case.facts)
        read.append(meanings(found, case.facts, calls, can))
    half = count // 2
    scores = sorted(
        score(found, case.meant) for found, case in zip(read[:half], cases, strict=False)
    )
    thresholds = []
    for percent in range(50, 100):
        rank = math.floor((half + 1) * (1 - percent / 100))
        thresholds.append((percent / 100, round(scores[max(rank - 1, 0)], 4) if rank else 0.0))
    held = list(zip(read[half:], cases[half:], strict=True))
    report = [
        _worth(held, coverage, limit) for coverage, limit in thresholds if coverage in REPORTED
    ]
    return {
        "command": "python -m planners.embedded.conformal", "seed": seed, "cases": count,
        "thresholds": thresholds, "held_out": report,
    }  # fmt: skip


def _worth(held: list[tuple[list[Meaning], Case]], coverage: float, limit: float) -> dict:
    covered = sum(score(found, case.meant) >= TIE * limit for found, case in held)
    asked = [(question(found, limit, case.facts) is not None, case.open) for found, case in held]
    open_, shut = [a for a, o in asked if o], [a for a, o in asked if not o]
    return {
        "target": coverage, "threshold": limit, "covered": round(covered / len(held), 3),
        "asked_where_open": round(sum(open_) / len(open_), 3),
        "asked_where_not": round(sum(shut) / len(shut), 3),
    }  # fmt: skip


def refit(weights: Path = FILE.parent, count: int = 3200) -> None:
    """Fits to a folder's readers, writes its asking.json, prints the report."""
    made = fit(weights, count)
    (weights / FILE.name).write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    table.cache_clear()
    for row in made["held_out"]:
        print(row)


if __name__ == "__main__":
    refit()
