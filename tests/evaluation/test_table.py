"""Counting: intervals, errors, paired tests and costs."""

import pytest

from embodied.evaluation.cost import Prices, ledger
from embodied.evaluation.table import compare, results


def episode(
    id: str, won: bool, planner: str = "saycan", mode: str = "plan", **other: object
) -> dict:
    return {
        "id": id, "seed": 0, "family": "f", "mode": mode, "planner": planner, "error": "early stop",
        "plan_success": won if mode == "plan" else None, "invalid_actions": 0, "model_calls": 4,
        "execution_success": won if mode == "execute" else None, "tokens": 100, "written": 20,
        "model": {"seconds": 0.5},
    } | other  # fmt: skip


def test_results_count_the_first_planner_and_compare_the_others() -> None:
    ours = [episode(str(i), i < 9) for i in range(10)]
    theirs = [episode(str(i), i < 3, "random", error="wrong skill") for i in range(10)]
    told = results("s", "embedded", ours + theirs, Prices())
    assert told["summary"]["total"]["plan_success"]["rate"] == 0.9
    assert told["summary"]["f"]["plan_success"]["low"] < 0.9
    assert "execution_success" not in told["summary"]["total"]
    assert told["errors"] == {"plan": {"early stop": 1}}
    assert told["baselines"]["random"]["errors"] == {"plan": {"wrong skill": 7}}
    assert told["baselines"]["random"]["summary"]["total"]["plan_success"]["rate"] == 0.3
    # six discordant pairs, all one way: 2 / 2**6
    assert told["baselines"]["random"]["mcnemar_p"] == {"plan": pytest.approx(0.03125)}


def test_equal_planners_cannot_be_told_apart() -> None:
    some = [episode(str(i), i % 2 == 0) for i in range(6)]
    assert compare(some, some) == {"plan": 1.0}


def test_costs_are_per_task_and_per_success() -> None:
    told = ledger([episode("a", True), episode("b", False)], Prices(read=1.0, written=10.0))
    assert told["total"]["calls"] == 8
    assert told["per_task"]["tokens"] == 100
    assert told["per_success"]["tokens"] == 200
    assert told["per_success"]["seconds"] == 1.0
    assert told["total"]["money"] == pytest.approx((160 * 1.0 + 40 * 10.0) / 1e6)
    assert "money" not in ledger([episode("a", True)], Prices())["total"]
    assert ledger([episode("a", False)], Prices())["per_success"] is None
