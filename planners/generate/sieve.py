"""The one door for tasks, whoever proposes them: solvable, as long as wanted, not there before."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from embodied.tasks.labels import ideal_effect
from embodied.world.facts import Facts
from embodied.world.goals import Goal
from planners.generate.scenes import Scene
from planners.model import SUCCESS, Step, in_front
from planners.solver import next_calls, solve


@dataclass(frozen=True)
class Proposal:
    """What somebody thinks is a task. goal: None where nothing could be one (`expect: refuse`)."""

    instruction: str
    scene: Scene
    goal: Goal | None
    expect: Literal["done", "refuse"] = "done"


@dataclass(frozen=True)
class Task:
    """A proposal that came through. length: of its shortest plan; 0 where there is none."""

    proposal: Proposal
    length: int


@dataclass
class Sieve:
    """Admits proposals; `rejected` counts the others by reason.

    shortest, longest: of the plans that are let through. drawer: whether the robot opens it.
    """

    shortest: int = 1
    longest: int = 20
    drawer: bool = False
    rejected: Counter[str] = field(default_factory=Counter)
    seen: set[object] = field(default_factory=set)

    def admit(self, found: Proposal | str) -> Task | None:
        """The task, or None. A string is a reason why there was not even a proposal."""
        outcome = found if isinstance(found, str) else self.judge(found)
        if isinstance(outcome, str):
            self.rejected[outcome] += 1
            return None
        self.seen |= _marks(outcome.proposal)
        return outcome

    def judge(self, proposal: Proposal) -> Task | str:
        """The task, or why it is none."""
        if _marks(proposal) & self.seen:
            return "there before"
        if proposal.goal is None:
            return Task(proposal, 0)
        facts = proposal.scene.facts()
        if proposal.goal.holds(facts):
            return "already done at the start"
        calls = solve(proposal.goal, facts, drawer=self.drawer).calls
        if proposal.expect == "refuse":
            return Task(proposal, 0) if calls is None else "not infeasible after all"
        if calls is None:
            return "no plan"
        if len(calls) < self.shortest:
            return "plan too short"
        return "plan too long" if len(calls) > self.longest else Task(proposal, len(calls))


def sift(found: Iterable[Proposal | str], sieve: Sieve, number: int, attempts: int) -> list[Task]:
    """The first `number` tasks among at most so many attempts, the shortest first."""
    tasks: list[Task] = []
    for _, proposal in zip(range(attempts), found, strict=False):
        task = sieve.admit(proposal)
        tasks += [task] if task else []
        if len(tasks) == number:
            break
    return sorted(tasks, key=lambda task: task.length)


@dataclass(frozen=True)
class Labelled:
    """One decision of a task and every label that is right there."""

    history: tuple[Step, ...]
    facts: Facts
    right: tuple[str, ...]


def decisions(task: Task, drawer: bool = False) -> list[Labelled]:
    """The decisions along a shortest plan, `done` last; none where a refusal is expected."""
    proposal, facts = task.proposal, task.proposal.scene.facts()
    if proposal.goal is None or proposal.expect == "refuse":
        return []
    history: list[Step] = []
    made: list[Labelled] = []
    while True:
        front = in_front(history)
        right = next_calls(proposal.goal, facts, front, drawer)
        made.append(Labelled(tuple(history), facts, tuple(sorted(call.label for call in right))))
        call = solve(proposal.goal, facts, front, drawer).next_call
        if call is None or call.kind == "done":
            return made
        history.append(Step(call.label, SUCCESS))
        facts = ideal_effect(call, facts)


def _marks(proposal: Proposal) -> set[object]:
    """What makes two proposals the same: the words in a scene, or the goal in a scene."""
    words = " ".join(re.findall(r"\w+", proposal.instruction.lower()))
    scene = proposal.scene.facts()
    if proposal.expect == "refuse":
        return {(words, scene)}
    return {words, (proposal.goal, scene)}
