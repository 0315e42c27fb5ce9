"""Small words that tie pieces to things and to each other: next to, different, otherwise.

Rules over a piece's text, beside what the network reads: they are exact where they apply, and too
rare in training sentences to be learned well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from planners.embedded.text import spans_of

_THE = r"(?: (?:the|a|an|my|our|your|that|this))?\s*$"
BESIDE = re.compile(
    r"\b(?:next to|beside|alongside|adjacent to|close to|near(?: to)?|right by|by|"
    r"(?:the )?same (?:place|spot|counter|surface) as|to where|at where|wherever|where)" + _THE
)
DISTINCT = re.compile(
    r"\b(?:different|distinct|kinds of|types of|sorts of|each kind|every kind|not the same|"
    r"no two (?:of them )?the same|one of each)\b"
)
ONE_OF_EACH = re.compile(r"\bone (?:of (?:each|every)|each of)\b")
SPARED = re.compile(r"\b(?:all|every|each) (?:\w+ )?(?:but|except|minus|save) one\b")
AT_MOST = re.compile(r"\b(?:at most|no more than|not more than|up to|max(?:imum)?(?: of)?)\b")
BOTH_AND = re.compile(r"\bboth\b[^,]*\band\W*$")  # "both the tea and |the water"
BOTH_OF_A_KIND = (
    re.compile(  # "both cans and |": a plural, which "chips", "crisps" and "glass" are not
        r"\bboth\b[^,]*(?<!chip)(?<!crisp)(?<!s)s,? and\W*$"
    )
)
IN_REACH = re.compile(
    r"\b(?:in front of|next to|near|beside|before|close to) (?:you|yourself)\b|\bwhere you (?:are|stand)\b|"
    r"\b(?:with)?in (?:your )?reach\b"
)
_THING = r"(?:thing|object|item|stuff)\b"
THAT_THING = re.compile(
    rf"\b(?:(?:that|this) {_THING}|the {_THING}(?! (?:on|in|at|from|over|by|next|near)))"
)
HALF = re.compile(r"\bhalf (?:of )?(?:the|my|our|all|these|those|them|it)\b")
ALL_OF = re.compile(r"\b(?:all|every one|each) of (?:it|them|that|this|these|those)\b")
OTHERWISE = re.compile(
    r"(?:otherwise|or else|if not|failing that|in case there (?:is|are) (?:none|no)\b[^,]*|"
    r"if [^,]*\b(?:run out|(?:is|are|we're|you're|they're|it's) (?:all )?(?:out of|gone|finished|missing))\b"
    r"[^,]*|"
    r"if (?:there|we|you|that|it)(?:'s| is| are)? ?(?:isn't|aren't|don't|none|not|no|can't|won't)\b"
    r"[^,]*|if none\b[^,]*)"
)

POLITE = re.compile(
    r"\W*if (?:it|that|you)(?:'s| is|'re| are)?(?: not|n't| do not| don't| no|n't)? ?"
    r"(?:mind|too much|asking|busy|(?:a |any |much |no )?(?:bother|problem|trouble|hassle))\b"
)
_N = r"(two|three|four|five|six|[2-6])"
NUMBER = re.compile(  # not "of the two bottles I want the clear one", not "the two counters"
    rf"(?<!of the )\b{_N}\b(?! (?:(?:kitchen )?(?:counters|worktops)|or|"
    r"hours?|minutes?|seconds?|days?|weeks?|years?|times?|am|pm|o'clock|friends?|guests?|people|kids|"
    r"of us|persons?|meters?|steps?)\b)"
)
SIDE = r"(?:kitchen )?(?:counter(?:top)?|worktop|work surface)\b"
OTHER_SIDE = re.compile(rf"\bother {SIDE}")
OTHER = re.compile(rf"\b(?:other(?! {SIDE})|another|second|rest|remaining)\b")
OPPOSITE = {"close counter": "far counter", "far counter": "close counter"}
DIGITS = {"2": "two", "3": "three", "4": "four", "5": "five", "6": "six"}

PEOPLE = re.compile(
    rf"\b{_N} of us\b|\bwe(?:'re| are) {_N}\b(?! (?!of us|people|for))|"
    rf"\b(?:for|there are|there's|have|with) (?:the |my |our )?{_N} "
    r"(?:people|persons|guests|friends|kids|children|visitors|colleagues)\b"
)
EACH = re.compile(
    r"\b(?:each(?! (?:counter|place|table|side|kind|of the))|apiece|per (?:person|head)|everyone|everybody|"
    r"all of us)\b"
)
ONE_ON_EACH = re.compile(r"\bone (?:on|in|at|to|for) (?:each|every|both)\b")
NOT_AT = re.compile(
    r"\bnot (?:the|that|those) ones?(?: (?:that(?:'s| is| are)|which (?:is|are)|lying|over))? "
    r"(?:on|in|at|by|from)\b"
)
THE_ONE = re.compile(r"\bthe (?:other )?ones? (?:that|which|with|without|on|in|at|from)\b")
THERE = re.compile(
    r"\bwhere (?:i|we|you|it|they)\b[^,.;]*\b(?:yesterday|last|the other day|this morning)\b"
    r"|(?<!in )(?<!from )\bthere\b(?!'s| is| are| was| were)"
)


def people(texts: Iterable[str]) -> str | None:
    """How many people are spoken of in so many words."""
    found = PEOPLE.search(" ".join(texts))
    said = next((n for n in found.groups() if n), None) if found else None
    return DIGITS.get(said, said) if said else None


def number(piece: str) -> str | None:
    """The one number of things that the piece names in so many words, if there is one."""
    found = {DIGITS.get(n, n) for n in NUMBER.findall(piece)}
    return found.pop() if len(found) == 1 else None


def beside(piece: str, names: Sequence[str]) -> bool:
    """Whether the piece names the thing only to tell a place: "put it next to the apple"."""
    spans = spans_of(piece, names)
    return bool(spans) and all(BESIDE.search(piece[:start]) for start, _ in spans)


def other_side(piece: str, here: str | None) -> tuple[tuple[str, float], ...]:
    """The counter that is meant by "the other counter" when one stands at one; else nothing."""
    if here not in OPPOSITE or not OTHER_SIDE.search(piece):
        return ()
    return ((OPPOSITE[here], 1.0),)


def spares_one(piece: str) -> bool:
    """ "All but one": one of them stays."""
    return bool(SPARED.search(piece))


def fallbacks(texts: Iterable[str]) -> list[bool]:
    """Per piece: whether it says what to do if the one before cannot be done.

    The word for it may open the piece, end the one before ("..., otherwise |bring a tea") or be a
    piece of its own ("if there is none, |bring a tea").
    """
    found, tail = [], ""
    for text in texts:
        if POLITE.match(text):
            found.append(False)
            tail = ""
            continue
        opening = re.match(rf"\W*(?:(?:and|but|or) )?{OTHERWISE.pattern}", text)
        ends = re.search(rf"\b{OTHERWISE.pattern}\W*(?:just )?$", tail)
        found.append(bool(opening or ends))
        tail = text
    return found
