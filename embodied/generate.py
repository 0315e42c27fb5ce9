"""``python -m embodied.tasks generate --n 200``: write suite items, solver-checked, graded by length.

`planners.generate` says how the pieces hang together. The same flags give the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from embodied import cli, outputs
from embodied.errors import UsageError

if TYPE_CHECKING:
    from planners.generate.sieve import Proposal, Sieve, Task

LONGEST = 40  # scenes hold no more errands
PATIENCE = {"grammar": 30, "model": 5}  # attempts per task that is wanted; a model's cost seconds


@dataclass(frozen=True)
class GenerateCfg:
    """Write a suite of tasks; every goal is solved, every infeasible twin is not."""

    n: int = 200
    """Items, twins included."""
    out: Path | None = None
    """Run folder; a new dated one if left out. The suite is its tasks.yaml."""
    llm: str | None = None
    """Language model that writes instructions and goals; a grammar does if left out."""
    seed: int = 0
    """Of everything that is drawn."""
    min_skills: int = 1
    """Of the shortest plan."""
    max_skills: int = 12
    """Of the shortest plan."""
    refuse: float = 0.0
    """Share of items that cannot be done, each beside the feasible one it was made from."""
    drawer: bool = False
    """Also tasks that need the drawer's skills."""
    decisions: bool = False
    """Also write decisions.jsonl: every right label on every state of a shortest plan."""


def run(cfg: GenerateCfg) -> int:
    """Carries out the command."""
    from planners.generate.sieve import Sieve, sift

    check(cfg)
    rng, sieve = Random(cfg.seed), Sieve(cfg.min_skills, cfg.max_skills, cfg.drawer)
    negatives = round(cfg.n * cfg.refuse)
    wanted = cfg.n - negatives
    attempts = PATIENCE["model" if cfg.llm else "grammar"] * wanted + 20
    found = source(cfg, rng, attempts)
    folder = outputs.new_run_folder("generate", f"{cfg.n}-tasks", cfg.out)
    tasks = sift(found, sieve, wanted, attempts)
    if not tasks:
        raise UsageError(f"Nothing came through: {told(sieve)}. Ask for other lengths or a model.")
    twins = infeasible(tasks, sieve, rng, negatives, words=cfg.llm is None)
    path = write(cfg, folder, tasks, twins)
    made = len(tasks) + len(twins)
    short = "" if made == cfg.n else f" of {cfg.n}"
    print(f"{made}{short} items, {len(twins)} of them infeasible: {path}")
    print(f"rejected: {told(sieve)}")
    return 0


def check(cfg: GenerateCfg) -> None:
    """Refuses numbers that make no sense.

    Raises:
        UsageError: which ones, and what would.
    """
    if cfg.n < 1 or not 1 <= cfg.min_skills <= cfg.max_skills <= LONGEST:
        raise UsageError(f"--n is from 1; 1 <= --min-skills <= --max-skills <= {LONGEST}.")
    if not 0 <= cfg.refuse <= 0.5:
        raise UsageError("--refuse is a share from 0 to 0.5: each has a feasible twin.")


def write(cfg: GenerateCfg, folder: Path, tasks: list[Task], twins: dict[int, Task]) -> Path:
    """The run folder's files; the suite's path. It is read back, so what is written loads."""
    from embodied.suites import load_suite
    from planners.generate.suite import render

    outputs.describe_run(folder, cfg)
    path = folder / "tasks.yaml"
    path.write_text(render("generated", tasks, twins), encoding="utf-8")
    load_suite(path)
    if cfg.decisions:
        write_decisions(folder / "decisions.jsonl", tasks, cfg.drawer)
    return path


def source(cfg: GenerateCfg, rng: Random, attempts: int) -> Iterable[Proposal | str]:
    """Endless proposals, by grammar or by a model, which takes its time and shows it."""
    from planners.generate.proposals import by_grammar, by_model
    from planners.generate.scenes import SceneCfg

    lengths, scenes = (cfg.min_skills, cfg.max_skills), SceneCfg(drawer=cfg.drawer)
    if cfg.llm is None:
        return by_grammar(rng, lengths, scenes)
    from planners import load_language_model
    from planners.model import CanGenerate

    model = load_language_model(cfg.llm)
    if not isinstance(model, CanGenerate):
        raise UsageError(f"--llm {cfg.llm} writes no text; leave --llm out, or take a text model.")
    from rich.console import Console
    from rich.progress import track

    proposals = by_model(model, rng, lengths, scenes)
    return track(proposals, "proposals", attempts, console=Console(stderr=True), transient=True)


def infeasible(
    tasks: list[Task], sieve: Sieve, rng: Random, number: int, words: bool
) -> dict[int, Task]:
    """Infeasible twins by the index of their task. words: whether they may be said anew."""
    from planners.generate import twins

    made: dict[int, Task] = {}
    for attempt in range(10 * len(tasks)):
        i = attempt % len(tasks)
        if len(made) == number:
            break
        if i in made or rng.random() < 0.5:  # not only the shortest
            continue
        found = (twins.twin if words else twins.absent)(tasks[i], rng)
        task = sieve.admit(found)
        if task:
            made[i] = task
    return made


def write_decisions(path: Path, tasks: list[Task], drawer: bool) -> None:
    """One JSON object per decision: instruction, history, facts, right labels."""
    from planners.generate.sieve import decisions

    with path.open("w", encoding="utf-8") as file:
        for task in tasks:
            for made in decisions(task, drawer):
                line = {
                    "instruction": task.proposal.instruction,
                    "history": [dataclasses.asdict(step) for step in made.history],
                    "facts": made.facts.to_json(),
                    "right": made.right,
                }
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def told(sieve: Sieve) -> str:
    """The rejections by reason, most frequent first."""
    parts = [f"{reason} {n}" for reason, n in sieve.rejected.most_common()]
    return ", ".join(parts) or "none"


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(GenerateCfg, run, argv, prog="embodied generate")


if __name__ == "__main__":
    sys.exit(main())
