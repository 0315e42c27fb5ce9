"""``python -m embodied.train FetchReach-v4 --algo sac-her``: a task of gymnasium-robotics.

The run folder, going on after a kill, and the report are those of every training; ``model.zip`` is
Stable-Baselines3's own.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from embodied import outputs, train, train_folder
from embodied.train_screen import progress_bar

if TYPE_CHECKING:
    from policies.field import FieldCfg
    from policies.skill import Figure

VERSIONS = ("mujoco", "gymnasium-robotics", "stable-baselines3", "torch", "numpy")


def is_field_task(name: str) -> bool:
    """Whether a name is that of a Gymnasium environment, not of one of our skills."""
    return re.fullmatch(r"[\w./:-]+-v\d+", name) is not None


def train_field(cfg: train.TrainCfg) -> int:
    """Carries out the command for a field task."""
    from rich.console import Console

    from policies import field
    from policies.skill import describe

    settings = field.FieldCfg(cfg.family, cfg.algo or "sac-her", cfg.seed, cfg.steps)
    field.make_learner(settings.algo, field.make_env(cfg.family), cfg.seed)  # or it is refused here
    config = {"family": cfg.family, "algo": settings.algo, "seed": cfg.seed}
    folder = train_folder.run_folder(
        cfg.family, {**config, "steps": settings.budget}, cfg.out, cfg.fresh
    )
    if train_folder.finished(folder):
        print("this training is finished; give --out another folder to train anew")
        return 0
    console = Console()
    with (
        outputs.alone_in(folder),
        progress_bar(cfg.family, settings.budget, console) as progress,
    ):
        figure, minutes = field.train(
            settings, folder, progress, lambda text: console.print(text, highlight=False)
        )
    report = _report(folder, settings, figure, minutes, train.command_of(cfg))
    console.print(f"{cfg.family}: {describe(figure)}", highlight=False)
    console.print(f"report: {report}\nmodel: {folder / 'model.zip'}", soft_wrap=True)
    return 0


def _report(folder: Path, cfg: FieldCfg, figure: Figure, minutes: float, command: str) -> Path:
    from embodied.training_report import render_training
    from policies.skill import SkillCard, Training

    algorithm = f"stable-baselines3 {cfg.algo.upper()}"
    card = SkillCard(
        family=cfg.env, obs_dim=0, act_dim=0, hidden=[], figures={"all": figure},
        training=Training(
            command=command, algorithm=algorithm, steps=cfg.budget, minutes=round(minutes, 1),
            seed=cfg.seed, hardware=f"{outputs.usable_cores()} cores, cpu",
            versions={name: version(name) for name in VERSIONS},
        ),
    )  # fmt: skip
    report = render_training(folder, card)
    outputs.write_json(folder / train_folder.TABLE, card.model_dump())
    return report
