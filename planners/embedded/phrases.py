"""Noun phrases and place phrases of the training grammar, with what they refer to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from planners.embedded.attributes import described, everything, superlative
from planners.embedded.lexicon import (
    BACK,
    PLACES,
    Draw,
    Kind,
    matches,
    needs,
    place_names,
    plural,
    table,
)
from planners.embedded.reading import Segment

MARK = "¦"  # where a segment starts; removed before anyone reads the sentence
ADJECTIVES = (
    "cold", "nice", "fresh", "new", "last", "delicious", "small", "full", "ice cold", "tasty",
    "lovely", "chilled", "leftover", "cool", "remaining", "good", "big", "little", "favorite",
)  # fmt: skip
STALE = (
    "empty", "old", "half empty", "dirty", "unwanted", "leftover", "used", "finished", "bad",
    "rotten", "crushed", "stale", "expired", "spoiled", "gross", "smelly", "useless",
)  # fmt: skip
OFTEN = (
    "drink snack fruit soda chips cleaning food can caffeine".split()
)  # what people ask for most
LEFT_OUT = (
    "soda can chips fruit caffeine citrus drink spicy cola bottle food snack redthing bluething "
    "greenthing"
).split()
KEPT_ON = ("close counter", "far counter", "table")  # where things stand
FOUND = (*KEPT_ON, "table", "drawer")


@dataclass(frozen=True)
class World:
    """What exists for one sentence: kinds by name and place names (pseudo place included).

    others: kinds that are spoken of now and then and do not exist.
    """

    kinds: tuple[Kind, ...]
    places: tuple[str, ...]
    others: tuple[Kind, ...] = ()

    def having(self, want: str) -> frozenset[str]:
        """Names of the kinds that fit a `want` line."""
        return frozenset(k.name for k in self.kinds if matches(want, k.props))


class Phrases:
    """Draws noun and place phrases for one world; `plain`: without exceptions and the like."""

    def __init__(self, draw: Draw, world: World, plain: bool = False) -> None:
        self.draw, self.world, self.plain = draw, world, plain
        self.names = {k.name for k in world.kinds}

    # ---- places
    def place(self, allow: Sequence[str] = PLACES[:5]) -> tuple[str, frozenset[str]]:
        """(a place's words with article, the places they may mean); now and then unknown."""
        draw, others = self.draw, table("manner")["otherplaces"]
        extra = [p for p in self.world.places if p not in PLACES and p != BACK]
        if extra and draw.chance(0.5):
            name = draw.plain(extra)
            return draw.plain(others[name]["say"]), frozenset({name})
        if draw.chance(0.05):
            name = draw.plain(list(others))
            known = frozenset({name}) & frozenset(self.world.places)
            return draw.plain(others[name]["say"]), known
        if draw.chance(0.10) and "close counter" in allow:
            return draw.pick(table("manner")["counters"]), frozenset(KEPT_ON[:2])
        name = draw.plain(list(allow))
        usual, all_ways = table("manner")["places"][name], place_names()[name]
        return draw.pick(usual if draw.chance(0.55) else all_ways), frozenset({name})

    def with_preposition(self, how: str, allow: Sequence[str]) -> tuple[str, frozenset[str]]:
        """A place phrase for "on", "to" or "from" and the places it may mean."""
        words, names = self.place(allow)
        if how == "from":
            kind = "drawer" if names == {"drawer"} else "surface"
            return f"{self.draw.pick(table('manner')['from'][kind])} {words}", names
        kind = {"trash": "bin", "user": "tray", "drawer": "drawer"}.get(
            next(iter(names), ""), "surface"
        )
        return f"{self.draw.pick(table('manner')[how][kind])} {words}", names

    def standing(self) -> tuple[str, frozenset[str]]:
        """ "on the table" and the like, for a thing that is there."""
        if self.draw.chance(0.06):
            return self.draw.pick(table("manner")["onuser"]), frozenset({"user"})
        if self.draw.chance(0.06):
            return self._spot()
        words, names = self.place(FOUND)
        inside = names == {"drawer"}
        return (
            f"{self.draw.plain(['in', 'inside'] if inside else ['on', 'on', 'at'])} {words}",
            names,
        )

    def _spot(self) -> tuple[str, frozenset[str]]:
        """ "by the window": a place told by what is near it."""
        name = self.draw.plain(list(table("manner")["spots"]))
        return self.draw.pick(table("manner")["spots"][name]), frozenset({name})

    # ---- things
    def thing(self, form: str = "", source: float = 0.28) -> tuple[str, Segment]:
        """A noun phrase and a segment with its members, quantity and sources.

        form: "" any | "ind" a/some | "def" the | "any" after "is there" | "bare" no article.
        """
        draw = self.draw
        roll = draw.rng.random()
        if self.plain:
            roll, source = 0.14 + 0.86 * roll, 0.7 * source
        if form == "bare":
            return self._described(form) if roll < 0.8 else self._named(form)
        if roll < 0.04 and form != "def":
            text, seg = self._either()
        elif roll < 0.09:
            text, seg = self._except(form)
        elif roll < 0.105:
            text, seg = self._neither(form)
        elif roll < 0.125:
            text, seg = self._contrast(form)
        elif roll < 0.18 and form != "any" and source > 0:
            return self._by_place()
        elif roll < 0.58:
            text, seg = self._named(form)
        else:
            text, seg = self._described(form)
        if draw.chance(source):
            text, seg = self._sourced(text, seg)
        if form != "any" and draw.chance(0.01 if self.plain else 0.05):
            text = draw.plain(table("manner")["only"]).replace("{x}", text)
        return text, seg

    def _sourced(self, text: str, seg: Segment) -> tuple[str, Segment]:
        if self.draw.chance(0.08):
            at, names = self.standing()
            rest = frozenset(KEPT_ON) - names
            if names <= frozenset(KEPT_ON):
                said = self.draw.pick(table("manner")["notthere"]).replace("{at}", at)
                return f"{text} {said}", replace(seg, sources=rest)
        roll = self.draw.rng.random()
        if roll < 0.05:
            words, names = self.draw.pick(table("manner")["onuser"]), frozenset({"user"})
        elif roll < 0.09:
            words, names = self._spot()
        elif roll < 0.11:
            out = self.draw.pick(table("manner")["from"]["drawer"])
            words, names = f"{out} {self.place(('trash',))[0]}", frozenset({"trash"})
        else:
            words, names = self.with_preposition("from", FOUND)
        return f"{text} {words}", replace(seg, sources=names)

    def _by_place(self) -> tuple[str, Segment]:
        """What is meant is told by where it is: "everything on the table", "the one over there"."""
        at, names = self.standing()
        whole = self.draw.chance(0.6)
        said = self.draw.pick(table("manner")["whatsthere" if whole else "onethere"])
        every = frozenset(self.names)
        if whole and self.draw.chance(0.3):
            kind = self._kind()
            link = self.draw.pick(table("manner")["except"])
            article = self.draw.plain(["the ", "the ", "my ", ""])
            said, every = f"{said} {link} {article}{self.name(kind)}", every - {kind.name}
        return said.replace("{at}", at), Segment(
            "none", every, "all" if whole else "one", sources=names
        )

    def _kind(self) -> Kind:
        here = self.draw.chance(0.88) or not self.world.others
        return self.draw.rng.choice(self.world.kinds if here else self.world.others)

    def name(self, kind: Kind) -> str:
        """The kind's name or one of its aliases."""
        return self.draw.pick((kind.name, kind.name, *kind.aliases))

    def _named(self, form: str) -> tuple[str, Segment]:
        kind = self._kind()
        return self._count(self.name(kind), frozenset({kind.name}) & self.names, form)

    def _described(self, form: str) -> tuple[str, Segment]:
        draw, nouns = self.draw, table("nouns")
        roll = draw.rng.random()
        if roll < 0.04 and form != "bare":
            best = superlative(draw, self.world.having)
            if best is not None:
                return f"{draw.plain(['the', 'the', 'the', 'our', 'your'])} {best[0]}", Segment(
                    "none", best[2]
                )
        elif roll < 0.08 and form == "":
            found = everything(draw, self.world.having)
            if found is not None:
                return found[0], Segment("none", found[1], "all")
        if roll < 0.38:
            made = described(draw, self.world.having, bare_too=form not in ("def", "bare"))
            if made is not None:
                seg = Segment("none", made.members, "one")
                return (made.text, seg) if made.bare else self._count(made.text, made.members, form)
        elif roll < 0.5 and form not in ("def", "bare"):
            row = draw.rng.choice(needs())
            if members := self.world.having(row["want"]):
                head = draw.plain(["something", "something", "something", "anything", "a thing"])
                return f"{head} {draw.pick(row['for'])}", Segment("none", members, "one")
        key = draw.plain(OFTEN if draw.chance(0.3) else list(nouns))
        if not self.world.having(nouns[key]["want"]) and draw.chance(0.6):
            return self._described(form)
        row, members = nouns[key], self.world.having(nouns[key]["want"])
        if row["mass"] and draw.chance({"def": 0.1, "bare": 0.0}.get(form, 0.4)):
            text = draw.pick(row["mass"])
            whole = "everything" in text
            return text, Segment("none", members, "all" if whole else "one")
        return self._count(draw.pick(row["one"]), members, form, many=row.get("many", ()))

    def _count(
        self, noun: str, members: frozenset[str], form: str, many: Sequence[str] = ()
    ) -> tuple[str, Segment]:
        """The noun with an article, a number or a word for all of them."""
        draw, words = self.draw, table("manner")
        if draw.chance(0.04 if self.plain else 0.10):
            noun = f"{draw.plain(ADJECTIVES)} {noun}"
        roll, one = draw.rng.random(), Segment("none", members)
        if roll < 0.70:
            if form == "bare":
                return noun, one
            if form == "any":
                return f"{draw.plain(['any', 'a', 'some'])} {noun}", one
            definite = form == "def" or (form != "ind" and draw.chance(0.5))
            article = draw.plain(words["article"]["definite" if definite else "indefinite"])
            if article == "a" and noun[0] in "aeiou":
                article = "an"
            return (f"{article} {noun}" if draw.chance(0.93) else noun), one
        plurals = draw.pick(many) if many and draw.chance(0.4) else plural(noun)
        if form == "bare":
            return plurals, one
        if roll < 0.83 and form != "any":
            return self._number(plurals, members)
        if draw.chance(0.3):
            return f"{draw.plain(words['every'])} {noun}", replace(one, quant="all")
        if draw.chance(0.08):
            return f"{draw.plain(words['allbutone'])} {plurals}", replace(one, quant="all")
        every = draw.plain(words["all"])
        return f"{every} {plurals}".strip(), replace(one, quant="all")

    def _number(self, plurals: str, members: frozenset[str]) -> tuple[str, Segment]:
        draw, words = self.draw, table("manner")
        roll = draw.rng.random()
        if roll < 0.12:
            return f"{draw.plain(words['both'])} {plurals}", Segment("none", members, "two")
        if roll < 0.24:
            return f"{draw.plain(words['distinct'])} {plurals}", Segment("none", members, "two")
        if roll < 0.28:
            return f"{draw.plain(words['distinct3'])} {plurals}", Segment("none", members, "three")
        number = draw.plain("one one two two two three three four five six".split())
        word = draw.plain(words["numbers"][number])
        the = "the " if number != "one" and " " not in word and draw.chance(0.2) else ""
        return f"{the}{word} {plurals}", Segment("none", members, number)

    def _either(self) -> tuple[str, Segment]:
        one, two = self._kind(), self._kind()
        shape = self.draw.plain(table("manner")["either"])
        text = shape.format(a=self.name(one), b=self.name(two))
        return text, Segment("none", frozenset({one.name, two.name}) & self.names)

    def _contrast(self, form: str) -> tuple[str, Segment]:
        """One thing and not the other: "the apple, not the orange"."""
        kind, other = self._kind(), self._kind()
        if kind.name == other.name:
            return self._named(form)
        article = self.draw.plain(table("manner")["article"]["definite"])
        members = frozenset({kind.name}) & self.names
        shape = self.draw.pick(table("manner")["contrast"])
        text = shape.replace("{x}", f"{article} {self.name(kind)}")
        text = text.replace("{b}", f"{self.draw.plain(['the', 'the', 'a'])} {self.name(other)}")
        return text, Segment("none", members)

    def _neither(self, form: str) -> tuple[str, Segment]:
        """Something with two exceptions: "a soda, but neither the coke nor the pepsi"."""
        draw = self.draw
        for _ in range(20):
            base, seg = self._described("ind" if form == "any" else form)
            nouns = table("nouns")
            if draw.chance(0.5) and len(seg.members) > 2:
                pair = draw.rng.sample(sorted(seg.members), 2)
                out = frozenset(pair)
                by_name = {k.name: k for k in self.world.kinds}
                a, b = (f"{draw.plain(['the ', 'a ', ''])}{self.name(by_name[n])}" for n in pair)
            else:
                rows = [nouns[key] for key in draw.rng.sample(LEFT_OUT, 2)]
                out = self.world.having(rows[0]["want"]) | self.world.having(rows[1]["want"])
                a, b = (f"{draw.plain(['', 'a ', 'a '])}{draw.pick(r['one'])}" for r in rows)
            if out & seg.members and seg.members - out:
                words = draw.plain(table("manner")["neither"]).replace("{a}", a).replace("{b}", b)
                link = draw.plain([", but ", " that is ", ", ", " but ", " which is "])
                link = link if words.startswith("neither") or "is" not in link else ", "
                return f"{base}{link}{words}", replace(seg, members=seg.members - out)
        return self._named(form)

    def _except(self, form: str) -> tuple[str, Segment]:
        """Something with an exception: "a soda but not a coke"."""
        draw = self.draw
        for _ in range(20):
            base, seg = self._described("ind" if form == "any" else form)
            kind = self._kind() if draw.chance(0.5) else None
            if kind is not None:
                out = frozenset({kind.name})
                words = f"{draw.plain(['', 'the ', 'a ', 'my '])}{self.name(kind)}"
            else:
                row = table("nouns")[draw.plain(LEFT_OUT)]
                out = self.world.having(row["want"])
                noun = draw.pick(row["one"])
                words = f"{draw.plain(['a ', 'the ', '', 'any '])}" + noun
                if draw.chance(0.4):
                    words = f"{draw.plain(['the ', '', 'any '])}{plural(noun)}"
            if out & seg.members and seg.members - out:
                link = draw.pick(table("manner")["except"])
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
