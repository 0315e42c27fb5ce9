"""Which pieces of an instruction ask for a skill of your own: those that say its label's words.

The network has never read of such skills. Their labels and aliases are templates, ``hover over the
{object}``; a piece that has a template's own words in their order, inflected or not, asks for it. What the
thing is, the network reads as ever.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache

from embodied.tasks import own
from embodied.tasks.own import OwnSkill
from planners.embedded.interpret import Guess
from planners.embedded.referents import FITS
from planners.embedded.text import normalise

LITTLE = frozenset(
    "a an the this that my to of on in at into onto over above under with from for up down out off "
    "it robot please".split()
)
"""Words that a piece may leave out or say otherwise."""
UNSURE = 0.6  # of an act, below which a mere thing may go on with the piece before
_NOT = re.compile(r"\b(?:don't|do not|never|without|no need to|not)\b[^,;.]*$")


def asks(guesses: Sequence[Guess], names: Collection[str]) -> list[Guess]:
    """The guesses, those that ask for a skill of your own with its name as `own`.

    Args:
        names: of the skills that are offered.
    """
    skills = [skill for name, skill in own.registered().items() if name in names]
    told: list[Guess] = []
    for guess in guesses:
        name = next((skill.name for skill in skills if _says(guess.text, skill)), "")
        if not name and told and told[-1].own and _mere_thing(guess):
            name = told[-1].own  # "hover over the coke and the apple"
        told.append(replace(guess, own=name) if name else guess)
    return told


def _mere_thing(guess: Guess) -> bool:
    named = max(guess.members.values(), default=0.0) >= FITS
    return named and float(guess.act.max()) < UNSURE


def _says(text: str, skill: OwnSkill) -> bool:
    for pattern in patterns(skill):
        found = pattern.search(text)
        if found and not _NOT.search(text[: found.start()]):
            return True
    return False


@cache
def patterns(skill: OwnSkill) -> tuple[re.Pattern[str], ...]:
    """What its templates are heard by, one each: their words in order, with anything between."""
    return tuple(
        re.compile(r"\b.*?\b".join(_inflected(word) for word in words))
        for template in (skill.label, *skill.aliases)
        if (words := _words(template))
    )


def _words(template: str) -> list[str]:
    """What a template says by itself; all of it where it says but little."""
    said = normalise(re.sub(r"\{\w+\}", " ", template)).split()
    return [word for word in said if word not in LITTLE] or said


def _inflected(word: str) -> str:
    """A pattern for a verb's forms, and for those of other words that end alike."""
    if re.search(r"[^aeiou]y$", word):
        return rf"\b{re.escape(word[:-1])}(?:y|ies|ied|ying)\b"
    stem, last = re.escape(word.removesuffix("e")), re.escape(word[-1])
    return rf"\b{stem}(?:e?s|e?d|e|{last}?ing|{last}?ed)?\b"
