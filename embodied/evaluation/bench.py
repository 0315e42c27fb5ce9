"""Plays episodes: one bench per process holds suites, skills and language model for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from embodied import outputs
from embodied.episode import Act, Result, run_episode
from embodied.errors import EmbodiedError, EnvironmentFault, UsageError
from embodied.evaluation.baselines import BASELINES, OpenLoop, Playing
from embodied.evaluation.disturb import Disturber
from embodied.evaluation.faults import fault
from embodied.evaluation.judge import judge
from embodied.evaluation.notes import Notes
from embodied.evaluation.tape import Replay, Tape, UnknownPromptError
from embodied.evaluation.taped import taped
from embodied.ideal import IdealExecutor
from embodied.person import Scripted
from embodied.scenes import build
from embodied.suites import SuiteItem, load_suite
from embodied.trace import Event
from embodied.world.kitchen import Kitchen
from embodied.world.scene import CONTROL_DT
from planners.model import describe
from policies.execute import Executor
from policies.library import success_rates
from policies.values import Values


@dataclass(frozen=True)
class Setup:
    """What a process needs to make a bench.

    suites: files. llm, target_success: as of the flags. skills: folders by family. feedback:
    whether planners see what became of their choices. record: whether tapes are kept. replay:
    whether the tasks bring tapes to answer from; no language model is loaded then.
    """

    suites: tuple[Path, ...]
    llm: str = "embedded"
    target_success: float = 0.95
    skills: dict[str, Path] = field(default_factory=dict)
    feedback: bool = True
    record: bool = True
    replay: bool = False


@dataclass(frozen=True)
class Task:
    """One episode. suite, item: indices. mode: plan or execute. tape: what to replay it from."""

    suite: int
    item: int
    seed: int
    mode: str
    planner: str = "saycan"
    tape: tuple[Event, ...] = ()


Played = tuple[dict[str, Any], list[Event]]
"""An episode as results.json lists it, and its tape."""


class Bench:
    """What all episodes of one process share."""

    def __init__(self, setup: Setup) -> None:
        import torch

        torch.set_num_threads(1)
        from planners import aim, load_language_model
        from policies.library import load_library, success_rates

        self.setup = setup
        self.suites = [load_suite(path) for path in setup.suites]
        self.library = load_library(setup.skills)
        self.model = None if setup.replay else load_language_model(setup.llm)
        if self.model is not None:
            aim(self.model, setup.target_success, success_rates(self.library))

    def about(self) -> str:
        """What decides, one line."""
        return f"language model: {describe(self.model) if self.model else 'from the tape'}"

    def episode(self, task: Task) -> Played:
        """Plays one item from one layout in one mode."""
        suite = self.suites[task.suite]
        item = suite.items[task.item]
        tape = Replay(task.tape) if self.setup.replay else Tape(self.setup.record)
        began = time.monotonic()
        tape.begin(
            suite=suite.name, id=item.id, seed=task.seed, mode=task.mode, planner=task.planner
        )
        record: dict[str, Any] = {
            "id": item.id, "family": item.family, "seed": task.seed, "mode": task.mode,
            "planner": task.planner, "instruction": item.instruction, "expect": item.expect,
        }  # fmt: skip
        try:
            record |= self._play(item, task, tape)
        except UnknownPromptError:
            raise
        except EmbodiedError as error:
            record |= {
                "outcome": "error", "reason": str(error), "error": "error", "success": False,
                "skills": [], "model_calls": 0, "tokens": 0, "invalid_actions": 0,
            }  # fmt: skip
        won = record.pop("success")
        record["plan_success"] = won if task.mode == "plan" else None
        record["execution_success"] = won if task.mode == "execute" else None
        record |= {"written": tape.written, "model": {"seconds": round(tape.seconds, 4)}}
        tape.note("episode_ended", outcome=record["outcome"], reason=record["reason"], success=won)
        return record | {"seconds": round(time.monotonic() - began, 3)}, tape.events

    def _play(self, item: SuiteItem, task: Task, tape: Tape) -> dict[str, Any]:
        kitchen, act, values = self._kitchen(item, task)
        notes = Notes(tape)
        disturber = Disturber(kitchen, act, item.disturb, notes.disturbed)

        def twin() -> tuple[Kitchen, Values]:
            again, _, believed = self._kitchen(item, task)
            return again, believed

        model = taped(tape, self.model, task.tape)
        playing = Playing(item, task.seed, model, values, twin, success_rates(self.library))
        planner, believed = BASELINES[task.planner](playing)
        if not self.setup.feedback and not isinstance(planner, OpenLoop):
            planner = OpenLoop(planner, *twin())
        result = run_episode(
            item.instruction, kitchen, planner, believed, disturber.run, item.max_skills, notes,
            Scripted(item.answer, [(a.after, a.say) for a in item.amend]), self.library,
        )  # fmt: skip
        facts = kitchen.facts()
        holds = item.goal is not None and item.goal.holds(facts)
        asked = any(turn.question is not None and not turn.after for turn in result.turns)
        success = judge(item, result.verdict, holds, asked)
        why = "" if success else fault(item, result.verdict, notes.moments, "open" in self.library)
        return {
            "success": success, "error": why, "facts": facts.to_json(),
            "disturbances": disturber.happened, "invalid_actions": notes.invalid,
        } | _told(result)  # fmt: skip

    def _kitchen(self, item: SuiteItem, task: Task) -> tuple[Kitchen, Act, Values]:
        """A kitchen in the item's start, what acts in it, and success probabilities there."""
        blocked = any(event.do == "block" for event in item.disturb)
        kitchen = build(item.start, task.seed, bystander=blocked)
        executor = Executor(kitchen, self.library)
        act = executor.run if task.mode == "execute" else IdealExecutor(kitchen).run
        return kitchen, act, Values(self.library, executor.map)


def _told(result: Result) -> dict[str, Any]:
    return {
        "outcome": result.verdict, "reason": result.reason,
        "skills": [{"label": step.label, "outcome": step.outcome} for step in result.history],
        "model_calls": result.calls, "tokens": result.tokens,
        "sim_seconds": round(result.control_steps * CONTROL_DT, 2),
    }  # fmt: skip


def play(
    setup: Setup, tasks: Sequence[Task], jobs: int = 0, say: Callable[[str], None] = print
) -> Iterable[Played]:
    """The episodes of all tasks, in their order, as they become known.

    Args:
        jobs: processes; 0 is one per core.
        say: is told what the language model chose for itself.
    """
    jobs = min(jobs or outputs.usable_cores(), len(tasks))
    if jobs == 1:
        bench = Bench(setup)
        say(bench.about())
        return (bench.episode(task) for task in tasks)
    # spawned, not forked: torch and MuJoCo keep threads
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_start, initargs=(setup,))
    say(pool.submit(_about).result())
    return pool.map(_episode, tasks)


_BENCH: list[Bench | EmbodiedError] = []


def _start(setup: Setup) -> None:
    try:
        _BENCH[:] = [Bench(setup)]
    except EmbodiedError as error:  # kept, for here it would only break the pool
        _BENCH[:] = [error]


def _bench() -> Bench:
    bench = _BENCH[0]
    if isinstance(bench, EmbodiedError):
        # some carry more than their sentence, which does not travel between processes
        kind = UsageError if isinstance(bench, UsageError) else EnvironmentFault
        raise kind(str(bench))
    return bench


def _about() -> str:
    return _bench().about()


def _episode(task: Task) -> Played:
    return _bench().episode(task)
