"""Goals in words: every goal of the grammar as a sentence, in many ways.

A clause is an imperative without its full stop; clauses are joined, and the whole is wrapped in a
manner of speaking. What things are called comes from the catalogue alone (names, aliases, the
description's first words), so objects added later are spoken of, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from embodied.world import catalogue
from embodied.world.facts import kind
from embodied.world.goals import All, Any, At, Count, Goal, Holding, Not, Open, RobotAt, Visited
from embodied.world.goals import What as Which
from planners.generate.scenes import Scene

TO_USER = (
    "bring me {x}", "get me {x}", "fetch {x} for me", "hand me {x}", "carry {x} over to me",
    "let me have {x}", "deliver {x} to me", "pass me {x}",
)  # fmt: skip
TO_TRASH = (
    "throw {x} away", "put {x} in the {p}", "get rid of {x}", "drop {x} into the {p}",
    "toss {x} in the {p}", "throw {x} in the {p}", "dispose of {x}",
)  # fmt: skip
TO_PLACE = (
    "put {x} on the {p}", "move {x} to the {p}", "take {x} over to the {p}", "set {x} down on the {p}",
    "leave {x} on the {p}", "bring {x} to the {p}", "place {x} on the {p}", "carry {x} to the {p}",
)  # fmt: skip
TO_DRAWER = ("put {x} in the {p}", "store {x} in the {p}", "place {x} inside the {p}")
GO = ("go to {p}", "drive over to {p}", "head for {p}", "move to {p}", "stand by {p}")
HOLD = ("pick up {x}", "grab {x}", "take hold of {x}", "pick {x} up and keep it in your hand")
CLEAR = ("take {x} off the {p}", "clear {x} off the {p}", "remove {x} from the {p}")
MANNERS = (
    "{s}.", "{s}", "{s}, please.", "Please {s}.", "please {s}", "Could you {s}?", "Can you {s}?",
    "Would you {s}, please?", "Robot, {s}.", "I need you to {s}.", "I'd like you to {s}.",
    "Be so kind and {s}.", "hey, {s} will you", "When you have a moment, {s}.", "Now {s}!",
    "Would you mind? I want you to {s}.", "{s}, thanks", "Next job: {s}.",
)  # fmt: skip
JOINS = (", then ", " and then ", ", after that ", " and ")
NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}
CATEGORIES = {
    "drink": ("a drink", "something to drink"),
    "food": ("some food", "something to eat"),
    "fruit": ("a piece of fruit", "a fruit"),
    "snack": ("a snack", "something to snack on"),
    "chips": ("some chips", "a bag of chips", "a packet of crisps"),
    "soda": ("a soda", "a soft drink"),
    "cleaning": ("something to clean with", "a cleaning thing"),
}
PLURALS = {"fruit": "pieces of fruit", "chips": "bags of chips", "cleaning": "cleaning things"}
PLURALS |= {"food": "things to eat"}


class Words:
    """Says goals about one scene; the same generator, the same words.

    renamed: kinds that are called something else, for tasks about things that do not exist.
    """

    def __init__(self, rng: Random, scene: Scene, renamed: Mapping[str, str] | None = None) -> None:
        self.rng, self.scene, self.renamed = rng, scene, renamed or {}

    def sentence(self, goal: Goal) -> str:
        """One way to ask for a goal."""
        parts = goal.goals if isinstance(goal, All) and not self.is_one(goal) else (goal,)
        clauses = [self.clause(part) for part in parts]
        said = clauses[0]
        for clause in clauses[1:]:
            said += self.rng.choice(JOINS) + clause
        return self.say(said)

    def say(self, clause: str) -> str:
        """A clause in some manner of speaking."""
        return self.touch(self.rng.choice(MANNERS).format(s=clause))

    def clause(self, goal: Goal) -> str:
        """One errand as an imperative."""
        if isinstance(goal, At):
            return self.deliver(self.thing(goal.what), goal.place)
        if isinstance(goal, Count):
            return self.deliver(self.number(goal), goal.place)
        if isinstance(goal, Holding):
            return self.rng.choice(HOLD).format(x=self.thing(goal.what))
        if isinstance(goal, RobotAt):
            return self.go(goal.place)
        if isinstance(goal, Visited):
            return "go " + ", then ".join(f"to {self.there(place)}" for place in goal.places)
        if isinstance(goal, Open):
            return f"open the {goal.container}"
        if isinstance(goal, Not):
            return self.negation(goal.goal)
        return self.one(goal.goals, isinstance(goal, Any))

    def negation(self, goal: Goal) -> str:
        """What must not be."""
        if isinstance(goal, Open):
            return f"shut the {goal.container}"
        assert isinstance(goal, At), f"no words for the opposite of {goal}"
        place = self.place(goal.place)
        return self.rng.choice(CLEAR).format(x=self.thing(goal.what), p=place)

    def one(self, goals: tuple[Goal, ...], either: bool) -> str:
        """An errand that takes several terms to say: either place, all but, a round trip."""
        first = goals[0]
        if either:
            places = [goal.place for goal in goals if isinstance(goal, At)]
            assert isinstance(first, At) and len(places) == len(goals)
            where = " or the ".join(self.place(place) for place in places)
            return self.rng.choice(TO_PLACE[:5]).format(x=self.thing(first.what), p=where)
        if isinstance(first, Visited):
            return self.clause(first)
        but = goals[1]
        assert isinstance(first, At) and isinstance(but, Not) and isinstance(but.goal, At)
        x = self.thing(Which((), first.what.category)) + f" but not {self.thing(but.goal.what)}"
        return self.deliver(x, first.place)

    def is_one(self, goal: All) -> bool:
        """Whether the terms of a goal make one errand."""
        return len(goal.goals) == 2 and (
            isinstance(goal.goals[0], Visited) or isinstance(goal.goals[1], Not)
        )

    def deliver(self, x: str, place: str) -> str:
        """Bring something somewhere."""
        forms = {"user": TO_USER, "trash": TO_TRASH, "drawer": TO_DRAWER}.get(place, TO_PLACE)
        return self.rng.choice(forms).format(x=x, p=self.place(place))

    def go(self, place: str) -> str:
        """Drive somewhere."""
        if place == "user":
            return self.rng.choice(("come to me", "come over here", "come back to me"))
        return self.rng.choice(GO).format(p=self.there(place))

    def place(self, name: str) -> str:
        """A place without its article."""
        return self.rng.choice((name, name, *catalogue.places()[name].aliases))

    def there(self, name: str) -> str:
        """A place with its article."""
        return "me" if name == "user" else f"the {self.place(name)}"

    def thing(self, what: Which) -> str:
        """The object that is meant, with its article."""
        if what.category:
            forms = CATEGORIES.get(what.category, (_indefinite(what.category),))
            return self.rng.choice(forms)
        names = [kind(name) for name in what.names]
        if len(names) > 1:
            return "either " + " or ".join(f"the {self.noun(name)}" for name in names)
        noun = self.noun(names[0])
        held = self.scene.holding
        if held and kind(held) == names[0] and self.rng.random() < 0.3:
            return self.rng.choice(("what you are holding", "what is in your hand"))
        several = self.scene.number(names[0]) > 1
        return _indefinite(noun) if several else f"the {noun}"

    def noun(self, name: str) -> str:
        """What a kind is called: its name, an alias, or how its description begins."""
        spec = catalogue.objects()[name]
        seen = spec.description.partition(",")[0]
        shown = seen.partition(" ")[2] if seen.split()[0] in ("a", "an") else name
        chosen = self.rng.choice((name, name, *spec.aliases, shown))
        return self.renamed.get(name, chosen)

    def number(self, goal: Count) -> str:
        """So many of them, or all that there are."""
        what, least = goal.what, goal.least
        plural = self.plural(what)
        there = sum(what.matches(instance) for instance in self.scene.objects)
        if what.category and not goal.distinct and least == there:
            return self.rng.choice(("all the {}", "all of the {}", "every one of the {}")).format(
                plural
            )
        word = NUMBERS.get(least, str(least))
        if goal.distinct:
            return f"{word} different {plural}"
        return f"exactly {word} {plural}" if goal.most == least else f"{word} {plural}"

    def plural(self, what: Which) -> str:
        """Several of them."""
        name = what.category or kind(what.names[0])
        noun = self.renamed.get(name, name)
        return PLURALS.get(noun) or (f"bags of {noun}" if noun.endswith("s") else f"{noun}s")

    def touch(self, text: str) -> str:
        """Capitals, and now and then how people type."""
        text = text[0].upper() + text[1:]
        if self.rng.random() < 0.15:
            text = text.lower().rstrip(".")
        return _slip(self.rng, text) if self.rng.random() < 0.08 else text


def _indefinite(noun: str) -> str:
    if noun.endswith("s"):
        return f"some {noun}"
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _slip(rng: Random, text: str) -> str:
    """One typing mistake in one long word: two letters swapped, or one left out."""
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) > 5 and word.isalpha()]
    if not long:
        return text
    i = rng.choice(long)
    word, at = words[i], rng.randrange(1, len(words[i]) - 2)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    words[i] = swapped if rng.random() < 0.5 else word[:at] + word[at + 1 :]
    return " ".join(words)
