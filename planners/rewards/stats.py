"""Intervals and comparisons over a handful of seeds, after Agarwal et al. (2021, arXiv 2108.13264)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DRAWS = 2000
Values = Sequence[float] | np.ndarray


def bootstrap(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the mean."""
    known = np.asarray(values, float)
    rng = np.random.default_rng(seed)
    means = rng.choice(known, (DRAWS, len(known))).mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def improvement(ours: Values, theirs: Values) -> float:
    """The probability of improvement: that one of ours beats one of theirs, ties counting half."""
    a, b = np.asarray(ours, float)[:, None], np.asarray(theirs, float)[None]
    return float(((a > b) + 0.5 * (a == b)).mean())


def improvement_interval(
    ours: Sequence[float], theirs: Sequence[float], seed: int = 0
) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the probability of improvement."""
    a, b = np.asarray(ours, float), np.asarray(theirs, float)
    rng = np.random.default_rng(seed)
    drawn = [improvement(rng.choice(a, len(a)), rng.choice(b, len(b))) for _ in range(DRAWS // 4)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)
