"""Sentence forms that tell of people and of how things are, and let that say what to do."""

from __future__ import annotations

from dataclasses import replace

from planners.embedded.attributes import picked_out, superlative
from planners.embedded.clauses import COUNTERS, TARGETS, TRASH, USER, Clause, Clauses
from planners.embedded.lexicon import table
from planners.embedded.phrases import KEPT_ON, MARK
from planners.embedded.reading import Segment


def _who(g: Clauses) -> str:
    return g.draw.expand(g.draw.pick(table("manner")["people"]))


def like_that(g: Clauses) -> Clause:
    """A taste or a need, then a word for what suits it: "they love spicy food. serve some of it"."""
    if g.draw.chance(0.5):
        text, segs = g.need()
        segs = [Segment("none", segs[0].members)]
    else:
        words, seg = g.p._described("bare")
        text = g.frame("taste").replace("{who}", _who(g)).replace("{x}", words)
        segs = [Segment("none", seg.members)]
    if g.draw.chance(0.3):
        text, segs = f"{g.none()[0]}{_stop(g)}{MARK}{text}", [Segment("none"), *segs]
    asked, moved = _asked(g, g.draw.pick(table("manner")["some_such"]), ["give", "move"])
    return f"{MARK}{text}{_stop(g)}{asked}{g.end()}", [*segs, moved]


def _asked(g: Clauses, it: str, families: list[str]) -> tuple[str, Segment]:
    """A request about what "it" stands for: to hand it over, or to put it somewhere."""
    family = g.rng.choice(families)
    text = g.frame(f"follow_{family}").replace("{it}", it)
    text, target = g.placed(text, USER if family == "give" else frozenset())
    return g.polite((text, []))[0], Segment("move", targets=target, link="it")


def _stop(g: Clauses) -> str:
    return g.draw.plain([". ", ". ", ", ", ", so ", "! ", " and ", "; "])


def compared(g: Clauses) -> Clause:
    """The most so of several: "which drink has the most caffeine? i'll have that one"."""
    if g.draw.chance(0.5):
        return _of_several(g)
    for _ in range(20):
        if (best := superlative(g.draw, g.p.world.having)) is not None:
            break
    else:
        return like_that(g)
    one = g.draw.plain(["that one", "that", "it", "that one", "one", "this one"])
    asked, moved = _asked(g, one, ["give", "give", "move"])
    text = f"{MARK}{best[1]}{g.draw.plain(['? ', '? ', ', ', '? then '])}{asked}{g.end()}"
    return text, [Segment("none", best[2]), moved]


def _of_several(g: Clauses) -> Clause:
    """ "Of the two bottles I want the clear one": one thing, whatever the number says."""
    for _ in range(20):
        if (found := picked_out(g.draw, g.p.world.having)) is not None:
            break
    else:
        return like_that(g)
    several, adjective, members = found
    count = g.draw.plain(["two ", "two ", "three ", "", "", "many "])
    of = (
        f"{g.draw.plain(['of', 'out of', 'from', 'among'])} {g.draw.plain(['the', 'those', 'our'])}"
    )
    frame = g.draw.expand(g.draw.pick(table("frames")["everyday"]["give"]))
    one = f"the {adjective} {g.draw.plain(['one', 'one', 'one please'])}"
    asked = frame.replace("{o}", one).replace("{touser}", "to me")
    segment = Segment("move", members, targets=USER)
    if g.draw.chance(0.4):  # the number behind: "the clear one of the two bottles"
        return f"{MARK}{asked} {of} {count}{several}{g.end()}", [segment]
    comma = g.draw.plain([" ", " ", ", "])
    return f"{MARK}{of} {count}{several}{comma}{asked}{g.end()}", [segment]


def served(g: Clauses) -> Clause:
    """Who gets what, where: "grandma takes a tea at the table, tom an orange beside it"."""
    text, segs = "", []
    for i in range(g.rng.choice([1, 2, 2, 3])):
        words, seg = g.p.thing(g.draw.plain(["ind", "ind", "", "bare"]), source=0.0)
        to, names = g.p.with_preposition("on", TARGETS)
        said = g.frame("served").replace("{who}", _who(g)).replace("{x}", words)
        join = g.draw.plain([", ", " and ", ". ", "; ", ", and "]) if i else ""
        text += f"{join}{MARK}{said.replace('{on}', to)}"
        segs.append(replace(seg, act="move", targets=names, sources=frozenset()))
        if g.draw.chance(0.3):
            words, seg = g.p.thing("ind", source=0.0)
            beside = g.draw.pick(table("manner")["with_it"])
            text += f"{g.draw.plain([' and ', ', and ', ', '])}{MARK}{words} {beside}"
            segs.append(replace(seg, act="move", targets=names, sources=frozenset()))
    if g.draw.chance(0.25):
        text = f"{text}{g.draw.plain(['. ', ', ', '; '])}{MARK}{g.frame('seeto')}"
        segs.append(Segment("none"))
    return text + g.end(), segs


def remarked(g: Clauses) -> Clause:
    """A request with a remark about the same things: "bin the cans, all of them are empty"."""
    text, segs = g.polite(g.clause("give trash trash move"))
    remark, none = g.frame("remark"), Segment("none")
    join = g.draw.plain([". ", ", ", ": ", "; ", " - ", ", because ", " since "])
    if g.draw.chance(0.7):
        return f"{text}{join}{MARK}{remark}{g.end()}", [*segs, none]
    return f"{text}{join}{MARK}{remark} and {MARK}{g.frame('remark')}{g.end()}", [*segs, none, none]


def then_when(g: Clauses) -> Clause:
    """What to do next is said to wait for what was asked: "... and when both are here, go"."""
    text, segs = g.polite(g.clause("give trash move"))
    if g.draw.chance(0.5):
        more, extra = g.clause("give trash move")
        text, segs = f"{text}{g.join()}{MARK}{more}", [*segs, *extra]
    more, extra = g.clause("go go give trash move")
    join = g.draw.plain([", and ", " and ", ". ", "; ", ", ", ", then "])
    return f"{text}{join}{MARK}{g.frame('when_done')} {more}{g.end()}", [*segs, *extra]


def unwelcome(g: Clauses) -> Clause:
    """What must not be where it is has to leave: "I don't want the sponge on the table"."""
    words, seg = g.p.thing("def", source=0.0)
    place, names = g.p.place((*KEPT_ON, "table", "drawer"))
    text = g.frame("unwelcome").replace("{x}", words).replace("{p}", place)
    rest = frozenset({"table"}) if names == COUNTERS else COUNTERS - names
    moved = replace(seg, act="move", targets=rest, sources=names)
    if g.draw.chance(0.35):  # and where it is to go instead
        to, target = g.p.with_preposition("on", (*KEPT_ON, "trash", "user"))
        if not target & names:
            gone = Segment("none", seg.members, seg.quant, sources=names)
            it = g.draw.plain(["it", "it", "that", "it please"])
            follow = g.frame("follow_move").replace("{it}", it).replace("{on}", to)
            text = f"{MARK}{text}{_stop(g)}{MARK}{follow}"
            return text + g.end(), [gone, Segment("move", targets=target, link="it")]
    return f"{MARK}{text}{g.end()}", [moved]


def fields(g: Clauses) -> Clause:
    """Keys and values, as programs write: "object: pepsi can; destination: trash"."""
    keys = table("manner")["fields"]
    text, segs = "", []
    for i in range(g.rng.choice([1, 1, 1, 2])):
        words, seg = g.p._named("bare") if g.draw.chance(0.6) else g.p._described("bare")
        place, names = g.p.place(TARGETS)
        place = place.removeprefix("the ")
        if names == USER:
            place = g.draw.plain(["me", "user", "here", "human", "the user"])
        colon = g.draw.plain([": ", ": ", " = ", "=", " - "])
        pairs = [f"{g.draw.pick(keys['thing'])}{colon}{words}"]
        if g.draw.chance(0.25):
            source, at = g.p.place((*KEPT_ON, "table"))
            if not at & names:
                pairs.append(f"{g.draw.pick(keys['source'])}{colon}{source.removeprefix('the ')}")
                seg = replace(seg, sources=at)
        pairs.append(f"{g.draw.pick(keys['target'])}{colon}{place}")
        if g.draw.chance(0.15):
            pairs.insert(0, f"{g.draw.plain(['task', 'action', 'command', 'skill'])}{colon}move")
        if g.draw.chance(0.25):
            arrow = g.draw.plain([" -> ", " => ", " > ", " --> ", " to "])
            line = f"{words}{arrow}{place}"
        else:
            line = g.draw.plain(["; ", ", ", " | ", " / ", ". ", "; "]).join(pairs)
        text += f"{g.draw.plain(['. ', '; ', ', ']) if i else ''}{MARK}{line}"
        segs.append(replace(seg, act="move", targets=names, sources=seg.sources - names))
    return text + g.end(), segs


def with_held(g: Clauses) -> Clause:
    """What the robot holds, beside other things: "bin both what you are holding and the coke"."""
    held = g.draw.pick(table("manner")["held"])
    words, seg = g.p.thing("def", source=0.2)
    family, target = g.rng.choice([("give", USER), ("trash", TRASH), ("move", frozenset())])
    both = g.draw.plain(["", "", "both "])
    pair = (
        [f"{both}{held}", words]
        if g.draw.chance(0.6)
        else [f"{both}{words}", held.replace("this", "that")]
    )
    frame = g.frame(f"follow_{family}").replace(
        "{it}", f"{pair[0]}{g.draw.plain([' and ', ', and ', ' as well as '])}{MARK}{pair[1]}"
    )
    frame = frame.replace("{intrash}", g.draw.pick(table("manner")["intrash"]))
    frame, target = g.placed(frame, target)
    own = replace(seg, act="move", targets=target, sources=seg.sources - target)
    segs = [Segment("move", targets=target, link="it"), own]
    text, segs = g.polite((frame, segs if pair[0].endswith(held) else segs[::-1]))
    return text + g.end(), segs
