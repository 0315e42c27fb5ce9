"""What a piece of an instruction is read as: labels of grammar, network and agenda; how surely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

ACTS = ("none", "move", "hold", "release", "go", "find", "cannot", "open", "close", "swap")
QUANTS = ("one", "two", "three", "four", "five", "six", "all")
LINKS = ("own", "it", "them")  # names its things itself, or points back to one or several
ROLES = ("no", "target", "source")  # of a place
HEADS = ("split", "act", "quant", "link", "roles", "members")  # of the network


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


@dataclass(frozen=True)
class Calibration:
    """heads: temperature of each head's logits. whole: of the weights of hypotheses.

    refuse: the weight of hypotheses that cannot be carried out from which an instruction is
    refused. report: how good that is, on sentences that were not used to fit it.
    """

    heads: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(HEADS, 1.0))
    whole: float = 1.0
    refuse: float = 0.6
    report: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """For model.json."""
        return asdict(self)
