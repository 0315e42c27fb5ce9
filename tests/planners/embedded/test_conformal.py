"""Conformal thresholds: they cover what they promise on instructions they were not fitted on."""

import random

import pytest

from embodied.tasks.labels import enumerate_calls, feasible
from planners.embedded.asking import TIE, meanings
from planners.embedded.conformal import draw, score, table, threshold
from planners.embedded.model import EmbeddedModel


def test_more_coverage_takes_a_lower_threshold() -> None:
    coverages, limits = zip(*table(), strict=True)
    assert list(coverages) == sorted(coverages) and list(limits) == sorted(limits, reverse=True)
    assert threshold(0.9) >= threshold(0.95) >= threshold(1.0) >= 0


def test_thresholds_cover_fresh_instructions() -> None:
    model, rng = EmbeddedModel(), random.Random(99)
    scores = []
    for _ in range(250):
        case = draw(rng)
        calls = enumerate_calls(case.facts.instances)
        can = [0.98 * feasible(call, case.facts) for call in calls]
        found = meanings(model.hypotheses(case.said, case.facts), case.facts, calls, can)
        scores.append(score(found, case.meant))
    for target in (0.8, 0.9, 0.95, 0.98):
        covered = sum(s >= TIE * threshold(target) for s in scores) / len(scores)
        assert covered >= target - 0.07  # 250 cases: three standard deviations


def test_a_higher_aim_asks_more_and_weak_skills_are_made_up_for() -> None:
    model = EmbeddedModel()
    model.aim(0.8)
    low = model.threshold
    model.aim(0.95)
    high = model.threshold
    model.aim(0.8, execution=0.8 / 0.95)
    assert high < low and model.threshold == pytest.approx(high)
