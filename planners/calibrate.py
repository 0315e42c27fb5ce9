"""A temperature that makes a language model's probabilities over labels honest.

After Guo et al., "On calibration of modern neural networks" (2017): one number, fitted by negative
log-likelihood on decisions held apart from those it is judged on. A decision may have several right
labels; their probabilities add up. It never changes which label is likeliest, but what the product
with the affordances chooses, when to refuse and when to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from planners.decisions import Labelled
from planners.model import LanguageModel, normalise
from policies.calibration import ece

RANGE = (0.02, 50.0)


@dataclass(frozen=True)
class Honesty:
    """Over n decisions. nll: mean -log p(a right label). accuracy: how often the likeliest is right.

    ece: of the likeliest label's probability, over the decisions with one right label. Where several
    are right, a model may split its probability between them as it likes.
    """

    n: int
    nll: float
    ece: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """temperature: what the model's scores have to be divided by, beyond what it does already.

    before, after: on the decisions that were not fitted to.
    """

    temperature: float
    before: Honesty
    after: Honesty


Answer = tuple[np.ndarray, list[int]]  # (K,) log-probabilities, indices of the right labels


def calibrate(
    model: LanguageModel,
    cases: Sequence[Labelled],
    progress: Callable[[], None] = lambda: None,
) -> Calibration:
    """Fit on every other of `cases`, judge on the rest. At least 4."""
    answers: list[Answer] = []
    for case in cases:
        logp = model.score(case.prompt, case.calls).logp
        answers.append((np.asarray(logp), sorted(case.right)))
        progress()
    temperature = fit(answers[::2])
    return Calibration(temperature, judge(answers[1::2], 1.0), judge(answers[1::2], temperature))


def fit(answers: Sequence[Answer]) -> float:
    """The temperature in `RANGE` with the least negative log-likelihood, to three digits.

    Likelihoods of sets are not convex in it, so the whole range is searched, then finer around the
    best.
    """
    low, high = np.log(RANGE)
    best = 0.0
    for _ in range(4):
        grid = np.linspace(low, high, 41)
        best = grid[int(np.argmin([_nll(answers, float(np.exp(x))) for x in grid]))]
        step = grid[1] - grid[0]
        low, high = max(best - step, np.log(RANGE[0])), min(best + step, np.log(RANGE[1]))
    return float(f"{np.exp(best):.3g}")


def judge(answers: Sequence[Answer], temperature: float) -> Honesty:
    """How honest the answers are at a temperature."""
    sure, hit = [], []
    for logp, right in answers:
        p = np.exp(normalise(logp, temperature))
        if len(right) == 1:
            sure.append(float(p.max()))
        hit.append(int(p.argmax()) in right)
    one = torch.tensor([h for h, (_, right) in zip(hit, answers, strict=True) if len(right) == 1])
    off = ece(torch.tensor(sure, dtype=torch.float64), one) if sure else 0.0
    return Honesty(len(answers), _nll(answers, temperature), off, float(np.mean(hit)))


def _nll(answers: Sequence[Answer], temperature: float) -> float:
    """Mean of -log p(right), p as of a softmax at `temperature`."""
    return float(
        np.mean([-np.logaddexp.reduce(normalise(logp, temperature)[r]) for logp, r in answers])
    )
