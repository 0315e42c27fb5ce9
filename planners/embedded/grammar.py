"""The training grammar: sentences over the goal language with the reading of each of their pieces."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace

from planners.embedded.lexicon import BACK, PLACES, Draw, gerund, kinds, table
from planners.embedded.phrases import MARK, STALE, Phrases, World, split_marks
from planners.embedded.reading import Example, Segment
from planners.embedded.text import misspell, normalise

Clause = tuple[str, list[Segment]]  # marked text (a mark before each segment) and readings
USER, TRASH = frozenset({"user"}), frozenset({"trash"})
COUNTERS = frozenset({"close counter", "far counter"})
REAL = 16
JOIN = (" and ", " and ", " and then ", ", then ", ". ", ". ", ". then ", "; ", ", and ", " then ", ", ", " and also ", ", also ", ". after that ", ", after that ", ", and finally ", ". next ", " and afterwards ", ". also ", " plus ", "! ", ", and after that ", " but also ", ", afterwards ", ". finally, ")  # fmt: skip


class Grammar:
    """Draws sentences. `training` keeps to the words and frames that are not held out."""

    def __init__(self, seed: int, training: bool = True) -> None:
        self.rng = random.Random(seed)
        self.training = training
        self.kinds = list(kinds().values())

    def example(self) -> Example:
        """One sentence; outside training one that holds at least one unseen word or frame."""
        while True:
            self.draw = Draw(self.rng, self.training)
            self.p = Phrases(self.draw, self._world())
            form = self.rng.choices(list(FORMS), [w for w, _ in FORMS.values()])[0]
            marked, segments = FORMS[form][1](self)
            if self.training or self.draw.unseen:
                return self._finish(marked, segments, form)

    def _world(self) -> World:
        rng = self.rng
        others = list(table("manner")["otherplaces"])
        extra = rng.sample(others, 2) if rng.random() < 0.2 else []
        places = (*PLACES, BACK, *extra)
        if rng.random() < 0.6:
            return World(tuple(self.kinds[:REAL]), places)
        own = rng.sample(self.kinds[:REAL], rng.randint(2, 8))
        return World((*own, *rng.sample(self.kinds[REAL:], REAL - len(own))), places)

    def _finish(self, marked: str, segments: list[Segment], form: str) -> Example:
        marked = re.sub(r"\s+", " ", marked).strip()
        if self.rng.random() < 0.12:
            marked = misspell(marked, self.rng, MARK)
        parts = [normalise(part) for part in marked.split(MARK)]
        text, starts = split_marks(MARK.join(parts))
        assert len(starts) == len(segments), (marked, segments)
        names = tuple(k.name for k in self.p.world.kinds)
        return Example(text, starts, tuple(segments), names, self.p.world.places, form)

    # ---- frames
    def fill(self, family: str) -> Clause:
        """A clause from one frame of a family, its segments without act and targets."""
        text = self.draw.expand(self.draw.pick(table("frames")[family]))
        segments: list[Segment] = []
        slots: dict[str, Callable[[], str]] = {
            "o": lambda: self._list("", segments), "odef": lambda: self._list("def", segments),
            "oany": lambda: self._list("any", segments, 1), "oind": lambda: self._list("ind", segments, 1),
        }  # fmt: skip
        for slot, write in slots.items():
            if f"{{{slot}}}" in text:
                text = text.replace(f"{{{slot}}}", write())
        for slot in ("touser", "intrash"):
            text = text.replace(f"{{{slot}}}", self.draw.pick(table("manner")[slot]))
        return text, segments or [Segment("none")]

    def _list(self, form: str, segments: list[Segment], most: int = 4) -> str:
        n = self.rng.choices([1, 2, 3, 4][:most], [0.8, 0.13, 0.05, 0.02][:most])[0]
        texts = []
        for _ in range(n):
            text, seg = self.p.thing(form, source=0.22 if n == 1 else 0.05)
            texts.append(text)
            segments.append(seg)
        last = self.draw.plain([" and ", " and ", ", and ", " as well as ", " plus ", " & ", ", "])
        return (f", {MARK}".join(texts[:-1]) + f"{last}{MARK}" + texts[-1]) if n > 1 else texts[0]

    def give(self) -> Clause:
        text, segs = self.fill("give")
        return text, [replace(s, act="move", targets=USER) for s in segs]

    def trash(self) -> Clause:
        family = "trashstate" if self.draw.chance(0.12) else "trash"
        text, segs = self.fill(family)
        if self.draw.chance(0.15):
            text = re.sub(
                r"\b(the|that|this|my) ",
                lambda m: f"{m[0]}{self.draw.plain(STALE)} ",
                text,
                count=1,
            )
        return text, [replace(s, act="move", targets=TRASH) for s in segs]

    def move(self) -> Clause:
        if self.draw.chance(0.04):
            text, segs = self.fill("put_back")
            return text, [replace(s, act="move", targets=frozenset({BACK})) for s in segs]
        text, segs = self.fill("move")
        return self._target(text, segs)

    def _target(self, text: str, segs: list[Segment]) -> Clause:
        allow = (
            "close counter",
            "far counter",
            "table",
            "table",
            "close counter",
            "far counter",
            "trash",
            "user",
        )
        how = "on" if "{on}" in text else "to"
        if "{p}" in text:
            words, names = self.p.place(allow[:3])
            text = text.replace("{p}", words)
        else:
            words, names = self.p.with_preposition(how, allow)
            text = text.replace("{on}", words).replace("{to}", words)
        return text, [
            replace(s, act="move", targets=names, sources=s.sources - names) for s in segs
        ]

    def clear(self) -> Clause:
        text, _ = self.fill("clear")
        words, names = self.p.place(("close counter", "far counter", "table", "table"))
        target = frozenset({"table"}) if names == COUNTERS else COUNTERS - names
        if self.draw.chance(0.25):
            sub, seg = self.p._described("")
            text = (
                re.sub(r"everything( that is there)?|all( the \w+| things)?", sub, text, count=1)
                if "all" in text or "everything" in text
                else text
            )
            if sub in text:
                return text.replace("{psrc}", words), [
                    replace(seg, act="move", targets=target, sources=names)
                ]
        every = frozenset(self.p.names)
        return text.replace("{psrc}", words), [Segment("move", every, "all", target, names)]

    def hold(self) -> Clause:
        text, segs = self.fill("hold")
        return text, [replace(segs[0], act="hold")] + [replace(s, act="hold") for s in segs[1:]]

    def release(self) -> Clause:
        text, _ = self.fill("release")
        kind = self.p._kind()
        held = self.draw.plain(
            [
                "it",
                "it",
                "the thing",
                "what you are holding",
                "what you hold",
                "that",
                "whatever you are holding",
                "your load",
                "the object in your hand",
                "what you are carrying",
                f"the {self.p.name(kind)}",
                f"the {self.p.name(kind)}",
                f"this {self.p.name(kind)}",
                f"the {self.p.name(kind)}",
            ]
        )
        named = "{held}" in text and held.split(" ", 1)[-1] in (kind.name, *kind.aliases)
        text = text.replace("{held}", held)
        return text, [
            Segment("release", frozenset({kind.name}) & self.p.names if named else frozenset())
        ]

    def go(self) -> Clause:
        if self.draw.chance(0.25):
            return self.fill("come")[0], [Segment("go", targets=USER)]
        text, _ = self.fill("go")
        allow = ("close counter", "far counter", "table", "trash", "user", "table")
        words, names = self.p.place(allow)
        text = text.replace(
            "{goto}", f"{self.draw.plain(table('manner')['goto'])} {words}"
        ).replace("{p}", words)
        return text, [Segment("go", targets=names)]

    def find(self) -> Clause:
        text, segs = self.fill("find")
        return text, [replace(s, act="find") for s in segs]

    def forbid(self) -> Clause:
        return self.fill("forbid")

    def cannot(self) -> Clause:
        if self.draw.chance(0.12):
            act = self.draw.plain(["open", "close"])
            text = self.draw.expand(self.draw.pick(table("cannot")["openclose"][act]))
            text = text.replace("<drawer>", self.draw.pick(table("manner")["places"]["drawer"]))
            return text, [Segment(act)]
        text = self.draw.expand(self.draw.pick(table("cannot")["cannot"]))
        if "{odef}" in text:
            text = text.replace("{odef}", f"the {self.p.name(self.p._kind())}")
        return text, [Segment("cannot")]

    def none(self) -> Clause:
        return self.draw.expand(self.draw.pick(table("frames")["none"])), [Segment("none")]

    def need(self) -> Clause:
        nouns = table("nouns")
        key = self.draw.plain([k for k, row in nouns.items() if row["need"]])
        if self.draw.chance(0.45):
            key = self.draw.plain(["drink", "food", "cleaning", "caffeine", "snack", "energy"])
        text = self.draw.pick(nouns[key]["need"])
        drinks = [k for k in self.kinds if "drink" in k.props]
        text = text.replace("<drink>", self.p.name(self.rng.choice(drinks)))
        return text, [Segment("move", self.p.world.having(nouns[key]["want"]), "one", USER)]

    # ---- clauses in sentences
    def clause(self, kinds_: str = "any") -> Clause:
        """An active clause of a random family."""
        makers = {"give": (30, self.give), "trash": (17, self.trash), "move": (24, self.move), "hold": (8, self.hold),
                  "go": (10, self.go), "find": (4, self.find), "clear": (2, self.clear), "release": (3, self.release)}  # fmt: skip
        names = [n for n in makers if kinds_ == "any" or n in kinds_.split()]
        name = self.rng.choices(names, [makers[n][0] for n in names])[0]
        return makers[name][1]()

    def polite(self, clause: Clause) -> Clause:
        """The clause with an opening and a closing of some kind, and a mark in front."""
        text, segs = clause
        first = text.split(" ", 1)[0]
        verbal = first.isalpha() and first.islower() and first not in NOT_VERBS
        if verbal and self.draw.chance(0.55):
            if self.draw.chance(0.05) and text.count(" "):
                text = f"{self.draw.plain(table('manner')['gerund'])} {gerund(text)}"
            else:
                text = f"{self.draw.pick(table('manner')['open'])} {text}"
        if self.draw.chance(0.25):
            text = f"{text}{self.draw.plain([' ', ' ', ', '])}{self.draw.pick(table('manner')['close'])}"
        return MARK + text.strip(), segs

    def end(self) -> str:
        """A closing mark, or none."""
        return self.draw.plain(["", "", "", ".", "?", "!"])


NOT_VERBS = set("the a an my that this some any two three four both all every each is are may can could might do would somebody time how what my our either cola something anything in on to everything whatever those these chips where there got plus one hit hook fix".split())  # fmt: skip


def single(g: Grammar) -> Clause:
    """One clause."""
    text, segs = g.polite(g.clause())
    return text + g.end(), segs


def several(g: Grammar) -> Clause:
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
        out += g.draw.plain(JOIN) + text
    return out + g.end(), segs


def _bare(clause: Clause) -> Clause:
    return MARK + clause[0], clause[1]


def ordered(g: Grammar) -> Clause:
    """Two clauses whose order is said by before, after, once, first."""
    verbs = "give trash move go hold"
    (a, one), (b, two) = g.clause(verbs), g.clause(verbs)
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
        return (
            f"{MARK}{a}, but {MARK}{g.draw.plain(['first ', ''])}{b}{g.draw.plain([' first', ' beforehand', ' before that'])}",
            one + two,
        )
    if shape == 5:
        return f"{MARK}{a} before {MARK}you {b}", one + two
    return f"{MARK}before you {a}, {MARK}{b}", one + two


def spoken_of(g: Grammar) -> Clause:
    """Something is mentioned (or taken) first, then a pronoun says what to do with it."""
    roll = g.rng.random()
    many = g.draw.chance(0.2)
    if roll < 0.5:
        text, segs = g.fill("mention")
    elif roll < 0.68:
        text, segs = g.hold()
    elif roll < 0.78:
        text, segs = g.find()
    else:
        text, segs = g.fill("fetch")
    if "{osrc}" in text or "{oanysrc}" in text:
        segs = []
        for slot, form in (("{osrc}", "ind"), ("{oanysrc}", "any")):
            if slot in text:
                phrase = ""
                for i in range(2 if many else 1):
                    words, seg = g.p.thing(form, source=0.75)
                    phrase += (f" and {MARK}" if i else "") + words
                    segs.append(seg)
                text = text.replace(slot, phrase)
    if "{at}" in text or "{atopt}" in text:
        words, names = g.p.with_preposition("from", ("close counter", "far counter", "table"))
        words = re.sub(
            r"^\D*?(?=(the|a|one|either|any|our|my|that) )",
            g.draw.plain(["on ", "at ", "over on "]),
            words,
        )
        keep = "{at}" in text or g.draw.chance(0.4)
        text = text.replace("{at}", words).replace("{atopt}", words if keep else "")
        if keep:
            segs = [replace(s, sources=names) for s in segs]
    text, segs = g.polite((text, segs)) if roll >= 0.5 else (MARK + text, segs)
    plural_ = len(segs) > 1 or segs[0].quant != "one"
    pronoun = g.draw.plain(table("manner")["them" if plural_ else "it"])
    link = "them" if plural_ else "it"
    follow, target, act = _follow(g, pronoun)
    join = g.draw.plain(
        [
            ". ",
            ", ",
            " and ",
            " and ",
            "; ",
            ", so ",
            ". please ",
            ", can you ",
            ". can you ",
            ". could you ",
            "? ",
            " and then ",
            ", would you ",
            ", please ",
            ". would you please ",
            "? if so, ",
            "? then ",
            ". now ",
        ]
    )
    head = re.match(r"([.,;?]? ?(?:and |then |so |and then |now )?)(.*)$", join)
    assert head is not None
    text = f"{text}{head[1]}{MARK}{head[2]}{follow}"
    out = [*segs, Segment(act, targets=target, link=link)]
    if plural_ and act == "move" and g.draw.chance(0.2):
        return _one_and_other(g, text, segs, pronoun, target)
    if g.draw.chance(0.15):
        more, extra = g.clause("give trash move go")
        text, out = text + g.draw.plain(JOIN) + MARK + more, out + extra
    return text + g.end(), out


def _follow(g: Grammar, pronoun: str) -> tuple[str, frozenset[str], str]:
    family = g.rng.choices(["give", "trash", "move", "release", "hold"], [35, 25, 32, 3, 5])[0]
    text = g.draw.expand(g.draw.pick(table("frames")[f"follow_{family}"])).replace("{it}", pronoun)
    text = text.replace("{intrash}", g.draw.pick(table("manner")["intrash"]))
    if "{on}" in text:
        text, segs = g._target(text, [Segment("move")])
        return text, segs[0].targets, "move"
    target = {"give": USER, "trash": TRASH}.get(family, frozenset())
    return text, target, "move" if target else family


def _one_and_other(
    g: Grammar, text: str, segs: list[Segment], pronoun: str, target: frozenset[str]
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


def held_thing(g: Grammar) -> Clause:
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
    return text + g.end(), [Segment(act, targets=target, link="it")]


def need_only(g: Grammar) -> Clause:
    """A need without a request, or with one that names nothing."""
    text, segs = g.need()
    if g.draw.chance(0.35):
        vague = g.draw.expand(g.draw.pick(table("frames")["vague"]))
        return (
            f"{MARK}{text}{g.draw.plain(['. ', ', ', ' and ', '; ', ' so ', '! '])}{MARK}{vague}{g.end()}",
            [*segs, Segment("none")],
        )
    return MARK + text + g.end(), segs


def need_said(g: Grammar) -> Clause:
    """A need as mere context, then the request itself."""
    (text, _), (ask, segs) = g.need(), g.polite(g.clause("give give trash move"))
    join = g.draw.plain([". ", ", ", " so ", ", so ", "; ", ". ", " and ", ": ", "! "])
    return f"{MARK}{text}{join}{ask}{g.end()}", [Segment("none"), *segs]


def two_needs(g: Grammar) -> Clause:
    """Two needs at once."""
    (a, one), (b, two) = g.need(), g.need()
    return f"{MARK}{a}{g.draw.plain([' and ', '. ', ', and ', ' and also '])}{MARK}{b}", one + two


def spill(g: Grammar) -> Clause:
    """Something was spilled: throw it away, bring something for the mess."""
    drink = g.rng.choice(
        [k for k in g.p.world.kinds if "drink" in k.props] or list(g.p.world.kinds)
    )
    verb = g.draw.pick(
        ["spilled", "dropped", "knocked over", "tipped over", "spilt", "finished", "broke"]
    )
    words, names = g.p.with_preposition("on", ("close counter", "far counter", "table", "table"))
    place = g.draw.chance(0.5)
    text = f"{MARK}{g.draw.plain(['I', 'I', 'somebody', 'my friend', 'we'])} {verb} {g.draw.plain(['my', 'the', 'a', 'some'])} {g.p.name(drink)}{' ' + words if place else ''}"
    mention = Segment("none", frozenset({drink.name}), sources=names if place else frozenset())
    clean = Segment("move", g.p.world.having("cleaning"), "one", USER)
    ask = f"{g.draw.pick(['bring me', 'get me', 'fetch', 'bring', 'fetch me', 'hand me', 'find me', 'give me', 'pass me'])} {g.draw.pick(table('nouns')['cleaning']['mass'])}"
    throw = f"{g.draw.expand(g.draw.pick(table('frames')['follow_trash'])).replace('{it}', g.draw.plain(['it', 'that', 'the can', 'the thing'])).replace('{intrash}', g.draw.pick(table('manner')['intrash']))}"
    gone = Segment("move", targets=TRASH, link="it")
    join = g.draw.plain([", ", ". ", ", so ", " and "])
    opening = g.draw.pick(table("manner")["open"])
    roll = g.rng.random()
    if roll < 0.4:
        return f"{text}{join}{MARK}{opening} {throw}{g.draw.plain(JOIN)}{MARK}{ask}", [
            mention,
            gone,
            clean,
        ]
    if roll < 0.55:
        return f"{text}{join}{MARK}{opening} {ask}{g.draw.plain(JOIN)}{MARK}{throw}", [
            mention,
            clean,
            gone,
        ]
    if roll < 0.8:
        return f"{text}{join}{MARK}{opening} {ask}", [mention, clean]
    return f"{text}{join}{MARK}{opening} {throw}", [mention, gone]


def context(g: Grammar) -> Clause:
    """Small talk around a request."""
    (talk, none), (ask, segs) = g.none(), g.polite(g.clause())
    join = g.draw.plain([". ", ", ", "! ", "; ", ". ", ": "])
    if g.draw.chance(0.75):
        return f"{MARK}{talk}{join}{ask}{g.end()}", none + segs
    return f"{ask}{join}{MARK}{talk}{g.end()}", segs + none


def forbidden(g: Grammar) -> Clause:
    """What not to do, beside what to do."""
    (no, segs0), (ask, segs) = g.forbid(), g.polite(g.clause("give move trash"))
    if g.draw.chance(0.5):
        return (
            f"{MARK}{no}{g.draw.plain([', ', ' and ', '. ', ' but ', ', just ', ', instead ', '; '])}{ask}",
            segs0 + segs,
        )
    return f"{ask}{g.draw.plain([', but ', ' and ', '. ', ', ', ' but '])}{MARK}{no}", segs + segs0


def tour(g: Grammar) -> Clause:
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


def impossible(g: Grammar) -> Clause:
    """Something this robot has no skill for, now and then beside something it can do."""
    text, segs = g.polite(g.cannot())
    if g.draw.chance(0.12):
        more, extra = g.clause()
        return text + g.draw.plain(JOIN) + MARK + more, segs + extra
    return text + g.end(), segs


def shared_verb(g: Grammar) -> Clause:
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


FORMS: dict[str, tuple[float, Callable[[Grammar], Clause]]] = {
    "single": (40, single), "several": (16, several), "ordered": (3, ordered), "spoken_of": (12, spoken_of),
    "held": (3, held_thing), "need": (8, need_only), "need_said": (3, need_said), "two_needs": (1, two_needs),
    "spill": (2.5, spill), "context": (4, context), "forbidden": (3, forbidden), "tour": (3, tour),
    "impossible": (8, impossible), "shared_verb": (3, shared_verb),
}  # fmt: skip
