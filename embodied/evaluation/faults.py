"""What went wrong in a failed episode, by rule, from its decisions and the symbolic solver.

The solver knows the true goal, so at every decision the distance to it is known: the length of a
shortest plan. A decision is at fault when what it chose did not work or brought the goal no nearer;
the fault is forgiven once the goal comes nearer than it was. The first fault that never is forgiven
names the episode's error. The kinds:

    wrong skill          language chose a skill that does not help, or cannot work, and nothing warned
                         of another choice
    early stop           said done while something was owed
    affordance too high  the chosen skill could not work from there, and its affordance was 0.5 or more
    affordance too low   language preferred a skill that helps, but its affordance let another win, or
                         had the instruction refused
    skill failed         the right skill, from a state in which it can work, failed
    wrong refusal        refused what can be done
    missed refusal       went for what cannot be done
    wrong question       asked although nothing was unclear, or again after the answer
    missed question      guessed where it should have asked
    step limit           none of these, but the skills ran out, or it went on with the goal reached
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from embodied.episode import Verdict
from embodied.evaluation.notes import Moment
from embodied.suites import SuiteItem
from embodied.tasks.labels import DONE, feasible, ideal_effect
from embodied.world.facts import Facts
from embodied.world.goals import Goal
from planners.model import Step, in_front
from planners.saycan import Row
from planners.solver import next_calls, solve

FAULTS = (
    "wrong skill", "early stop", "affordance too high", "affordance too low", "skill failed",
    "wrong refusal", "missed refusal", "wrong question", "missed question", "step limit", "error",
)  # fmt: skip
LIKELY = 0.5


def fault(
    item: SuiteItem, verdict: Verdict, moments: Sequence[Moment], drawer: bool = False
) -> str:
    """The kind of error of an episode that did not succeed.

    Args:
        moments: its decisions, in order.
        drawer: whether the robot has skills that open and close the drawer.
    """
    if item.expect == "refuse":
        return "missed refusal"
    told = _dialogue(item, verdict, moments)
    if told:
        return told
    if verdict == "error" or item.goal is None or not moments:
        return "error"
    course = _Course(item.goal, moments, drawer)
    kept = course.unforgiven()
    if kept:
        return kept
    if verdict == "success":
        return "early stop"
    if verdict == "refused":
        return course.refusal()
    return course.commonest() or "step limit"


def _dialogue(item: SuiteItem, verdict: Verdict, moments: Sequence[Moment]) -> str | None:
    """Errors of asking and not asking."""
    asked = [m for m in moments if m.decision.question is not None]
    first = [m for m in asked if not m.prompt.history]
    if item.expect != "ask":
        return "wrong question" if asked else None
    if not first:
        return "wrong refusal" if verdict == "refused" and not moments[-1].prompt.history else (
            "missed question"
        )  # fmt: skip
    return "wrong question" if verdict == "asked" else None


class _Course:
    """The distances to the goal along an episode, and the faults of its decisions."""

    def __init__(self, goal: Goal, moments: Sequence[Moment], drawer: bool) -> None:
        self.goal, self.moments, self.drawer = goal, moments, drawer
        self.left = [self.distance(m.prompt.facts, m.prompt.in_front) for m in moments]
        self.faults = [self.at_fault(i) for i in range(len(moments))]

    def distance(self, facts: Facts, front: str | None) -> float:
        """Skills that a shortest plan still needs; infinite where there is none."""
        calls = solve(self.goal, facts, front, self.drawer).calls
        return math.inf if calls is None else len(calls)

    def unforgiven(self) -> str | None:
        """The first fault after which the goal never came nearer than it was."""
        for i, kind in enumerate(self.faults):
            if kind and not any(later < self.left[i] for later in self.left[i + 1 :]):
                return kind
        return None

    def commonest(self) -> str | None:
        """The kind that most decisions are at fault with: what the skills were spent on."""
        kinds = Counter(kind for kind in self.faults if kind)
        return kinds.most_common(1)[0][0] if kinds else None

    def refusal(self) -> str:
        """Why the last decision refused: language or affordance."""
        last = self.moments[-1]
        likeliest = max(last.decision.rows, key=lambda row: row.p_lm, default=None)
        right = self.right(last)
        if likeliest is None or likeliest.label not in right or likeliest.affordance >= LIKELY:
            return "wrong refusal"
        return "affordance too low"

    def right(self, moment: Moment) -> set[str]:
        """The labels that begin a shortest plan."""
        prompt = moment.prompt
        best = next_calls(self.goal, prompt.facts, prompt.in_front, self.drawer)
        return {call.label for call in best}

    def at_fault(self, i: int) -> str | None:
        """The fault of decision i, None where it helped or nothing was carried out."""
        moment = self.moments[i]
        call, facts = moment.decision.chosen, moment.prompt.facts
        if call is None or call == DONE or moment.outcome is None:
            return None
        row = next((row for row in moment.decision.rows if row.label == call.label), None)
        if not moment.outcome.success:
            if feasible(call, facts):
                return "skill failed"
            high = row is not None and row.affordance >= LIKELY
            return "affordance too high" if high else "wrong skill"
        history = (*moment.prompt.history, Step(call.label, "success"))
        ahead = self.distance(ideal_effect(call, facts), in_front(history))
        if ahead < self.left[i]:
            return None
        return "affordance too low" if self.suppressed(moment, row) else "wrong skill"

    def suppressed(self, moment: Moment, chosen: Row | None) -> bool:
        """Whether language preferred a helpful skill to the one that was chosen."""
        right = self.right(moment)
        best = max((row.p_lm for row in moment.decision.rows if row.label in right), default=0.0)
        return chosen is not None and best > chosen.p_lm
