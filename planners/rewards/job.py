"""What training a candidate is asked for, and what it answers. Plain values: they cross processes as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from planners.rewards.program import Program

POINTS = 10
"""About how many times a training is looked at."""


@dataclass(frozen=True)
class Job:
    """Train a program's policy.

    Args:
        task: as in `Brief.task`.
        seed: of everything random; equal jobs have equal outcomes.
        steps: environment steps over all simulations.
        num_envs: simulations at once; 0 takes the task's own number.
        episodes: of the final deterministic evaluation.
    """

    task: str
    program: Program
    seed: int
    steps: int
    num_envs: int = 0
    episodes: int = 100

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "program": self.program.plain()}

    @classmethod
    def from_plain(cls, found: Mapping[str, Any]) -> Job:
        """The job of `plain`."""
        return cls(**{**found, "program": Program.from_plain(found["program"])})


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Args:
        success: (environment steps, success rate so far) over the training.
        final: success of the deterministic evaluation, of `episodes` episodes.
        terms: per term its weighted mean per step, at about ten points of the training.
        stats: per term {"max", "mean", "min", "share", "saturated"}: lists over the same points,
            weighted. share: of the sum of the terms' sizes. saturated: the part of the values
            within 1 % of the term's range from its largest or smallest one.
        seconds: of wall clock.
        error: why there is no figure; empty if all went well.
        isolation: the walls that were in force.
        rollouts: a few episodes of the policy (`funnel.Bank.plain`), to screen later programs with.
        weights: the policy as plain values, on their way to who keeps it.
        policy: what the policy is kept as, if it is.
    """

    job: Job
    success: tuple[tuple[int, float], ...]
    final: float
    episodes: int
    terms: Mapping[str, tuple[float, ...]]
    env_steps: int
    seconds: float = 0.0
    error: str = ""
    stats: Mapping[str, Mapping[str, list[float]]] = field(default_factory=dict)
    isolation: str = "none: trained in this process"
    rollouts: Mapping[str, Any] | None = None
    weights: Mapping[str, Any] | None = None
    policy: str = ""

    def plain(self) -> dict[str, Any]:
        """For JSON, without the job and the weights."""
        rest = ("job", "weights")
        return {key: value for key, value in asdict(self).items() if key not in rest}

    @classmethod
    def from_plain(cls, job: Job, found: Mapping[str, Any]) -> Outcome:
        """The outcome of `plain`."""
        curve = tuple((int(steps), float(rate)) for steps, rate in found["success"])
        terms = {name: tuple(values) for name, values in found["terms"].items()}
        return cls(**{**found, "job": job, "success": curve, "terms": terms})
