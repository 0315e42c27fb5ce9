"""``python -m embodied.bench skills [FAMILY ...]``: what trained skills and their heads are worth.

Fresh starts on fixtures that no training saw, every one of them other than the rest; the success
head on new rollouts; what the skill bears, if asked; and for navigate drives of the whole robot in the
real kitchen. Nothing is trained and no skill is changed.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from embodied import cli, outputs
from embodied.run import Skills

APART = 1_000_000  # added to the seed: trainings draw their fixtures from low ones


@dataclass(frozen=True)
class SkillsCfg:
    """Measure trained skills without training; writes results.json with Wilson intervals."""

    families: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Which; all of them if left out."""
    skills: Skills = field(default_factory=Skills)
    """Skill folders to measure in place of the shipped ones."""
    episodes: int = 1536
    """Fresh starts a family, each on a fixture of its own."""
    rollouts: int = 4000
    """For the success head, infeasible starts among them."""
    drives: int = 512
    """Of the whole robot in the real kitchen, for navigate; 0 leaves them out."""
    randomise: bool = False
    """Fresh starts with physics, senses and latency as varied as in training."""
    disturb: int = 0
    """Episodes with each disturbance (objects nudged or knocked out of the gripper, the base bumped,
    the drawer pushed back); 0 leaves them out."""
    seed: int = 0
    """Of everything random."""
    out: Path | None = None
    """Run folder; a new dated one under outputs/bench if left out."""


def run(cfg: SkillsCfg) -> int:
    """Carries out the command."""
    cli.check_range("seed", cfg.seed, *cli.SEEDS)
    cli.check_range("episodes", cfg.episodes, 16)
    cli.check_range("rollouts", cfg.rollouts, 100)
    cli.check_range("drives", cfg.drives, 0)
    cli.check_range("disturb", cfg.disturb, 0)
    from rich.console import Console

    from embodied.tasks import registry
    from policies.library import load_library, load_own

    for name in cfg.families:
        registry.family(name)
    library = load_library({name: path for name, path in vars(cfg.skills).items() if path})
    families = cfg.families or tuple(library)
    library |= load_own()
    folder = outputs.new_run_folder("bench", "skills", cfg.out)
    outputs.describe_run(folder, cfg)
    console, results = Console(highlight=False), {}
    for name in families:
        results[name] = _measure(name, library, cfg, console)
        outputs.write_json(folder / "results.json", results)
    console.print(str(folder / "results.json"), soft_wrap=True)
    return 0


def _measure(
    name: str, library: Mapping[str, Any], cfg: SkillsCfg, console: Any
) -> dict[str, object]:
    from embodied.tasks import registry
    from embodied.tasks.randomise import NONE, RandomiseCfg
    from policies.affordance import Affordance
    from policies.measure import fresh_starts, head_figures

    skill, seed = library[name], cfg.seed + APART
    starts = {other: library[other].act for other in registry.family(name).needs}
    with console.status(f"{name}: {cfg.episodes} fresh starts"):
        varied = RandomiseCfg() if cfg.randomise else NONE
        figures = fresh_starts(name, skill.act, cfg.episodes, seed, randomise=varied, **starts)
    _table(console, name, figures)
    with console.status(f"{name}: {cfg.rollouts} rollouts for the success head"):
        head = head_figures(Affordance.load(skill), skill.act, cfg.rollouts, seed + 2, **starts)
    console.print(
        f"  success head: ECE {head['ece']:.3f}, AUROC {head['auroc']:.4f}, Brier "
        f"{head['brier']:.3f} on {head['n']:,} new rollouts, {head['success_rate']:.1%} successful",
        soft_wrap=True,
    )
    plain: dict[str, object] = {key: figure.model_dump() for key, figure in figures.items()}
    measured: dict[str, object] = {"skill": str(skill.folder), "figures": plain, "affordance": head}
    if cfg.disturb:
        measured["disturbed"] = _disturb(name, skill, cfg, console, starts)
    if name == "navigate" and cfg.drives:
        measured["kitchen"] = _drive(skill, cfg, console)
    return measured


def _disturb(
    name: str, skill: Any, cfg: SkillsCfg, console: Any, starts: Mapping[str, Any]
) -> dict[str, object]:
    """Success where one thing goes wrong once in every episode, by what it is."""
    from embodied.tasks import registry
    from policies.disturb import DISTURBANCES, disturbed

    borne = {}
    for what in DISTURBANCES[registry.family(name).base]:
        with console.status(f"{name}: {what}"):
            borne[what] = disturbed(
                name, what, skill.act, cfg.disturb, cfg.seed + APART + 4, **starts
            )
    _table(console, f"{name}, disturbed", {what: found.figure for what, found in borne.items()})
    return {
        what: {**found.figure.model_dump(), "set_in": found.upset} for what, found in borne.items()
    }


def _drive(skill: Any, cfg: SkillsCfg, console: Any) -> dict[str, object]:
    """Drives in the real kitchen: figures in all and by load, and those that failed."""
    from rich.progress import track

    from policies.drives import drives
    from policies.skill import wilson

    driven = drives(skill, cfg.drives, cfg.seed + APART)
    done = list(track(driven, "drives", total=cfg.drives, console=console, transient=True))
    groups = {
        "all": done,
        "carrying": [drive for drive in done if drive.carried],
        "empty": [drive for drive in done if not drive.carried],
    }
    figures = {key: wilson(sum(d.success for d in part), len(part)) for key, part in groups.items()}
    _table(console, "navigate, whole robot in the real kitchen", figures)
    touching = sum(bool(drive.touched) for drive in done)
    console.print(f"  drives with a contact: {touching} of {len(done)}")
    return {
        "figures": {key: figure.model_dump() for key, figure in figures.items()},
        "touching": touching,
        "failed": [dataclasses.asdict(drive) for drive in done if not drive.success],
    }


def _table(console: Any, title: str, figures: Mapping[str, Any]) -> None:
    from policies.skill import describe

    console.print(f"\n{title}", style="bold")
    for key, figure in figures.items():
        console.print(f"  {key:<28} {describe(figure)}", highlight=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(SkillsCfg, run, argv, prog="embodied bench skills")


if __name__ == "__main__":
    sys.exit(main())
