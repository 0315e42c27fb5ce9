"""What rewards are worth, told from their own trainings and from those of rewards like them.

One training says little: another seed may come out quite otherwise. But the rewards of a search are
relatives, and what many alike came to, each is likely to come to again. So a training's success is taken
as what its length gives on average, plus what each term of its reward is worth, plus noise, where like
terms are worth alike: an additive Gaussian process (Rasmussen & Williams 2006, chapter 2) over programs.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from statistics import NormalDist

import numpy as np

from planners.rewards.program import Program, Term

REACH = 8.0  # in powers of e: of numbers so far apart, together, terms are hardly alike
LEVEL = 1.0  # variance of what a length gives: anything from 0 to 1
WORTH = (0.0003, 0.001, 0.003, 0.01, 0.03)  # variances to choose from, of what a term is worth
NOISE = (0.003, 0.01, 0.03, 0.1)  # and of a training's luck
NORMAL = NormalDist()


@dataclass(frozen=True)
class Trial:
    """A training of so many steps on a seed, and its success, from 0 to 1."""

    program: Program
    steps: int
    success: float
    seed: int = 0


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
        return _rounded(0.5 + told @ self._inverse @ self._found)

    def promises(self, programs: Sequence[Program]) -> list[float]:
        """By how much each program may be expected to exceed the best of those tried: the expected
        improvement (Jones et al. 1998), which is small for what is known to be as good already. Of many
        terms more is unknown, but a reward promises no more for having many."""
        if not programs:
            return []
        told = self._worth * _alike(programs, self.tried)
        means = told @ self._inverse @ self._found
        known = self._worth * self._alike @ self._inverse @ self._found
        best = float(known.max()) if len(known) else 0.0
        own = np.array([_alike([program], [program])[0, 0] for program in programs])
        known_part = (told @ self._inverse * told).sum(1) / (self._worth * own)
        spread = np.sqrt(np.maximum(self._worth * own.mean() * (1 - known_part), 1e-12))
        return _rounded(
            gap * NORMAL.cdf(gap / s) + s * NORMAL.pdf(gap / s)
            for gap, s in zip((means - best).tolist(), spread.tolist(), strict=True)
        )


@lru_cache(maxsize=8)
def estimate(trials: tuple[Trial, ...]) -> Estimate:
    """The estimate from trials, made once for as long as there are no more of them."""
    return Estimate(trials)


def _rounded(values: Iterable[float]) -> list[float]:
    """Without the last digits, in which machines differ: what is equal has to compare so everywhere."""
    return [round(float(value), 9) for value in values]


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
    found = np.zeros((len(first), len(second)))
    one, other = _by_text(first), _by_text(second)
    for text in sorted(one.keys() & other.keys()):
        (rows, x), (columns, y) = one[text], other[text]
        gaps = np.abs(x[:, None] - y[None]).sum(-1)
        np.add.at(found, (rows[:, None], columns[None]), np.exp(-gaps / REACH))
    return found


def _by_text(programs: Sequence[Program]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By a term's text: which programs have it, (n,), and its numbers there, (n, numbers)."""
    found: dict[str, tuple[list[int], list[tuple[float, ...]]]] = {}
    for i, program in enumerate(programs):
        for term in program.terms:
            text, numbers = _told(term)
            rows, values = found.setdefault(text, ([], []))
            rows.append(i)
            values.append(numbers)
    return {text: (np.array(rows), np.array(values)) for text, (rows, values) in found.items()}


class _Numbers(ast.NodeTransformer):
    """Takes the numbers out of a syntax tree."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, int | float):
            self.found.append(float(node.value))
            return ast.Name("number")
        return node


@lru_cache(maxsize=4096)
def _told(term: Term) -> tuple[str, tuple[float, ...]]:
    """A term's text without its name, comments and numbers, and the logarithms of the numbers' sizes, the
    weight's among them. Its sign is part of the text."""
    function = next(n for n in ast.parse(term.source).body if isinstance(n, ast.FunctionDef))
    if ast.get_docstring(function) is not None:
        del function.body[0]
    numbers = _Numbers()
    lines = [ast.unparse(numbers.visit(line)) for line in function.body]
    sizes = (*(abs(n) for n in numbers.found), abs(term.weight))
    text = "\n".join([f"{'-' if term.weight < 0 else '+'}{len(sizes)}", *lines])
    return text, tuple(math.log(size + 1e-6) for size in sizes)
