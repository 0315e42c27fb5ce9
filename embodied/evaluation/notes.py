"""Takes an episode down on its tape, and keeps what judging its errors needs."""

from __future__ import annotations

from dataclasses import dataclass

from embodied.episode import Listener
from embodied.evaluation.tape import Tape, as_json
from embodied.tasks.labels import SkillCall
from embodied.world.facts import Facts
from planners.model import Prompt, Question
from planners.saycan import Decision
from policies.execute import Outcome

_ROWS = 12  # products of a decision that the tape keeps; the rest follows from the calls
_DIGITS = 6


@dataclass
class Moment:
    """One decision and what came of it. outcome: None where nothing was carried out."""

    prompt: Prompt
    decision: Decision
    outcome: Outcome | None = None


class Notes(Listener):
    """Listens to one episode."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.moments: list[Moment] = []
        self.questions: list[Question] = []

    @property
    def invalid(self) -> int:
        """Choices that are no label of the scene."""
        chosen = [m.decision for m in self.moments if m.decision.chosen is not None]
        return sum(
            all(row.label != decision.chosen.label for row in decision.rows)  # type: ignore[union-attr]
            for decision in chosen
        )

    def decided(self, step: int, prompt: Prompt, decision: Decision) -> None:
        """See `Listener.decided`."""
        self.moments.append(Moment(prompt, decision))
        if not self.tape.keeps:
            return
        labels = sorted(row.label for row in decision.rows)
        by_label = {row.label: row for row in decision.rows}
        best = [
            [row.label, *(_short(v) for v in (row.p_lm, row.affordance, row.memory, row.product))]
            for row in decision.rows[:_ROWS]
        ]
        self.tape.note(
            "decision", step=step, prompt=as_json(prompt), labels=self.tape.label_set(labels),
            affordance=[_short(by_label[label].affordance) for label in labels], best=best,
            chosen=decision.chosen.label if decision.chosen else None, refusal=decision.refusal,
            question=decision.question, calls=decision.calls, tokens=decision.tokens,
            wall={"seconds": round(decision.seconds, 6)},
        )  # fmt: skip

    def asked(self, step: int, question: Question, answer: str | None) -> None:
        """See `Listener.asked`."""
        self.questions.append(question)
        self.tape.note("asked", step=step, question=question, answer=answer)

    def heard(self, step: int, text: str) -> None:
        """See `Listener.heard`."""
        self.tape.note("heard", step=step, text=text)

    def disturbed(self, text: str) -> None:
        """Something happened to the world that the robot did not do."""
        self.tape.note("disturbed", text=text)

    def ended(self, step: int, call: SkillCall, outcome: Outcome, facts: Facts) -> None:
        """See `Listener.ended`."""
        self.moments[-1].outcome = outcome
        self.tape.note(
            "skill_ended", step=step, label=call.label, success=outcome.success,
            reason=outcome.reason, steps=outcome.steps, facts=facts.to_json(),
        )  # fmt: skip


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
