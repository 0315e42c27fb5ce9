"""What rewards are worth, told from their own trainings and from those of rewards like them.

One training says little: another seed may come out quite otherwise. But the rewards of a search are
relatives, and what many alike came to, each is likely to come to again. So a training's success is taken
as what its length gives on average, plus what each term of its reward is worth, plus noise, where like
terms are worth alike: an additive Gaussian process (Rasmussen & Williams 2006, chapter 2) over programs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist

import numpy as np

from planners.rewards.program import Program, Term

NUMBER = re.compile(r"(?<![\w.])\d+\.?\d*(?:[eE][-+]?\d+)?")
REACH = 8.0  # in powers of e: of numbers so far apart, together, terms are hardly alike
LEVEL = 1.0  # variance of what a length gives: anything from 0 to 1
WORTH = (0.0003, 0.001, 0.003, 0.01, 0.03)  # variances to choose from, of what a term is worth
NOISE = (0.003, 0.01, 0.03, 0.1)  # and of a training's luck
NORMAL = NormalDist()


@dataclass(frozen=True)
class Trial:
    """A training of so many steps, and its success, from 0 to 1."""

    program: Program
    steps: int
    success: float


class Estimate:
    """What trials say about programs, tried or not."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.tried = [trial.program for trial in trials]
        steps = np.array([trial.steps for trial in trials])
        self._longest = LEVEL * (steps == steps.max(initial=0))
        self._found = np.array([trial.success - 0.5 for trial in trials])
        level = LEVEL * (steps[:, None] == steps)
        self._alike = _alike(self.tried, self.tried)
        self._inverse, self._worth = _fitted(self._alike, level, self._found)

    def worths(self, programs: Sequence[Program]) -> list[float]:
        """The success to expect of each program in a training as long as the longest of the trials."""
        told = self._worth * _alike(programs, self.tried) + self._longest
        return [float(value) for value in 0.5 + told @ self._inverse @ self._found]

    def promises(self, programs: Sequence[Program]) -> list[float]:
        """By how much each program may be expected to exceed the best of those tried: the expected
        improvement (Jones et al. 1998), which is small for what is known to be as good already."""
        told = self._worth * _alike(programs, self.tried)
        means = told @ self._inverse @ self._found
        known = self._worth * self._alike @ self._inverse @ self._found
        own = np.array([_alike([program], [program])[0, 0] for program in programs])
        left = self._worth * own - (told @ self._inverse * told).sum(1)
        spread = np.sqrt(np.maximum(left, 1e-12))
        best = float(known.max(initial=-math.inf)) if len(known) else 0.0
        return [
            gap * NORMAL.cdf(gap / s) + s * NORMAL.pdf(gap / s)
            for gap, s in zip((means - best).tolist(), spread.tolist(), strict=True)
        ]


def _fitted(alike: np.ndarray, level: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, float]:
    """The inverse covariance of the trainings and the variance of worth that explain them best."""
    best = (-math.inf, np.eye(len(found)), WORTH[0])
    for worth, noise in product(WORTH, NOISE):
        covariance = worth * alike + level + noise * np.eye(len(found))
        inverse = np.linalg.inv(covariance)
        likelihood = -0.5 * (found @ inverse @ found + np.linalg.slogdet(covariance)[1])
        best = max(best, (float(likelihood), inverse, worth), key=lambda fit: fit[0])
    return best[1], best[2]


def _alike(first: Sequence[Program], second: Sequence[Program]) -> np.ndarray:
    """The likeness of programs, (first, second): that of their terms, from 0 to 1, summed over all pairs."""
    one, other = ([[_told(t) for t in p.terms] for p in programs] for programs in (first, second))
    found = np.zeros((len(one), len(other)))
    for (i, a), (j, b) in product(enumerate(one), enumerate(other)):
        gaps = (float(np.abs(x - y).sum()) for (k, x), (n, y) in product(a, b) if k == n)
        found[i, j] = sum(math.exp(-gap / REACH) for gap in gaps)
    return found


def _told(term: Term) -> tuple[str, np.ndarray]:
    """A term's text without its numbers, and the logarithms of its numbers, the weight among them."""
    body = "\n".join(line for line in term.source.splitlines() if not line.lstrip().startswith("#"))
    numbers = [abs(float(n)) for n in NUMBER.findall(body)] + [abs(term.weight)]
    return NUMBER.sub("#", body), np.log(np.array(numbers) + 1e-6)
