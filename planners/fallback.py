"""A model that another one stands in for when its server fails: only where asked for, and aloud."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from embodied.errors import EnvironmentFault
from embodied.tasks.labels import SkillCall
from planners.model import (
    CanWrite,
    LanguageModel,
    Prompt,
    Question,
    Scores,
    describe,
    question_of,
    refusal_of,
)


def aloud(text: str) -> None:
    """Say something that a person must not miss, whatever the command prints."""
    print(f"note: {text}", file=sys.stderr, flush=True)


class WithFallback:
    """A `LanguageModel` that turns to `spare` for good at the first EnvironmentFault of `first`.

    Args:
        first, spare: make the models; the spare one is made when it is needed.
        spare_name: what `--llm` calls it.
        say: is told of it.
    """

    def __init__(
        self,
        name: str,
        first: Callable[[], LanguageModel],
        spare: Callable[[], LanguageModel],
        spare_name: str,
        say: Callable[[str], None] = aloud,
    ) -> None:
        self.name, self._spare, self._spare_name, self._say = name, spare, spare_name, say
        self.fault = ""
        try:
            self.model = first()
        except EnvironmentFault as fault:
            self._turn(fault)

    def __getattr__(self, attribute: str) -> Any:
        if attribute == "model":  # not made yet
            raise AttributeError(attribute)
        return getattr(self.model, attribute)

    def describe(self) -> str:
        """Which of the two is in use."""
        if self.fault:
            return f"{describe(self.model)}, in place of {self.name}, which failed"
        return f"{describe(self.model)}; {self._spare_name} stands by"

    def score(self, prompt: Prompt, calls: Sequence[SkillCall]) -> Scores:
        """See `LanguageModel.score`."""
        if not self.fault:
            try:
                return self.model.score(prompt, calls)
            except EnvironmentFault as fault:
                self._turn(fault)
        return self.model.score(prompt, calls)

    def refuse(self, prompt: Prompt, calls: Sequence[SkillCall]) -> str | None:
        """See `CanRefuse`."""
        return refusal_of(self.model, prompt, calls)

    def question(
        self, prompt: Prompt, calls: Sequence[SkillCall], affordance: Sequence[float]
    ) -> Question | None:
        """See `CanAsk`."""
        return question_of(self.model, prompt, calls, affordance)

    def write(self, prompt: Prompt) -> tuple[str, int] | None:
        """See `CanWrite`."""
        return self.model.write(prompt) if isinstance(self.model, CanWrite) else None

    def _turn(self, fault: EnvironmentFault) -> None:
        self.fault = str(fault)
        self._say(f"going on with {self._spare_name}, as fallback={self._spare_name} asks. {fault}")
        self.model = self._spare()
