"""Sentence forms whose clauses lean on each other: there, the same, corrections, conditions, drawer."""

from __future__ import annotations

from dataclasses import replace

from planners.embedded.clauses import TARGETS, TRASH, USER, Clause, Clauses
from planners.embedded.lexicon import table
from planners.embedded.phrases import KEPT_ON, MARK
from planners.embedded.reading import Segment

DRAWER = frozenset({"drawer"})
PUT = (
    "put", "place", "leave", "set", "drop", "bring", "move", "take", "carry", "lay", "deposit",
    "stick", "deliver", "park",
)  # fmt: skip


def there(g: Clauses) -> Clause:
    """A place is named once: "go to the table and leave the coke there"."""
    again, names = g.frame("there"), frozenset()
    if g.draw.chance(0.3):
        return _from_there(g)
    if g.draw.chance(0.5):
        words, names = g.p.place(KEPT_ON)
        goto = g.draw.plain(table("manner")["goto"])
        verb = g.draw.pick(["go", "drive", "head", "move", "get", "roll", "navigate"])
        text, segs = g.polite((f"{verb} {goto} {words}", [Segment("go", targets=names)]))
    else:
        text, segs = g._target(*g.fill("move"))
        names = segs[0].targets
        text, segs = g.polite((text, segs))
    for _ in range(g.rng.choice([1, 1, 1, 2])):
        words, seg = g.p.thing("", source=0.1)
        text += f"{g.join()}{MARK}{g.draw.pick(PUT)} {words} {again}"
        segs = [*segs, replace(seg, act="move", targets=names, sources=seg.sources - names)]
    return text + g.end(), segs


def _from_there(g: Clauses) -> Clause:
    """ "Drive to the table and get the coke from there"."""
    words, names = g.p.place((*KEPT_ON, "table", "drawer"))
    goto = g.draw.plain(table("manner")["goto"])
    verb = g.draw.pick(["go", "drive", "head", "move", "get", "roll", "navigate"])
    text, segs = g.polite((f"{verb} {goto} {words}", [Segment("go", targets=names)]))
    thing, seg = g.p.thing("", source=0.0)
    take = g.draw.pick(["get", "bring", "fetch", "bring me", "get me", "bring back", "fetch me"])
    there = g.frame("from_there")
    text += f"{g.join()}{MARK}{take} {thing} {there}"
    return text + g.end(), [*segs, replace(seg, act="move", targets=USER, sources=names)]


def rescued(g: Clauses) -> Clause:
    """What was thrown away by mistake: "get the apple out of the bin and bring it here"."""
    words, seg = g.p.thing("def", source=0.0)
    bin_, trash = g.p.place(("trash",))[0], TRASH
    take = g.frame("rescue").replace("{p}", bin_)
    if g.draw.chance(0.5):
        text, segs = g.polite(
            (take.replace("{x}", words), [replace(seg, act="hold", sources=trash)])
        )
    else:
        sorry = g.frame("mistake").replace("{x}", words).replace("{p}", bin_)
        taken, _ = g.polite((take.replace("{x}", g.draw.plain(["it", "it", "that"])), []))
        text = f"{MARK}{sorry}{g.draw.plain(['. ', ', ', ', so ', ' and '])}{taken}"
        segs = [replace(seg, act="none"), Segment("hold", sources=trash, link="it")]
    it = g.draw.plain(["it", "it", "that", "it again"])
    if g.draw.chance(0.6):
        target = USER
        if g.draw.chance(0.5):
            to, target = g.p.with_preposition("on", (*KEPT_ON, "user"))
            follow = g.frame("follow_move").replace("{it}", it).replace("{on}", to)
        else:
            follow = g.frame("follow_give").replace("{it}", it)
        text = f"{text}{g.join()}{MARK}{follow}"
        segs = [*segs, Segment("move", targets=target, link="it")]
    return text + g.end(), segs


def same(g: Clauses) -> Clause:
    """A second thing gets the treatment of the first: "... and do the same with the tea"."""
    text, segs = g.polite(g.clause("give trash move"))
    if segs[-1].targets == frozenset({"back"}):
        return text + g.end(), segs
    words, seg = g.p.thing("", source=0.1)
    more = g.frame("same").replace("{x}", words)
    join = g.draw.plain([". ", ", ", " and ", ", and ", ". then ", "; "])
    seg = replace(seg, act="move", targets=segs[-1].targets, sources=seg.sources - segs[-1].targets)
    return f"{text}{join}{MARK}{more}{g.end()}", [*segs, seg]


def corrected(g: Clauses) -> Clause:
    """Somebody takes back what they have just said: "bring me a coke, no wait, a tea"."""
    text, segs = g.polite(g.clause("give trash move"))
    gone = [Segment("none", s.members, s.quant, sources=s.sources) for s in segs]
    turn = g.frame("corrected")
    join = g.draw.plain([", ", ". ", "... ", "; ", " - "])
    if len(segs) == 1 and g.draw.chance(0.6):
        words, seg = g.p.thing("", source=0.1)
        new = replace(seg, act="move", targets=segs[0].targets)
        new = replace(new, sources=new.sources - new.targets)
        return f"{text}{join}{MARK}{turn}{words}{g.end()}", [*gone, new]
    more, extra = g.clause("give trash move go hold")
    return f"{text}{join}{MARK}{turn}{more}{g.end()}", [*gone, *extra]


def conditional(g: Clauses) -> Clause:
    """What to do if something is there, and now and then what to do otherwise."""
    roll = g.rng.random()
    if roll < 0.45:
        words, seg = g.p.thing("ind", source=0.4)
        text = f"{MARK}{g.frame('ifthere').replace('{x}', words)}"
        act, target, name = g.rng.choice(
            [("move", USER, "follow_give"), ("move", TRASH, "follow_trash")]
        )
        follow = g.frame(name)
        follow = follow.replace("{it}", g.draw.plain(["it", "it", "that", "one", "it"]))
        follow = follow.replace("{intrash}", g.draw.pick(table("manner")["intrash"]))
        text = f"{text}{MARK}{follow}"
        segs = [seg, Segment(act, targets=target, link="it")]
    else:
        text, segs = g.polite(g.clause("give"))
        if g.draw.chance(0.4):
            text += g.draw.plain([" if there is one", " if there is any", " if we have it"])
    if roll < 0.2:
        return text + g.end(), segs
    words, seg = g.p.thing("ind", source=0.1)
    verb = g.draw.plain(["", "", "bring me ", "get me ", "fetch ", "I'll take ", "give me "])
    more = f"{g.frame('otherwise')}{verb}{words}"
    if not verb and g.draw.chance(0.5):
        more += g.draw.plain([" will do", " would do", " is fine too", " is fine", " will be fine"])
    join = g.draw.plain([", ", ". ", "; "])
    target = segs[-1].targets if not verb else USER
    new = replace(seg, act="move", targets=target, sources=seg.sources - target)
    return f"{text}{join}{MARK}{more}{g.end()}", [*segs, new]


def swapped(g: Clauses) -> Clause:
    """Two things change places; joined by "and" they are two pieces, else one."""
    text = g.frame("swap")
    (a, one), (b, two) = (g.p.thing("def", source=0.35) for _ in range(2))
    if "{x} and {y}" in text:
        text = text.replace("{x} and {y}", f"{a} and {MARK}{b}")
        segs = [replace(s, act="swap") for s in (one, two)]
    else:
        text = text.replace("{x}", a).replace("{y}", b)
        segs = [
            Segment("swap", one.members | two.members, "one", sources=one.sources | two.sources)
        ]
    text, segs = g.polite((text, segs))
    return text + g.end(), segs


def gapped(g: Clauses) -> Clause:
    """The verb is said once: "the apple goes on the table and the coke in the bin"."""
    shape = g.draw.plain(
        ["{x} goes {to}", "{x} belongs {to}", "I want {x} {to}", "I need {x} {to}"]
    )
    text, segs = "", []
    for i in range(g.rng.choice([2, 2, 3, 4])):
        words, seg = g.p.thing("def", source=0.0)
        to, names = g.p.with_preposition("on", TARGETS)
        part = shape.replace("{x}", words).replace("{to}", to) if i == 0 else f"{words} {to}"
        text += (g.draw.plain([", ", " and ", ", and "]) if i else "") + MARK + part
        segs.append(replace(seg, act="move", targets=names, sources=seg.sources - names))
    return text + g.end(), segs


def listed(g: Clauses) -> Clause:
    """A list of things behind a colon, or of numbered requests."""
    if g.draw.chance(0.55):
        opening = g.draw.pick(
            ["bring me the following", "I need the following things", "my shopping list",
             "please get me these things", "I want a few things", "here is what I need",
             "for lunch I'd like", "bring me these", "fetch me all of this", "on my tray I want"]
        )  # fmt: skip
        text, segs = f"{MARK}{opening}: ", [Segment("none")]
        for i in range(g.rng.choice([2, 3, 3, 4])):
            words, seg = g.p.thing("ind", source=0.05)
            text += (g.draw.plain([", ", ", ", " and "]) if i else "") + MARK + words
            segs.append(replace(seg, act="move", targets=USER, sources=seg.sources - USER))
        return text + g.end(), segs
    style = g.draw.plain(["{n}. ", "{n}) ", "step {n}: ", "{w}, ", "{w} "])
    names = ["first", "second", "third", "fourth", "fifth"]
    text, segs = "", []
    for i in range(g.rng.choice([2, 3, 3, 4, 5])):
        part, more = g.clause("give trash move go hold")
        head = style.replace("{n}", str(i + 1)).replace("{w}", names[i])
        text += f"{'' if i == 0 else g.draw.plain(['. ', ', ', '; '])}{MARK}{head}{part}"
        segs += more
    return text, segs


def long(g: Clauses) -> Clause:
    """Three to six clauses in a row, as people give whole chores."""
    text, segs = g.polite(g.clause("give trash move go"))
    for _ in range(g.rng.choice([2, 2, 3, 3, 4, 5])):
        more, extra = g.clause("give trash move give trash move go hold drawer clear")
        if g.draw.chance(0.12):
            more, extra = g.polite((more, extra))
            more = more.removeprefix(MARK)
        text += f"{g.join()}{MARK}{more}"
        segs = segs + extra
    return text + g.end(), segs


def reasoned(g: Clauses) -> Clause:
    """A request and what it is for, which asks for nothing more."""
    text, segs = g.clause("give give move trash")
    why = g.draw.pick(table("frames")["purpose"])
    text, segs = g.polite((text, segs))
    own = why.split(" ", 1)[0] in ("so", "because", "since")
    if own:  # these words open a piece of their own
        comma = g.draw.plain([" ", " ", ", "])
        return f"{text}{comma}{MARK}{why}{g.end()}", [*segs, Segment("none")]
    return f"{text} {why}{g.end()}", segs


def drawers(g: Clauses) -> Clause:
    """Opening, filling, emptying and closing the drawer in one sentence."""
    drawer = g.draw.pick(table("manner")["places"]["drawer"])
    roll = g.rng.random()
    if roll < 0.35:  # open it and put something in
        text, segs = g.polite(g.drawer("open"))
        words, seg = g.p.thing("", source=0.2)
        inside = g.draw.plain([*table("frames")["drawer_inside"], f"in {drawer}"])
        text += f"{g.join()}{MARK}{g.draw.pick(PUT)} {words} {inside}"
        segs = [*segs, replace(seg, act="move", targets=DRAWER, sources=seg.sources - DRAWER)]
    elif roll < 0.6:  # put something in
        words, seg = g.p.thing("", source=0.2)
        into = f"{g.draw.pick(table('manner')['on']['drawer'])} {drawer}"
        text, segs = g.polite((f"{g.draw.pick(PUT)} {words} {into}", []))
        segs = [replace(seg, act="move", targets=DRAWER, sources=seg.sources - DRAWER)]
    else:  # take something out, with or without opening it expressly
        text, segs = g.polite(g.drawer("open")) if g.draw.chance(0.5) else ("", [])
        words, seg = g.p.thing("", source=0.0)
        out = g.frame("drawer_out").replace("{x}", words).replace("{drawer}", drawer)
        text += f"{g.join() if text else ''}{MARK}{out}"
        seg = replace(seg, sources=DRAWER, act="hold")
        segs = [*segs, seg]
        if g.draw.chance(0.6):
            follow = g.frame("follow_give")
            text += f"{g.join()}{MARK}{follow.replace('{it}', 'it')}"
            segs = [*segs, Segment("move", targets=USER, link="it")]
    if g.draw.chance(0.5):
        close = g.frame("drawer_it_close") if g.draw.chance(0.6) else g.drawer("close")[0]
        text += f"{g.join()}{MARK}{close}"
        segs = [*segs, Segment("close")]
    return text + g.end(), segs
