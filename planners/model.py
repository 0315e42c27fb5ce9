"""What a planner's language model is asked and what it answers. Every back end speaks this.

A model sees text, labels and `Facts`; it answers with a log-probability over the labels. Where it
can also say why nothing would satisfy the instruction, it has a method `refuse`; where it chooses
how to score, a method `describe` that says what it chose and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from embodied.tasks.labels import SkillCall, parse_label
from embodied.world.facts import Facts

SUCCESS = "success"


@dataclass(frozen=True)
class Step:
    """One skill that was carried out and how it ended: ``success`` or ``failure: <reason>``."""

    label: str
    outcome: str

    @property
    def succeeded(self) -> bool:
        """Whether it did what it was meant to do."""
        return self.outcome == SUCCESS


@dataclass(frozen=True)
class Question:
    """What the robot asks the person back. choices: instances or places, in the order named."""

    text: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Turn:
    """Something that the person said after the instruction.

    after: how many steps the history had then. question: what it answers; None when the person
    spoke up unasked, to add, revise or retract something.
    """

    text: str
    after: int
    question: Question | None = None


@dataclass(frozen=True)
class Prompt:
    """Everything a model may know when it chooses the next label."""

    instruction: str
    history: tuple[Step, ...]
    facts: Facts
    turns: tuple[Turn, ...] = ()
    trail: tuple[Facts, ...] = ()
    """The state that the instruction was given in, and the one after each step of the history. Of
    another length where steps were imagined: it is not looked at then."""

    @property
    def text(self) -> str:
        """The few-shot prompt for text models; the next label continues it."""
        from planners.prompt import render  # prompt.py needs the types above

        return render(self)

    @property
    def in_front(self) -> str | None:
        """The instance that the robot stands in front of, as far as the history tells."""
        return in_front(self.history)


def in_front(history: Sequence[Step]) -> str | None:
    """The object that the last drive led to, if it is still where the robot faces it.

    A failed drive leads nowhere, and a failed grasp may have pushed the object away: both need a
    new approach.
    """
    for step in reversed(history):
        call = parse_label(step.label)
        if call.family == "navigate":
            return call.obj if step.succeeded else None
        if (call.family == "pick" or call.own) and not step.succeeded:
            return None
        if call.family == "place" and step.succeeded:
            return call.obj  # what was put down stands before the robot now
    return None


@dataclass(frozen=True)
class Scores:
    """A distribution over K labels.

    logp: (K,) log-probabilities, normalised: their logsumexp is 0.
    tokens: how many tokens the model read and wrote for it.
    calls: how many times the model ran.
    written: how many of the tokens it wrote; they cost more.
    """

    logp: np.ndarray
    tokens: int
    calls: int
    written: int = 0

    @property
    def p(self) -> np.ndarray:
        """(K,) probabilities."""
        return np.exp(self.logp)


class LanguageModel(Protocol):
    """A back end. `name` is what `--llm` calls it."""

    name: str

    def score(self, prompt: Prompt, calls: Sequence[SkillCall]) -> Scores:
        """How likely each of `calls` is as the next label."""
        ...


@runtime_checkable
class CanRefuse(Protocol):
    """A model that knows when an instruction cannot be satisfied."""

    def refuse(self, prompt: Prompt, calls: Sequence[SkillCall]) -> str | None:
        """One sentence that says why nothing among `calls` can satisfy it, or None."""
        ...


@runtime_checkable
class CanAsk(Protocol):
    """A model that notices when an instruction fits several referents."""

    def question(
        self, prompt: Prompt, calls: Sequence[SkillCall], affordance: Sequence[float]
    ) -> Question | None:
        """What to ask before going on, or None where scene and affordances leave one choice."""
        ...


@runtime_checkable
class CanWrite(Protocol):
    """A model that writes text of its own."""

    def write(self, prompt: Prompt) -> tuple[str, int]:
        """The likeliest next line of the plan without its number, and the tokens that it took."""
        ...


@runtime_checkable
class CanGenerate(Protocol):
    """A model that writes text."""

    def generate(self, text: str, max_tokens: int) -> str:
        """What it answers to `text`, at most so many tokens; the same text, the same answer."""
        ...


@runtime_checkable
class CanDescribe(Protocol):
    """A model that chooses how to score."""

    def describe(self) -> str:
        """One line: what was chosen automatically, and why."""
        ...


def describe(model: LanguageModel) -> str:
    """What a person should know of a model: its name, and what it chose for itself and why."""
    return model.describe() if isinstance(model, CanDescribe) else model.name


def question_of(
    model: object, prompt: Prompt, calls: Sequence[SkillCall], affordance: Sequence[float]
) -> Question | None:
    """See `CanAsk.question`; None of a model that cannot ask."""
    return model.question(prompt, calls, affordance) if isinstance(model, CanAsk) else None


def refusal_of(model: object, prompt: Prompt, calls: Sequence[SkillCall]) -> str | None:
    """See `CanRefuse.refuse`; None of a model that cannot refuse."""
    return model.refuse(prompt, calls) if isinstance(model, CanRefuse) else None


def normalise(scores: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """(K,) scores -> (K,) log-probabilities by a softmax at `temperature`; float64."""
    scaled = np.asarray(scores, dtype=np.float64) / temperature
    shifted = scaled - scaled.max()
    return shifted - np.log(np.exp(shifted).sum())


def not_in_scene(name: str, facts: Facts) -> str:
    """Refusal: the kitchen knows it, but there is none (or not enough) here now."""
    here = ", ".join(facts.instances) or "nothing"
    return f"There is no {name} here at the moment. What is here: {here}."


def no_skill(why: str) -> str:
    """Refusal: no skill of this robot does it. `why` completes the sentence."""
    return f"This robot cannot do that: {why}."
