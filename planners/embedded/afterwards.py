"""Sentence forms in which something said later bears on what was asked before."""

from __future__ import annotations

from dataclasses import replace

from planners.embedded.clauses import TARGETS, TRASH, USER, Clause, Clauses
from planners.embedded.lexicon import plural, table
from planners.embedded.phrases import KEPT_ON, LEFT_OUT, MARK
from planners.embedded.reading import Segment


def constrained(g: Clauses) -> Clause:
    """What it must not be is said apart: "put a soda on the table. it must not be the pepsi"."""
    for _ in range(20):
        text, segs = g.clause("give give move trash hold")
        if len(segs) != 1 or segs[0].quant == "all":
            continue
        words, out = _left_out(g, segs[0].members)
        if not out & segs[0].members or not segs[0].members - out:
            continue
        asked = [replace(segs[0], members=segs[0].members - out)]
        no = [Segment("none", out)]
        if g.draw.chance(0.35):  # the other way round: "no fruit for me today, bring me a snack"
            first = g.frame("unwanted").replace("{b}", words)
            text, asked = g.polite((text, asked))
            join = g.draw.plain([", ", ". ", ", so ", " but ", "; ", ", but "])
            return f"{MARK}{first}{join}{text}{g.end()}", [*no, *asked]
        text, asked = g.polite((text, asked))
        join = g.draw.plain([". ", ", ", ", but ", "; ", " - ", " but ", "... "])
        return f"{text}{join}{MARK}{g.frame('mustnot').replace('{b}', words)}", [*asked, *no]
    return _plain(g)


def _plain(g: Clauses) -> Clause:
    text, segs = g.polite(g.clause())
    return text + g.end(), segs


def _left_out(g: Clauses, members: frozenset[str]) -> tuple[str, frozenset[str]]:
    """A kind or a class of kinds, in words, that may be among `members`."""
    by_name = {k.name: k for k in g.p.world.kinds}
    if members and g.draw.chance(0.5):
        kind = by_name[g.draw.plain(sorted(members))]
        return f"{g.draw.plain(['the ', 'the ', 'a ', ''])}{g.p.name(kind)}", frozenset({kind.name})
    row = table("nouns")[g.draw.plain(LEFT_OUT)]
    noun = g.draw.pick(row["one"])
    noun = plural(noun) if g.draw.chance(0.5) else f"{g.draw.plain(['a ', '', 'any '])}{noun}"
    return noun, g.p.world.having(row["want"])


def need_within(g: Clauses) -> Clause:
    """A need with a limit: "nothing sugary please, but I'm parched"."""
    for _ in range(20):
        text, segs = g.need()
        if not segs[0].members:
            continue
        if g.draw.chance(0.5):
            words, out = _left_out(g, segs[0].members)
            limit = g.frame("unwanted").replace("{b}", words)
        else:
            traits = table("traits")["traits"]
            trait = g.draw.plain([t for t in traits if traits[t]["adj"]])
            out = g.p.world.having(trait)
            limit = f"{g.draw.plain(['nothing', 'nothing too', 'not anything'])} "
            limit += g.draw.pick(traits[trait]["adj"]) + g.draw.plain(["", " please", " for me"])
        if not out & segs[0].members or not segs[0].members - out:
            continue
        asked = [replace(segs[0], members=segs[0].members - out)]
        join = g.draw.plain([", ", ", but ", " but ", ". ", "; ", " though, "])
        if g.draw.chance(0.5):
            return f"{MARK}{limit}{join}{MARK}{text}{g.end()}", [Segment("none", out), *asked]
        return f"{MARK}{text}{join}{MARK}{limit}{g.end()}", [*asked, Segment("none", out)]
    return _plain(g)


def seen_to(g: Clauses) -> Clause:
    """How things should be, then a request that names nothing: "... could you see to it?"."""
    words, seg = g.p._by_place() if g.draw.chance(0.2) else g.p.thing("def", source=0.2)
    state, names = g.placed(g.frame("state"), USER)
    if "{intrash}" in state:
        state, names = state.replace("{intrash}", g.draw.pick(table("manner")["intrash"])), TRASH
    text = state.replace("{x}", words)
    seg = replace(seg, act="move", targets=names, sources=seg.sources - names)
    join = g.draw.plain([", ", ". ", "; ", " - ", ", so "])
    return f"{MARK}{text}{join}{MARK}{g.frame('seeto')}{g.end()}", [seg, Segment("none")]


def apportioned(g: Clauses) -> Clause:
    """One of a kind for each: "a soda for me, one on the table and one on the far counter"."""
    words, seg = g.p._described("ind") if g.draw.chance(0.6) else g.p._named("ind")
    if seg.quant != "one":
        return _plain(g)
    verb = g.draw.plain(["", "", "bring ", "I need ", "put ", "I want "])
    to, names = g.p.with_preposition("to", TARGETS) if verb else _for(g)
    text, segs = (
        f"{MARK}{verb}{words} {to}",
        [replace(seg, act="move", targets=names, sources=frozenset())],
    )
    for _ in range(g.rng.choice([1, 1, 2])):
        to, names = g.p.with_preposition("on", TARGETS) if g.draw.chance(0.7) else _for(g)
        one = g.draw.plain(["one", "one", "another", "another one", "a second one", "one more"])
        who = g.draw.plain(["", "", "", " for my friend", " for my guest", " for later"])
        text += f"{g.draw.plain([', ', ' and ', ', and '])}{MARK}{one} {to}{who}"
        segs.append(Segment("move", targets=names, link="it"))
    return text + g.end(), segs


def _for(g: Clauses) -> tuple[str, frozenset[str]]:
    return g.draw.plain(["for me", "for me", "for us", "to me", "here", "for the user"]), USER


def once_done(g: Clauses) -> Clause:
    """One thing as the condition of the next: "when the water is with me, bin the can"."""
    words, seg = g.p.thing("def", source=0.1)
    to, names = g.p.with_preposition("on", TARGETS)
    if names == USER:
        to = g.draw.plain(["with me", "here", "here with me", "in my hand", "on my tray"])
    done = replace(seg, act="move", targets=names, sources=seg.sources - names)
    head = g.frame("once").replace("{x}", words).replace("{on}", to)
    text, segs = g.clause("give trash move go")
    if g.draw.chance(0.75):
        return f"{MARK}{head}, {MARK}{text}{g.end()}", [done, *segs]
    return f"{MARK}{text} {MARK}{head}{g.end()}", [*segs, done]


def been_to(g: Clauses) -> Clause:
    """Order told by where the robot has been: "come to me after you've been to the table"."""
    words, names = g.p.place((*KEPT_ON, "table", "trash", "drawer"))
    been = g.frame("been").replace("{p}", words)
    text, segs = g.go() if g.draw.chance(0.6) else g.clause("give trash move")
    leg = Segment("go", targets=names)
    if g.draw.chance(0.5):
        word = g.draw.plain(["after", "once", "only after", "only once"])
        return f"{MARK}{text} {word} {MARK}{been}{g.end()}", [*segs, leg]
    word = g.draw.plain(["after", "once", "as soon as", "when"])
    return f"{MARK}{word} {been}, {MARK}{text}{g.end()}", [leg, *segs]
