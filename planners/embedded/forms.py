"""Sentence forms of the training grammar: how clauses stand together in what people say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from planners.embedded import afterwards, grouped, linked, occasions, pronouns
from planners.embedded.clauses import TRASH, USER, Clause, Clauses, not_verbs
from planners.embedded.lexicon import gerund, table
from planners.embedded.phrases import KEPT_ON, MARK
from planners.embedded.reading import Segment

GIVE_ME = (
    "bring me", "get me", "fetch", "bring", "fetch me", "hand me", "find me", "give me", "pass me",
)  # fmt: skip


def single(g: Clauses) -> Clause:
    """One clause."""
    text, segs = g.polite(g.clause())
    return text + g.end(), segs


def several(g: Clauses) -> Clause:
    """Two or three independent clauses."""
    texts, segs = [], []
    n = g.rng.choices([2, 3], [0.8, 0.2])[0]
    for i in range(n):
        text, more = g.polite(g.clause()) if i == 0 or g.draw.chance(0.25) else _bare(g.clause())
        texts.append(text)
        segs += more
    first = (
        MARK + g.draw.plain(["first ", "first, ", "first of all, ", "start by: ", "to begin, "])
        if g.draw.chance(0.15)
        else None
    )
    out = texts[0] if first is None else first + texts[0][1:]
    for text in texts[1:]:
        out += g.join() + text
    return out + g.end(), segs


def _bare(clause: Clause) -> Clause:
    return MARK + clause[0], clause[1]


def ordered(g: Clauses) -> Clause:
    """Two clauses whose order is said by before, after, once, first."""
    (a, one), (b, two) = (_imperative(g, "give trash move go hold") for _ in range(2))
    shape = g.rng.randrange(7)
    if shape == 0:
        return f"{MARK}before {gerund(a)}, {MARK}{b}", one + two
    if shape == 1:
        return f"{MARK}{a} before {MARK}{gerund(b)}", one + two
    if shape == 2:
        return f"{MARK}{a} after {MARK}{gerund(b)}", one + two
    if shape == 3:
        return f"{MARK}after {gerund(a)}, {MARK}{b}", one + two
    if shape == 4:
        soon = g.draw.plain(["first ", ""])
        late = g.draw.plain([" first", " beforehand", " before that"])
        return f"{MARK}{a}, but {MARK}{soon}{b}{late}", one + two
    if shape == 5:
        return f"{MARK}{a} before {MARK}you {b}", one + two
    return f"{MARK}before you {a}, {MARK}{b}", one + two


def _imperative(g: Clauses, families: str) -> Clause:
    """A clause that starts with its verb."""
    while True:
        text, segs = g.clause(families)
        if text.split(" ", 1)[0].isalpha() and text.split(" ", 1)[0] not in not_verbs():
            return text, segs


def need_only(g: Clauses) -> Clause:
    """A need without a request, or with one that names nothing."""
    text, segs = g.need()
    if g.draw.chance(0.22):
        talk = g.none()[0]
        text, segs = (
            f"{talk}{g.draw.plain(['. ', ', ', ' and ', ' and ', ', so '])}{MARK}{text}",
            [Segment("none"), *segs],
        )
    if g.draw.chance(0.35):
        join = g.draw.plain([". ", ", ", " and ", "; ", " so ", "! "])
        vague = g.frame("vague")
        return (
            f"{MARK}{text}{join}{MARK}{vague}{g.end()}",
            [*segs, Segment("none")],
        )
    return MARK + text + g.end(), segs


def need_said(g: Clauses) -> Clause:
    """A need as mere context, then the request itself."""
    (text, _), (ask, segs) = g.need(), g.polite(g.clause("give give trash move"))
    join = g.draw.plain([". ", ", ", " so ", ", so ", "; ", ". ", " and ", ": ", "! "])
    return f"{MARK}{text}{join}{ask}{g.end()}", [Segment("none"), *segs]


def two_needs(g: Clauses) -> Clause:
    """Two needs at once."""
    (a, one), (b, two) = g.need(), g.need()
    return f"{MARK}{a}{g.draw.plain([' and ', '. ', ', and ', ' and also '])}{MARK}{b}", one + two


def spill(g: Clauses) -> Clause:
    """Something was spilled: throw it away, bring something for the mess."""
    text, mention = _mishap(g)
    clean = Segment("move", g.p.world.having("cleaning"), "one", USER)
    ask = f"{g.draw.pick(GIVE_ME)} {g.draw.pick(table('nouns')['cleaning']['mass'])}"
    throw = g.frame("follow_trash")
    throw = throw.replace("{it}", g.draw.plain(["it", "that", "the can", "the thing"]))
    throw = throw.replace("{intrash}", g.draw.pick(table("manner")["intrash"]))
    gone = Segment("move", targets=TRASH, link="it")
    join = g.draw.plain([", ", ". ", ", so ", " and "])
    opening = "" if throw.split(" ", 1)[0] in not_verbs() else g.draw.pick(table("manner")["open"])
    roll = g.rng.random()
    text = f"{text}{join}{MARK}{opening} "
    if roll < 0.4:
        return f"{text}{throw}{g.join()}{MARK}{ask}", [mention, gone, clean]
    if roll < 0.55:
        return f"{text}{ask}{g.join()}{MARK}{throw}", [mention, clean, gone]
    if roll < 0.8:
        return f"{text}{ask}", [mention, clean]
    return f"{text}{throw}", [mention, gone]


def _mishap(g: Clauses) -> tuple[str, Segment]:
    """ "I spilled my tea on the table"."""
    drink = g.rng.choice(
        [k for k in g.p.world.kinds if "drink" in k.props] or list(g.p.world.kinds)
    )
    verb = g.draw.pick(
        ["spilled", "dropped", "knocked over", "tipped over", "spilt", "finished", "broke"]
    )
    words, names = g.p.with_preposition("on", (*KEPT_ON, "table"))
    place = g.draw.chance(0.5)
    who = g.draw.plain(["I", "I", "somebody", "my friend", "we"])
    whose = g.draw.plain(["my", "the", "a", "some"])
    text = f"{MARK}{who} {verb} {whose} {g.p.name(drink)}{' ' + words if place else ''}"
    return text, Segment("none", frozenset({drink.name}), sources=names if place else frozenset())


def context(g: Clauses) -> Clause:
    """Small talk around a request."""
    (talk, none), (ask, segs) = g.none(), g.polite(g.clause())
    if g.draw.chance(0.2):
        ask, segs = g.rng.choice([linked.long, grouped.many, grouped.sorted_out])(g)
    join = g.draw.plain([". ", ", ", "! ", "; ", ". ", ": ", " and ", ", so ", "... "])
    if g.draw.chance(0.25):
        talk, none = f"{talk}{g.draw.plain([' and ', '. ', ', '])}{MARK}{g.none()[0]}", none * 2
    if g.draw.chance(0.75):
        return f"{MARK}{talk}{join}{ask}{g.end()}", none + segs
    return f"{ask}{join}{MARK}{talk}{g.end()}", segs + none


def forbidden(g: Clauses) -> Clause:
    """What not to do, beside what to do."""
    whole = g.draw.chance(0.35)
    asked = g.clear() if whole and g.draw.chance(0.6) else g.clause("give move trash")
    (no, segs0), (ask, segs) = g.forbid(), g.polite(asked)
    spared = frozenset().union(*(s.members for s in segs0))
    segs = [replace(s, members=s.members - spared) if s.quant == "all" else s for s in segs]
    if g.draw.chance(0.5):
        join = g.draw.plain([", ", " and ", ". ", " but ", ", just ", ", instead ", "; "])
        return f"{MARK}{no}{join}{ask}", segs0 + segs
    return f"{ask}{g.draw.plain([', but ', ' and ', '. ', ', ', ' but '])}{MARK}{no}", segs + segs0


def tour(g: Clauses) -> Clause:
    """Several places in an order."""
    legs = [g.go() for _ in range(g.rng.choice([2, 2, 3]))]
    text = g.polite(legs[0])[0]
    for leg in legs[1:]:
        join = g.draw.plain(
            [
                ", then ",
                " and then ",
                " and ",
                ", and then ",
                ". then ",
                " and after that ",
                " and finally ",
                ", ",
                " and afterwards ",
                ", next ",
            ]
        )
        text += join + MARK + leg[0]
    return text + g.end(), [s for leg in legs for s in leg[1]]


def impossible(g: Clauses) -> Clause:
    """Something this robot has no skill for, now and then beside something it can do."""
    text, segs = g.polite(g.cannot())
    if g.draw.chance(0.12):
        more, extra = g.clause()
        return text + g.join() + MARK + more, segs + extra
    return text + g.end(), segs


def shared_verb(g: Clauses) -> Clause:
    """One verb, two things, two targets: "put the apple on the table and the coke in the bin"."""
    verb = g.draw.pick(
        [
            "put",
            "move",
            "bring",
            "place",
            "carry",
            "take",
            "set",
            "deliver",
            "transfer",
            "leave",
            "transport",
            "shift",
        ]
    )
    allow = ("close counter", "far counter", "table", "trash", "user")
    text, segs = f"{MARK}{g.draw.pick(table('manner')['open'])} {verb}", []
    for i in range(g.rng.choice([2, 2, 3])):
        words, seg = g.p.thing("", source=0.05)
        to, names = g.p.with_preposition("to", allow)
        text += (
            f"{g.draw.plain([' and ', ', ', ' and ', ', and '])}{MARK}" if i else " "
        ) + f"{words} {to}"
        segs.append(replace(seg, act="move", targets=names, sources=frozenset()))
    return text + g.end(), segs


FORMS: dict[str, tuple[float, Callable[[Clauses], Clause]]] = {
    "single": (36, single), "several": (13, several), "ordered": (4.5, ordered),
    "spoken_of": (11, pronouns.spoken_of), "held": (4.5, pronouns.held_thing), "need": (9, need_only),
    "need_said": (3.5, need_said), "two_needs": (1.5, two_needs),
    "spill": (2.5, spill), "context": (6, context), "forbidden": (4, forbidden), "tour": (3, tour),
    "impossible": (9, impossible), "shared_verb": (3, shared_verb),
    "there": (2.5, linked.there), "same": (1.5, linked.same), "corrected": (2, linked.corrected),
    "conditional": (2, linked.conditional), "gapped": (1.5, linked.gapped),
    "listed": (2, linked.listed), "long": (5, linked.long), "reasoned": (3, linked.reasoned),
    "drawers": (4, linked.drawers), "swapped": (1.5, linked.swapped),
    "many": (4, grouped.many), "headed": (2, grouped.headed), "laid_out": (1.5, grouped.laid_out),
    "sorted": (3, grouped.sorted_out), "kept_only": (1.5, grouped.kept_only),
    "itinerary": (1, grouped.itinerary),
    "constrained": (2.5, afterwards.constrained), "need_within": (1.5, afterwards.need_within),
    "seen_to": (2, afterwards.seen_to), "apportioned": (1.5, afterwards.apportioned),
    "once_done": (1, afterwards.once_done), "been_to": (1, afterwards.been_to),
    "like_that": (2, occasions.like_that), "compared": (1.2, occasions.compared),
    "served": (2, occasions.served),
    "remarked": (1.5, occasions.remarked), "then_when": (1.5, occasions.then_when),
    "unwelcome": (1.5, occasions.unwelcome), "fields": (1.5, occasions.fields),
    "rescued": (0.8, linked.rescued), "with_held": (1.5, occasions.with_held),
}  # fmt: skip
