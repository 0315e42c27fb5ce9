"""Sentence forms in which a pronoun stands for what was spoken of before, or for what is held."""

from __future__ import annotations

import re
from dataclasses import replace

from planners.embedded.clauses import TRASH, USER, Clause, Clauses, not_verbs
from planners.embedded.lexicon import table
from planners.embedded.phrases import KEPT_ON, MARK
from planners.embedded.reading import Segment


def spoken_of(g: Clauses) -> Clause:
    """Something is mentioned (or taken) first, then a pronoun says what to do with it."""
    roll, many = g.rng.random(), g.draw.chance(0.2)
    if roll < 0.5:
        text, segs = g.fill("mention")
    elif roll < 0.68:
        text, segs = g.hold()
    elif roll < 0.78:
        text, segs = g.find()
    else:
        text, segs = g.fill("fetch")
    text, segs = _located(g, _with_sources(g, (text, segs), 2 if many else 1))
    text, segs = g.polite((text, segs)) if roll >= 0.5 else (MARK + text, segs)
    plural_ = len(segs) > 1 or segs[0].quant != "one"
    link = "them" if plural_ else "it"
    pronoun = g.draw.plain(table("manner")[link])
    follow, target, act = _follow(g, pronoun)
    asked = follow.split(" ", 1)[0] not in (*not_verbs(), *pronoun.split(), "see", "let", "please")
    join = g.draw.plain(table("manner")["follow_join" if asked else "state_join"])
    head = re.match(r"([.,;:?]* ?(?:and |then |so |and then |now |but )?)(.*)$", join)
    assert head is not None
    text = f"{text}{head[1]}{MARK}{head[2]}{follow}"
    out = [*segs, Segment(act, targets=target, link=link)]
    if plural_ and act == "move" and g.draw.chance(0.2):
        return _one_and_other(g, text, segs, pronoun, target)
    if g.draw.chance(0.15):
        more, extra = g.clause("give trash move go")
        text, out = text + g.join() + MARK + more, out + extra
    return text + g.end(), out


def _with_sources(g: Clauses, clause: Clause, count: int) -> Clause:
    """The clause with so many things in its open slot, most of them said with where they are."""
    text, segs = clause
    if "{osrc}" not in text and "{oanysrc}" not in text:
        return clause
    segs = []
    for slot, form in (("{osrc}", "ind"), ("{oanysrc}", "any")):
        if slot in text:
            phrase = ""
            for i in range(count):
                words, seg = g.p.thing(form, source=0.75)
                phrase += (f" and {MARK}" if i else "") + words
                segs.append(seg)
            text = text.replace(slot, phrase)
    return text, segs


def _located(g: Clauses, clause: Clause) -> Clause:
    """The clause with the place in its open slot where its things are."""
    text, segs = clause
    if "{at}" not in text and "{atopt}" not in text:
        return clause
    words, names = g.p.with_preposition("from", KEPT_ON)
    words = re.sub(
        r"^\D*?(?=(the|a|one|either|any|our|my|that) )",
        g.draw.plain(["on ", "at ", "over on "]),
        words,
    )
    keep = "{at}" in text or g.draw.chance(0.4)
    text = text.replace("{at}", words).replace("{atopt}", words if keep else "")
    return text, [replace(s, sources=names) for s in segs] if keep else segs


def _follow(g: Clauses, pronoun: str) -> tuple[str, frozenset[str], str]:
    family = g.rng.choices(["give", "trash", "move", "release", "hold"], [35, 25, 32, 3, 5])[0]
    text = g.frame(f"follow_{family}").replace("{it}", pronoun)
    text = text.replace("{intrash}", g.draw.pick(table("manner")["intrash"]))
    if "{on}" in text:
        text, segs = g._target(text, [Segment("move")])
        return text, segs[0].targets, "move"
    target = {"give": USER, "trash": TRASH}.get(family, frozenset())
    return text, target, "move" if target else family


def _one_and_other(
    g: Clauses, text: str, segs: list[Segment], pronoun: str, target: frozenset[str]
) -> Clause:
    text = re.sub(
        rf"\b{pronoun}\b(?=[^{MARK}]*$)",
        g.draw.plain(["one", "one of them", "the first one"]),
        text,
    )
    other = g.draw.plain(
        ["the other", "the other one", "another one", "the second one", "the other"]
    )
    more, target2, act2 = _follow(g, other)
    return f"{text} and {MARK}{more}", [
        *segs,
        Segment("move", targets=target, link="it"),
        Segment(act2, targets=target2, link="it"),
    ]


def held_thing(g: Clauses) -> Clause:
    """A pronoun with nothing before it: what the robot holds."""
    pronoun = g.draw.plain(
        [
            "it",
            "it",
            "this",
            "that",
            "the thing",
            "the object",
            "what you are holding",
            "what you're carrying",
            "the thing in your hand",
            "what is in your gripper",
            "the object you hold",
        ]
    )
    follow, target, act = _follow(g, pronoun)
    text, _ = g.polite((follow, []))
    segs = [Segment(act, targets=target, link="it")]
    for _ in range(g.rng.choice([0, 0, 1, 2])):
        more, extra = g.clause("give trash move go")
        text, segs = f"{text}{g.join()}{MARK}{more}", [*segs, *extra]
    return text + g.end(), segs
