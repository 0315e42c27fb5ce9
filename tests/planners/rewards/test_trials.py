"""Searches that are compared share what they train."""

import pytest

from planners.rewards.ledger import Ledger
from planners.rewards.trials import Trials, remembering
from tests.planners.rewards.push import PER_ROUND, POOR, train


def test_what_two_searches_train_is_trained_once_and_both_count_it(tmp_path):
    asked = []

    def evaluate(jobs):
        for job in jobs:
            asked.append(job.seed)
            yield train(job)

    shared = remembering(evaluate, Ledger(tmp_path / "shared"))
    searches = [Trials("push", shared, Ledger(tmp_path / name)) for name in ("one", "two")]
    first = searches[0].run([POOR], [0], PER_ROUND)
    both = searches[1].run([POOR, POOR], [1, 0], PER_ROUND)
    assert asked == [0, 1] and both[1] == first[0]
    assert searches[1].steps == 2 * searches[0].steps > 0
    again = Trials("push", remembering(_never, Ledger(tmp_path / "shared")), Ledger(tmp_path / "x"))
    assert again.run([POOR], [1], PER_ROUND) == both[:1]


def _never(jobs):
    pytest.fail("trained again")
