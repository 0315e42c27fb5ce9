"""Clauses of the training grammar: one frame filled in, with the reading of each of its pieces."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable
from dataclasses import replace

from planners.embedded.lexicon import BACK, Draw, Kind, gerund, needs, table
from planners.embedded.phrases import KEPT_ON, MARK, STALE, Phrases
from planners.embedded.reading import Segment

Clause = tuple[str, list[Segment]]  # marked text (a mark before each segment) and readings
USER, TRASH = frozenset({"user"}), frozenset({"trash"})
TARGETS = (*KEPT_ON, "table", "trash", "user", "drawer")  # where things may go
COUNTERS = frozenset({"close counter", "far counter"})
EVERYDAY = 0.4  # share of plain clauses with one of the few frames that most people use


@functools.cache
def not_verbs() -> frozenset[str]:
    """First words that show that a clause does not start with its verb."""
    return frozenset(table("manner")["not_verbs"].split())


class Clauses:
    """Draws clauses; a `Grammar` gives it chance, tables and a world for each sentence."""

    rng: random.Random
    draw: Draw
    p: Phrases
    kinds: list[Kind]
    plain: bool = False  # few ornaments

    def frame(self, family: str) -> str:
        """One frame of a family, its alternatives decided, its slots still open."""
        return self.draw.expand(self.draw.pick(table("frames")[family]))

    def fill(self, family: str) -> Clause:
        """A clause from one frame of a family, its segments without act and targets."""
        usual = table("frames")["everyday"].get(family, ()) if self.plain else ()
        if usual and self.draw.chance(EVERYDAY):
            text = self.draw.expand(self.draw.plain(usual))
        else:
            text = self.frame(family)
        segments: list[Segment] = []
        slots: dict[str, Callable[[], str]] = {
            "o": lambda: self._list("", segments), "odef": lambda: self._list("def", segments),
            "oany": lambda: self._list("any", segments, 1),
            "oind": lambda: self._list("ind", segments, 1),
            "obare": lambda: self._list("bare", segments, 1),
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
            text, seg = self.p.thing(form, source=0.33 if n == 1 else 0.08)
            texts.append(text)
            segments.append(seg)
        last = self.draw.plain([" and ", " and ", ", and ", " as well as ", " plus ", " & ", ", "])
        return (f", {MARK}".join(texts[:-1]) + f"{last}{MARK}" + texts[-1]) if n > 1 else texts[0]

    def give(self) -> Clause:
        text, segs = self.fill("give")
        return text, [replace(s, act="move", targets=USER, sources=s.sources - USER) for s in segs]

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
        return text, [
            replace(s, act="move", targets=TRASH, sources=s.sources - TRASH) for s in segs
        ]

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
            "drawer",
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

    def placed(self, text: str, where: frozenset[str]) -> tuple[str, frozenset[str]]:
        """The text with its place filled in, and which that is; `where` if it names none."""
        if "{on}" not in text:
            return text, where
        words, names = self.p.with_preposition("on", TARGETS)
        return text.replace("{on}", words), names

    def clear(self) -> Clause:
        if self.draw.chance(0.4):
            return self._emptied()
        text, _ = self.fill("clear")
        words, names = self.p.place(("close counter", "far counter", "table", "table", "drawer"))
        target = frozenset({"table"}) if names == COUNTERS else COUNTERS - names
        if self.draw.chance(0.25) and not text.startswith(("bring", "get")):
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

    def _emptied(self) -> Clause:
        """Everything, or all but something, from one place to another: "empty the table into the bin"."""
        text = self.frame("emptied")
        words, names = self.p.place(("close counter", "far counter", "table", "table", "drawer"))
        to, targets = self.p.with_preposition("to", (*KEPT_ON, "table", "trash", "trash", "user"))
        if targets & names:
            return self.clear()
        every, out = frozenset(self.p.names), ""
        if self.draw.chance(0.35):
            kind = self.p._kind()
            out = f" {self.draw.pick(table('manner')['except'])} the {self.p.name(kind)}"
            every -= {kind.name}
        text = text.replace("{psrc}", words).replace("{to}", to).replace("{except}", out)
        return text, [Segment("move", every, "all", targets, names)]

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
        allow = ("close counter", "far counter", "table", "trash", "user", "table", "drawer")
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

    def drawer(self, act: str = "") -> Clause:
        """Open or close the drawer."""
        act = act or self.draw.plain(["open", "close"])
        text = self.frame(f"drawer_{act}")
        text = text.replace("{drawer}", self.draw.pick(table("manner")["places"]["drawer"]))
        return text, [Segment(act)]

    def cannot(self) -> Clause:
        text = self.draw.expand(self.draw.pick(table("cannot")["cannot"]))
        if "{odef}" in text:
            text = text.replace("{odef}", f"the {self.p.name(self.p._kind())}")
        if "{on}" in text:
            text = text.replace("{on}", self.p.with_preposition("on", KEPT_ON)[0])
        return text, [Segment("cannot")]

    def none(self) -> Clause:
        family = "story" if self.draw.chance(0.5) else "none"
        return self.frame(family), [Segment("none")]

    def need(self) -> Clause:
        """A sentence that asks by telling what is the matter."""
        nouns = table("nouns")
        if self.draw.chance(0.5):
            row = self.draw.rng.choice(needs())
            want, text = row["want"], self.draw.expand(self.draw.pick(row["say"]))
        else:
            key = self.draw.plain([k for k, row in nouns.items() if row["need"]])
            if self.draw.chance(0.45):
                key = self.draw.plain(["drink", "food", "cleaning", "caffeine", "snack", "energy"])
            want, text = nouns[key]["want"], self.draw.pick(nouns[key]["need"])
        drinks = [k for k in self.kinds if "drink" in k.props]
        text = text.replace("<drink>", self.p.name(self.rng.choice(drinks)))
        return text, [Segment("move", self.p.world.having(want), "one", USER)]

    # ---- clauses in sentences
    def clause(self, kinds_: str = "any") -> Clause:
        """An active clause of a random family."""
        makers = {
            "give": (30, self.give), "trash": (17, self.trash), "move": (24, self.move),
            "hold": (8, self.hold), "go": (10, self.go), "find": (4, self.find),
            "clear": (4, self.clear), "release": (3, self.release), "drawer": (3, self.drawer),
        }  # fmt: skip
        names = [n for n in makers if kinds_ == "any" or n in kinds_.split()]
        name = self.rng.choices(names, [makers[n][0] for n in names])[0]
        return makers[name][1]()

    def polite(self, clause: Clause) -> Clause:
        """The clause with an opening and a closing of some kind, and a mark in front."""
        text, segs = clause
        first = text.split(" ", 1)[0]
        verbal = first.isalpha() and first.islower() and first not in not_verbs()
        if verbal and self.draw.chance(0.35 if self.plain else 0.55):
            if self.draw.chance(0.05) and text.count(" "):
                text = f"{self.draw.plain(table('manner')['gerund'])} {gerund(text)}"
            else:
                opening = self.draw.expand(self.draw.pick(table("manner")["open"]))
                text = f"{opening} {text}"
        if self.draw.chance(0.12 if self.plain else 0.25):
            comma = self.draw.plain([" ", " ", ", "])
            closing = self.draw.expand(self.draw.pick(table("manner")["close"]))
            text = f"{text}{comma}{closing}"
        return MARK + text.strip(), segs

    def end(self) -> str:
        """A closing mark, or none."""
        return self.draw.plain(["", "", "", ".", "?", "!"])

    def join(self) -> str:
        """What stands between two clauses."""
        return self.draw.plain(table("manner")["join"])
