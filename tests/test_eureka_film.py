"""A search keeps its policies and films two of them; no video and no lost policy stops it."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from embodied import eureka
from embodied.candidates import tasks
from embodied.candidates import training as candidates
from embodied.eureka import film, training
from embodied.eureka.policies import Policies
from embodied.eureka.prefer import Chosen, load_rollout
from embodied.world import gl
from planners.rewards.job import Job
from planners.rewards.ledger import Ledger
from tests.planners.rewards.push import POOR

AWAY = [
    {
        "name": f"away{i}",
        "weight": 1.0,
        "source": f"def away{i}(s):\n    return s.gripper_position[:, 0]",
    }
    for i in range(8)
]


def brief_training(job: Job):
    """A real training and evaluation of a few steps, in this process."""
    return replace(candidates.run(replace(job, episodes=2, num_envs=2)), job=job)


def test_the_first_and_the_best_policy_are_filmed_and_a_replay_trains_nothing(
    tmp_path, monkeypatch, capsys
):
    if (found := gl.choose()).backend is None:
        pytest.skip(found.reason)
    monkeypatch.setattr(gl, "choose", lambda: found)
    monkeypatch.setattr(film, "EPISODES", 2)
    monkeypatch.setattr(training, "train", brief_training)
    start, out = tmp_path / "reward.json", tmp_path / "run"
    start.write_text(json.dumps({"terms": AWAY}))
    words = ["FetchReach-v4", "--samples", "1", "--iterations", "1", "--steps", "160"]
    words += ["--report-seeds", "0", "--workers", "1", "--start", str(start), "--out", str(out)]
    assert eureka.main(words) == 0
    summary = json.loads((out / "results.json").read_text())
    rows, page = summary["videos"]["made"], (out / "report.html").read_text()
    assert [(row["role"], row["id"]) for row in rows] == [("initial", "start"), ("best", "r1s01")]
    for row in rows:
        assert (
            f'src="{row["file"]}"' in page
            and (out / "policies" / f"{row['policy']}.json").is_file()
        )
        video = cv2.VideoCapture(str(out / row["file"]))
        assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 2 * (26 + 8)  # episodes, and their ends held
        assert int(video.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little") == b"h264"
        assert f"{sum(row['won'])} of them successful" in page and len(row["won"]) == 2
    brief = tasks.brief("FetchReach-v4")
    made = {path.stem: load_rollout(path, brief) for path in (out / "rollouts").iterdir()}
    names = [f"{row['id']}-{row['policy'][:4]}-{n}" for row in rows for n in (1, 2)]
    assert set(made) == set(names)  # of the first reward, then of the best
    starts = [made[names[i]]["goal_position"][0, 0] for i in (0, 2, 1)]
    assert np.array_equal(starts[0], starts[1]) and not np.array_equal(starts[0], starts[2])
    (out / "choices.jsonl").write_text(
        f'{{"left": "{names[0]}", "right": "{names[2]}", "choice": "left"}}\n'
    )
    assert len(Chosen.load(out / "choices.jsonl", brief).states) == 4
    assert rows[0]["policy"] != rows[1]["policy"]

    def never(job):
        raise AssertionError("trained again")

    monkeypatch.setattr(training, "train", never)
    head = Ledger(out / "ledger.sqlite").head
    lost, spoilt = (out / "policies" / f"{row['policy']}.json" for row in rows)
    lost.unlink(), spoilt.write_text(spoilt.read_text().replace("relu", "elu"))
    assert eureka.main(words) == 0
    assert Ledger(out / "ledger.sqlite").head == head
    said, page = capsys.readouterr().out, (out / "report.html").read_text()
    for sentence in (
        "There is no video of start: ",
        "is gone",
        "There is no video of r1s01",
        "was changed",
    ):
        assert sentence in said and sentence in page

    monkeypatch.setattr(gl, "choose", lambda: gl.GlChoice(None, "egl fails: no device"))
    assert eureka.main(words) == 0
    assert "nothing can be rendered here: egl fails: no device" in (out / "report.html").read_text()


def test_what_the_ledger_names_is_kept_before_it(tmp_path):
    """Whatever stops a search between two outcomes, the policies of those before are there."""
    policies = Policies(tmp_path / "policies")
    layer = {"inputs": 1, "outputs": 1, "data": "AAAAAAAAgD8="}
    weights = {"activation": "relu", "squash": True, "layers": [layer]}
    made = candidates.Outcome(Job("push", POOR, 0, 10), (), 0.0, 1, {}, 10, weights=weights)

    def stopped(jobs):
        yield made
        raise KeyboardInterrupt

    outcomes = policies.keeping(stopped)([made.job] * 2)
    kept = next(outcomes)
    assert kept.weights is None and "weights" not in kept.plain()
    assert policies.load(kept.policy).plain() == weights
    with pytest.raises(KeyboardInterrupt):
        next(outcomes)
    other = policies.keep(replace(made, weights={**weights, "squash": False}))
    policies.forget_but({other.policy})
    assert [path.stem for path in policies.folder.iterdir()] == [other.policy]
    assert policies.keep(replace(made, weights=None, error="broke")).policy == ""
