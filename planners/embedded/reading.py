"""What a piece of an instruction is read as: labels of grammar, network and agenda."""

from __future__ import annotations

from dataclasses import dataclass, field

ACTS = ("none", "move", "hold", "release", "go", "find", "cannot", "open", "close")
QUANTS = ("one", "two", "three", "four", "all")
LINKS = ("own", "it", "them")  # names its things itself, or points back to one or several
ROLES = ("no", "target", "source")  # of a place


@dataclass(frozen=True)
class Segment:
    """One piece of an instruction, e.g. "two cans of coke from the table".

    `members` are the kinds it may mean, `targets` places that would do, `sources` where to look.
    """

    act: str
    members: frozenset[str] = frozenset()
    quant: str = "one"
    targets: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    link: str = "own"


@dataclass(frozen=True)
class Example:
    """A training sentence: normalised text, where each segment starts, and their readings.

    `kinds` is the catalogue (names) the members were drawn from, `places` likewise.
    """

    text: str
    starts: tuple[int, ...]
    segments: tuple[Segment, ...]
    kinds: tuple[str, ...]
    places: tuple[str, ...]
    form: str = ""
    extra: dict[str, int] = field(default_factory=dict)
