"""How a piece speaks of its things and of its place: one particular, some one, any, or all.

A rule over words. Place phrases are blanked before the things' determiner is looked for, so that
"bring a coke from the table" is about *a* coke.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from planners.embedded.starts import DONE
from planners.embedded.text import spans_of

Det = Literal["the", "a", "any", "all"]

_DET = (
    r"(?P<all>all|every|each|everything|both)"
    r"|(?P<any>any|anything|either|whichever|whatever|one of(?: the| my| our| those| these)?"
    r"|some kind of|no matter which)"
    r"|(?P<the>the|this|that|these|those|my|our|your|his|her|their|it|them)"
    r"|(?P<a>an?|another|some|something|one|two|three|four|five|six|\d+)"
)
FIRST = re.compile(rf"\b(?:{_DET})\b")
# words that look like determiners of the thing and are not
ASIDE = re.compile(
    r"\b(?:(?:make|be|making) sure that|see to it that|ensure that|so that|that(?:'s| is| are)|"
    r"on (?:my|your|the) way|in (?:my|your) (?:hands?|gripper|direction)|at (?:the|this) moment|"
    r"a favou?r|a (?:second|moment|minute|hand)|i'd like that|the user|this way|all the way|at all|"
    r"(?:my|our|his|her|their) (?:throat|mouth|stomach|tummy|belly|blood sugar|energy|eyes))\b"
)
SURFACE = (
    r"(?:counters?|countertops?|counter tops?|worktops?|work ?surfaces?|surfaces?|bench(?:es)?|"
    r"places?|spots?|sides?|corners?|tables?)"
)
WHERE = re.compile(rf"\b(?:{_DET}) (?:(?:of the|of our|free|kitchen|other) )*{SURFACE}\b")
_WORD = rf"(?!(?:{re.sub(r'[?]P<[a-z]+>', '?:', _DET)})\b)[a-z']+"
CLASS = re.compile(  # a thing by what it is for, which may stand behind another noun
    rf"\b(?:{_DET})(?: {_WORD}){{0,3}}? (?:drinks?|beverages?|sodas?|snacks?|treats?|fruits?|thing|bites?)\b"
)
ARTICLE = re.compile(r"\b(?:the|a|an|our|my|your|this|that|one of the|either) (?:[a-z]+ )?$")


def of_things(piece: str, places: Sequence[str]) -> Det:
    """How the things are spoken of.

    "the": particular ones ("the coke", "my apple", "it"); who hears it must know which.
    "a": some one that fits ("a coke", "something to drink", and nouns without an article).
    "any": whichever ("any coke", "one of the cokes"); the choice is expressly free.
    "all": every one that fits.

    Args:
        places: every name of every place.
    """
    text = ASIDE.sub(" ", DONE.sub(" ", piece))
    for start, end in sorted(spans_of(text, places), reverse=True):
        head = ARTICLE.sub("", text[:start])
        text = head + " " * 2 + text[end:]
    text = WHERE.sub(" ", text)
    found = _first(FIRST.search(text))
    return _first(CLASS.search(text) or FIRST.search(text)) if found == "the" else found


def of_place(piece: str) -> Det:
    """How the place is spoken of: "the" counter, "a" counter, "any" counter, "all" counters.

    A place's own name counts as "the". Several targets with "the" mean that it is open which one
    is meant; with "a" or "any" each would do; with "all" the things are to be spread over them.
    """
    found = list(WHERE.finditer(piece))
    return _first(found[-1]) if found else "the"


def _first(found: re.Match[str] | None) -> Det:
    if found is None:
        return "a"
    for det in ("all", "any", "the"):
        if found[det]:
            return det
    return "a"
