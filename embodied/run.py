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

EXIT = {
    "success": 0,
    "failed": 1,
    "refused": 1,
    "asked": 1,
    "stopped": 0,
    "step_limit": 1,
    "interrupted": 130,
}


@dataclass(frozen=True)
class Skills:
    """Skill folders to use in place of the shipped ones."""

    navigate: Path | None = None
    pick: Path | None = None
    place: Path | None = None
    open: Path | None = None
    close: Path | None = None


@dataclass(frozen=True)
class RunCfg:
    """Carry out one instruction in the kitchen; leaves a video, an event log and a report."""

    instruction: Annotated[str, tyro.conf.Positional]
    """What to do, in your own words."""
    seed: int = 0
    """Of everything random: where on their places the objects stand."""
    llm: str = "embedded"
    """Language model: embedded (offline), hf:<id or folder> for a Hugging Face causal model, or
    openai:<model>[@<base URL>] for a model server; settings follow a question mark:
    'hf:ID?norm=pmi&temperature=0.7'."""
    lookahead: int = 0
    """Skills beyond the next that are imagined before one is chosen; more model calls."""
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
    target_success: float = 0.95
    """Ask back as often as this share of instructions ending well takes."""
    answer: tuple[str, ...] = ()
    """Answers to what the robot may ask, in order; at a terminal it asks you."""
    say: tuple[str, ...] = ()
    """Said in mid-task, each as 'LABEL: TEXT', when the skill LABEL has first ended; at a terminal
    you just type."""


def run(cfg: RunCfg) -> int:
    """Carries out the command; returns the exit code."""
    _check(cfg)
    with cli.Interrupts() as interrupts:
        return _run(cfg, interrupts)


def _run(cfg: RunCfg, interrupts: cli.Interrupts) -> int:
    began = time.monotonic()
    interrupts.hold()  # an import that is interrupted may call it an ImportError
    from embodied.console import RunConsole
    from embodied.episode import Result, run_episode
    from embodied.person import Terminal, said_after
    from embodied.recorder import Film, Recorder
    from embodied.report import render_report
    from embodied.scenes import build, load_scene
    from embodied.trace import Trace
    from planners import aim, load_language_model
    from planners.saycan import SayCan, SayCanCfg
    from policies.execute import Executor
    from policies.library import load_library, load_own, success_rates
    from policies.values import Values

    interrupts.release()
    # all that can be refused is looked at before anything is created
    sayings = [said_after(text) for text in cfg.say]
    library = load_library({name: path for name, path in vars(cfg.skills).items() if path})
    library |= load_own()
    scene, ahead = load_scene(cfg.scene), SayCanCfg(lookahead=cfg.lookahead)
    planner = SayCan(load_language_model(cfg.llm), ahead, success_rates(library))
    aim(planner.model, cfg.target_success, success_rates(library))
    kitchen = build(scene, cfg.seed, visuals=cfg.video)
    executor, result = Executor(kitchen, library), Result("error", "stopped by an error")
    values = Values(library, executor.map)
    interrupts.hold()  # a folder that exists gets its log and its report
    folder = outputs.new_run_folder("run", cfg.instruction, cfg.out)
    outputs.describe_run(folder, cfg)
    film = Film(kitchen, folder / "rollout.mp4", cfg.instruction, cfg.video)
    console = RunConsole()
    person = Terminal(console.ask, cfg.answer, sayings)
    recorder = Recorder(Trace(folder / "events.jsonl"), film, console)
    try:
        recorder.opening(cfg.instruction, kitchen, scene, planner.model, cfg.seed)
        interrupts.release()
        result = run_episode(
            cfg.instruction, kitchen, planner, values, executor.run, cfg.max_skills, recorder,
            person, library,
        )  # fmt: skip
    except (KeyboardInterrupt, Exception) as error:
        if not (isinstance(error, KeyboardInterrupt) or interrupts.arrived):
            raise
        result = Result("interrupted", "stopped by Ctrl-C")
    finally:
        interrupts.close()
        recorder.finish(result, kitchen.facts(), time.monotonic() - began)
        report = render_report(folder)
    recorder.verdict(result, time.monotonic() - began, {"video": film.path, "report": report})
    return EXIT[result.verdict]


def _check(cfg: RunCfg) -> None:
    if not cfg.instruction.strip():
        raise UsageError(
            'The instruction is empty; say what to do, e.g. embodied run "bring a sponge".'
        )
    cli.check_range("seed", cfg.seed, *cli.SEEDS)
    cli.check_range("max-skills", cfg.max_skills, 1)
    cli.check_range("target-success", cfg.target_success, 0.5, 0.99)


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(RunCfg, run, argv, prog="embodied run")


if __name__ == "__main__":
    sys.exit(main())
