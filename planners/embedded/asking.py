"""When to ask back, and what: referents that instruction and scene leave open.

Every reading of the instruction is split into meanings, one for each referent that its words leave
open ("the can" where two kinds of can stand about; "the counter" where there are two). A meaning's
score is language x affordance: its share of the reading's probability times the chance that its
first skill works from here. The meanings whose score reaches a threshold form the prediction set of
conformal prediction (Ren et al., "Robots that ask for help", KnowNo, 2023); more than one means a
question. The threshold belongs to a target success and is fitted by `planners.embedded.conformal`.

"A soda" and "any can" leave nothing open: each fitting thing would do. Nor do two instances of one
kind.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embodied.tasks.labels import SkillCall
from embodied.world.facts import Facts, kind
from planners.embedded.agenda import BACK, Duty
from planners.embedded.anaphora import PRONOUN
from planners.embedded.ground import Hypothesis
from planners.embedded.relations import THERE
from planners.model import Question

CLOSE = 0.3  # of the best choice's weight: what fits less well is not what the words leave open
TIE = 0.8  # share of the threshold that a meaning has to reach
MAX_CHOICES = 5
COUNTER = re.compile(r"\b(?:counter ?tops?|counters?|worktops?|work surfaces?|surfaces?|bench)\b")
ONE_OF = re.compile(r"\b(?:one|any|either|each) of (?:the|our|these|those)\b")


@dataclass(frozen=True)
class Meaning:
    """One way to take the instruction.

    referent: instance or place; None where none is left open. accepts: kinds and places that would
    then do for the first duty.
    """

    referent: str | None
    issue: str  # thing | place | what
    said: str
    score: float
    accepts: frozenset[str] = frozenset()


def meanings(
    found: Sequence[Hypothesis],
    first: Facts,
    calls: Sequence[SkillCall],
    affordance: Sequence[float],
) -> list[Meaning]:
    """The meanings of all readings, best first; their scores sum to at most 1."""
    works = reach(calls, affordance)
    total: dict[tuple[str | None, str, str], float] = {}
    accepts: dict[tuple[str | None, str, str], frozenset[str]] = {}
    for h in found:
        options, issue, said = open_issue(h, first)
        for name, share in options.items():
            key = (name, issue, said) if name is not None else (_gist(h), "", "")
            total[key] = total.get(key, 0.0) + h.weight * share * works.get(name or "", 1.0)
            accepts[key] = frozenset({kind(name)}) if name is not None else _accepted(h)
    rivals = Counter(key[1:] for key in total if key[1])  # what an issue leaves open, how many
    made = [
        Meaning(
            key[0] if key[1] else None, key[1], key[2],
            min(1.0, score * max(rivals[key[1:]], 2) / 2) if key[1] else score, accepts[key],
        )
        for key, score in total.items()
    ]  # fmt: skip
    return sorted(made, key=lambda m: -m.score)


def _accepted(h: Hypothesis) -> frozenset[str]:
    duty = next(iter(h.duties), None)
    if duty is None:
        return frozenset()
    return frozenset({kind(name) for name in duty.names} | {p for p, _ in duty.targets})


def reach(calls: Sequence[SkillCall], affordance: Sequence[float]) -> dict[str, float]:
    """Instance or place -> the chance that the skill which leads there works."""
    found: dict[str, float] = {}
    for call, p in zip(calls, affordance, strict=True):
        if call.kind in ("find", "go to"):
            found[call.obj or call.place or ""] = float(p)
    return found


def open_issue(h: Hypothesis, first: Facts) -> tuple[Mapping[str | None, float], str, str]:
    """(choices with shares, what kind of issue, the words) that a reading leaves open first."""
    if h.problem is not None and h.problem.what == "referent":
        things = _kinds_apart([(o, 1.0) for o, p in first.at.items() if p not in (None, "trash")])
        return _shares(things), "what", h.problem.about
    if h.problem is None:
        for duty in h.duties:
            things = open_things(duty)
            if len(things) > 1:
                return _shares(things), "thing", duty.said
            places = open_places(duty)
            if len(places) > 1:
                return _shares(places), "place", duty.said
    return {None: 1.0}, "", ""


def open_things(duty: Duty) -> list[tuple[str, float]]:
    """Things that a definite description fits about equally well, one per kind."""
    if duty.det != "the" or duty.refers is not None:
        return []
    if duty.kind not in ("move", "hold", "find", "own"):
        return []
    every = duty.need == len(duty.choices) and _only_looks_plural(duty)
    return _kinds_apart(duty.choices) if duty.need == 1 or every else []


def _only_looks_plural(duty: Duty) -> bool:
    """Whether the plural is in the things' own names: "those chips" may well be one bag."""
    own = set.intersection(*(set(kind(name).split()) for name in duty.names))
    return any(word.endswith("s") and word in duty.said for word in own)


def open_places(duty: Duty) -> list[tuple[str, float]]:
    """Places of one sort, "the counter", that a definite description fits about equally well.

    Where the words name no such place ("clear the table"), each of them would do.
    """
    if duty.where != "the" or duty.kind not in ("move", "go") or ONE_OF.search(duty.said):
        return []
    named = sorted(((p, w) for p, w in duty.targets if p != BACK), key=lambda t: -t[1])
    if len(named) > 1 and THERE.search(duty.said):  # and nothing says where that is
        return named
    sort = named[0][0].split()[-1] if named else ""
    if sort == "counter" and not COUNTER.search(duty.said):
        return []
    return [(p, w) for p, w in named if w >= CLOSE * named[0][1] and p.split()[-1] == sort]


def _kinds_apart(choices: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    best = max((w for _, w in choices), default=0.0)
    apart: dict[str, tuple[str, float]] = {}
    for name, weight in choices:
        if weight >= CLOSE * best:
            apart.setdefault(kind(name), (name, weight))
    return list(apart.values())


def _shares(choices: Sequence[tuple[str, float]]) -> dict[str | None, float]:
    total = sum(w for _, w in choices) or 1.0
    return {name: w / total for name, w in choices}


def _gist(h: Hypothesis) -> str:
    """What two readings must share to count as one meaning."""
    return repr([(d.kind, sorted(kind(n) for n in d.names), sorted(dict(d.targets)), d.need)
                 for d in h.duties] or h.problem)  # fmt: skip


def question(found: Sequence[Meaning], threshold: float, first: Facts) -> Question | None:
    """What to ask, if the prediction set holds several referents of one issue.

    Even splits all score about the same, whatever their number (`meanings`); what reaches nearly the
    threshold counts, lest the affordance's third decimal decide between two equals.

    Where a word points nowhere at all, whatever is there is in the set, however many there are.
    """
    best = found[0] if found else None
    if best is None or best.referent is None:
        return None
    limit = 0.5 * best.score if best.issue == "what" else TIE * threshold
    same = [m for m in found if (m.issue, m.said) == (best.issue, best.said)]
    choices = tuple(m.referent for m in same if m.referent and m.score >= limit)[:MAX_CHOICES]
    if len(choices) < 2:
        return None
    return Question(wording(best, choices, first), choices)


def wording(meaning: Meaning, choices: Sequence[str], first: Facts) -> str:
    """A short question that names the choices."""
    if meaning.issue == "place":
        return f"Which place do you mean: {_either([f'the {c}' for c in choices])}?"
    named = _either([f"the {kind(c)}{whereabouts(c, first)}" for c in choices])
    if meaning.issue == "what":
        pointing = PRONOUN.search(meaning.said)
        said = pointing[0] if pointing else meaning.said.strip(" ,.;:?!")
        return f"What do you mean by “{said}”: {named}?"
    return f"Which one do you mean: {named}?"


def whereabouts(thing: str, facts: Facts) -> str:
    """ "" or where a thing is, as it follows its name."""
    if thing == facts.holding:
        return " in my gripper"
    place = facts.at.get(thing)
    if place is None:
        return ""
    if place == "user":
        return " that you have"
    return f" {'in' if place in ('trash', 'drawer') else 'on'} the {place}"


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
