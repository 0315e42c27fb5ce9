"""``python -m embodied.evaluate SUITE.yaml``: run a suite of instructions and count what succeeded.

*plan* mode gives each chosen skill its ideal effect on the real simulation state, so affordances are
still computed from it and only the deciding is judged; *execute* mode lets the policies act. The
goal's predicates, read off the state, are the only judge.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from embodied import cli, outputs
from embodied.errors import EmbodiedError, UsageError
from embodied.run import Skills

Mode = Literal["plan", "execute", "both"]


@dataclass(frozen=True)
class EvaluateCfg:
    """Run a suite of instructions; writes results.json with Wilson intervals."""

    suite: Annotated[Path | None, tyro.conf.Positional] = None
    """Suite file; the shipped first.yaml if left out."""
    mode: Mode = "both"
    """plan: ideal effects; execute: the policies act; both: one after the other."""
    seeds: int = 3
    """Layouts per item."""
    seed: int = 0
    """The first of them."""
    llm: str = "embedded"
    """Language model, as of embodied run."""
    out: Path | None = None
    """Run folder; a new dated one if left out."""
    skills: Skills = field(default_factory=Skills)
    """Trained skills of your own."""
    jobs: int = 0
    """Processes; 0 is one per core."""


def run(cfg: EvaluateCfg) -> int:
    """Carries out the command; 0 when it measured, whatever it measured."""
    from embodied.suites import load_suite

    if cfg.seeds < 1:
        raise UsageError("--seeds must be at least 1.")
    path = cfg.suite or Path(str(files("sim_assets").joinpath("suites/first.yaml")))
    suite = load_suite(path)
    folder = outputs.new_run_folder("evaluate", suite.name, cfg.out)
    outputs.describe_run(folder, cfg)
    modes = ["plan", "execute"] if cfg.mode == "both" else [cfg.mode]
    tasks = [
        (item_index, cfg.seed + k, mode)
        for mode in modes
        for item_index in range(len(suite.items))
        for k in range(cfg.seeds)
    ]
    began = time.monotonic()
    episodes = list(_with_progress(_episodes(cfg, path, tasks), len(tasks)))
    results = {
        "suite": suite.name,
        "llm": cfg.llm,
        "summary": summarise(episodes),
        "episodes": episodes,
    }
    outputs.write_json(folder / "results.json", results)
    _print(results["summary"], time.monotonic() - began, folder / "results.json")
    return 0


def _episodes(
    cfg: EvaluateCfg, path: Path, tasks: list[tuple[int, int, str]]
) -> Iterable[dict[str, Any]]:
    jobs = min(cfg.jobs or outputs.usable_cores(), len(tasks))
    if jobs == 1:
        bench = _Bench(cfg, path)
        return (bench.episode(*task) for task in tasks)
    # spawned, not forked: torch and MuJoCo keep threads
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_start, initargs=(cfg, path))
    return pool.map(_episode, tasks)


_BENCH: list[_Bench] = []


def _start(cfg: EvaluateCfg, path: Path) -> None:
    _BENCH[:] = [_Bench(cfg, path)]


def _episode(task: tuple[int, int, str]) -> dict[str, Any]:
    return _BENCH[0].episode(*task)


class _Bench:
    """What all episodes of one process share: suite, skills, language model."""

    def __init__(self, cfg: EvaluateCfg, path: Path) -> None:
        import torch

        torch.set_num_threads(1)
        from embodied.suites import load_suite
        from planners import load_language_model
        from planners.saycan import SayCan
        from policies.library import load_library

        self.suite = load_suite(path)
        self.library = load_library(
            {name: folder for name, folder in vars(cfg.skills).items() if folder}
        )
        self.planner = SayCan(load_language_model(cfg.llm))

    def episode(self, index: int, seed: int, mode: str) -> dict[str, Any]:
        """One item from one layout in one mode, as `results.json` lists it."""
        item = self.suite.items[index]
        began = time.monotonic()
        record: dict[str, Any] = {
            "id": item.id, "family": item.family, "seed": seed, "mode": mode,
            "instruction": item.instruction, "expect": item.expect,
        }  # fmt: skip
        try:
            record |= self._play(item, seed, mode)
        except EmbodiedError as error:
            record |= {"outcome": "error", "error": str(error), "success": False, "skills": []}
        won = record.pop("success")
        record["plan_success"] = won if mode == "plan" else None
        record["execution_success"] = won if mode == "execute" else None
        return record | {"seconds": round(time.monotonic() - began, 3)}

    def _play(self, item: Any, seed: int, mode: str) -> dict[str, Any]:
        from embodied.episode import run_episode
        from embodied.ideal import IdealExecutor
        from embodied.scenes import build
        from policies.execute import Executor
        from policies.values import Values

        kitchen = build(item.start, seed)
        executor = Executor(kitchen, self.library)
        act = executor.run if mode == "execute" else IdealExecutor(kitchen).run
        values = Values(self.library, executor.map)
        result = run_episode(item.instruction, kitchen, self.planner, values, act, item.max_skills)
        facts = kitchen.facts()
        success, error = judge(
            item, result.verdict, item.goal is not None and item.goal.holds(facts)
        )
        return {
            "success": success, "outcome": result.verdict, "reason": result.reason, "error": error,
            "skills": [{"label": step.label, "outcome": step.outcome} for step in result.history],
            "facts": facts.to_json(), "model_calls": result.calls, "tokens": result.tokens,
            "sim_seconds": round(result.control_steps * 0.04, 2),
        }  # fmt: skip


def judge(item: Any, verdict: str, holds: bool) -> tuple[bool, str]:
    """Whether an episode succeeded, and the kind of error if not.

    `expect: refuse` wants a refusal, `ask` a question; anything else wants the goal to hold and the
    planner to say done.
    """
    wanted = {"refuse": "refused", "ask": "asked"}.get(item.expect)
    if wanted:
        return verdict == wanted, "" if verdict == wanted else f"did not {item.expect}"
    if verdict in ("refused", "asked"):
        return False, verdict
    if verdict == "success":
        return (True, "") if holds else (False, "said done too early")
    return False, "kept going after the goal held" if holds else verdict


JUDGED = {"plan": "plan_success", "execute": "execution_success"}


def summarise(episodes: list[dict[str, Any]]) -> dict[str, Any]:
    """For "total" and each family: n and, per mode that was run, success with its Wilson interval."""
    from policies.skill import wilson

    groups = {"total": episodes}
    for episode in episodes:
        groups.setdefault(episode["family"], []).append(episode)
    summary: dict[str, Any] = {}
    for name, group in groups.items():
        summary[name] = {"n": len({(episode["id"], episode["seed"]) for episode in group})}
        for key in JUDGED.values():
            judged = [episode[key] for episode in group if episode[key] is not None]
            if judged:
                summary[name][key] = wilson(sum(judged), len(judged)).model_dump()
    return summary


def _with_progress(episodes: Iterable[dict[str, Any]], total: int) -> Iterable[dict[str, Any]]:
    from rich.progress import track

    yield from track(episodes, "episodes", total=total)


def _print(summary: dict[str, Any], seconds: float, path: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    for mode, key in JUDGED.items():
        if key not in summary["total"]:
            continue
        table = Table(
            "family", "n", "success", "95 % interval", title=f"{mode} mode", title_justify="left"
        )
        for name in [*sorted(summary.keys() - {"total"}), "total"]:
            figure = summary[name][key]
            interval = f"{figure['low']:.1%} to {figure['high']:.1%}"
            table.add_row(name, str(figure["episodes"]), f"{figure['rate']:.1%}", interval)
        console.print(table)
    console.print(f"{seconds:.0f} s; {path}", soft_wrap=True)


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(EvaluateCfg, run, argv, prog="embodied evaluate")


if __name__ == "__main__":
    sys.exit(main())
