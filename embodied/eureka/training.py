"""What trains the candidates of a search: the sandbox, on this machine's cores or on a Ray cluster."""

from __future__ import annotations

from embodied import outputs
from planners.rewards import workers
from planners.rewards.job import Job, Outcome
from planners.rewards.trials import Evaluator

KILLED = "killed by SIGKILL"  # by the kernel or a person: a program that misbehaves ends otherwise


def train(job: Job) -> Outcome:
    """Train one job in a sandboxed process.

    Raises:
        LostWorker: the process was killed from outside, so the job deserves another.
    """
    from embodied.candidates import sandboxed

    outcome = sandboxed.run(job)
    if KILLED in outcome.error:
        raise workers.LostWorker(outcome.error)
    return outcome


def evaluator(at_a_time: int = 0, address: str | None = None) -> Evaluator:
    """An evaluator over `train`.

    Args:
        at_a_time: trainings side by side; 0 takes one a core.
        address: of a Ray cluster to train on, in place of this machine.
    Raises:
        UsageError: Ray is not installed.
        EnvironmentFault: there is no such cluster.
    """
    if address is not None:
        return workers.ray(train, address)
    return workers.local(train, at_a_time or outputs.usable_cores())
