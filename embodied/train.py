"""``python -m embodied.train FAMILY``: train a skill with PPO, evaluate it, fit its success head.

The run folder is ``outputs/train/<date>/<time>_<family>/``; the finished skill is its ``skill/``. The same
command goes on with its own latest unfinished training, unless --fresh or --out say otherwise.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro
import yaml

from embodied import cli, outputs

PRESETS = {
    # two cores, a laptop: 512 simulations keep both busy; more torch threads would fight the pool
    "cpu": {"num_envs": 512, "threads": 0, "torch_threads": 1, "device": "cpu"},
    "smoke": {
        "num_envs": 96,
        "threads": 0,
        "torch_threads": 1,
        "device": "cpu",
        "steps": 20_000,
        "eval_episodes": 96,
    },
}


@dataclass(frozen=True)
class TrainCfg:
    """Train one skill family, or the offline planner."""

    family: Annotated[str, tyro.conf.Positional]
    """navigate, pick, place, open, close, or planner (the embedded language model)."""
    preset: Literal["cpu", "smoke"] = "cpu"
    """cpu: the shipped weights' settings; smoke: a minute, to see that it runs."""
    seed: int = 0
    """Of everything random."""
    steps: int = 0
    """Environment steps; 0 takes the family's own budget."""
    pick: Path | None = None
    """Pick skill whose ends placing starts from; the shipped one if left out."""
    out: Path | None = None
    """Run folder."""
    fresh: bool = False
    """Begin anew even if an unfinished training of this kind exists."""


def run(cfg: TrainCfg) -> int:
    """Carries out the command."""
    if cfg.family == "planner":
        from planners.embedded.train import train as train_planner

        train_planner(seed=cfg.seed, out=cfg.out)
        return 0
    from embodied.tasks import registry
    from policies.library import SHIPPED

    registry.family(cfg.family)
    config = {"family": cfg.family, "preset": cfg.preset, "seed": cfg.seed, "steps": cfg.steps}
    folder = None if cfg.fresh or cfg.out else _unfinished(config)
    if folder is None:
        folder = outputs.new_run_folder("train", cfg.family, cfg.out, resume=True)
        outputs.describe_run(folder, config)
    print(f"run folder: {folder}", flush=True)
    if (folder / "skill" / "affordance.safetensors").exists():
        print("this training is finished; give --out another folder to train anew")
        return 0
    return _train(cfg, folder, {"pick": cfg.pick or SHIPPED / "pick"})


def _train(cfg: TrainCfg, folder: Path, skills: dict[str, Path]) -> int:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from embodied.tasks import registry
    from policies.trainer import TrainerCfg, describe, train

    settings = TrainerCfg(cfg.family, seed=cfg.seed, skills=skills, **PRESETS[cfg.preset])  # type: ignore[arg-type]
    if cfg.steps:
        settings = replace(settings, steps=cfg.steps)
    total = settings.steps or registry.family(cfg.family).steps
    console = Console()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(cfg.family, total=total)

        def progress(steps: int, figures: dict[str, float]) -> None:
            text = (
                f"{cfg.family}  success {figures['success']:6.1%}  length {figures['length']:5.1f}"
            )
            bar.update(task, completed=min(steps, total), description=text)

        command = f"python -m embodied.train {cfg.family} --preset {cfg.preset} --seed {cfg.seed}"
        card = train(
            settings, folder, command, progress, lambda text: console.print(text, highlight=False)
        )
    console.print(f"{cfg.family}: {describe(card.figures['all'])}", highlight=False)
    skill = folder / "skill"
    console.print(
        f"skill: {skill}\nuse it: python -m embodied.run --skills.{cfg.family} {shlex.quote(str(skill))} ..."
    )
    return 0


def _unfinished(config: dict[str, object]) -> Path | None:
    """The latest run folder of the same settings without a finished skill."""
    for folder in sorted(Path("outputs/train").glob("*/*"), reverse=True):
        try:
            same = yaml.safe_load((folder / "config.yaml").read_text()) == config
        except (OSError, yaml.YAMLError):
            continue
        if same:
            return None if (folder / "skill" / "affordance.safetensors").exists() else folder
    return None


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(TrainCfg, run, argv, prog="embodied train")


if __name__ == "__main__":
    sys.exit(main())
