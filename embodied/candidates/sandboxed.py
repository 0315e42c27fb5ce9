"""A job's outcome behind both walls: trained in a sandboxed process, judged in this one.

The child sends JSON: figures, and its policy as numbers. Final success is measured here, by code that no
program ever ran beside: whatever a program did to its own training, it is worth what its policy achieves.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embodied.candidates import training
from embodied.candidates.book import Book
from embodied.candidates.tasks import brief
from embodied.errors import EmbodiedError, EnvironmentFault
from planners.rewards.job import Job, Outcome
from planners.rewards.program import compile_program
from planners.rewards.sandbox.limits import Limits
from planners.rewards.sandbox.process import SandboxError
from planners.rewards.sandbox.process import run as run_sandboxed

WORK = "embodied.candidates.sandboxed:work"
START = 900.0  # s that loading the libraries and the scenes may take on a very busy machine
PER_STEP = 0.05  # s that an environment step may take, a hundred times what it usually does


def work(request: dict[str, Any]) -> dict[str, Any]:
    """The child's part: both walls stand; trains and answers with plain values."""
    _name_glfw()
    job = Job.from_plain(request)
    return training.train(job, compile_program(job.program, brief(job.task))).plain()


def _name_glfw() -> None:
    """Say where GLFW is: importing it, which gymnasium-robotics does, else starts a program to ask."""
    spec = importlib.util.find_spec("glfw")
    if spec is not None and spec.origin is not None:
        library = Path(spec.origin).parent / "x11" / "libglfw.so"
        os.environ.setdefault("PYGLFW_LIBRARY", str(library))


def train(
    job: Job,
    limits: Limits | None = None,
    required: Sequence[str] = (),
    work: str = WORK,
    path: Sequence[Path] = (),
) -> tuple[Any, str]:
    """Train a job's program in a sandbox: what it says it made (`training.Trained.plain`), and the walls.

    Args:
        limits: of the child; by default as long as the job can reasonably take.
        required: see `planners.rewards.sandbox.process.run`.
        work, path: another function to train with, and where it is imported from.

    Raises:
        ProgramError: the program does not compile: nothing was run.
        UsageError: there is no such task.
        SandboxError: the child was stopped or failed.
        EnvironmentFault: a required wall is not to be had here.
    """
    compile_program(job.program, brief(job.task))
    limits = limits or Limits(seconds=START + PER_STEP * job.steps)
    answer = run_sandboxed(work, job.plain(), limits, path=path, required=required)
    return answer.value, f"AST allow-list, {answer.isolation}"


def run(job: Job, **settings: Any) -> Outcome:
    """Train a job's program in a sandbox and judge its policy. A failure is told in `Outcome.error`.

    Args:
        settings: see `train`.

    Raises:
        ProgramError, UsageError, EnvironmentFault: see `train`.
    """
    compiled = compile_program(job.program, brief(job.task))
    isolation = "stopped before it answered"
    try:
        found, isolation = train(job, **settings)
        return training.outcome(job, found, isolation)
    except EnvironmentFault:
        raise
    except SandboxError as error:
        reason = str(error)
    except (
        EmbodiedError,
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        reason = f"The training answered with what is no outcome ({error}); the candidate is lost."
    failed = training.Trained(None, Book(compiled, job.steps), 0.0, reason).plain()
    return training.outcome(job, failed, isolation)
