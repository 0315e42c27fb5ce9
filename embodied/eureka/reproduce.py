"""``embodied eureka reproduce RUN CANDIDATE``: train one candidate of a search again, and compare."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from embodied import cli
from embodied.errors import EnvironmentFault, UsageError
from embodied.eureka.command import LEDGER, read_summary


@dataclass(frozen=True)
class ReproduceCfg:
    """Train any candidate of a search again, as it was trained there or on another seed."""

    run: Annotated[Path, tyro.conf.Positional]
    """Run folder of a search."""
    candidate: Annotated[str, tyro.conf.Positional]
    """Which, as in its report: r2s05, start or best."""
    seed: int | None = None
    """Of everything random; that of its longest training if left out."""
    steps: int = 0
    """Environment steps; as many as its longest training had, if 0."""


def reproduce(cfg: ReproduceCfg) -> int:
    """Trains it; 1 if the same job came out otherwise than the ledger says."""
    from embodied.eureka import training
    from planners.rewards.job import Job
    from planners.rewards.program import Program
    from planners.rewards.workers import LostWorker

    entries = _entries(cfg.run)
    first = entries[0]
    best = cfg.candidate == "best"
    held = _candidate(entries, _best(entries, cfg.run) if best else cfg.candidate)
    trained = [
        e for e in entries if e["kind"] in ("trained", "confirmed") and e["id"] == held["id"]
    ]
    settings = first["settings"]
    known = {"steps": settings["funnel"]["steps"], "seed": settings["seed"]}
    last = max(trained, key=lambda e: e["steps"], default=known)
    steps, seed = cfg.steps or last["steps"], last["seed"] if cfg.seed is None else cfg.seed
    cli.check_range("seed", seed, *cli.SEEDS)
    job = Job(first["task"], Program.from_plain(held["program"]), seed, steps)
    print(f"{held['id']} of {cfg.run}: {first['task']}, {steps:,} steps, seed {seed}", flush=True)
    try:
        outcome = training.train(job)
    except LostWorker as lost:
        raise EnvironmentFault(f"The training was killed from outside: {lost}") from lost
    if outcome.error:
        print(f"it cannot be trained with: {outcome.error}")
        return 1
    print(f"success {outcome.final:.1%} of {outcome.episodes} episodes; {outcome.isolation}")
    same = [e for e in trained if e["steps"] == steps and e["seed"] == seed]
    if not same:
        return 0
    agrees = same[-1]["final"] == outcome.final
    print(f"the ledger says {same[-1]['final']:.1%}: {'the same' if agrees else 'NOT the same'}")
    return 0 if agrees else 1


def _entries(folder: Path) -> list[dict[str, Any]]:
    from planners.rewards.ledger import Ledger

    path = folder.expanduser() / LEDGER
    if not path.is_file():
        raise UsageError(f"{folder} holds no search; give a run folder of `embodied eureka`.")
    entries = Ledger(path).entries()
    if not entries:
        raise UsageError(f"The search of {folder} did not begin.")
    return entries


def _best(entries: list[dict[str, Any]], folder: Path) -> str:
    """The id of the best: the ledger's word, or that of the report where the search was stopped."""
    told = next((e["best"] for e in entries if e["kind"] == "finished"), None)
    return told or read_summary(folder.expanduser()).get("best") or "best"


def _candidate(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The entry of a candidate. Raises UsageError naming the nearest ones."""
    known = {e["id"]: e for e in entries if e["kind"] == "candidate"}
    if name not in known:
        near = ", ".join(difflib.get_close_matches(name, known, 3, 0.3)) or ", ".join(known)
        raise UsageError(f"There is no candidate '{name}' in this search; there is {near}.")
    return known[name]
