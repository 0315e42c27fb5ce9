"""``python -m embodied.run "bring a sponge"``: one instruction, carried out, filmed and reported."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from embodied import cli, outputs
from embodied.errors import UsageError

EXIT = {"success": 0, "failed": 1, "refused": 1, "asked": 1, "step_limit": 1, "interrupted": 130}


@dataclass(frozen=True)
class Skills:
    """Skill folders to use in place of the shipped ones."""

    navigate: Path | None = None
    pick: Path | None = None
    place: Path | None = None


@dataclass(frozen=True)
class RunCfg:
    """Carry out one instruction in the kitchen; leaves a video, an event log and a report."""

    instruction: Annotated[str, tyro.conf.Positional]
    """What to do, in your own words."""
    seed: int = 0
    """Of everything random: where on their places the objects stand."""
    llm: str = "embedded"
    """Language model: embedded (offline), or hf:<id or folder> for a Hugging Face causal model;
    settings follow a question mark: 'hf:ID?norm=pmi&temperature=0.7'."""
    out: Path | None = None
    """Run folder; a new dated one under outputs/run if left out."""
    scene: Path | None = None
    """Scene file (objects and robot, as a suite item's start); the home scene if left out."""
    skills: Skills = field(default_factory=Skills)
    """Trained skills of your own."""
    max_skills: int = 16
    """Skills that may be tried before the run is ended."""
    video: bool = True
    """Record rollout.mp4."""


def run(cfg: RunCfg) -> int:
    """Carries out the command; returns the exit code."""
    if not cfg.instruction.strip():
        raise UsageError(
            'The instruction is empty; say what to do, e.g. embodied run "bring a sponge".'
        )
    began = time.monotonic()
    from embodied.console import RunConsole
    from embodied.episode import Result, run_episode
    from embodied.recorder import Film, Recorder
    from embodied.report import render_report
    from embodied.scenes import build, load_scene
    from embodied.trace import Trace
    from planners import load_language_model
    from planners.model import describe
    from planners.saycan import SayCan
    from policies.execute import Executor
    from policies.library import load_library
    from policies.values import Values

    library = load_library({name: path for name, path in vars(cfg.skills).items() if path})
    scene = load_scene(cfg.scene)
    planner = SayCan(load_language_model(cfg.llm))
    folder = outputs.new_run_folder("run", cfg.instruction, cfg.out)
    outputs.describe_run(folder, cfg)
    kitchen = build(scene, cfg.seed, visuals=cfg.video)
    executor, console = Executor(kitchen, library), RunConsole()
    film = Film(kitchen, folder / "rollout.mp4", cfg.instruction, cfg.video)
    recorder = Recorder(Trace(folder / "events.jsonl"), film, console)
    console.header(
        cfg.instruction,
        {"language model": describe(planner.model), "seed": cfg.seed, "video": film.reason},
    )
    recorder.trace.emit(
        "run_started", instruction=cfg.instruction, seed=cfg.seed, llm=planner.model.name,
        objects=scene.objects, robot_at=scene.robot_at, facts=kitchen.facts().to_json(),
    )  # fmt: skip
    result = Result("error", "stopped by an error")
    try:
        recorder.opening(kitchen)
        values = Values(library, executor.map)
        result = run_episode(
            cfg.instruction, kitchen, planner, values, executor.run, cfg.max_skills, recorder,
            families=library,
        )  # fmt: skip
    except KeyboardInterrupt:
        result = Result("interrupted", "stopped by Ctrl-C")
    finally:
        console.close()
        recorder.finish(result, kitchen.facts(), time.monotonic() - began)
        report = render_report(folder)
    wall = time.monotonic() - began
    paths = {"video": film.path, "report": report} if film.path.exists() else {"report": report}
    console.verdict(
        result.verdict, result.reason, sim_seconds=recorder.sim_time, wall_seconds=wall, paths=paths
    )
    return EXIT[result.verdict]


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(RunCfg, run, argv, prog="embodied run")


if __name__ == "__main__":
    sys.exit(main())
