"""What a person's answer picks among the choices that a question named.

Tried in this order: all the same to them, none of them, an ordinal, a name, a place, and at last what
the network reads. "not the pepsi" picks the others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from embodied.world import catalogue
from embodied.world.facts import WHEREABOUTS, Facts, kind
from planners.embedded.interpret import Interpreter
from planners.embedded.text import normalise, spans_of

ANY = re.compile(
    r"\b(either|any(?:thing|one)?(?: (?:one|of (?:them|those|these)))?|whichever|whatever|you (?:choose|pick|"
    r"decide)|your (?:choice|pick)|(?:do not|don't|dont) (?:care|mind)|(?:does not|doesn't|doesnt) matter|"
    r"no preference|no matter|surprise me|all the same|up to you|both|all(?: of (?:them|those|these))?)\b"
)
NONE = re.compile(
    r"^\W*(neither|none|no(?:ne)? of (?:them|those|these)|nothing|never ?mind|forget (?:it|about it)|"
    r"cancel|leave it|no thanks?|no thank you|stop|not any ?more)\b"
)
NOT = re.compile(r"\b(not|no|except|but not|anything but|other than|n't)\b")
ORDINALS = (
    r"\b(first|former|1st)\b", r"\b(second|2nd)\b", r"\b(third|3rd)\b", r"\b(fourth|4th)\b",
)  # fmt: skip
LAST = re.compile(r"\b(last|latter|final)\b")
COMMON = frozenset(
    "a an the of and or with without in on for to is it that this can bottle drink soda one thing "
    "some please i you me mean meant want from by kitchen side room soft sweet bag".split()
)


def pick(
    answer: str, choices: Sequence[str], facts: Facts, interpreter: Interpreter
) -> tuple[str, ...] | None:
    """The choices that an answer leaves, () when it wants none of them, None when it says nothing.

    Args:
        choices: object instances or places, in the order in which they were named.
        facts: where the things are.
    """
    text = normalise(answer).lower().strip()
    if not text:
        return None
    text = re.sub(r"\b(?:further|farther|furthest|farthest)\b", "far", text)
    text = re.sub(r"\b(?:closer|closest|nearer|nearest|near|nearby)\b", "close", text)
    named = _named(text, choices)
    if not named and NONE.search(text):
        return ()
    if named:
        return _without_denied(text, choices, named)
    if ANY.search(text):
        return tuple(choices)
    for found in (
        _by_rank(text, choices),
        _by_words(text, choices),
        _by_place(text, choices, facts),
    ):
        if found:
            return found
    return _by_reading(text, choices, interpreter)


def _names(choice: str) -> tuple[str, ...]:
    objects, places = catalogue.objects(), catalogue.places()
    spec = objects.get(kind(choice)) or places.get(choice)
    return (kind(choice), *(spec.aliases if spec else ()))


def _named(text: str, choices: Sequence[str]) -> tuple[str, ...]:
    return tuple(choice for choice in choices if spans_of(text, _names(choice)))


def _without_denied(
    text: str, choices: Sequence[str], named: Sequence[str]
) -> tuple[str, ...] | None:
    """Of the named choices those that are wanted; where only denials are named, the others."""
    denied = []
    for choice in named:
        starts = [start for start, _ in spans_of(text, _names(choice))]
        if all(re.search(NOT.pattern + r"(?: \w+)?\s*$", text[:start]) for start in starts):
            denied.append(choice)
    wanted = tuple(c for c in named if c not in denied)
    return wanted or tuple(c for c in choices if c not in denied) or None


def _by_rank(text: str, choices: Sequence[str]) -> tuple[str, ...]:
    if LAST.search(text):
        return (choices[-1],)
    for choice, ordinal in zip(choices, ORDINALS, strict=False):
        if re.search(ordinal, text):
            return (choice,)
    return ()


def _by_words(text: str, choices: Sequence[str]) -> tuple[str, ...]:
    """By words of names and descriptions that tell the choices apart: "the blue one", "the far one"."""
    words = {c: frozenset(_words(c)) for c in choices}
    said = frozenset(re.findall(r"[a-z0-9]+", text)) - COMMON
    score = {c: len(said & own) for c, own in words.items()}
    best = max(score.values(), default=0)
    top = tuple(c for c in choices if score[c] == best)
    if not best or len({kind(c) for c in top}) == len({kind(c) for c in choices}):
        return ()
    return tuple(c for c in choices if c not in top) if _denies(text, said & words[top[0]]) else top


def _denies(text: str, words: frozenset[str]) -> bool:
    return any(re.search(rf"{NOT.pattern}(?: \w+)? {word}\b", text) for word in words)


def _words(choice: str) -> set[str]:
    objects, places = catalogue.objects(), catalogue.places()
    spec = objects.get(kind(choice)) or places.get(choice)
    text = " ".join([*_names(choice), spec.description if spec else ""]).lower()
    return set(re.findall(r"[a-z0-9]+", text)) - COMMON


def _by_place(text: str, choices: Sequence[str], facts: Facts) -> tuple[str, ...]:
    places = [place for place in WHEREABOUTS if spans_of(text, _names(place))]
    near = re.search(r"\b(close[rst]*|near[erst]*|here|next to)\b", text) and facts.robot_at
    places = places or ([facts.robot_at] if near else [])
    return tuple(choice for choice in choices if facts.at.get(choice) in places)


def _by_reading(
    text: str, choices: Sequence[str], interpreter: Interpreter
) -> tuple[str, ...] | None:
    guesses = interpreter.guesses(text)
    weight = {c: max((g.members.get(kind(c), 0.0) for g in guesses), default=0.0) for c in choices}
    best = max(weight.values(), default=0.0)
    top = tuple(c for c in choices if weight[c] >= 0.5 * best)
    return top if best > 0.3 and len(top) < len(choices) else None
