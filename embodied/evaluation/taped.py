"""A language model on tape: what it is asked and answers passes through a `Tape`, or comes from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from embodied.evaluation.tape import Tape
from embodied.tasks.labels import SkillCall
from embodied.trace import Event
from planners.model import (
    CanGenerate,
    CanWrite,
    LanguageModel,
    Prompt,
    Question,
    Scores,
    question_of,
    refusal_of,
)

LINE = 24  # tokens of a line that a model writes
TRAITS = ("done_lead",)  # attributes of a model that a planner reads


class TapedModel:
    """A `LanguageModel` that is asked through a tape.

    Args:
        model: None where the tape is a `Replay`, which answers by itself.
        traits: the model's attributes that a planner reads.
    """

    def __init__(
        self, tape: Tape, model: LanguageModel | None, name: str, traits: dict[str, Any]
    ) -> None:
        self.tape, self.model, self.name = tape, model, name
        vars(self).update(traits)

    def score(self, prompt: Prompt, calls: Sequence[SkillCall]) -> Scores:
        """See `LanguageModel.score`."""
        said = self.tape.ask(
            "score", prompt, [call.label for call in calls], lambda: self._score(prompt, calls)
        )
        self.tape.written += said["written"]
        return Scores(np.array(said["logp"]), said["tokens"], said["calls"], said["written"])

    def refuse(self, prompt: Prompt, calls: Sequence[SkillCall]) -> str | None:
        """See `CanRefuse.refuse`; None of a model that cannot."""
        labels = [call.label for call in calls]
        return self.tape.ask(
            "refuse", prompt, labels, lambda: refusal_of(self.model, prompt, calls)
        )

    def question(
        self, prompt: Prompt, calls: Sequence[SkillCall], affordance: Sequence[float]
    ) -> Question | None:
        """See `CanAsk.question`; None of a model that cannot."""
        labels = [call.label for call in calls]
        said = self.tape.ask(
            "question", prompt, labels, lambda: question_of(self.model, prompt, calls, affordance)
        )
        return None if said is None else Question(said["text"], tuple(said["choices"]))

    def write(self, prompt: Prompt) -> tuple[str, int] | None:
        """See `CanWrite.write`; None of a model that cannot write at all."""
        said = self.tape.ask("write", prompt, (), lambda: self._write(prompt))
        return None if said is None else (said[0], said[1])

    def keep(
        self, kind: str, prompt: Prompt, labels: Sequence[str], answer: Callable[[], Any]
    ) -> Any:
        """Anything else that a planner asks a network: kept as it is, answered from the tape later."""
        return self.tape.ask(kind, prompt, labels, answer)

    def _score(self, prompt: Prompt, calls: Sequence[SkillCall]) -> dict[str, Any]:
        assert self.model is not None
        scores = self.model.score(prompt, calls)
        return {
            "logp": scores.logp, "tokens": scores.tokens, "calls": scores.calls,
            "written": scores.written,
        }  # fmt: skip

    def _write(self, prompt: Prompt) -> tuple[str, int] | None:
        if isinstance(self.model, CanWrite) and (said := self.model.write(prompt)) is not None:
            return said
        if not isinstance(self.model, CanGenerate):
            return None
        text = self.model.generate(prompt.text, LINE).strip().split("\n")[0]
        # chat models like to number it themselves; who cannot say what it took is not counted
        return re.sub(r"^\d+\.\s*", "", text).strip(" ."), 0


def taped(tape: Tape, model: LanguageModel | None, recorded: Iterable[Event] = ()) -> TapedModel:
    """The model on this tape, which notes its name and traits; without one, as `recorded` did."""
    if model is not None:
        traits = {name: getattr(model, name) for name in TRAITS if hasattr(model, name)}
        said = {"name": model.name, "traits": traits}
    else:
        said = next(event for event in recorded if event["type"] == "model")
    tape.note("model", name=said["name"], traits=said["traits"])
    return TapedModel(tape, model, said["name"], said["traits"])
