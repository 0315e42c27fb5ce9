"""Sentence forms that treat several things alike: long lists, groups by place, everything but."""

from __future__ import annotations

from dataclasses import replace

from planners.embedded.clauses import COUNTERS, TARGETS, TRASH, USER, Clause, Clauses
from planners.embedded.lexicon import plural, table
from planners.embedded.phrases import KEPT_ON, MARK
from planners.embedded.reading import Segment

UNCOUNTED = ("fruit", "food", "soda", "pop", "junk", "cutlery", "snack food", "cola")  # as a group


def _place(g: Clauses, how: str = "on") -> tuple[str, frozenset[str]]:
    return g.p.with_preposition(how, TARGETS)


def _items(g: Clauses, most: int, form: str = "ind") -> tuple[str, list[Segment]]:
    """Two to `most` things, the first without a mark."""
    count, texts, segs = g.rng.randint(2, most), [], []
    bare = g.draw.chance(0.25)  # "coke, 7up and lime soda"
    for _ in range(count):
        words, seg = g.p.thing("bare" if bare else form, source=0.04)
        texts.append(words)
        segs.append(seg)
    last = g.draw.plain([" and ", " and ", ", and ", ", ", " as well as ", " plus ", " & "])
    text = f", {MARK}".join(texts[:-1]) + f"{last}{MARK}{texts[-1]}"
    return text, segs


def _all_move(segs: list[Segment], targets: frozenset[str]) -> list[Segment]:
    return [replace(s, act="move", targets=targets, sources=s.sources - targets) for s in segs]


def many(g: Clauses) -> Clause:
    """One verb and a long list: "stock the far counter with a coke, a pepsi, a tea and a water"."""
    text, segs = _items(g, 5, g.draw.plain(["", "ind", "def"]))
    away = g.draw.chance(0.25)
    frame = g.frame("many_trash" if away else "many")
    both = "{both}" in frame
    frame = frame.replace("{both}", "both")
    if both and len(segs) > 2:
        frame = frame.replace("both ", "")
    if "{p}" in frame:
        words, targets = g.p.place(KEPT_ON)
        text = frame.replace("{o}", text).replace("{p}", words)
    elif "{on}" in frame:
        words, targets = _place(g)
        text = frame.replace("{o}", text).replace("{on}", words)
    elif "{intrash}" in frame:
        said = g.draw.pick(table("manner")["intrash"])
        text, targets = frame.replace("{o}", text).replace("{intrash}", said), TRASH
    else:
        text, targets = frame.replace("{o}", text), TRASH if away else USER
    text, segs = g.polite((text, _all_move(segs, targets)))
    if g.draw.chance(0.4):
        more, extra = g.clause("give trash move go")
        text, segs = f"{text}{g.join()}{MARK}{more}", [*segs, *extra]
    return text + g.end(), segs


def headed(g: Clauses) -> Clause:
    """The place comes first, then what goes there: "on the table: water and an apple"."""
    groups, text, segs = g.rng.choice([1, 1, 2, 2, 3]), "", []
    if g.draw.chance(0.3):
        text, segs = (
            f"{MARK}{g.none()[0]}{g.draw.plain(['. ', ': ', '! ', ', '])}",
            [Segment("none")],
        )
    for i in range(groups):
        words, targets = _place(g, "to")
        head = g.frame("headed").replace("{to}", words)
        head = head.replace("{p}", words.split(" ", 1)[1] if " " in words else words)
        if g.draw.chance(0.3):
            things, own = g.p.thing("", source=0.05)
            own = [own]
        else:
            things, own = _items(g, 4)
        colon = g.draw.plain([": ", ": ", ", ", " - ", " "]) if groups > 1 else ": "
        text += f"{g.draw.plain(['. ', '. ', '; ', ', ']) if i else ''}{MARK}{head}{colon}{things}"
        segs = [*segs, *_all_move(own, targets)]
    return text + g.end(), segs


def laid_out(g: Clauses) -> Clause:
    """An occasion and a place, then a list: "a little picnic on the table: water and an apple"."""
    head = g.frame("occasion")
    words, targets = _place(g)
    head = head.replace("{on}", words)
    things, segs = _items(g, 4)
    text, none = g.polite((head, [Segment("none")]))
    if g.draw.chance(
        0.25
    ):  # the place at the end: "lunch for two: water and an apple, on the table"
        text = f"{text.replace(words, '').strip()}: {MARK}{things}, {words}"
    else:
        text = f"{text}: {MARK}{things}"
    return text + g.end(), [*none, *_all_move(segs, targets)]


def sorted_out(g: Clauses) -> Clause:
    """Whole groups to their places: "fruit on the table, all drinks to the far counter"."""
    text, segs = "", []
    if g.draw.chance(0.25):
        text = f"{MARK}{g.draw.pick(table('frames')['sorting'])}{g.draw.plain(['. ', ': ', '; '])}"
        segs = [Segment("none")]
    link = g.draw.plain(["", "", "go", "belong", "should go", "are to go", "move"])
    for i in range(g.rng.choice([1, 2, 2, 2, 3])):
        words, members = _group(g)
        to, targets = _place(g, g.draw.plain(["on", "to"]))
        verb = f"{link} " if link and (i == 0 or g.draw.chance(0.3)) else ""
        join = g.draw.plain([", ", " and ", ", and ", "; ", ". "]) if i else ""
        text += f"{join}{MARK}{words} {verb}{to}"
        segs = [*segs, Segment("move", members, "all", targets)]
    if g.draw.chance(0.2):
        text += (
            f"{g.draw.plain([', ', ' and ', '. '])}{MARK}{g.draw.pick(table('frames')['restays'])}"
        )
        segs = [*segs, Segment("none")]
    return text + g.end(), segs


def _group(g: Clauses) -> tuple[str, frozenset[str]]:
    """Several kinds at once, as "all cans" or just "drinks"."""
    while True:
        nouns = table("nouns")
        row = nouns[g.draw.plain(list(nouns))]
        members = g.p.world.having(row["want"])
        if not members or not row["one"] or row["want"] == "":
            continue
        text, seg = g.p._count(g.draw.pick(row["one"]), members, "bare", many=row.get("many", ()))
        article = g.draw.plain(
            ["", "", "all ", "all the ", "the ", "all of the ", "every last of the "]
        )
        uncounted = text.rsplit(" ", 1)[-1] in UNCOUNTED and g.draw.chance(0.7)
        return f"{article}{text if uncounted else plural(text)}", seg.members


def kept_only(g: Clauses) -> Clause:
    """What is not named has to leave: "nothing but water is to be left on the table"."""
    frame = g.frame("kept_only")
    place, names = g.p.place((*KEPT_ON, "table"))
    words, seg = g.p._described("bare") if g.draw.chance(0.4) else g.p._named("bare")
    if g.draw.chance(0.4):
        words = f"the {words}"
    target = frozenset({"table"}) if names == COUNTERS else COUNTERS - names
    text = frame.replace("{x}", words).replace("{p}", place)
    rest = frozenset(g.p.names) - seg.members
    return g.polite((text, [Segment("move", rest, "all", target, names)]))


def itinerary(g: Clauses) -> Clause:
    """A drive told by its places alone: "table, far counter, table. go!"."""
    legs, segs = [], []
    for _ in range(g.rng.choice([2, 2, 3])):
        words, names = g.p.place((*KEPT_ON, "table", "trash", "user", "drawer"))
        if g.draw.chance(0.5):
            words = words.removeprefix("the ")
        legs.append(words)
        segs.append(Segment("go", targets=names))
    head = g.draw.pick(table("frames")["itinerary"])
    join = g.draw.plain([", ", ", then ", ", ", " then ", ", and then ", " and ", " - "])
    text = f"{MARK}{head} {legs[0]}{''.join(f'{join}{MARK}{leg}' for leg in legs[1:])}"
    return text + g.draw.plain(["", "", ".", "!", ", in that order", ", in this order"]), segs
