"""A job's outcome: train the program's policy, then judge it on fresh episodes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from embodied.candidates.book import Book
from embodied.candidates.net import Net
from embodied.candidates.skill_views import SKILLS
from embodied.candidates.tasks import brief
from planners.rewards.funnel import Bank
from planners.rewards.job import Job, Outcome
from planners.rewards.problems import ProgramError
from planners.rewards.program import Compiled, compile_program

JUDGE_SEED = 1_000_003
"""Added to a job's seed for its evaluation: no training begins with it."""
GATHER_SEED = 2_000_003
"""Added to a job's seed for the episodes of its policy that go into the bank."""
Act = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Trained:
    """What a training leaves. net: None if it failed, for the reason in error."""

    net: Net | None
    book: Book
    seconds: float
    error: str = ""

    def plain(self) -> dict[str, Any]:
        """For JSON: the outcome's fields but its judgement, and the policy."""
        book = self.book
        return {
            "net": self.net.plain() if self.net else None,
            "success": book.success,
            "stats": book.stats(),
            "env_steps": book.taken,
            "seconds": self.seconds,
            "error": self.error,
        }


def train(job: Job, compiled: Compiled) -> Trained:
    """Train a job's policy here. Everything random comes from the job's seed."""
    from embodied.candidates import field, skills

    torch.set_num_threads(1)
    torch.manual_seed(job.seed)
    book, began, net, error = Book(compiled, job.steps), time.monotonic(), None, ""
    module: Any = skills if job.task in SKILLS else field
    try:
        net = module.train(job.task, book, job.seed, job.num_envs)
    except ProgramError as problem:
        error = str(problem)
    book.turn()
    return Trained(net, book, time.monotonic() - began, error)


def judge(job: Job, net: Net) -> float:
    """Final success of a job's policy: deterministic, on episodes that no training saw."""
    from embodied.candidates import field, skills

    module: Any = skills if job.task in SKILLS else field
    return module.judge(job.task, net, job.episodes, job.seed + JUDGE_SEED)


def gather(task: str, act: Act, seed: int) -> Bank:
    """A few episodes of a policy for the bank, as state views and whether they succeeded."""
    from embodied.candidates import field, skills

    module: Any = skills if task in SKILLS else field
    return module.gather(task, act, seed)


def least(task: str) -> int:
    """Steps below which a training hardly begins to learn."""
    from embodied.candidates import field, skills

    return field.least(task) if task in field.FIELD else skills.least()


def outcome(job: Job, found: dict[str, Any], isolation: str) -> Outcome:
    """The outcome of a training's plain values, with its policy judged in this process.

    Raises:
        KeyError, TypeError, ValueError, ArithmeticError, AttributeError: the values are no training's.
        EmbodiedError: the policy is none.
    """
    began, final, rollouts, weights = time.monotonic(), 0.0, None, None
    error = str(found["error"])[:2000]
    names = [term.name for term in job.program.terms]
    stats = {
        name: {str(key): _numbers(values) for key, values in found["stats"][name].items()}
        for name in names
        if name in found["stats"]
    }
    if not error:
        net = Net.from_plain(found["net"])
        final, rollouts = judge(job, net), gather(job.task, net, job.seed + GATHER_SEED).plain()
        weights = net.plain()
    return Outcome(
        job=job,
        success=tuple((int(steps), _numbers([rate])[0]) for steps, rate in found["success"]),
        final=final,
        episodes=0 if error else job.episodes,
        terms={name: tuple(rows["mean"]) for name, rows in stats.items()},
        env_steps=int(found["env_steps"]),
        seconds=_numbers([found["seconds"]])[0] + time.monotonic() - began,
        error=error,
        stats=stats,
        isolation=isolation,
        rollouts=rollouts,
        weights=weights,
    )


def _numbers(values: Any) -> list[float]:
    """Finite numbers, whatever a child sent. Raises ValueError where one is not."""
    made = [float(value) for value in values]
    if not all(math.isfinite(value) for value in made):
        raise ValueError("a figure is not finite")
    return made


def run(job: Job) -> Outcome:
    """Train and judge in this process, without a sandbox: for programs that you trust.

    Raises:
        ProgramError: the program does not compile.
        UsageError: there is no such task.
    """
    compiled = compile_program(job.program, brief(job.task))
    return outcome(job, train(job, compiled).plain(), "none: trained in this process")
