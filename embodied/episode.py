"""The closed loop: decide, act, look, tell the planner what happened, decide again.

`Episode` knows nothing of terminals, files or cameras: a `Listener` is told what happens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from embodied.tasks.labels import SkillCall, enumerate_calls
from embodied.world.facts import Facts
from embodied.world.kitchen import Kitchen
from planners.model import SUCCESS, Prompt, Step
from planners.saycan import Decision, SayCan
from policies.execute import Outcome

Verdict = Literal["success", "failed", "refused", "step_limit", "interrupted", "error"]
Act = Callable[[SkillCall, Callable[[float], None]], Outcome]
Values = Callable[[Kitchen, Sequence[SkillCall]], np.ndarray]


class Listener:
    """Told what happens, in this order, once per decision and skill. Every method may be overridden."""

    def decided(self, step: int, prompt: Prompt, decision: Decision) -> None:
        """A label was chosen, or the instruction refused. Steps count from 1."""

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
    control_steps: int = 0
    calls: int = 0
    tokens: int = 0


def run_episode(
    instruction: str,
    kitchen: Kitchen,
    planner: SayCan,
    values: Values,
    act: Act,
    max_skills: int = 16,
    listener: Listener | None = None,
) -> Result:
    """Carries out an instruction in the kitchen until the planner says done, refuses, or may not go on.

    Args:
        values: success probabilities (K,) of calls in the kitchen's present state.
        act: carries out one call; the executor, or its ideal effect when only deciding is judged.
        max_skills: skills that may be tried before the run is ended.
    """
    tell = listener or Listener()
    result = Result("step_limit", f"not done after {max_skills} skills")
    calls = enumerate_calls(kitchen.index)
    failed = 0
    for step in range(1, max_skills + 2):
        prompt = Prompt(instruction, tuple(result.history), kitchen.facts())
        decision = planner.decide(prompt, calls, values(kitchen, calls))
        result.calls += decision.calls
        result.tokens += decision.tokens
        tell.decided(step, prompt, decision)
        if decision.chosen is None:
            return _end(result, "refused", decision.refusal or "nothing that the robot can do fits")
        if decision.chosen.family == "done":
            return _end(result, "success", "")
        if step > max_skills:
            break
        call = decision.chosen
        tell.started(step, call, decision)
        outcome = act(call, tell.stepped)
        tell.ended(step, call, outcome, kitchen.facts())
        result.control_steps += outcome.steps
        result.history.append(
            Step(call.label, SUCCESS if outcome.success else f"failure: {outcome.reason}")
        )
        failed = 0 if outcome.success else failed + 1
        if failed >= 4:
            return _end(
                result, "failed", f"four skills failed in a row, the last because {outcome.reason}"
            )
    return result


def _end(result: Result, verdict: Verdict, reason: str) -> Result:
    result.verdict, result.reason = verdict, reason
    return result
