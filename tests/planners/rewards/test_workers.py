"""Trainings side by side: lost workers are replaced, and no job is counted twice."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from embodied.errors import UsageError
from planners.rewards import workers
from planners.rewards.job import Job, Outcome
from planners.rewards.ledger import Ledger
from planners.rewards.sandbox import process
from planners.rewards.sandbox.limits import Limits
from planners.rewards.trials import Trials
from tests.planners.rewards.push import POOR

# dies by SIGKILL as often as its second argument says, told by marks in its first
MORTAL = """
import os, signal, sys
folder, deaths = sys.argv[1], int(sys.argv[2])
if len(os.listdir(folder)) < deaths:
    open(os.path.join(folder, str(os.getpid())), "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def outcome(job: Job) -> Outcome:
    return Outcome(job, ((job.steps, 0.5),), job.seed / 100, 10, {"hover": (0.0,)}, job.steps, 0.1)


def mortal(folder, deaths):
    """A training whose process is really killed."""

    def train(job: Job) -> Outcome:
        place = folder / str(job.seed)
        place.mkdir(exist_ok=True)
        died = subprocess.run(
            [sys.executable, "-S", "-c", MORTAL, str(place), str(deaths)]
        ).returncode
        if died == -signal.SIGKILL:
            raise workers.LostWorker("killed by signal 9")
        return outcome(job)

    return train


def test_a_killed_worker_is_replaced_and_its_job_counted_once(tmp_path):
    trials = Trials("push", workers.local(mortal(tmp_path, 2), 2), Ledger(tmp_path / "l"))
    made = trials.run([POOR] * 3, [1, 2, 3], 700)
    assert [o.final for o in made] == [0.01, 0.02, 0.03]
    assert trials.steps == 2100
    assert trials.run([POOR] * 3, [1, 2, 3], 700) == made and trials.steps == 2100
    assert Ledger(tmp_path / "l").costs()["outcome"]["env_steps"] == 2100
    assert all(len(os.listdir(tmp_path / str(seed))) == 2 for seed in (1, 2, 3))


def test_a_job_that_loses_every_worker_is_an_outcome_that_says_so(tmp_path):
    (lost,) = workers.local(mortal(tmp_path, 99), 1)([Job("push", POOR, 1, 10)])
    assert "lost 3 times (killed by signal 9)" in lost.error and lost.env_steps == 0


def test_as_many_train_at_a_time_as_there_are_workers():
    together = threading.Barrier(3, timeout=20)

    def train(job: Job) -> Outcome:
        together.wait()  # passes only if three are here at once
        return outcome(job)

    jobs = [Job("push", POOR, seed, 10) for seed in range(6)]
    found = list(workers.local(train, 3)(jobs))
    assert sorted(o.job.seed for o in found) == list(range(6))


def test_an_interruption_ends_what_is_being_trained(tmp_path, monkeypatch):
    """Ctrl-C reaches the main thread alone, while others wait for processes in sessions of their own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def train(job: Job) -> Outcome:
        try:
            process.run("time:sleep", 600, limits=Limits(seconds=600))
        except process.SandboxError as error:
            raise workers.LostWorker(str(error)) from error
        return outcome(job)

    def interrupted(*_):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupted)
    signal.setitimer(signal.ITIMER_REAL, 4.0)
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            list(workers.local(train, 2)([Job("push", POOR, seed, 10) for seed in range(6)]))
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert time.monotonic() - began < 60
    assert not process._RUNNING and not list(tmp_path.glob("embodied-sandbox-*"))


def test_a_failure_of_ours_is_not_hidden():
    def train(job: Job) -> Outcome:
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        list(workers.local(train, 2)([Job("push", POOR, 0, 10)]))


def test_ray_trains_on_a_cluster_or_its_extra_is_named():
    jobs = [Job("push", POOR, seed, 10) for seed in range(3)]
    try:
        import ray
    except ImportError:
        with pytest.raises(UsageError, match=r"embodied-llm-rl\[cluster\]"):
            workers.ray(outcome, "local")
        return
    try:
        found = list(workers.ray(outcome, "local")(jobs))
    finally:
        ray.shutdown()
    assert sorted(o.job.seed for o in found) == [0, 1, 2]
