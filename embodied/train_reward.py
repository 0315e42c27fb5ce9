"""``python -m embodied.train FAMILY --reward FILE``: a skill from a reward program that was written for it.

The program trains the policy in a sandboxed process; measuring and fitting the success head happen here,
on the policy alone. The skill's card keeps the program. Such a training does not go on from checkpoints.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embodied import outputs
from embodied.errors import EmbodiedError, UsageError

if TYPE_CHECKING:
    from embodied.candidates.net import Net
    from embodied.train import TrainCfg
    from planners.rewards.job import Job
    from planners.rewards.program import Program

NAMES = ("reward.json", "best/reward.json")
"""Where a folder keeps its program."""


def read_program(path: Path) -> Program:
    """The program of a file, or of a search's folder or its ``best``.

    Raises:
        UsageError: there is none, or it is damaged.
    """
    from planners.rewards.program import Program

    found = [path / name for name in NAMES] if path.is_dir() else [path]
    for file in found:
        if file.is_file():
            try:
                return Program.from_json(file.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"{file} cannot be read ({error}); give a reward.json.") from error
    raise UsageError(f"There is no reward in {path}; give a reward.json, or a search's <run>/best.")


def train_reward(cfg: TrainCfg) -> int:
    """Trains, measures, fits the success head and writes the skill's folder.

    Raises:
        UsageError: the program does not fit the family, or a flag has no meaning here.
        EmbodiedError: the training failed, for the reason in it.
    """
    from embodied.candidates.skill_views import SKILLS
    from embodied.train import settings_of, steps_of
    from planners.rewards.checks import check
    from planners.rewards.job import Job

    assert cfg.reward is not None
    if cfg.family not in SKILLS:
        raise UsageError(
            f"--reward makes a skill, and '{cfg.family}' is none: {', '.join(SKILLS)}."
        )
    if cfg.weights or cfg.pick or cfg.algo not in ("", "ppo") or cfg.device not in ("", "cpu"):
        raise UsageError("--reward trains by PPO on the CPU; leave the other flags out.")
    program = read_program(cfg.reward)
    verdict = check(program, SKILLS[cfg.family].brief)
    if not verdict.ok:
        raise verdict.problems[0]
    settings = settings_of(cfg)
    steps = steps_of(cfg)
    job = Job(cfg.family, program, cfg.seed, steps, settings["num_envs"])
    folder = outputs.new_run_folder("train", cfg.family, cfg.out)
    outputs.describe_run(folder, {"family": cfg.family, "reward": program.hash, "steps": steps})
    outputs.write_text(folder / "reward.json", program.json())
    print(f"run folder: {folder}\ntraining {steps:,} steps in a sandboxed process", flush=True)
    return _release(cfg, settings, job, folder)


def _release(cfg: TrainCfg, settings: dict[str, Any], job: Job, folder: Path) -> int:
    """The training itself, and the skill of its policy."""
    from embodied.candidates import sandboxed
    from embodied.candidates.net import Net
    from embodied.train import command_of
    from policies.library import SHIPPED
    from policies.skill import describe
    from policies.trainer import TrainerCfg, provenance, release

    found, isolation = sandboxed.train(job)
    if found["error"]:
        raise EmbodiedError(f"The training came to nothing: {found['error']}")
    policy = network(Net.from_plain(found["net"]), job.task)
    skills = {"pick": SHIPPED / "pick"}
    trainer = TrainerCfg(cfg.family, seed=cfg.seed, skills=skills, **settings)
    command = command_of(replace(cfg, steps=job.steps))
    made = provenance(trainer, command, int(found["env_steps"]), found["seconds"] / 60)
    reward = {**job.program.plain(), "hash": job.program.hash, "isolation": isolation}
    made = made.model_copy(update={"reward": reward})

    def say(text: str) -> None:
        print(text, flush=True)

    say(f"isolation: {isolation}")
    card = release(trainer, policy, made, folder / "skill", say)
    print(f"{cfg.family}: {describe(card.figures['all'])}\nskill: {folder / 'skill'}")
    use = ["python", "-m", "embodied.run", f"--skills.{cfg.family}", str(folder / "skill")]
    print(f"use it: {shlex.join(use)} ...")
    return 0


def network(net: Net, family: str) -> Any:
    """A candidate's policy as a skill's network.

    Raises:
        EmbodiedError: it is no policy of the family.
    """
    from embodied.tasks import registry
    from policies.skill import mean_network

    task: Any = registry.family(family).make
    net.check(task.obs_dim, task.act_dim)
    if net.activation != "elu" or net.squash:
        raise EmbodiedError("The training answered with a policy of another kind; it is lost.")
    hidden = [layer.out_features for layer in net.layers][:-1]
    made = mean_network(task.obs_dim, hidden, task.act_dim)
    rows = [layer for layer in made if hasattr(layer, "in_features")]
    for target, source in zip(rows, net.layers, strict=True):
        target.load_state_dict(source.state_dict())
    return made
