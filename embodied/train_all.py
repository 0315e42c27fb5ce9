"""``python -m embodied.train all``: every skill family, in one run folder.

Families come after those that their starts are made with; --jobs of them are trained at a time. The same
command goes on where it was killed: finished families are left alone, unfinished ones continue from their
last checkpoints.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embodied import outputs, train, train_folder, train_jobs
from embodied.errors import UsageError

if TYPE_CHECKING:
    from policies.skill import SkillCard


def train_all(cfg: train.TrainCfg) -> int:
    """Trains what is not trained yet; ends with one table of all families.

    Raises:
        UsageError: a flag has no meaning here.
    """
    from embodied.tasks import registry
    from policies.skill import read_card

    if cfg.pick is not None:
        raise UsageError("'all' trains its own pick; leave --pick out.")
    if cfg.finetune is not None or cfg.weights is not None:
        raise UsageError("--finetune and --weights are of one family; name it in place of 'all'.")
    families = registry.families()
    config = {"family": "all", "preset": cfg.preset, "seed": cfg.seed, "steps": cfg.steps}
    config |= train.chosen(cfg) | {"randomise": cfg.randomise}
    folder = train_folder.run_folder("all", config, cfg.out, cfg.fresh)
    needs = {name: family.needs for name, family in families.items()}
    names = order(needs)
    todo = {}
    for name in names:
        pick = folder / "pick" / "skill" if "pick" in needs[name] else None
        if not train_folder.finished(folder / name):
            todo[name] = dataclasses.replace(
                cfg, family=name, out=folder / name, pick=pick, fresh=False
            )
    with outputs.alone_in(folder):
        if (jobs := train_jobs.jobs_of(cfg)) > 1:
            train_jobs.side_by_side(todo, needs, jobs)
        else:
            for one in todo.values():
                train.run(one)
    rows = [row(read_card(folder / name / "skill")) for name in names]
    outputs.write_json(folder / train_folder.TABLE, rows)
    _show(rows, folder)
    return 0


def order(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """The families so that each comes after those it needs; otherwise as they are listed."""
    return list(TopologicalSorter(needs).static_order())


def row(card: SkillCard) -> dict[str, Any]:
    """What the table says of one skill."""
    from policies.skill import describe

    objects = {key: figure for key, figure in card.figures.items() if key != "all"}
    worst = min(objects, key=lambda key: objects[key].rate) if objects else None
    return {
        "family": card.family,
        "steps": card.training.steps,
        "minutes": card.training.minutes,
        "success": describe(card.figures["all"]),
        "worst": f"{worst} {objects[worst].rate:.1%}" if worst else "",
        "ece": card.affordance.get("report", {}).get("ece"),
    }


def _show(rows: list[dict[str, Any]], folder: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("family", "steps", "minutes of PPO", "success on fresh starts", "worst", "ECE")
    for found in rows:
        ece = "" if found["ece"] is None else f"{found['ece']:.3f}"
        table.add_row(
            found["family"], f"{found['steps']:,}", f"{found['minutes']:.1f}", found["success"],
            found["worst"], ece,
        )  # fmt: skip
    console = Console()
    console.print(table)
    console.print(f"{sum(found['minutes'] for found in rows):.1f} minutes of PPO in all")
    use = " ".join(f"--skills.{found['family']} {folder / found['family']}/skill" for found in rows)
    console.print(f"use them: python -m embodied.run {use} ...", soft_wrap=True)
