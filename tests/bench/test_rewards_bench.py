"""`bench rewards` compares what it says, and goes on where it was: here over the tests' small task."""

import json

import numpy as np
import pytest

from embodied import bench
from embodied.bench import rewards
from embodied.candidates import tasks
from embodied.candidates import training as candidates
from embodied.eureka import training
from planners.rewards.checks import check
from tests.planners.rewards import push


@pytest.fixture
def quick(monkeypatch):
    """The small task with its real learner; says how often it was trained."""
    asked = []

    def train(job):
        asked.append(job)
        return push.train(job)

    monkeypatch.setattr(tasks, "brief", lambda task: push.BRIEF)
    monkeypatch.setattr(training, "train", train)
    monkeypatch.setattr(candidates, "gather", push.gather)
    monkeypatch.setattr(
        rewards, "REFERENCES", {"push": {"poor": "-norm(s.hand - s.goal)", "dense": "-norm(s.puck - s.goal)"}}
    )  # fmt: skip
    return asked


def test_searches_and_references_are_compared_at_equal_steps(quick, tmp_path, capsys):
    words = [
        "rewards",
        "push",
        "--quick",
        "--steps",
        str(4 * push.PER_ROUND),
        "--out",
        str(tmp_path / "o"),
    ]
    assert bench.main(words) == 0
    found = json.loads((tmp_path / "o" / "results.json").read_text())["push"]
    assert set(found["arms"]) == {"poor", "dense", "grammar", "best of N"}
    for arm in found["arms"].values():
        assert len(arm["success"]) == 2 and arm["mean"] == pytest.approx(np.mean(arm["success"]))
        assert arm["interval"][0] <= arm["mean"] <= arm["interval"][1]
    ours, poor = (found["arms"][kind]["success"] for kind in ("grammar", "poor"))
    wins = np.mean([(a > b) + 0.5 * (a == b) for a in ours for b in poor])
    assert found["arms"]["poor"]["improvement"] == pytest.approx(wins)
    steps = found["search steps"]
    assert all(0 < n < 9 * 4 * push.PER_ROUND for kind in steps for n in steps[kind])
    fresh = {job.seed for job in quick if job.seed >= rewards.UNSEEN}
    assert fresh == {10_000, 10_001}
    made = len(quick)
    cell = next((tmp_path / "o" / "cells").glob("*grammar*-1.json"))
    kept = cell.read_text()
    cell.unlink()  # as if killed before it was written: its trainings are in the ledger
    assert bench.main([*words, "--arms", "grammar", "--only", "1"]) == 0
    again = json.loads(cell.read_text())
    assert {**again, "minutes": 0} == {**json.loads(kept), "minutes": 0}
    assert bench.main(words) == 0  # goes on: nothing is left to train
    assert len(quick) == made
    assert bench.main([*words, "--trainings", "3", "--arms", "dense", "--only", "1"]) == 0
    assert [job.seed for job in quick[made:]] == [10_101, 10_201]  # the first one is kept
    several = json.loads(next((tmp_path / "o" / "cells").glob("*dense*-1-x3.json")).read_text())
    single = json.loads(next((tmp_path / "o" / "cells").glob("*dense*-1.json")).read_text())
    assert several["trainings"][:1] == single["trainings"] == [single["success"]]
    assert several["success"] == pytest.approx(np.mean(several["trainings"]))
    assert "better with probability" in capsys.readouterr().out


@pytest.mark.parametrize("task", rewards.REFERENCES)
def test_references_are_rewards_that_can_be_trained_with(task):
    for kind, source in rewards.REFERENCES[task].items():
        if source == rewards.HAND_WRITTEN:
            continue
        problems = check(rewards.program(task, kind), tasks.brief(task)).problems
        assert not problems, problems


def test_an_arm_that_is_none_is_named(capsys, tmp_path):
    assert bench.main(["rewards", "FetchReach-v4", "--arms", "dens", "--out", str(tmp_path)]) == 2
    assert "dense" in capsys.readouterr().err
    assert bench.main(["rewards", "FetchReach-v4", "--only", "5", "--out", str(tmp_path)]) == 2


def test_a_task_without_references_is_named(capsys):
    assert bench.main(["rewards", "AntMaze"]) == 2
    assert "FetchPush-v4" in capsys.readouterr().err
