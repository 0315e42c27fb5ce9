"""Labelled decisions are right, and a known miscalibration is found and mended."""

import numpy as np
import pytest

from embodied.bench.calibrate import calibrated
from embodied.tasks.labels import feasible
from planners.calibrate import calibrate, fit, judge
from planners.decisions import Labelled, decisions
from planners.model import Prompt, Scores, normalise

CASES = decisions(120, seed=3)
LABELS = 12


def test_decisions_have_feasible_answers_and_every_stage_of_an_episode():
    for case in CASES:
        assert case.right
        assert all(feasible(case.calls[i], case.prompt.facts) for i in case.right)
    kinds = {case.calls[i].kind for case in CASES for i in case.right}
    assert {"find", "go to", "pick up", "place", "bring", "done"} <= kinds
    outcomes = {step.succeeded for case in CASES for step in case.prompt.history}
    assert outcomes == {True, False}
    assert max(len(case.prompt.history) for case in CASES) >= 5
    assert decisions(5, seed=3) == CASES[:5]


class Known:
    """Says softmax(sharpness x utility), while what is right was drawn from softmax(utility)."""

    name = "known"

    def __init__(self, sharpness, rng, count):
        self.sharpness, self.utility, self.cases = sharpness, {}, []
        for i in range(count):
            u = rng.normal(0, 2, LABELS)
            drawn = rng.choice(LABELS, p=np.exp(normalise(u)))
            prompt = Prompt(f"request {i}", (), CASES[0].prompt.facts)
            self.utility[prompt.instruction] = u
            right = frozenset({int(drawn)})
            self.cases.append(Labelled(prompt, CASES[0].calls[:LABELS], right))

    def score(self, prompt, calls):
        return Scores(normalise(self.sharpness * self.utility[prompt.instruction]), 0, 1)


@pytest.mark.parametrize("sharpness", [3.0, 0.4])
def test_a_known_miscalibration_is_found_and_mended(sharpness):
    model = Known(sharpness, np.random.default_rng(0), 3000)
    found = calibrate(model, model.cases)
    assert found.temperature == pytest.approx(sharpness, rel=0.1)
    assert found.before.n == found.after.n == 1500
    assert found.after.nll < found.before.nll - 0.05
    assert found.before.ece > 0.1
    assert found.after.ece < 0.04
    assert found.after.accuracy == found.before.accuracy  # the order of labels stays
    model.sharpness /= found.temperature
    assert calibrate(model, model.cases).temperature == pytest.approx(1, rel=0.02)


def test_an_honest_model_is_left_alone():
    model = Known(1.0, np.random.default_rng(1), 3000)
    assert calibrate(model, model.cases).temperature == pytest.approx(1, rel=0.1)


def test_right_labels_share_their_probability():
    logp = np.log([0.5, 0.3, 0.2])
    assert judge([(logp, [1, 2])], 1.0).nll == pytest.approx(np.log(2))
    assert judge([(logp, [0, 1, 2])], 1.0).nll == pytest.approx(0)
    split = judge([(np.log([0.5, 0.5]), [0, 1])] * 9 + [(np.log([0.8, 0.2]), [0])], 1.0)
    assert split.ece == pytest.approx(0.2)  # of the one decision that has one right label
    # all right but the likeliest: the flatter the better, up to the end of the range
    assert fit([(logp, [1, 2])]) == pytest.approx(50)


def test_the_temperature_to_use_is_told_as_a_spec():
    assert calibrated("hf:a/b", 1.7) == "hf:a/b?temperature=1.7"
    assert calibrated("hf:a/b?norm=pmi&temperature=2", 1.5) == "hf:a/b?norm=pmi&temperature=3"
    assert calibrated("embedded", 1.5) is None
