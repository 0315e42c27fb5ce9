"""``python -m embodied.evaluate SUITE.yaml``: run a suite of instructions and count what succeeded.

*plan* mode gives each chosen skill its ideal effect on the real simulation state, so affordances are
still computed from it and only the deciding is judged; *execute* mode lets the policies act.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import tyro

from embodied import cli, outputs
from embodied.errors import UsageError
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
    from rich.console import Console
    from rich.progress import track

    from embodied.evaluation import table
    from embodied.evaluation.bench import Setup, Task, play
    from embodied.suites import load_suite

    if cfg.seeds < 1:
        raise UsageError("--seeds must be at least 1.")
    path = cfg.suite or Path(str(files("sim_assets").joinpath("suites/first.yaml")))
    suite = load_suite(path)
    folder = outputs.new_run_folder("evaluate", suite.name, cfg.out)
    outputs.describe_run(folder, cfg)
    modes = ["plan", "execute"] if cfg.mode == "both" else [cfg.mode]
    seeds = range(cfg.seed, cfg.seed + cfg.seeds)
    items = range(len(suite.items))
    tasks = [Task(item, seed, mode) for mode in modes for item in items for seed in seeds]
    setup = Setup(path, cfg.llm, {name: own for name, own in vars(cfg.skills).items() if own})
    began = time.monotonic()
    played = play(setup, tasks, cfg.jobs)
    episodes = list(track(played, "episodes", total=len(tasks)))
    summary = table.summarise(episodes)
    results = {"suite": suite.name, "llm": cfg.llm, "summary": summary, "episodes": episodes}
    outputs.write_json(folder / "results.json", results)
    console = Console(highlight=False)
    table.show(console, summary)
    seconds = time.monotonic() - began
    console.print(f"{seconds:.0f} s; {folder / 'results.json'}", soft_wrap=True)
    return 0


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(EvaluateCfg, run, argv, prog="embodied evaluate")


if __name__ == "__main__":
    sys.exit(main())
