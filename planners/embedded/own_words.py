"""Which pieces of an instruction ask for a skill of your own: those that say its label's words.

The network has never read of such skills. Their labels and aliases are templates, ``hover over the
{object}``; a piece that has a template's own words in their order, inflected or not, asks for it. What the
thing is, the network reads as ever.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from embodied.tasks import own
from embodied.tasks.own import OwnSkill
from planners.embedded.interpret import Guess
from planners.embedded.referents import FITS
from planners.embedded.text import normalise, spans_of

LEADING = frozenset(
    "please could can would will you i i'd we want wish like need to the a mind robot hey hi hello ok "
    "okay so now then and first next also just afterwards later finally let's let us go ahead try "
    "start begin by after before once again quickly gently carefully slowly must should have be kind "
    "enough kindly do me favor favour is it possible able if was wondering might think about how".split()
)
"""Words that may stand before a verb which leads a piece. With others before it, it is no request."""
UNSURE = 0.6  # of an act, below which a mere thing may go on with the piece before
_NOT = re.compile(r"\b(?:don't|do not|never|without|no need to|not)\b[^,;.]*$")


def asks(
    guesses: Sequence[Guess], names: Collection[str], places: Mapping[str, Sequence[str]]
) -> list[Guess]:
    """The guesses, those that ask for a skill of your own with its name as `own`.

    Args:
        names: of the skills that are offered.
        places: what each place is called. One that a label is to be filled with is heard by these,
            where the network hears none.
    """
    skills = [skill for name, skill in own.registered().items() if name in names]
    told: list[Guess] = []
    for guess in guesses:
        name = next((skill.name for skill in skills if _says(guess.text, skill)), "")
        if not name and told and told[-1].own and _mere_thing(guess):
            name = told[-1].own  # "hover over the coke and the apple"
        told.append(_with_place(replace(guess, own=name), places) if name else guess)
    return told


def _with_place(guess: Guess, places: Mapping[str, Sequence[str]]) -> Guess:
    if any(role[1] > 0.4 for role in guess.roles.values()):
        return guess
    said = [place for place, called in places.items() if spans_of(guess.text, called)]
    target = np.array([0.0, 1.0, 0.0])
    return replace(guess, roles={**guess.roles, **dict.fromkeys(said, target)})


def _mere_thing(guess: Guess) -> bool:
    named = max(guess.members.values(), default=0.0) >= FITS
    return named and float(guess.act.max()) < UNSURE


def _says(text: str, skill: OwnSkill) -> bool:
    for pattern in patterns(skill):
        found = pattern.search(text)
        if found and not _NOT.search(text[: found.start()]) and _leads(text[: found.start()]):
            return True
    return False


def _leads(before: str) -> bool:
    """Whether what follows this is the piece's verb: "could you please", or "give it a good"."""
    words = re.findall(r"[a-z']+", before)
    return bool(words and words[0] == "give") or all(word in LEADING for word in words)


@cache
def patterns(skill: OwnSkill) -> tuple[re.Pattern[str], ...]:
    """What its templates are heard by, one each: their words in order, with anything between."""
    return tuple(
        re.compile(r"\b.*?\b".join(_inflected(word) for word in words))
        for template in (skill.label, *skill.aliases)
        if (words := own.words(normalise(template)))
    )


def _inflected(word: str) -> str:
    """A pattern for a verb's forms, and for those of other words that end alike."""
    if re.search(r"[^aeiou]y$", word):
        return rf"\b{re.escape(word[:-1])}(?:y|ies|ied|ying)\b"
    stem, last = re.escape(word.removesuffix("e")), re.escape(word[-1])
    return rf"\b{stem}(?:e?s|e?d|e|{last}?ing|{last}?ed)?\b"
