"""The tables behind the training grammar, as typed data: kinds of things, phrases, frames, places.

Words and frames are held out by a stable hash of their text: one in 25 never occurs in training,
so that validation sentences show unseen verbs, nouns and whole frames.
"""

from __future__ import annotations

import functools
import hashlib
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TABLES = Path(__file__).parent / "tables"
PLACES = ("close counter", "far counter", "table", "trash", "user", "drawer")
"""Those of the training grammar, whatever the catalogue has: a place of your own is not trained on, it
is understood from its aliases and its description."""
BACK = "back"  # pseudo place: where the thing (or the robot) was at the start
HOLD_OUT = 25  # one item in this many is kept out of training


@dataclass(frozen=True)
class Kind:
    """A kind of thing: its names, what it is like, and one text per way of describing it."""

    name: str
    aliases: tuple[str, ...]
    props: frozenset[str]
    descriptions: tuple[str, ...]


@functools.cache
def table(name: str) -> Any:
    """One YAML table by file name."""
    text = (TABLES / f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.BaseLoader)  # all strings: "on" and "no" are words here


COLOURS = "red blue green yellow pink brown silver black white purple tan orange clear".split()
SHAPES = {"can": "can", "bottle": "bottle", "bag": "bag", "box": "box", "jar": "jar"}
CLASSES = (
    ("soda", "fizzy soft drink"), ("energydrink", "energy drink"), ("alcohol", "alcoholic drink"),
    ("juice", "fruit juice to drink"), ("tea", "tea, a drink"), ("coffee", "coffee, a drink"),
    ("drink", "drink"), ("citrus", "fresh citrus fruit"), ("fruit", "fresh fruit"),
    ("chips", "crunchy snack of chips"), ("vegetable", "fresh vegetable"), ("bakery", "baked food"),
    ("bar", "snack bar"), ("snack", "snack"), ("sauce", "sauce for food"), ("food", "kind of food"),
    ("cleaning", "thing for cleaning and wiping up spills"), ("cutlery", "piece of cutlery"),
    ("dish", "dish to eat or drink from"), ("cookware", "thing to cook with"), ("tool", "tool"),
    ("reading", "thing to read"), ("writing", "thing to write with"), ("toy", "toy to play with"),
    ("electronic", "electronic device"), ("clothing", "piece of clothing"),
    ("medicine", "medicine"), ("personal", "personal belonging"), ("household", "household item"),
)  # fmt: skip
TRAITS = {
    "caffeine": "with caffeine", "nocaffeine": "without caffeine", "spicy": "spicy",
    "salty": "salty",     "sweet": "sweet", "healthy": "healthy",
    "crunchy": "crunchy", "juicy": "juicy", "round": "round",
    "protein": "with protein", "energy": "that gives energy", "soft": "soft", "hot": "hot",
    "nosugar": "without sugar", "chocolate": "with chocolate", "wholegrain": "made of whole grain",
    "potato": "made of potatoes", "rice": "made of rice",
    "lemonlime": "with lemon and lime flavour",
    "grapefruit": "with grapefruit flavour", "wrapped": "wrapped", "sour": "sour",
    "still": "without bubbles", "cola": "of the cola type", "paper": "made of paper",
}  # fmt: skip


def describe(name: str, props: Iterable[str], rng: random.Random) -> str:
    """A catalogue-like description of a kind from its properties, worded by chance."""
    props = list(props)
    colour = [c for c in COLOURS if c in props or (c == "orange" and "orangecolour" in props)]
    shape = next((SHAPES[p] for p in props if p in SHAPES), None)
    kind = next((text for key, text in CLASSES if key in props), "thing")
    traits = [TRAITS[p] for p in props if p in TRAITS]
    rng.shuffle(traits)
    core = name if shape is None or shape in name else f"{shape} of {name}"
    first = " ".join(["a", *colour[:1], core]) if rng.random() < 0.8 else core
    return f"{first}, a {kind} {', '.join(traits[: rng.randint(1, 4)])}".strip()


@functools.cache
def kinds() -> dict[str, Kind]:
    """All kinds the training grammar knows; the catalogue's own come first."""
    from embodied.world import catalogue  # late: training only

    own = catalogue.objects()
    result = {}
    for name, props in table("kinds")["real"].items():
        spec, rng = own[name], random.Random(name)
        texts = (spec.description, *(describe(name, props.split(), rng) for _ in range(5)))
        result[name] = Kind(name, tuple(spec.aliases), frozenset(props.split()), texts)
    for name, line in table("kinds")["other"].items():
        props, _, aliases = line.partition("|")
        names = tuple(a.strip() for a in aliases.split(",") if a.strip())
        rng = random.Random(name)
        made = [describe(name, props.split(), rng) for _ in range(5)]
        written = table("described").get(name)
        texts = (written, *made[:3]) if written else tuple(made)
        result[name] = Kind(name, names, frozenset(props.split()), texts)
    for props, names in table("kinds")["groups"].items():
        for name in names:
            if name not in result:
                text = describe(name, props.split(), random.Random(name))
                result[name] = Kind(name, (), frozenset(props.split()), (text,))
    return result


@functools.cache
def needs() -> list[dict[str, Any]]:
    """Rows of the needs' table; their alternatives are written out when a sentence is drawn."""
    return table("needs")


@functools.cache
def place_names() -> dict[str, tuple[str, ...]]:
    """Ways to name each known place, with article; the counters' are put together from parts."""
    names = {place: list(said) for place, said in table("manner")["places"].items()}
    for place, parts in table("manner")["counter_parts"].items():
        things = table("manner")["counter_words"]
        names[place] += [f"the {a} {n}" for a in parts["adjectives"] for n in things]
        names[place] += [f"the {n} {a}" for a in parts["behind"] for n in things]
    return {place: tuple(dict.fromkeys(said)) for place, said in names.items()}


@functools.cache
def new_kinds() -> frozenset[str]:
    """Kinds that never occur in training, neither in a catalogue nor in a sentence."""
    real = set(table("kinds")["real"])
    return frozenset(name for name in kinds() if name not in real and held_out(f"kind {name}"))


def held_out(text: str) -> bool:
    """Whether this word, phrase or frame is kept out of training."""
    return hashlib.md5(text.encode()).digest()[0] % HOLD_OUT == 0


class Draw:
    """Random choices from tables that keep to the training part, or note when they leave it."""

    def __init__(self, rng: random.Random, training: bool, whole: bool = False) -> None:
        self.rng, self.training, self.whole, self.unseen = rng, training, whole, 0

    def pick(self, options: Sequence[str]) -> str:
        """One option; held-out ones only outside training, or with the `whole` tables."""
        if self.whole:
            return self.rng.choice(options)
        if self.training:
            options = [o for o in options if not held_out(o)] or options
            return self.rng.choice(options)
        fresh = [o for o in options if held_out(o)]
        chosen = self.rng.choice(fresh if fresh and self.rng.random() < 0.35 else options)
        self.unseen += held_out(chosen)
        return chosen

    def plain(self, options: Sequence[str]) -> str:
        """One option, no part of which is ever held out (articles, pronouns, place names)."""
        return self.rng.choice(list(options))

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return self.rng.random() < p

    def expand(self, frame: str) -> str:
        """The frame with each (a|b|c) replaced by one of its alternatives."""
        return re.sub(r"\(([^()]*\|[^()]*)\)", lambda m: self.pick(m[1].split("|")), frame)


def matches(want: str, props: frozenset[str]) -> bool:
    """Whether properties fit a `want` line of nouns.yaml: "drink -soda"."""
    return all(
        (word[1:] not in props) if word.startswith("-") else word in props for word in want.split()
    )


def plural(phrase: str) -> str:
    """The plural of a noun phrase by its head word: "can of coke" -> "cans of coke"."""
    head, sep, rest = re.match(
        r"^(.*?)( of | with | without | that | other than | to |$)(.*)$", phrase
    ).groups()  # type: ignore[union-attr]
    if head.endswith("s") and not head.endswith("ss"):
        return phrase
    if re.search(r"[^aeiou]y$", head):
        head = head[:-1] + "ies"
    else:
        head += "es" if re.search(r"(s|x|ch|sh|tato|mato|ngo)$", head) else "s"
    return head + sep + rest.replace("is not", "are not").replace("isn't", "aren't")


def gerund(text: str) -> str:
    """The first word in its -ing form: "throw away the can" -> "throwing away the can"."""
    word, _, rest = text.partition(" ")
    if re.search(r"[^aeiou]e$", word) or word.endswith(("ue", "ce")):
        word = word[:-1]
    elif re.fullmatch(r"(?:[^aeiou]*[aeiou][bdgmnprt])", word) and not word.endswith("w"):
        word += word[-1]
    return f"{word}ing {rest}"
