"""Noun phrases and place phrases of the training grammar, with what they refer to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from planners.embedded.lexicon import (
    BACK,
    PLACES,
    Draw,
    Kind,
    kinds,
    matches,
    place_names,
    plural,
    table,
)
from planners.embedded.reading import Segment

MARK = "¦"  # where a segment starts; removed before anyone reads the sentence
NUMBERS = {"two": ("two", "two", "2", "a couple of", "a pair of", "another two", "any two"),
           "three": ("three", "3", "three different", "any three"),
           "four": ("four", "4")}  # fmt: skip
ADJECTIVES = ("cold", "nice", "fresh", "new", "last", "delicious", "small", "full", "ice cold")
STALE = ("empty", "old", "half empty", "dirty", "unwanted", "leftover", "used", "finished", "bad")


@dataclass(frozen=True)
class World:
    """What exists for one sentence: kinds by name and place names (pseudo place included)."""

    kinds: tuple[Kind, ...]
    places: tuple[str, ...]

    def having(self, want: str) -> frozenset[str]:
        """Names of the kinds that fit a `want` line."""
        return frozenset(k.name for k in self.kinds if matches(want, k.props))


class Phrases:
    """Draws noun and place phrases for one world."""

    def __init__(self, draw: Draw, world: World) -> None:
        self.draw, self.world = draw, world
        self.names = {k.name for k in world.kinds}

    # ---- places
    def place(self, allow: Sequence[str] = PLACES[:5]) -> tuple[str, frozenset[str]]:
        """(a place's words with article, the places they may mean); now and then unknown."""
        draw = self.draw
        extra = [p for p in self.world.places if p not in PLACES and p != BACK]
        if extra and draw.chance(0.5):
            name = draw.plain(extra)
            return draw.plain(table("manner")["otherplaces"][name]["say"]), frozenset({name})
        if draw.chance(0.03):
            name = draw.plain(list(table("manner")["otherplaces"]))
            known = frozenset({name}) & frozenset(self.world.places)
            return draw.plain(table("manner")["otherplaces"][name]["say"]), known
        if draw.chance(0.10) and "close counter" in allow:
            return draw.pick(table("manner")["counters"]), frozenset(
                {"close counter", "far counter"}
            )
        name = draw.plain(list(allow))
        usual, all_ways = table("manner")["places"][name], place_names()[name]
        return draw.pick(usual if draw.chance(0.55) else all_ways), frozenset({name})

    def with_preposition(self, how: str, allow: Sequence[str]) -> tuple[str, frozenset[str]]:
        """A place phrase for "on", "to" or "from" and the places it may mean."""
        words, names = self.place(allow)
        if how == "from":
            return f"{self.draw.pick(table('manner')['from'])} {words}", names
        kind = "bin" if names == {"trash"} else "tray" if names == {"user"} else "surface"
        return f"{self.draw.pick(table('manner')[how][kind])} {words}", names

    # ---- things
    def thing(self, form: str = "", source: float = 0.28) -> tuple[str, Segment]:
        """A noun phrase and a segment with its members, quantity and sources.

        form: "" any | "ind" a/some | "def" the | "any" after "is there".
        """
        draw = self.draw
        roll = draw.rng.random()
        if roll < 0.05 and form != "def":
            text, seg = self._either()
        elif roll < 0.13:
            text, seg = self._except(form)
        elif roll < 0.63:
            text, seg = self._named(form)
        else:
            text, seg = self._described(form)
        if draw.chance(source):
            words, names = self.with_preposition(
                "from", ("close counter", "far counter", "table", "table")
            )
            text, seg = f"{text} {words}", replace(seg, sources=names)
        return text, seg

    def _kind(self) -> Kind:
        here = self.draw.chance(0.88)
        pool = list(self.world.kinds) if here else list(kinds().values())
        return self.draw.rng.choice(pool)

    def name(self, kind: Kind) -> str:
        """The kind's name or one of its aliases."""
        return self.draw.pick((kind.name, kind.name, *kind.aliases))

    def _named(self, form: str) -> tuple[str, Segment]:
        kind = self._kind()
        members = frozenset({kind.name}) & self.names
        return self._count(self.name(kind), members, form, words_are_mass=False)

    def _described(self, form: str) -> tuple[str, Segment]:
        draw, nouns = self.draw, table("nouns")
        key = draw.plain(list(nouns))
        if draw.chance(0.35):  # the frequent needs of people more often than the rare ones
            key = draw.plain(
                ["drink", "snack", "fruit", "soda", "chips", "cleaning", "food", "can", "caffeine"]
            )
        if not self.world.having(nouns[key]["want"]) and draw.chance(0.6):
            return self._described(form)
        row, members = nouns[key], self.world.having(nouns[key]["want"])
        if row["mass"] and draw.chance(0.4 if form != "def" else 0.1):
            text = draw.pick(row["mass"])
            whole = "everything" in text
            return text, Segment("none", members, "all" if whole else "one")
        return self._count(draw.pick(row["one"]), members, form, many=row.get("many", ()))

    def _count(
        self,
        noun: str,
        members: frozenset[str],
        form: str,
        many: Sequence[str] = (),
        words_are_mass: bool = False,
    ) -> tuple[str, Segment]:
        draw = self.draw
        if draw.chance(0.10):
            noun = f"{draw.plain(ADJECTIVES)} {noun}"
        roll = draw.rng.random()
        if roll < 0.70:
            style = form if form in ("def", "ind") else draw.plain(["definite", "indefinite"])
            if form == "any":
                return f"{draw.plain(['any', 'a', 'some'])} {noun}", Segment("none", members)
            key = "definite" if style.startswith("def") else "indefinite"
            article = draw.plain(table("manner")["article"][key])
            if article == "a" and noun[0] in "aeiou":
                article = "an"
            return (f"{article} {noun}" if draw.chance(0.93) else noun), Segment("none", members)
        plurals = draw.pick(many) if many and draw.chance(0.4) else plural(noun)
        if roll < 0.82 and form != "any":
            number = draw.plain(["two", "two", "three", "four"])
            if number == "two" and draw.chance(0.25):
                return (
                    f"{draw.plain(['both', 'both', 'both the', 'both of the'])} {plurals}",
                    Segment("none", members, "two"),
                )
            word = draw.plain(NUMBERS[number])
            the = draw.plain(["", "", "the "]) if " " not in word else ""
            return f"{the}{word} {plurals}", Segment("none", members, number)
        if draw.chance(0.3):
            return f"{draw.plain(['every', 'each', 'every single'])} {noun}", Segment(
                "none", members, "all"
            )
        every = draw.plain(
            [
                "all",
                "all the",
                "all of the",
                "the",
                "all my",
                "any and all",
                "all available",
                "",
                "those",
                "these",
            ]
        )
        return f"{every} {plurals}".strip(), Segment("none", members, "all")

    def _either(self) -> tuple[str, Segment]:
        one, two = self._kind(), self._kind()
        a, b = self.name(one), self.name(two)
        shape = self.draw.plain(
            [
                "{a} or {b}",
                "either {a} or {b}",
                "some {a} or {b}",
                "a {a} or a {b}",
                "{a} or maybe {b}",
                "the {a} or the {b}",
                "a {a} or else a {b}",
            ]
        )
        return shape.format(a=a, b=b), Segment("none", frozenset({one.name, two.name}) & self.names)

    def _except(self, form: str) -> tuple[str, Segment]:
        draw = self.draw
        for _ in range(20):
            base, seg = self._described("ind" if form == "any" else form)
            kind = self._kind() if draw.chance(0.5) else None
            if kind is not None:
                out, words = (
                    frozenset({kind.name}),
                    f"{draw.plain(['', 'the ', 'a '])}{self.name(kind)}",
                )
            else:
                key = draw.plain(
                    [
                        "soda",
                        "can",
                        "chips",
                        "fruit",
                        "caffeine",
                        "citrus",
                        "drink",
                        "spicy",
                        "cola",
                        "bottle",
                        "redthing",
                        "bluething",
                        "greenthing",
                    ]
                )
                out, words = (
                    self.world.having(table("nouns")[key]["want"]),
                    draw.pick(table("nouns")[key]["one"]),
                )
                words = f"{draw.plain(['a ', 'the ', ''])}{words}"
            if out & seg.members and seg.members - out:
                link = draw.pick(
                    [
                        "but not",
                        "except",
                        "except for",
                        "other than",
                        "but no",
                        "besides",
                        "apart from",
                        "that is not",
                        "that isn't",
                        "excluding",
                        "but",
                        "with the exception of",
                        "just not",
                        "which is not",
                        "without",
                        "anything but",
                        "not",
                        "minus",
                        "save for",
                        "leaving out",
                        "as long as it's not",
                        "not counting",
                    ]
                )
                comma = draw.plain(["", "", ","]) if link != "but" else ""
                return f"{base}{comma} {link} {words}", replace(seg, members=seg.members - out)
        return self._named(form)


def split_marks(marked: str) -> tuple[str, tuple[int, ...]]:
    """A sentence without its marks, and where they stood."""
    starts, text = [], ""
    for i, part in enumerate(re.split(MARK, marked)):
        if i:
            starts.append(len(text))
        text += part
    return text, tuple(starts)
