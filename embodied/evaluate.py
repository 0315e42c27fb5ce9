"""``python -m embodied.evaluate SUITE...``: run suites of instructions and count what succeeded.

*plan* mode gives each chosen skill its ideal effect on the real simulation state, so affordances are
still computed from it and only the deciding is judged; *execute* mode lets the policies act.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from embodied import cli, outputs
from embodied.errors import UsageError
from embodied.run import Skills

if TYPE_CHECKING:
    from rich.console import Console

    from embodied.evaluation.bench import Setup, Task

Mode = Literal["plan", "execute", "both"]


@dataclass(frozen=True)
class EvaluateCfg:
    """Run suites of instructions; writes results.json with Wilson intervals, and a tape to replay."""

    suites: Annotated[tuple[str, ...], tyro.conf.Positional] = ("first",)
    """Suite files, names of shipped suites, or "all" shipped suites."""
    mode: Mode = "both"
    """plan: ideal effects; execute: the policies act; both: one after the other."""
    seeds: int = 3
    """Layouts per item."""
    seed: int = 0
    """The first of them."""
    llm: str = "embedded"
    """Language model, as of embodied run."""
    target_success: float = 0.95
    """Planners ask back as often as this share of instructions ending well takes."""
    planner: str = "saycan"
    """What decides; several, separated by commas, are compared with the first on the same seeds:
    saycan, look-ahead, no-affordance, clamped, open-loop, generate, oracle, random."""
    baselines: bool = False
    """Compare with all planners."""
    feedback: bool = True
    """Let planners see what became of their choices; without, the first plan is carried out."""
    record: bool = True
    """Keep every decision and model call in record.jsonl.gz."""
    replay: Path | None = None
    """Folder of a recorded run to play again, its language model answering from the tape; checks
    that everything comes out the same. Only --out and --jobs matter besides."""
    price_in: float | None = None
    """Price of a million tokens that the model reads, for the cost ledger."""
    price_out: float | None = None
    """Price of a million tokens that it writes."""
    out: Path | None = None
    """Run folder; a new dated one if left out."""
    skills: Skills = field(default_factory=Skills)
    """Trained skills of your own."""
    jobs: int = 0
    """Processes; 0 is one per core."""


def run(cfg: EvaluateCfg) -> int:
    """Carries out the command; 0 when it measured, whatever it measured, 1 if a replay differs."""
    from rich.console import Console

    from embodied.evaluation import replay

    console = Console(highlight=False)
    if cfg.replay is None:
        setup, tasks = _asked(cfg)
        prices = {"price_in": cfg.price_in, "price_out": cfg.price_out}
    else:
        setup, tasks, header = replay.recorded(cfg.replay)
        prices = header["prices"]
    title = "replay" if cfg.replay else "-".join(path.stem for path in setup.suites)
    folder = outputs.new_run_folder("evaluate", title, cfg.out)
    outputs.describe_run(folder, cfg)
    _measure(setup, tasks, prices, cfg.jobs, folder, console)
    if cfg.replay is None:
        return 0
    different = replay.difference(cfg.replay, folder)
    console.print(f"replay of {cfg.replay}: {different or 'equal byte for byte, the clock aside'}")
    return 1 if different else 0


def _asked(cfg: EvaluateCfg) -> tuple[Setup, list[Task]]:
    """What the flags ask for."""
    from embodied.evaluation.baselines import BASELINES
    from embodied.evaluation.bench import Setup, Task
    from embodied.suites import load_suite, suite_paths
    from embodied.world.goals import nearest
    from planners import prepare

    cli.check_range("seeds", cfg.seeds, 1)
    cli.check_range("seed", cfg.seed, *cli.SEEDS)
    cli.check_range("jobs", cfg.jobs, 0)
    prepare(cfg.llm)  # what is wrong with it is said before anything is written
    planners = list(dict.fromkeys(cfg.planner.split(",") + (list(BASELINES) * cfg.baselines)))
    for name in planners:
        if name not in BASELINES:
            raise UsageError(f"There is no planner '{name}'{nearest(name, BASELINES)}")
    own = {name: folder for name, folder in vars(cfg.skills).items() if folder}
    setup = Setup(
        suite_paths(cfg.suites), cfg.llm, cfg.target_success, own, cfg.feedback, cfg.record
    )
    modes = ["plan", "execute"] if cfg.mode == "both" else [cfg.mode]
    sizes = [len(load_suite(path).items) for path in setup.suites]
    tasks = [
        Task(suite, item, seed, mode, planner)
        for suite, size in enumerate(sizes)
        for planner in planners
        for mode in modes
        for item in range(size)
        for seed in range(cfg.seed, cfg.seed + cfg.seeds)
    ]
    return setup, tasks


def _measure(
    setup: Setup, tasks: list[Task], prices: dict[str, Any], jobs: int, folder: Path,
    console: Console,
) -> None:  # fmt: skip
    """Plays all episodes; writes tape and results, shows the tables."""
    from rich.progress import track

    from embodied.evaluation import table
    from embodied.evaluation.bench import play
    from embodied.evaluation.cost import Prices
    from embodied.evaluation.replay import record
    from embodied.suites import load_suite

    began = time.monotonic()
    episodes: list[list[dict[str, Any]]] = [[] for _ in setup.suites]
    playing = play(setup, tasks, jobs, lambda text: console.print(text, soft_wrap=True))
    played = track(playing, "episodes", total=len(tasks), console=console)
    for task, episode in zip(tasks, record(setup, prices, played, folder), strict=True):
        episodes[task.suite].append(episode)
    told = [
        table.results(load_suite(path).name, setup.llm, some, Prices(*prices.values()))
        for path, some in zip(setup.suites, episodes, strict=True)
    ]
    table.write(folder, told)
    for one in told:
        table.show(console, one)
    if len(told) > 1:
        table.overview(console, told)
    seconds = time.monotonic() - began
    console.print(f"{seconds:.0f} s; {folder / 'results.json'}", soft_wrap=True)


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(EvaluateCfg, run, argv, prog="embodied evaluate")


if __name__ == "__main__":
    sys.exit(main())
