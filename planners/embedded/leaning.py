"""Pieces that lean on the ones before: what they say of their things, where "there" is, each of how many."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from embodied.tasks.labels import DRAWER
from embodied.world.facts import SURFACES
from planners.embedded.agenda import BACK, Duty
from planners.embedded.reading import QUANTS
from planners.embedded.referents import FITS, MAYBE, Scene, Sense, things
from planners.embedded.relations import EACH, OTHER, THERE, people
from planners.embedded.starts import REQUEST
from planners.embedded.surely import CARRIES

_WISH = r"(?:preferably|ideally|if possible|best of all)\b"
NARROWER = re.compile(  # says more of what the piece before asked for
    rf"^\W*(?:but |and |so )?(?:{_WISH}"
    r"|the (?:very )?(?!rest\b|guest|nearest|furthest)(?:\w+est|most \w+)(?: one)?\b"
    r"|(?:the|a|an|some|any)(?: [a-z]+){0,2} (?:one|sort|kind|type|variety)\b"
    r"|(?:just )?one (?:that|which|with|without|who)\b)"
)
WISHED = re.compile(rf"^\W*{_WISH}")
ONLY = re.compile(  # "my throat is dry, only water helps"
    r"^\W*(?:but )?only (?!once|after|when|if|then|because|one|two|three|\d|don't|do|keep|leave|be)"
    r"(?:[a-z]+ ){1,3}(?:helps?|will do|would do|works?|please|for me)\W*$"
)
LOCATED = re.compile(  # where things are that were just asked for
    r"^\W*(?:it's|its|it is|they're|they are|that's|it was|you'll find (?:it|them))"
    r"(?: (?:right|over|just|still|probably|somewhere|already|lying|sitting|standing))* "
    r"(?:on|in|at|by|next to|near|over)\b"
)
NOT_THAT = re.compile(r"^\W*(?:but |and |only |just )*not (?:the|that|those) ones?\b")
SAME_KIND = re.compile(
    r"^\W*(?:but |and |just )?(?:not (?:two|both|all) (?:of (?:the|one) (?:same|kind)|alike|the same)"
    r"|(?:no two|none) (?:of them )?(?:alike|the same|of the same)|(?:two )?different (?:ones|kinds))\b"
)
IN_THERE = re.compile(
    r"\b(?:whatever|what|everything|anything|all|the stuff|things?)(?:'s| is| are| that's| that is|"
    r" you find)?(?: already| lying| left)? (?:in|inside|on) (?:there|it)\b"
)
SPOILT = re.compile(r"\b(?:empty|rotten|mou?ldy|stale|gone off|expired|rubbish|garbage|used up)\b")
BELONGS = re.compile(r"\bwhere (?:it|they|that|this) belongs?\b")
TAKE_OUT = re.compile(r"\btake (?:it|them|that|the [a-z ]+?) out\b(?! to\b)")
MISSED = re.compile(
    r"\b(?:left|forgot|forgotten|lost|need|want|misplaced|broke|dropped) (?:my|the|a|an|some|our)\b"
)
POINTS = re.compile(r"\b(?:it|that|this|them|these|those)\b")


def for_each(picked: Sequence[Sense]) -> Sequence[Sense]:
    """ "There are three of us. One drink each": three drinks."""
    count = people(s.guess.text for s in picked)
    if count is None:
        return picked
    return [
        replace(s, quant=count) if s.quant == "one" and EACH.search(s.guess.text) else s
        for s in picked
    ]


def narrowed(
    i: int, picked: Sequence[Sense], duties: Sequence[tuple[float, Duty]], scene: Scene
) -> tuple[float, Duty] | None:
    """The last duty held to what a piece says of its things: "a soda, preferably the coke"."""
    text, before = picked[i].guess.text, picked[i - 1] if i else None
    if not duties or before is None:
        return None
    order, duty = duties[-1]
    if duty.kind not in ("move", "hold") or duty.said != before.guess.text:
        return None
    at = scene.first.at
    places = {p for p, role in picked[i].guess.roles.items() if max(role[1:]) > FITS}
    if SAME_KIND.search(text):
        return order, replace(duty, distinct=True)
    if LOCATED.search(text):
        left = tuple(c for c in duty.choices if at.get(c[0]) in places) or duty.choices
    elif NOT_THAT.search(text):
        left = tuple(c for c in duty.choices if at.get(c[0]) not in places) or duty.choices
    elif _says_more(picked[i], before):
        better = things(picked[i], scene)[0]
        goals = {p for p, _ in picked[i].targets}
        apart = goals and not WISHED.search(text)
        if apart and picked[i].act == "move" and goals != {p for p, _ in duty.targets}:
            return None  # another thing, to another place
        left = tuple(c for c in duty.choices if c[0] in dict(better))
        if ONLY.search(text):
            left = left or better
        elif WISHED.search(text):
            left = left or duty.choices
    else:
        return None
    if not left:
        return None
    said = QUANTS.index(picked[i].quant) + 1 if picked[i].quant != "all" else len(left)
    need = said if EACH.search(text) else duty.need
    return order, replace(duty, choices=left, need=min(need, len(left)))


def _says_more(sense: Sense, before: Sense) -> bool:
    """Whether a piece speaks of what the one before asked for, instead of asking for more.

    So do "the citrus sort" and, behind a need, the request for it: "i'm thirsty, |get me a drink".
    """
    text, need = sense.guess.text, before.guess
    if OTHER.search(text):
        return False
    if NARROWER.search(text) and not re.search(r"\band\W*$", need.text):
        return sense.act in ("move", "none", "hold")
    if ONLY.search(text) and not REQUEST.search(need.text):
        return True
    if REQUEST.search(need.text) or before.act != "move" or sense.act != "move":
        return False
    fits = {k for k, p in sense.guess.members.items() if p >= FITS}
    wanted = {k for k, p in need.members.items() if p >= FITS}
    asked = (REQUEST.match(text) or EACH.search(text)) and sense.guess.det == "a"
    return bool(asked and len(wanted) > 1 and len(fits) > 1 and fits & wanted)


def strange(sense: Sense, one: bool) -> bool:
    """Whether a piece speaks of something that is no kind of thing here: "i need a knife".

    Args:
        one: whether the next piece wants one of those; else it wants what this one says is missed.
    """
    best, text = max(sense.guess.members.values(), default=0.0), sense.guess.text
    return best < MAYBE and not POINTS.search(text) and (one or bool(MISSED.search(text)))


def with_place_spoken_of(i: int, sense: Sense, picked: Sequence[Sense]) -> Sense:
    """With the place that "there" stands for; a target that points nowhere may be any surface."""
    text, before = sense.guess.text, _spoken_place(picked[:i])
    if sense.act in ("move", "hold") and before and IN_THERE.search(text):
        rest = tuple(t for t in sense.targets if t[0] != before)
        return replace(sense, near=frozenset({before}), targets=rest or sense.targets)
    if sense.act == "move" and before == DRAWER and TAKE_OUT.search(text):
        return replace(sense, act="hold", targets=())
    told = picked[: i + 1] if max(sense.guess.members.values(), default=0.0) < FITS else [sense]
    spoilt = any(SPOILT.search(s.guess.text) for s in told)
    if sense.act == "move" and spoilt and BELONGS.search(text):
        return replace(sense, targets=(("trash", 1.0),))
    sure = any(p != BACK and role[1] > FITS for p, role in sense.guess.roles.items())
    puts = sense.act == "move" and CARRIES.search(text) and THERE.search(text)
    if puts and not sure and not before:
        return replace(sense, targets=tuple((surface, 1.0) for surface in SURFACES))
    return sense


def _spoken_place(picked: Sequence[Sense]) -> str | None:
    """The place that was spoken of last."""
    for sense in reversed(picked):
        if sense.act in ("open", "close"):
            return DRAWER
        named = [
            (max(role[1:]), p) for p, role in sense.guess.roles.items() if max(role[1:]) > FITS
        ]
        if named and max(named)[1] != "user":
            return max(named)[1]
    return None
