"""Generate, then match: the language model writes a plan, and each line becomes the nearest label.

The ablation of SayCan's paper: language is asked for text instead of for probabilities, and nothing
says what can be done from here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from embodied.evaluation.taped import TapedModel
from embodied.tasks.labels import DONE, SkillCall, ideal_effect
from planners.model import SUCCESS, Prompt, Step
from planners.saycan import Decision, Row

MAX_LINES = 30


class Generate:
    """Writes the whole plan before the first skill and carries it out without looking.

    Lines come from a model that can `write` or `generate`. The embedded model cannot: there a line is its
    likeliest label without the number of an instance, and the next one continues a world in which
    the plan so far has worked in symbols. The first word on what cannot be done is the model's.
    """

    def __init__(self, model: TapedModel) -> None:
        self.model = model
        self.plan: list[SkillCall] | None = None

    def decide(
        self, prompt: Prompt, calls: Sequence[SkillCall], affordance: np.ndarray
    ) -> Decision:
        """See `SayCan.decide`."""
        began, asked, tokens = time.perf_counter(), 0, 0
        if self.plan is None:
            refusal = self.model.refuse(prompt, calls)
            if refusal is not None:
                return Decision((), None, refusal, time.perf_counter() - began, 0, 0)
            self.plan, asked, tokens = self.write(prompt, calls)
        chosen = self.plan.pop(0) if self.plan else DONE
        p = np.array([float(call == chosen) for call in calls])
        return choose(began, calls, p, np.ones(len(calls)), asked, tokens)

    def write(self, prompt: Prompt, calls: Sequence[SkillCall]) -> tuple[list[SkillCall], int, int]:
        """The matched plan without `done`; model calls and tokens that it took."""
        plan: list[SkillCall] = []
        asked = tokens = 0
        while len(plan) < MAX_LINES:
            line, spent = self.line(prompt, calls)
            asked, tokens = asked + 1, tokens + spent
            call = self.match(line, prompt, calls)
            if call == DONE:
                break
            plan.append(call)
            done = (*prompt.history, Step(call.label, SUCCESS))
            prompt = replace(prompt, history=done, facts=ideal_effect(call, prompt.facts))
        return plan, asked, tokens

    def line(self, prompt: Prompt, calls: Sequence[SkillCall]) -> tuple[str, int]:
        """The plan's next line, and the tokens that it took."""
        written = self.model.write(prompt)
        if written is not None:
            return written
        scores = self.model.score(prompt, calls)
        return re.sub(r"#\d+", "", calls[int(np.argmax(scores.logp))].label), scores.tokens

    def match(self, line: str, prompt: Prompt, calls: Sequence[SkillCall]) -> SkillCall:
        """The label with the nearest sentence vector (cosine, MiniLM)."""
        labels = tuple(call.label for call in calls)
        if line in labels:
            return calls[labels.index(line)]
        return calls[self.model.keep("match", prompt, labels, lambda: nearest(line, labels))]


def nearest(line: str, labels: tuple[str, ...]) -> int:
    """Index of the label whose sentence vector is nearest to the line's."""
    encoder, vectors = _encoder(), _vectors(labels)
    return int((vectors @ encoder.pooled(encoder([line]))[0]).argmax())


@lru_cache(maxsize=1)
def _encoder():
    from planners.embedded.encoder import Encoder

    return Encoder()


@lru_cache(maxsize=8)
def _vectors(labels: tuple[str, ...]):
    encoder = _encoder()
    return encoder.pooled(encoder(labels))


def choose(
    began: float, calls: Sequence[SkillCall], p: np.ndarray, can: np.ndarray,
    asked: int = 0, tokens: int = 0,
) -> Decision:  # fmt: skip
    """The decision for the greatest product of p (K,) and can (K,)."""
    product = p * can
    order = np.argsort(-product, kind="stable")
    rows = tuple(Row(calls[i].label, float(p[i]), float(can[i]), float(product[i])) for i in order)
    seconds = time.perf_counter() - began
    return Decision(rows, calls[order[0]], None, seconds, asked, tokens)
