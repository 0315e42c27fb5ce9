"""Noun phrases put together from a class and its traits, with the kinds that fit them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from planners.embedded.lexicon import Draw, plural, table

Having = Callable[[str], frozenset[str]]  # a `want` line -> names of the kinds that fit


@dataclass(frozen=True)
class Described:
    """A noun phrase. bare: it takes no article ("something sweet"). members: kinds that fit."""

    text: str
    members: frozenset[str]
    bare: bool


def described(draw: Draw, having: Having, bare_too: bool = True) -> Described | None:
    """One phrase such as "cold drink with caffeine but no sugar"; None if the draw fits badly.

    A phrase has to leave something out of its class, and to fit at least one kind.
    """
    classes = table("traits")["classes"]
    row = classes[draw.plain(list(classes))]
    count = draw.rng.choices([1, 2, 3], [0.55, 0.38, 0.07])[0]
    traits = list(dict.fromkeys(draw.plain(row["traits"]) for _ in range(count)))
    signs = [not draw.chance(0.35) for _ in traits]
    want = [row["want"], *(t if sign else f"-{t}" for t, sign in zip(traits, signs, strict=True))]
    if "-fizzy" in want:
        want.append("-fizzyish")
    members = having(" ".join(want))
    if not members or members == having(row["want"]):
        return None
    bare = bool(row["some"]) and bare_too and draw.chance(0.4)
    text = _worded(draw, row, traits, signs, bare)
    return None if text is None else Described(text, members, bare)


def superlative(draw: Draw, having: Having) -> tuple[str, str, frozenset[str]] | None:
    """(noun phrase, question for it, kinds that fit): "spiciest snack", "which snack is spiciest"."""
    row = draw.rng.choice(table("traits")["superlatives"])
    members, noun = having(row["want"]), draw.pick(row["one"])
    if not members:
        return None
    if draw.chance(0.4):
        most = draw.pick(row["most"])
        has = draw.plain(["has", "has got", "contains", "comes with"])
        phrase = f"{noun} {draw.plain(['with', 'that has', 'that contains', 'which has'])} {most}"
    else:
        most = draw.pick(row["est"])
        has = draw.plain(["is the", "is", "would be the", "do you think is the"])
        phrase = f"{most} {noun}"
    of = draw.plain(["which", "which", "what", "which kind of"])
    return phrase, f"{of} {noun} {has} {most}", members


def everything(draw: Draw, having: Having) -> tuple[str, frozenset[str]] | None:
    """All that is of one kind: "everything that is red", "everything drinkable"."""
    traits = table("traits")["traits"]
    trait = draw.plain(list(traits))
    said, sign = traits[trait], not draw.chance(0.2)
    members = having(trait if sign else f"-{trait}")
    adjectives, clauses = said["adj" if sign else "notadj"], said["rel" if sign else "not"]
    if not members or not (adjectives or clauses):
        return None
    head = draw.plain(
        ["everything", "everything", "everything here", "all things", "all the stuff"]
    )
    if adjectives and (not clauses or draw.chance(0.5)):
        link = draw.plain(["", "", "that is "]) if head.startswith("everything") else "that are "
        return f"{head} {link}{draw.pick(adjectives)}", members
    return f"{head} {draw.pick(clauses)}", members


def picked_out(draw: Draw, having: Having) -> tuple[str, str, frozenset[str]] | None:
    """(class in the plural, adjective, kinds that fit): "bottles", "clear"."""
    classes = table("traits")["classes"]
    row = classes[draw.plain(list(classes))]
    traits = [t for t in row["traits"] if table("traits")["traits"][t]["adj"]]
    if not traits or not row["one"]:
        return None
    trait = draw.plain(traits)
    members = having(f"{row['want']} {trait}")
    if not members or members == having(row["want"]):
        return None
    adjective = draw.pick(table("traits")["traits"][trait]["adj"])
    return plural(draw.pick(row["one"])), adjective, members


def _worded(draw: Draw, row: dict, traits: list[str], signs: list[bool], bare: bool) -> str | None:
    front: list[str] = []
    behind: list[tuple[bool, str]] = []
    for trait, sign in zip(traits, signs, strict=True):
        said = table("traits")["traits"][trait]
        before, after = (said["adj"], said["rel"]) if sign else (said["notadj"], said["not"])
        if not before and not after:
            return None
        if before and (not after or draw.chance(0.6 if sign else 0.4)):
            front.append(draw.pick(before))
        else:
            behind.append((sign, draw.pick(after)))
    noun = draw.pick(row["some"] if bare else row["one"])
    link = draw.plain([" and ", ", ", " "]) if len(front) > 1 else ""
    words = link.join(front)
    text = noun if not words else f"{noun} {words}" if bare else f"{words} {noun}"
    if bare and words and " to " in noun:  # "something sweet to eat", not "something to eat sweet"
        head, _, rest = noun.partition(" ")
        text = f"{head} {words} {rest}"
    return text + _tail(draw, behind)


def _tail(draw: Draw, behind: list[tuple[bool, str]]) -> str:
    text, last = "", True
    if len(behind) == 2 and not any(sign for sign, _ in behind) and draw.chance(0.5):
        bare = [re.sub(r"^that (?:is|are) not |^that (?:isn't|aren't) ", "", w) for _, w in behind]
        if all(short != w for short, (_, w) in zip(bare, behind, strict=True)):
            return f" that is neither {bare[0]} nor {bare[1]}"
    for i, (sign, words) in enumerate(behind):
        if i == 0:
            text += f" {words}"
        else:
            turn = [" but ", ", but ", " yet "] if sign != last else [" and ", ", ", " and also "]
            text += draw.plain(turn) + words
        last = sign
    return text
