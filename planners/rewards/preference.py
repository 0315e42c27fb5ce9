"""Rewards from choices between two rollouts: a Bradley-Terry model over segments' sums of terms.

P(left over right) = sigmoid(u(left) - u(right)), after Christiano et al. (2017, arXiv 1706.03741), with their
assumption that a tenth of all choices are made blindly. u is linear in the sums of a program's terms, so
that its weights are weights of a reward; small nonlinear heads beside it, each fitted to its own resample,
tell by their disagreement which pairs are worth asking about next.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from embodied.errors import UsageError
from planners.rewards.program import Program

VALUES = {"left": 1.0, "right": 0.0, "equal": 0.5}
SKIP = "skip"
BLIND = 0.1  # share of choices that are assumed to be made at random
HEADS = 5  # of each kind
HIDDEN = 8
LEAST = 1e-3  # a weight, for a term as spread out as usual, that is as good as none


@dataclass(frozen=True)
class Choice:
    """left, right: names of rollouts. value: 1 where the left one is better, 0 the right, 0.5 neither."""

    left: str
    right: str
    value: float


def load_choices(path: str | Path, known: Sequence[str]) -> list[Choice]:
    """The choices of a JSONL file, skipped ones and such without a choice left out.

    Args:
        known: names of the rollouts that there are.
    Raises:
        UsageError: it cannot be read, a line says nothing, names nothing known, or no choice is left.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--prefer {path} cannot be read ({error}).") from error
    made = [
        choice
        for number, line in enumerate(lines, 1)
        if line.strip() and (choice := _choice(line, f"{path}, line {number}", known))
    ]
    if not made:
        raise UsageError(
            f"{path} holds no choice. Each line is one, like this: "
            '{"left": "001", "right": "002", "choice": "left"}, or "right", "equal" or "skip".'
        )
    if all(_settled(pair).value == 0.5 for pair in _pairs(made).values()):
        raise UsageError(
            f"The choices of {path} cancel each other out: every pair is called equal, or chosen both "
            "ways. Nothing can be learned from them; remove the ones that are wrong."
        )
    return made


def contradictions(choices: Sequence[Choice]) -> list[tuple[str, str]]:
    """Pairs that were chosen both ways."""
    pairs = _pairs(choices).items()
    return [pair for pair, made in pairs if {0.0, 1.0} <= {choice.value for choice in made}]


def circle(choices: Sequence[Choice]) -> list[str]:
    """Rollouts that were each preferred to the next, and the last, which is the first again; empty where
    the choices allow of an order. What was chosen both ways is left to `contradictions`."""
    worse: dict[str, set[str]] = {}
    for (left, right), made in _pairs(choices).items():
        value = _settled(made).value
        if value != 0.5:
            better, other = (left, right) if value > 0.5 else (right, left)
            worse.setdefault(better, set()).add(other)
    try:
        TopologicalSorter(worse).prepare()
    except CycleError as found:
        return list(reversed(found.args[1]))
    return []


@dataclass(frozen=True)
class Preferences:
    """A fitted model. weights: of the terms as they are, (terms,). linear: (heads, terms). spread:
    what sums are divided by, (terms,). nets: weights of the nonlinear heads. agreement: share of the
    decided choices that the weights give the same way.
    """

    weights: np.ndarray
    linear: np.ndarray
    spread: np.ndarray
    nets: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]
    agreement: float

    def utilities(self, sums: np.ndarray) -> np.ndarray:
        """What each head thinks of segments, (heads, segments). sums: (segments, terms)."""
        scaled = sums / self.spread
        bent = [np.tanh(scaled @ first + bias) @ last for first, bias, last in self.nets]
        return np.concatenate([self.linear @ scaled.T, np.stack(bent)])

    def prefers(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Each head's chance that the left segments are preferred, (heads, pairs)."""
        return _sigmoid(self.utilities(left) - self.utilities(right))

    @property
    def tells(self) -> bool:
        """Whether the choices say anything of these terms: they do not where they contradict each other
        all around, or where the terms are the same for all rollouts."""
        return bool(np.abs(self.weights * self.spread).max() > LEAST)

    def reweighted(self, program: Program) -> Program:
        """The program with the fitted weights, of the same total size as its own."""
        own = sum(abs(term.weight) for term in program.terms)
        scale = own / max(float(np.abs(self.weights * _weights(program)).sum()), 1e-12)
        terms = [
            replace(term, weight=float(f"{factor * term.weight * scale:.4g}"))
            for term, factor in zip(program.terms, self.weights, strict=True)
        ]
        return Program(tuple(terms))


def fit(sums: Mapping[str, np.ndarray], choices: Sequence[Choice], seed: int = 0) -> Preferences:
    """Fit the model.

    Args:
        sums: per rollout the sums of a program's weighted terms over its segment, (terms,).
    """
    left = np.stack([sums[choice.left] for choice in choices])
    right = np.stack([sums[choice.right] for choice in choices])
    value = np.array([choice.value for choice in choices])
    spread = np.concatenate([left, right]).std(0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    rng, gaps = np.random.default_rng(seed), (left - right) / spread
    whole = _linear(gaps, value)
    rows = [rng.integers(0, len(value), len(value)) for _ in range(2 * HEADS)]
    linear = np.stack([_linear(gaps[r], value[r]) for r in rows[:HEADS]])
    nets = tuple(_net(left[r] / spread, right[r] / spread, value[r], rng) for r in rows[HEADS:])
    decided = value != 0.5
    same = (gaps @ whole > 0) == (value > 0.5)
    agreement = float(same[decided].mean()) if decided.any() else 0.5
    return Preferences(whole / spread, linear, spread, nets, agreement)


def next_pairs(
    model: Preferences, sums: Mapping[str, np.ndarray], asked: Sequence[Choice], n: int
) -> list[tuple[str, str]]:
    """Pairs to ask about next: the heads disagree most on them. None was asked before.

    No rollout is in two of them while there are others, because such pairs ask much the same.
    """
    names, done = sorted(sums), {frozenset((choice.left, choice.right)) for choice in asked}
    pairs = [pair for pair in combinations(names, 2) if frozenset(pair) not in done]
    if not pairs:
        return []
    left = np.stack([sums[a] for a, _ in pairs])
    right = np.stack([sums[b] for _, b in pairs])
    order = np.argsort(-model.prefers(left, right).std(0), kind="stable")
    used, first, later = set[str](), [], []
    for pair in (pairs[i] for i in order):
        if used.isdisjoint(pair):
            used.update(pair)
            first.append(pair)
        else:
            later.append(pair)
    return [*first, *later][:n]


def _linear(gaps: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Weights (terms,) by Newton's method on the penalised likelihood, which is convex."""
    weights, penalty = np.zeros(gaps.shape[1]), 0.1 * np.eye(gaps.shape[1])
    target = BLIND / 2 + (1 - BLIND) * value  # blind choices keep the weights finite
    for _ in range(30):
        p = _sigmoid(gaps @ weights)
        slope = gaps.T @ (target - p) - penalty @ weights
        curve = (gaps * (p * (1 - p))[:, None]).T @ gaps + penalty
        step = np.linalg.solve(curve, slope)
        weights = weights + step / max(1.0, float(np.abs(step).max()))
    return weights


def _net(
    left: np.ndarray, right: np.ndarray, value: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One hidden layer of tanh, by gradient descent with momentum on the same likelihood."""
    size = left.shape[1]
    first = rng.normal(0, 1 / np.sqrt(size), (size, HIDDEN))
    bias, last = rng.normal(0, 0.1, HIDDEN), rng.normal(0, 1 / np.sqrt(HIDDEN), HIDDEN)
    parts, target = [first, bias, last], BLIND / 2 + (1 - BLIND) * value
    speed = [np.zeros_like(part) for part in parts]
    for _ in range(200):
        up, down = np.tanh(left @ parts[0] + parts[1]), np.tanh(right @ parts[0] + parts[1])
        error = (target - _sigmoid((up - down) @ parts[2]))[:, None] / len(value)
        back_up, back_down = error * parts[2] * (1 - up**2), error * parts[2] * (1 - down**2)
        slopes = [
            left.T @ back_up - right.T @ back_down,
            (back_up - back_down).sum(0),
            ((up - down) * error).sum(0),
        ]
        for i, slope in enumerate(slopes):
            speed[i] = 0.9 * speed[i] + slope - 1e-3 * parts[i]
            parts[i] = parts[i] + 0.3 * speed[i]
    return parts[0], parts[1], parts[2]


def _choice(line: str, where: str, known: Sequence[str]) -> Choice | None:
    """The choice of one line; None if it was left open or skipped."""
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is no JSON ({error}).") from error
    if not isinstance(row, dict) or not {"left", "right"} <= set(row):
        raise UsageError(f'{where} needs "left", "right" and "choice".')
    for side in ("left", "right"):
        name = str(row[side])
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise UsageError(f"{where} names a rollout '{name}' that there is not.{hint}")
    choice = row.get("choice")
    if choice in (None, "", SKIP):
        return None
    if not isinstance(choice, str) or choice not in VALUES:
        raise UsageError(
            f"{where}: the choice is 'left', 'right', 'equal' or 'skip', not '{choice}'."
        )
    if row["left"] == row["right"]:
        raise UsageError(f"{where} compares '{row['left']}' with itself.")
    return Choice(str(row["left"]), str(row["right"]), VALUES[choice])


def _pairs(choices: Sequence[Choice]) -> dict[tuple[str, str], list[Choice]]:
    """Choices by pair, each told in the same direction."""
    found: dict[tuple[str, str], list[Choice]] = {}
    for made in choices:
        if made.left > made.right:
            made = Choice(made.right, made.left, 1 - made.value)
        found.setdefault((made.left, made.right), []).append(made)
    return found


def _settled(choices: Sequence[Choice]) -> Choice:
    """What several choices on one pair come to on average."""
    mean = sum(choice.value for choice in choices) / len(choices)
    return replace(choices[0], value=mean)


def _weights(program: Program) -> np.ndarray:
    return np.array([term.weight for term in program.terms])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)
