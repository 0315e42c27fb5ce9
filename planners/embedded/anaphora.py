"""Anaphora: what "it", "them", "another one" and "the rest" stand for among the things spoken of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from embodied.world.facts import Facts, kind
from planners.embedded.agenda import Duty
from planners.embedded.determiners import Det
from planners.embedded.reading import LINKS, QUANTS
from planners.embedded.referents import FITS, Problem, Sense, at_hand
from planners.embedded.relations import ALL_OF, HALF, OTHER, number, other_side

PRONOUN = re.compile(
    r"\b(it|that|this|them|these|those|one|ones|both|thing|things|the other|the rest)\b"
)
ONE = re.compile(r"\bone\b")
ANOTHER_ONE = re.compile(
    r"(?<!the )(?<!that )(?<!this )(?<!first )\bone\b(?! of (?:them|these|those))"
)
OTHER_NOUN = re.compile(r"\bother (?:can|bottle|drink|beverage|soda|fruit|snack|bag|bar)s?\b")
ONE_MORE = re.compile(
    r"^\W*(?:and |then )?(?:one|another(?: one)?|a second one|one more) (?:on|in|into|to|for|at|by|next to)\b"
)
MANY = re.compile(r"\b(them|these|those|both|all|everything|things|the rest)\b")


@dataclass
class Group:
    """Things spoken of: what they may be, how many, and the duty that settles which."""

    choices: tuple[tuple[str, float], ...]
    need: int
    duty: int | None
    act: str
    det: Det = "the"

    def within(self, other: Group) -> bool:
        """Whether it narrows down what the other group speaks of."""
        return {o for o, _ in self.choices} < {o for o, _ in other.choices}


def points_back(sense: Sense) -> bool:
    """Whether a piece is about things that others name."""
    guess = sense.guess
    if sense.act not in ("move", "hold", "find", "own"):
        return False
    if LINKS[int(guess.link.argmax())] != "own" or ONE_MORE.match(guess.text):
        return True
    return max(guess.members.values(), default=0.0) < FITS and bool(PRONOUN.search(guess.text))


def names_itself(sense: Sense) -> bool:
    """Whether a piece speaks of its things by name: no word in it stands for others."""
    words = PRONOUN.search(sense.guess.text)
    return words is None and max(sense.guess.members.values(), default=0.0) >= FITS


def another_kind(sense: Sense, groups: Sequence[Group], first: Facts) -> set[str]:
    """ "Not the pepsi, the other can": what fits the words and is of no kind spoken of last."""
    if not groups or not OTHER_NOUN.search(sense.guess.text):
        return set()
    fits = {name for name, p in sense.guess.members.items() if p >= FITS}
    spoken = {kind(o) for o, _ in groups[-1].choices}
    return {o for o in first.instances if kind(o) in fits - spoken}


def _rest(groups: Sequence[Group]) -> Group:
    """The last group, or of "two things, and I don't want the coke" those that are left."""
    last = groups[-1]
    if len(groups) > 1 and last.act == "none" and last.within(groups[-2]):
        gone = {o for o, _ in last.choices}
        left = tuple(c for c in groups[-2].choices if c[0] not in gone)
        return Group(left, 1, None, "none", "any" if len(left) == 1 else "the")
    return last


def _thrown_away(group: Group, sense: Sense, first: Facts) -> bool:
    """Whether the things lie in the trash, from where no skill takes them."""
    lost = all(first.at.get(o) == "trash" for o, _ in group.choices)
    return lost and "trash" not in dict(sense.targets)


def linked(
    sense: Sense, groups: list[Group], first: Facts, count: int
) -> tuple[list[Duty], Problem | None]:
    """Duties about things spoken of before, held, or alone in reach.

    Args:
        groups: the things spoken of so far; what is held or in reach joins them if it is meant.
        count: how many duties there are before these.
    """
    text = sense.guess.text
    if not groups:
        thing = at_hand(first)
        if thing is None:
            return [], Problem("referent", text)
        groups.append(Group(((thing, 1.0),), 1, None, "none"))
    back = _spoken_of(sense, groups)
    for group in back:
        if not group.choices:
            return [], Problem("absent", group.act)
        if group.duty is None and _thrown_away(group, sense, first):
            return [], Problem("gone", kind(group.choices[0][0]))
    out = [duty for group in back for duty in _again(group, sense, first)]
    if len(out) == 1:
        back[0].duty = count
    return out, None


def _spoken_of(sense: Sense, groups: Sequence[Group]) -> list[Group]:
    """The groups that "it" or "them" stands for."""
    text = sense.guess.text
    back = [_rest(groups) if OTHER.search(text) else groups[-1]]
    if LINKS[int(sense.guess.link.argmax())] == "them" or MANY.search(text):
        for group in reversed(groups[:-1]):
            if group.act != back[0].act or back[0].within(group):
                break
            back.insert(0, group)
    return back


def _again(group: Group, sense: Sense, first: Facts) -> list[Duty]:
    """What is owed about things that were spoken of before: all of them, so many, one, another one.

    That is a duty for each place in "put one of them on each counter".
    """
    text = sense.guess.text
    other = bool(OTHER.search(text))
    if group.duty is not None and ANOTHER_ONE.search(text):
        other = True  # "a soda for me, one on the table"
    said = number(text)
    need = 1 if ONE.search(text) or (other and "rest" not in text) else group.need
    if said is not None:
        need = QUANTS.index(said) + 1  # "bin two of them"
    elif other and group.duty is None:
        need = 1
    elif ALL_OF.search(text) or HALF.search(text):
        need = max(1, len(group.choices) // (2 if HALF.search(text) else 1))
    here = {first.at.get(o) for o, _ in group.choices}
    goal = other_side(text, here.pop() if len(here) == 1 else None) or sense.targets
    duty = Duty(sense.act, group.choices, need, goal, group.duty, other)
    free = group.duty is None and group.act == "none"
    free = free and (group.det in ("a", "any") or sense.guess.det == "any")  # "one of those"
    free = free or bool(ALL_OF.search(text) or HALF.search(text))
    duty = replace(duty, det="any" if free else "the", where=sense.guess.where, said=text)
    spread = duty.spread()
    return [replace(d, det="any") for d in spread] if len(spread) > 1 else spread
