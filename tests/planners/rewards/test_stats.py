"""Intervals and the probability of improvement."""

import numpy as np
import pytest

from planners.rewards.stats import bootstrap, improvement, improvement_interval


def test_intervals_hold_the_mean_about_as_often_as_they_say():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(100):
        low, high = bootstrap(rng.normal(3, 1, 30))
        hits += low < 3 < high
    assert 88 <= hits <= 100
    assert bootstrap([0.4, 0.4]) == (0.4, 0.4)


def test_improvement_counts_pairs_and_ties_half():
    assert improvement([1, 2, 3], [0, 0]) == 1
    assert improvement([1], [1]) == 0.5
    assert improvement([1, 3], [2]) == 0.5
    low, high = improvement_interval([0.8, 0.9, 0.7], [0.1, 0.85])
    assert improvement([0.8, 0.9, 0.7], [0.1, 0.85]) == pytest.approx(4 / 6)
    assert low < 4 / 6 < high
