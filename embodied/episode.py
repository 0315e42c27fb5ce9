"""The closed loop: decide, act, look, tell the planner what happened, decide again.

`run_episode` knows nothing of terminals, files or cameras: a `Listener` is told what happens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from embodied.tasks.labels import FAMILIES, SkillCall, enumerate_calls
from embodied.world.facts import Facts
from embodied.world.kitchen import Kitchen
from planners.model import SUCCESS, Prompt, Question, Step, Turn
from planners.saycan import Decision
from policies.execute import Outcome

Verdict = Literal[
    "success", "failed", "refused", "asked", "stopped", "step_limit", "interrupted", "error"
]
Act = Callable[[SkillCall, Callable[[float], None]], Outcome]
Values = Callable[[Kitchen, Sequence[SkillCall]], np.ndarray]


class Planner(Protocol):
    """What decides: `SayCan`, or what it is compared with."""

    def decide(
        self, prompt: Prompt, calls: Sequence[SkillCall], affordance: np.ndarray
    ) -> Decision:
        """The next skill, a question, or a refusal; see `SayCan.decide`."""
        ...


STOP = re.compile(
    r"\W*(?:please |ok(?:ay)?,? )*(?:stop|halt|abort|freeze)"
    r"(?: (?:it|now|right|there|please|everything))*\W*$",
    re.IGNORECASE,
)
MAX_QUESTIONS = 3  # at one decision; who is asked more often has not been understood


class Person(Protocol):
    """Who gave the instruction, for as long as the robot is at it."""

    def answer(self, question: Question) -> str | None:
        """The answer in their own words; None when there is nobody to answer."""
        ...

    def speaks(self, history: Sequence[Step]) -> str | None:
        """What they have said unasked since the last look, e.g. "no, the other one"."""
        ...


class Listener:
    """Told what happens, in this order, once per decision and skill. Every method may be overridden."""

    def decided(self, step: int, prompt: Prompt, decision: Decision) -> None:
        """A label was chosen, or the instruction refused. Steps count from 1."""

    def asked(self, step: int, question: Question, answer: str | None) -> None:
        """The robot asked back, after `decided`. None: nobody answered, which ends the run."""

    def heard(self, step: int, text: str) -> None:
        """The person said something unasked, before the step's decision."""

    def started(self, step: int, call: SkillCall, decision: Decision) -> None:
        """A skill begins."""

    def stepped(self, seconds: float) -> None:
        """25 times a simulated second while a skill runs; seconds since it began."""

    def ended(self, step: int, call: SkillCall, outcome: Outcome, facts: Facts) -> None:
        """A skill ended."""


@dataclass
class Result:
    """What became of an instruction."""

    verdict: Verdict
    reason: str
    history: list[Step] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    control_steps: int = 0
    calls: int = 0
    tokens: int = 0


def run_episode(
    instruction: str,
    kitchen: Kitchen,
    planner: Planner,
    values: Values,
    act: Act,
    max_skills: int = 16,
    listener: Listener | None = None,
    person: Person | None = None,
    families: Collection[str] = FAMILIES,
) -> Result:
    """Carries out an instruction in the kitchen until the planner says done, refuses, or may not go on.

    Args:
        values: success probabilities (K,) of calls in the kitchen's present state.
        act: carries out one call; the executor, or its ideal effect when only deciding is judged.
        max_skills: skills that may be tried before the run is ended.
        person: who answers questions and may speak up; without one a question ends the run.
        families: of the skills that the robot has.
    """
    result = Result("step_limit", f"not done after {max_skills} skills")
    calls = enumerate_calls(kitchen.index, (*families, "done"))
    tell = listener or Listener()
    loop = _Loop(instruction, kitchen, planner, values, act, tell, person, calls, result)
    failed = 0
    for step in range(1, max_skills + 2):
        if loop.told_to_stop(step):
            return _end(result, "stopped", "the person said so")
        decision = loop.settle(step)
        if decision.question is not None:
            return _end(result, "asked", decision.question.text)
        if decision.chosen is None:
            return _end(result, "refused", decision.refusal or "nothing that the robot can do fits")
        if decision.chosen.family == "done":
            return _end(result, "success", "")
        if step > max_skills:
            break
        outcome = loop.carry_out(step, decision.chosen, decision)
        failed = 0 if outcome.success else failed + 1
        if failed >= 4:
            reason = f"four skills failed in a row, the last because {outcome.reason}"
            return _end(result, "failed", reason)
    return result


@dataclass
class _Loop:
    """What one step of an episode consists of; everything of note goes to `result` and `tell`."""

    instruction: str
    kitchen: Kitchen
    planner: Planner
    values: Values
    act: Act
    tell: Listener
    person: Person | None
    calls: Sequence[SkillCall]
    result: Result
    trail: list[Facts] = field(default_factory=list)  # the states in which skills began

    def told_to_stop(self, step: int) -> bool:
        """Takes down what the person has said unasked; whether it was a plain stop."""
        text = self.person.speaks(self.result.history) if self.person is not None else None
        if text:
            self.result.turns.append(Turn(text, len(self.result.history)))
            self.tell.heard(step, text)
        return bool(text and STOP.match(text))

    def settle(self, step: int) -> Decision:
        """The planner's decision, after the questions that it has and gets answers to."""
        decision = self._decide(step)
        for _ in range(MAX_QUESTIONS):
            if decision.question is None or not self._ask(step, decision.question):
                break
            decision = self._decide(step)
        return decision

    def _decide(self, step: int) -> Decision:
        facts, said = self.kitchen.facts(), tuple(self.result.turns)
        history, trail = tuple(self.result.history), (*self.trail, facts)
        prompt = Prompt(self.instruction, history, facts, said, trail)
        decision = self.planner.decide(prompt, self.calls, self.values(self.kitchen, self.calls))
        self.result.calls += decision.calls
        self.result.tokens += decision.tokens
        self.tell.decided(step, prompt, decision)
        return decision

    def _ask(self, step: int, question: Question) -> bool:
        """Puts a question to the person; whether there was an answer."""
        answer = self.person.answer(question) if self.person is not None else None
        self.tell.asked(step, question, answer)
        if answer is None:
            return False
        self.result.turns.append(Turn(answer, len(self.result.history), question))
        return True

    def carry_out(self, step: int, call: SkillCall, decision: Decision) -> Outcome:
        """Has a skill run, and notes what became of it."""
        self.tell.started(step, call, decision)
        self.trail.append(self.kitchen.facts())
        outcome = self.act(call, self.tell.stepped)
        self.tell.ended(step, call, outcome, self.kitchen.facts())
        self.result.control_steps += outcome.steps
        said = SUCCESS if outcome.success else f"failure: {outcome.reason}"
        self.result.history.append(Step(call.label, said))
        return outcome


def _end(result: Result, verdict: Verdict, reason: str) -> Result:
    result.verdict, result.reason = verdict, reason
    return result
