"""``python -m embodied.train FAMILY``: train a skill with PPO, evaluate it, fit its success head.

The run folder is ``outputs/train/<date>/<time>_<family>/``; the finished skill is its ``skill/``. The same
command goes on with its own latest unfinished training, unless --fresh or --out say otherwise.
"""

from __future__ import annotations

import dataclasses
import shlex
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from embodied import cli, outputs, train_own
from embodied.errors import UsageError
from embodied.train_folder import finished, run_folder
from embodied.train_screen import progress_bar

if TYPE_CHECKING:
    from policies.trainer import TrainerCfg

GPU_BUDGET = 6
"""So many times a family's steps are trained for with the preset cuda."""
PRESETS: dict[str, dict[str, Any]] = {
    # two cores, a laptop: 512 simulations keep both busy; more torch threads would fight the pool
    "cpu": {"num_envs": 512, "threads": 0, "torch_threads": 1, "device": "cpu"},
    # one GPU: physics, tasks and PPO on it; more simulations need more steps for as many updates
    "cuda": {
        "num_envs": 4096,
        "torch_threads": 1,
        "device": "cuda",
        "engine": "warp",
        "checkpoint_every": 4_000_000,
    },
    "smoke": {
        "num_envs": 96,
        "threads": 0,
        "torch_threads": 1,
        "device": "cpu",
        "steps": 20_000,
        "eval_episodes": 96,
        "head_rollouts": 1_000,
        "checkpoint_every": 4_000,
    },
}


@dataclass(frozen=True)
class TrainCfg:
    """Train one skill family, all of them, or the offline planner."""

    family: Annotated[str, tyro.conf.Positional]
    """navigate, pick, place, open, close; all of them in order; planner (the embedded language model);
    a task file of your own, such as hover.py; or a task of gymnasium-robotics such as FetchReach-v4."""
    preset: Literal["cpu", "cuda", "smoke"] = "cpu"
    """cpu: the shipped weights' settings; cuda: one GPU; smoke: a minute, to see that it runs."""
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
    device: str = ""
    """Where PPO and its physics run: cpu, cuda or cuda:1; the preset's if left out."""
    engine: Literal["preset", "mujoco", "warp"] = "preset"
    """MuJoCo's own physics, which runs on the CPU, or MuJoCo Warp on the device."""
    num_envs: int = 0
    """Simulations; 0 takes the preset's number."""
    threads: int = 0
    """Of the physics on the CPU; 0 takes one a core. It changes nothing but the time."""
    jobs: int = 0
    """Families that 'all' trains at a time; 0 takes one a core, and one on a GPU."""
    weights: Path | None = None
    """Make a skill of this Stable-Baselines3 PPO file in place of training one."""
    trust_pickle: bool = False
    """Open --weights although that runs code which the file holds."""
    finetune: Path | None = None
    """Skill folder whose policy to train on, in place of one that knows nothing."""
    learning_rate: float = 0.0
    """That PPO begins with, to decay to a tenth; 0 takes the family's own."""
    reward: Path | None = None
    """Train with this reward program in place of the task's own: a file, or a search's <run>/best."""
    algo: Literal["", "ppo", "sac", "sac-her", "tqc", "tqc-her"] = ""
    """Of Stable-Baselines3; PPO for our skills, sac-her for a task of gymnasium-robotics."""
    randomise: bool = True
    """Vary physics, senses and latency from episode to episode where a skill bears more for it (all but
    navigate)."""


def run(cfg: TrainCfg) -> int:
    """Carries out the command."""
    if cfg.family == "planner":
        from planners.embedded.train import train as train_planner

        train_planner(preset=cfg.preset, seed=cfg.seed, out=cfg.out)
        return 0
    cli.check_range("seed", cfg.seed, *cli.SEEDS)
    cli.check_range("steps", cfg.steps, 0)
    for flag in ("num_envs", "threads", "jobs"):
        cli.check_range(flag.replace("_", "-"), getattr(cfg, flag), 0)
    cli.check_range("learning-rate", cfg.learning_rate, 0)
    if cfg.reward is not None:
        from embodied.train_reward import train_reward

        return train_reward(cfg)
    from embodied.train_field import is_field_task, train_field

    if is_field_task(cfg.family):
        return train_field(cfg)
    if cfg.algo not in ("", "ppo"):
        raise UsageError(
            "Our skills are trained with PPO; --algo is for gymnasium-robotics' tasks."
        )
    if cfg.family == "all":
        from embodied.train_all import train_all

        return train_all(cfg)
    return _train_skill(cfg)


def _train_skill(cfg: TrainCfg) -> int:
    """Trains one family, or goes on with that, unless it is finished. One of your own is registered then."""
    from embodied.tasks import registry
    from embodied.tasks.randomise import NONE, RandomiseCfg
    from policies.library import SHIPPED
    from policies.trainer import TrainerCfg

    if cfg.weights is not None and not cfg.trust_pickle:
        raise UsageError(
            f"Opening {cfg.weights} runs code that it holds; add --trust-pickle if you trust it."
        )
    spec = registry.family(cfg.family)
    settings = TrainerCfg(
        spec.name,
        seed=cfg.seed,
        randomise=RandomiseCfg() if cfg.randomise and spec.randomised else NONE,
        skills={"pick": cfg.pick or SHIPPED / "pick"},
        finetune=cfg.finetune,
        learning_rate=cfg.learning_rate,
        **settings_of(cfg),
    )
    if spec.label:
        train_own.prepare(spec)

    def over(folder: Path) -> bool:
        return finished(folder) and (not spec.label or train_own.is_kept(spec, folder / "skill"))

    folder = run_folder(cfg.family, _config(cfg, settings), cfg.out, cfg.fresh, over)
    if finished(folder):
        print("this training is finished; give --out another folder to train anew")
    else:
        with outputs.alone_in(folder), train_own.blamed():
            _train(cfg, settings, folder)
    if spec.label:
        train_own.register(spec, folder / "skill")
    return 0


def settings_of(cfg: TrainCfg) -> dict[str, Any]:
    """The preset with what the flags change; a GPU as device means its preset.

    Raises:
        UsageError: the flags contradict each other.
    """
    on_gpu = cfg.device.startswith("cuda")
    name = "cuda" if on_gpu and cfg.preset == "cpu" else cfg.preset
    names = ("device", "steps", "num_envs", "threads")
    given = {key: getattr(cfg, key) for key in names}
    settings = PRESETS[name] | {key: value for key, value in given.items() if value}
    if cfg.engine != "preset" or on_gpu:
        settings["engine"] = "warp" if cfg.engine == "preset" else cfg.engine
    if settings.get("engine") != "warp" and settings["device"] != "cpu":
        raise UsageError("MuJoCo's own engine runs on the CPU; leave --engine out, or --device.")
    if name == "cuda" and not cfg.steps:
        from embodied.tasks import registry

        settings["steps"] = GPU_BUDGET * registry.family(cfg.family).steps
    return settings


def steps_of(cfg: TrainCfg) -> int:
    """Environment steps that a family is trained for."""
    from embodied.tasks import registry

    return settings_of(cfg).get("steps") or registry.family(cfg.family).steps


def _config(cfg: TrainCfg, settings: TrainerCfg) -> dict[str, object]:
    """What makes two trainings the same: only these go on from each other's checkpoints.

    Raises:
        UsageError: no such family, or a skill that it begins with is none, or one of another.
    """
    from embodied.tasks import registry
    from policies.library import load_skill
    from policies.skill import POLICY
    from policies.trainer import needed

    steps, spec = steps_of(cfg), registry.family(cfg.family)

    def held(name: str, folder: Path) -> str:
        return load_skill(registry.family(name), folder).card.sha256[POLICY][:16]

    used = {name: held(name, folder) for name, folder in needed(settings).items()}
    config = {"family": spec.name, "preset": cfg.preset, "seed": cfg.seed, "steps": steps, **used}
    if spec.source:
        config["task"] = sha256(spec.source.encode()).hexdigest()[:16]
    config["randomise"] = dataclasses.asdict(settings.randomise)
    if cfg.finetune is not None:
        config["finetune"] = held(cfg.family, cfg.finetune)
    if cfg.weights is not None:
        config["weights"] = str(cfg.weights)
    return config | chosen(cfg)


def chosen(cfg: TrainCfg) -> dict[str, object]:
    """The flags among device, engine, num_envs and learning_rate that were given."""
    plain = TrainCfg(cfg.family)
    names = ("device", "engine", "num_envs", "learning_rate")
    return {
        name: getattr(cfg, name) for name in names if getattr(cfg, name) != getattr(plain, name)
    }


def command_of(cfg: TrainCfg) -> str:
    """The line that makes the same skill again."""
    words = ["python", "-m", "embodied.train", cfg.family, "--preset", cfg.preset]
    words += ["--seed", str(cfg.seed)]
    if cfg.steps:
        words += ["--steps", str(cfg.steps)]
    for name, value in chosen(cfg).items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    if cfg.finetune:
        words += ["--finetune", str(cfg.finetune)]
    if cfg.weights:
        words += ["--weights", str(cfg.weights), "--trust-pickle"]
    if cfg.reward:
        words += ["--reward", str(cfg.reward)]
    if cfg.algo:
        words += ["--algo", cfg.algo]
    if not cfg.randomise:
        words += ["--no-randomise"]
    if cfg.pick:
        words += ["--pick", str(cfg.pick)]
    return shlex.join(words)


def _train(cfg: TrainCfg, settings: TrainerCfg, folder: Path) -> None:
    from rich.console import Console

    from policies.skill import describe
    from policies.trainer import adopt, train

    total = steps_of(cfg)
    console = Console()
    with progress_bar(settings.family, total, console) as progress:

        def say(text: str) -> None:
            console.print(text, highlight=False)

        if cfg.weights is not None:
            card = adopt(settings, cfg.weights, folder, command_of(cfg), say)
        else:
            card = train(settings, folder, command_of(cfg), progress, say)
    console.print(f"{card.family}: {describe(card.figures['all'])}", highlight=False)
    from embodied.training_report import render_training

    skill = folder / "skill"
    console.print(f"report: {render_training(folder)}\nskill: {skill}", soft_wrap=True)
    if card.own is None:
        use = shlex.join(["python", "-m", "embodied.run", f"--skills.{cfg.family}", str(skill)])
        console.print(f"use it: {use} ...", soft_wrap=True)


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(TrainCfg, run, argv, prog="embodied train")


if __name__ == "__main__":
    sys.exit(main())
