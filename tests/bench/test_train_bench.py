"""The training benchmark: it counts time once, claims no more than it saw, and runs end to end."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from embodied import bench
from embodied.bench import clock, race, stepping
from embodied.bench.train import verdict
from embodied.tasks.pick import PickTask
from policies.ppo import make_ppo
from policies.vec_env import TaskVecEnv


class Work:
    def outer(self) -> None:
        self.inner()
        self.inner()

    def inner(self) -> None:
        pass


def test_time_within_a_watched_call_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(clock.time, "perf_counter", lambda: float(next(ticks)))
    watch, work = clock.Clock(), Work()
    watch.watch(work, "outer", "outer")
    watch.watch(work, "inner", "inner")
    work.outer()
    assert watch.seconds == {"outer": 3.0, "inner": 2.0}  # a second between any two readings


def test_shares_are_told_and_add_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "shares", "--quick", "--num-envs", "32", "--out", str(tmp_path / "out")]
    assert bench.main(words) == 0
    found = json.loads((tmp_path / "out/results.json").read_text())["shares"]
    assert sum(found["parts"].values()) == pytest.approx(1)
    assert {"physics", "update", "policy", "observations", "resets"} <= set(found["parts"])
    assert 0 < found["python"] < 1
    table = (tmp_path / "out/table.md").read_text()
    assert f"**{found['update']:.1%}** of wall-clock" in table
    assert table.strip() in capsys.readouterr().out


def test_the_gpu_part_runs_on_warps_cpu_device(tmp_path: Path) -> None:
    pytest.importorskip("mujoco_warp", reason="the Warp engine is the extra 'gpu'")
    words = ["train", "throughput", "seeds", "--quick", "--worlds", "4", "6"]
    assert bench.main([*words, "--out", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out/results.json").read_text())
    rows = found["throughput"]["rows"]
    assert [row["worlds"] for row in rows] == [4, 6]
    for row in rows:
        assert min(row[name] for name in ("physics", "env", "ppo", "stock")) > 0
    (race,) = found["seeds"]["races"]
    assert race["points"][-1][1] == 2 * 16 * 6
    assert "Warp's CPU device" in (tmp_path / "out/table.md").read_text()


def test_processes_and_batch_step_the_same_fixtures() -> None:
    rates = stepping.measure(16, (1,), 0.05, 1)
    assert min(rates.ours, rates.stock[1], rates.bare) > 0
    assert rates.best == 1
    assert rates.ratio == pytest.approx(rates.ours / rates.stock[1])


def test_a_race_ends_at_the_goal_and_at_the_cap() -> None:
    env = TaskVecEnv(PickTask(16, threads=1), seed=0)
    rollout = 16 * 16
    found = iter([0.2, 0.95])
    won = race.run(make_ppo(env, 0), lambda model: next(found), 9 * rollout, 0.9, 0.0, 1e9)
    assert [(steps, success) for _, steps, success in won.points] == [
        (rollout, 0.2), (2 * rollout, 0.95),
    ]  # fmt: skip
    assert won.seconds_to(0.9) == won.points[1][0] > won.points[0][0]
    capped = race.run(make_ppo(env, 0), lambda model: 0.1, 9 * rollout, 0.9, 1e9, 0.0)
    assert len(capped.points) == 1 and capped.seconds_to(0.9) is None
    short = race.run(make_ppo(env, 0), lambda model: 0.1, 2 * rollout, 0.9, 1e9, 1e9)
    assert [steps for _, steps, _ in short.points] == [2 * rollout]


def test_the_verdict_claims_what_was_seen() -> None:
    ours = race.Race([(60.0, 1, 0.5), (120.0, 2, 0.9)])
    slow, slower = race.Race([(600.0, 3, 0.91)]), race.Race([(900.0, 3, 0.95)])
    never = race.Race([(300.0, 3, 0.2)])
    assert "**5.0 ×**" in verdict({"ours": ours, "a": slower, "b": slow, "c": never}, 0.9)
    assert "**above 2.5 ×**" in verdict({"ours": ours, "c": never}, 0.9)
    assert "no ratio" in verdict({"ours": never, "a": slow}, 0.9)
