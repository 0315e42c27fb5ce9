"""Plays episodes: one bench per process holds suite, skills and language model for all of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from embodied import outputs
from embodied.errors import EmbodiedError
from embodied.evaluation.judge import judge
from embodied.suites import SuiteItem, load_suite
from embodied.world.scene import CONTROL_DT


@dataclass(frozen=True)
class Setup:
    """What a process needs to make a bench: suite file, `--llm`, skill folders by family."""

    suite: Path
    llm: str
    skills: dict[str, Path]


@dataclass(frozen=True)
class Task:
    """One episode: which item of the suite, from which layout, in plan or execute mode."""

    item: int
    seed: int
    mode: str


class Bench:
    """What all episodes of one process share."""

    def __init__(self, setup: Setup) -> None:
        import torch

        torch.set_num_threads(1)
        from planners import load_language_model
        from planners.saycan import SayCan
        from policies.library import load_library

        self.suite = load_suite(setup.suite)
        self.library = load_library(setup.skills)
        self.planner = SayCan(load_language_model(setup.llm))

    def episode(self, task: Task) -> dict[str, Any]:
        """One item from one layout in one mode, as `results.json` lists it."""
        item = self.suite.items[task.item]
        began = time.monotonic()
        record: dict[str, Any] = {
            "id": item.id, "family": item.family, "seed": task.seed, "mode": task.mode,
            "instruction": item.instruction, "expect": item.expect,
        }  # fmt: skip
        try:
            record |= self._play(item, task)
        except EmbodiedError as error:
            record |= {"outcome": "error", "error": str(error), "success": False, "skills": []}
        won = record.pop("success")
        record["plan_success"] = won if task.mode == "plan" else None
        record["execution_success"] = won if task.mode == "execute" else None
        return record | {"seconds": round(time.monotonic() - began, 3)}

    def _play(self, item: SuiteItem, task: Task) -> dict[str, Any]:
        from embodied.episode import run_episode
        from embodied.ideal import IdealExecutor
        from embodied.scenes import build
        from policies.execute import Executor
        from policies.values import Values

        kitchen = build(item.start, task.seed)
        executor = Executor(kitchen, self.library)
        act = executor.run if task.mode == "execute" else IdealExecutor(kitchen).run
        values = Values(self.library, executor.map)
        result = run_episode(
            item.instruction, kitchen, self.planner, values, act, item.max_skills,
            families=self.library,
        )  # fmt: skip
        facts = kitchen.facts()
        success, error = judge(
            item, result.verdict, item.goal is not None and item.goal.holds(facts)
        )
        return {
            "success": success, "outcome": result.verdict, "reason": result.reason, "error": error,
            "skills": [{"label": step.label, "outcome": step.outcome} for step in result.history],
            "facts": facts.to_json(), "model_calls": result.calls, "tokens": result.tokens,
            "sim_seconds": round(result.control_steps * CONTROL_DT, 2),
        }  # fmt: skip


def play(setup: Setup, tasks: Sequence[Task], jobs: int = 0) -> Iterable[dict[str, Any]]:
    """The episodes of all tasks, in their order, as they become known.

    Args:
        jobs: processes; 0 is one per core.
    """
    jobs = min(jobs or outputs.usable_cores(), len(tasks))
    if jobs == 1:
        bench = Bench(setup)
        return (bench.episode(task) for task in tasks)
    # spawned, not forked: torch and MuJoCo keep threads
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_start, initargs=(setup,))
    return pool.map(_episode, tasks)


_BENCH: list[Bench] = []


def _start(setup: Setup) -> None:
    _BENCH[:] = [Bench(setup)]


def _episode(task: Task) -> dict[str, Any]:
    return _BENCH[0].episode(task)
