"""Figures of a training, and the alarms that they raise or not."""

import numpy as np
import pytest

from planners.rewards.reflection import reflect

UP, FLAT = np.linspace(0.1, 2, 50), np.full(50, 1.0)


def kinds(curves, success, final):
    made = reflect(curves, dict.fromkeys(curves, 1.0), success, final, 1000)
    return {(alarm.kind, alarm.term) for alarm in made.alarms}


def test_ten_points_share_and_text_agree_with_the_curves():
    made = reflect({"a": UP, "b": -UP}, {"a": 2.0, "b": 0.5}, np.linspace(0, 0.8, 30), 0.75, 9000)
    a, b = made.terms
    assert len(a.points) == 10 and (a.points[0], a.points[-1]) == pytest.approx((0.1, 2))
    assert (a.high, a.low, a.mean) == pytest.approx((2, 0.1, UP.mean()))
    assert a.share == b.share == pytest.approx(0.5)
    assert (b.high, b.low) == pytest.approx((-0.1, -2))
    text = made.text()
    assert "a (weight 2): [0.1, " in text and "share of the return 50%" in text
    assert "9000 environment steps" in text and "final evaluation 0.75" in text
    assert made.plain()["terms"][0]["points"] == a.points
    assert not made.alarms


def test_reward_up_and_success_flat_is_hacking_of_the_term_that_rose():
    assert ("hacking", "a") in kinds({"a": UP, "b": 0.3 * UP}, np.zeros(30), 0.0)
    rising = kinds({"a": UP, "b": 0.3 * UP}, np.linspace(0, 0.9, 30), 0.9)
    assert not any(kind == "hacking" for kind, _ in rising)
    solved = kinds({"a": UP, "b": 0.3 * UP}, np.full(30, 0.95), 0.95)
    assert not any(kind == "hacking" for kind, _ in solved)


def test_a_term_of_over_nine_tenths_is_dominant_unless_it_is_alone():
    success = np.linspace(0, 1, 10)
    assert ("dominance", "a") in kinds({"a": 20 * UP, "b": UP}, success, 1.0)
    assert not kinds({"a": 8 * UP, "b": UP}, success, 1.0)
    assert not kinds({"a": UP}, success, 1.0)


def test_constant_and_zero_terms_are_named():
    success = np.linspace(0, 1, 10)
    assert ("saturation", "b") in kinds({"a": UP, "b": FLAT}, success, 1.0)
    assert ("silent", "b") in kinds({"a": UP, "b": 0 * FLAT}, success, 1.0)


def test_a_flag_that_is_set_more_and_more_is_not_stuck_and_a_term_that_stays_at_its_end_is():
    success, terms = np.linspace(0, 1, 10), {"a": UP, "flag": UP / 2, "tanh": 0.9 + UP / 20}
    ends = {"flag": np.ones(50), "tanh": np.full(50, 0.95)}
    made = reflect(terms, dict.fromkeys(terms, 1.0), success, 1.0, 1000, ends)
    assert [(alarm.kind, alarm.term) for alarm in made.alarms] == [("saturation", "tanh")]


def test_nothing_learned_is_said_and_empty_curves_are_survived():
    assert ("no success", "") in kinds({"a": UP}, np.zeros(5), 0.0)
    assert ("silent", "a") in kinds({"a": []}, [], 0.0)
