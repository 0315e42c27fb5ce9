"""Trainings side by side: in processes on this machine, or on a Ray cluster, behind one seam.

Both take a function that trains one job, and yield outcomes as they are ready. A worker that is lost
(killed, out of memory, its machine gone) has its job tried again elsewhere; a job that loses every
worker ends as an outcome that says so. Each job yields exactly one outcome.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from embodied.errors import EnvironmentFault, UsageError
from planners.rewards.job import Job, Outcome
from planners.rewards.sandbox.process import end_all
from planners.rewards.trials import Evaluator

TRIES = 3
SOON = 0.1  # s between two rounds of ending what is still being started
Train = Callable[[Job], Outcome]


class LostWorker(Exception):
    """The process that trained a job is gone, through no fault that is known of the job's."""


def local(train: Train, workers: int) -> Evaluator:
    """An evaluator of `workers` at a time. `train` runs in a thread of ours and blocks on a process of
    its own; it raises `LostWorker` when that dies."""
    return partial(_local, train, workers)


def _local(train: Train, workers: int, jobs: Sequence[Job]) -> Iterator[Outcome]:
    over = threading.Event()
    with ThreadPoolExecutor(workers) as pool:
        waiting: set[Future[Outcome]] = set()
        try:
            for job in jobs:
                waiting.add(pool.submit(_persistent, train, job, over))
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        except BaseException:  # Ctrl-C: a training may take hours, and its process hears of nothing
            over.set()
            waiting = {future for future in waiting if not future.cancel()}
            while waiting:
                end_all()
                waiting = wait(waiting, timeout=SOON).not_done
            raise


def _persistent(train: Train, job: Job, over: threading.Event | None = None) -> Outcome:
    why = ""
    for _ in range(TRIES):
        if over is not None and over.is_set():
            break
        try:
            return train(job)
        except LostWorker as lost:
            why = str(lost)
    return _lost(job, why)


def ray(train: Train, address: str) -> Evaluator:
    """An evaluator on a Ray cluster.

    Args:
        address: as `ray.init` takes it; "local" starts a cluster on this machine.
    Raises:
        UsageError: Ray is not installed.
        EnvironmentFault: there is no cluster at this address.
    """
    try:
        import ray as cluster  # type: ignore[import-not-found]
    except ImportError as error:
        raise UsageError(
            "--ray needs Ray, which is not installed; install it with: pip install "
            "'embodied-llm-rl[cluster]', or leave --ray out to train on this machine."
        ) from error
    try:
        cluster.init(address=address, ignore_reinit_error=True, log_to_driver=False)
    except Exception as error:  # of whichever kind Ray likes
        raise EnvironmentFault(
            f"There is no Ray cluster at {address} ({error}); start one with `ray start --head`, or "
            "leave --ray out."
        ) from error
    # Ray itself tries again when a worker process or its machine is lost
    remote: Any = cluster.remote(max_retries=TRIES - 1, num_cpus=1)(_persistent)
    return partial(_ray, cluster, remote, train)


def _ray(cluster: Any, remote: Any, train: Train, jobs: Sequence[Job]) -> Iterator[Outcome]:
    waiting = {remote.remote(train, job): job for job in jobs}
    while waiting:
        (done, *_), _ = cluster.wait(list(waiting), num_returns=1)
        job = waiting.pop(done)
        try:
            yield cluster.get(done)
        except (cluster.exceptions.WorkerCrashedError, cluster.exceptions.NodeDiedError) as lost:
            yield _lost(job, str(lost))
        except cluster.exceptions.OutOfMemoryError as lost:
            yield _lost(job, str(lost))


def _lost(job: Job, why: str) -> Outcome:
    said = f"the worker was lost {TRIES} times ({' '.join(why.split())[:200] or 'no reason known'})"
    empty = {term.name: () for term in job.program.terms}
    return Outcome(job, (), 0.0, 0, empty, 0, 0.0, said)
