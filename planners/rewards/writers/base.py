"""What every writer of rewards is given, and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from planners.rewards.estimate import Trial
from planners.rewards.program import Program
from planners.rewards.reflection import Reflection
from planners.rewards.views import Brief


@dataclass(frozen=True)
class Parent:
    """A candidate to improve on. id: of the ledger. note: how it came about."""

    id: str
    program: Program
    reflection: Reflection
    note: str = ""


@dataclass(frozen=True)
class Repair:
    """A reply that cannot be used. turn: from 1. problems: one diagnostic a line."""

    text: str
    problems: tuple[str, ...]
    turn: int


@dataclass(frozen=True)
class Context:
    """All that a writer knows.

    start: the reward that the search began with, if any. parents: the best so far, best first; empty
    where nothing was trained yet and in the control without reflection. trials: all trainings so far,
    likewise. seed: of everything random. sample: number of the first reply that is wanted, over the
    whole search. repair: a reply to mend.
    """

    brief: Brief
    seed: int = 0
    round: int = 0
    sample: int = 0
    start: Program | None = None
    parents: tuple[Parent, ...] = ()
    repair: Repair | None = None
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True)
class Reply:
    """One answer. text: as it came. program: what was read in it; None if nothing was.

    problem: what is wrong with it, or was left out of it. failed: no answer came, so there is nothing
    to mend. prompt: what was asked, whole. parents: ids that it builds on. note: how it was made. read,
    written: tokens. calls: requests that it took. seconds: until it came.
    """

    text: str
    program: Program | None
    problem: str = ""
    prompt: str = ""
    parents: tuple[str, ...] = ()
    note: str = ""
    read: int = 0
    written: int = 0
    calls: int = 0
    seconds: float = field(default=0.0, compare=False)
    failed: bool = False


class Writer(Protocol):
    """Writes reward programs.

    name: as `--llm` spells it; with the context it determines the replies, as far as any model's are
    determined. parallel: requests that it takes at a time.
    """

    name: str
    parallel: int

    def write(self, context: Context, n: int) -> list[Reply]:
        """`n` replies, of the samples from `context.sample` on.

        Raises:
            EnvironmentFault: the model cannot be had now.
        """
        ...
