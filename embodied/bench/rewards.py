"""``python -m embodied.bench rewards``: does the search find rewards that are worth its steps?

Per task and seed: a search with the grammar from a deliberately poor reward, best of as many samples without
reflection at equal environment steps, and the task's own rewards, hand-written, dense or sparse. Each winner
is trained on seeds that no search saw, as long as every other reward. Told as success with bootstrap
intervals, and as the probability of improvement. A cell is one arm with one seed; --arms and --only choose
some, so that several nights or machines can share the work: copy their `cells` into one folder.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from embodied import cli, outputs
from embodied.errors import UsageError

if TYPE_CHECKING:
    from planners.rewards.trials import Evaluator

_GRIP, _GOAL, _OBJECT = "s.gripper_position", "s.goal_position", "s.object_position"
HAND_WRITTEN = (
    "the skill's own"  # no program: the reward in embodied/tasks that the skill was made with
)
_MOVING = {
    "poor": f"-norm({_GRIP} - {_GOAL})",  # the hand goes to the goal, without the object
    "dense": f"-norm({_OBJECT} - {_GOAL})",
    "sparse": f"-(norm({_OBJECT} - {_GOAL}) > 0.05)",
}
# task -> kind of reward -> its one term; what environments ship is minus the distance (dense) and whether it
# is above 5 cm (sparse)
REFERENCES: Mapping[str, Mapping[str, str]] = {
    "FetchReach-v4": {
        "poor": "-norm(s.action)",
        "dense": f"-norm({_GRIP} - {_GOAL})",
        "sparse": f"-(norm({_GRIP} - {_GOAL}) > 0.05)",
    },
    "FetchPush-v4": _MOVING,
    "FetchPickAndPlace-v4": {
        **_MOVING,
        "hand-written": f"1 - tanh(10 * norm({_GRIP} - {_OBJECT})) + "
        f"3 * (1 - tanh(5 * norm({_OBJECT} - {_GOAL})))",
    },
    "pick": {
        "hand-written": HAND_WRITTEN,
        "poor": "-norm(s.tcp_position - s.rest_goal)",  # the arm stays where it is
        "sparse": "s.object_held[:, 0] * (s.object_height[:, 0] > 0.05)",
    },
    "place": {
        "hand-written": HAND_WRITTEN,
        "poor": "-norm(s.tcp_position - s.object_position)",  # the hand stays about the object
        "sparse": "(1 - s.object_held[:, 0]) * (norm(s.goal_offset) < 0.05)",
    },
}
# task -> what others report for it, and how it was come by
PUBLISHED = {"FetchPickAndPlace-v4": (0.93, "TQC with hindsight, 1 M steps")}
OURS, CONTROL, EXHAUSTIVE = "grammar", "best of N", "exhaustive"
SEARCHES = (OURS, CONTROL)
SPENDING = (*SEARCHES, EXHAUSTIVE)
UNSEEN = 10_000  # from a search's seed to that of a fresh training
NEXT = 100  # and on to another one


@dataclass(frozen=True)
class RewardsCfg:
    """Measure the reward search against a task's own rewards and against drawing at random."""

    tasks: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Which; all if left out."""
    seeds: int = 5
    """Searches of each kind, and trainings of each reward."""
    arms: tuple[str, ...] = ()
    """Which kinds of reward, by name; all if left out."""
    only: tuple[int, ...] = ()
    """Which of the seeds, from 0; all if left out."""
    samples: int = 16
    """Rewards a round."""
    iterations: int = 3
    """Rounds."""
    trainings: int = 1
    """Of each winner and each other reward, on as many seeds that no search saw; a cell's success is their
    mean. A training owes much to its seed: several tell rewards apart better."""
    steps: int = 0
    """Environment steps of a full training; 0 takes the task's own."""
    workers: int = 0
    """Trainings at a time; 0 takes one a core."""
    here: bool = False
    """Train in this process, one at a time: nothing is loaded anew for every candidate. No sandbox stands
    about them then, and the grammar's rewards, which are ours, need none."""
    exhaustive: bool = False
    """Also search without the funnel, to see what it saves and loses."""
    quick: bool = False
    """Two seeds and tiny searches: to see that it runs."""
    seed: int = 0
    """Of everything random."""
    out: Path | None = None
    """Run folder; one that holds an unfinished measurement goes on."""


def run(cfg: RewardsCfg) -> int:
    """Carries out the command."""
    for flag in ("seeds", "samples", "iterations", "trainings"):
        cli.check_range(flag, getattr(cfg, flag), 1)
    cli.check_range("seed", cfg.seed, *cli.SEEDS)
    for task in cfg.tasks:
        if task not in REFERENCES:
            raise UsageError(f"There is nothing to compare '{task}' with; {', '.join(REFERENCES)}.")
    benches = [_Bench(cfg, task) for task in cfg.tasks or tuple(REFERENCES)]
    folder = outputs.new_run_folder("bench", "rewards", cfg.out, resume=True)
    if not (folder / "config.yaml").exists():
        outputs.describe_run(folder, cfg)
    for bench in benches:
        bench.measure(folder)
    results = {bench.task: bench.figures(folder) for bench in benches}
    outputs.write_json(folder / "results.json", results)
    for task, found in results.items():
        print(told(task, found), flush=True)
    print(folder / "results.json")
    return 0


class _Bench:
    """The measurement of one task. A cell that is kept is not measured again, and every training goes
    through a ledger: a kill loses the one that was running."""

    def __init__(self, cfg: RewardsCfg, task: str) -> None:
        from embodied.candidates import tasks
        from embodied.eureka.command import default_steps

        self.cfg, self.task = cfg, task
        self.seeds = min(cfg.seeds, 2) if cfg.quick else cfg.seeds
        self.samples = min(cfg.samples, 4) if cfg.quick else cfg.samples
        self.rounds = min(cfg.iterations, 2) if cfg.quick else cfg.iterations
        self.steps = cfg.steps or (3_000 if cfg.quick else default_steps(task))
        self.brief = tasks.brief(task)
        known = (*REFERENCES[task], *SEARCHES, *((EXHAUSTIVE,) if cfg.exhaustive else ()))
        for arm in set(cfg.arms) - set(known):
            raise UsageError(f"{task} is not compared with '{arm}'; there is {', '.join(known)}.")
        for number in cfg.only:
            cli.check_range("only", number, 0, self.seeds - 1)
        self.known, self.arms = known, [arm for arm in known if arm in (cfg.arms or known)]

    def measure(self, folder: Path) -> None:
        """Measure all cells that were asked for, seed by seed, so that an early end still compares."""
        for number in self.cfg.only or range(self.seeds):
            for arm in self.arms:
                path = self._cell(folder, arm, number)
                if path.exists():
                    continue
                path.parent.mkdir(exist_ok=True)
                made = self._measured(folder, arm, number)
                outputs.write_json(path, made)
                print(f"{self.task}, {arm}, seed {number}: {made['success']:.0%}", flush=True)

    def figures(self, folder: Path) -> dict[str, Any]:
        """What all kept cells say, whoever measured them."""
        cells: dict[str, list[dict[str, Any]]] = {}
        for arm in self.known:
            paths = [self._cell(folder, arm, number) for number in range(self.seeds)]
            held = [json.loads(p.read_text(encoding="utf-8")) for p in paths if p.exists()]
            if held:
                cells[arm] = held
        arms = {arm: [cell["success"] for cell in held] for arm, held in cells.items()}
        spent = {a: [c["search steps"] for c in held] for a, held in cells.items() if a in SPENDING}
        # the reward to begin with is trained besides the samples
        return compared(arms, spent, self.steps * (self.samples * self.rounds + 1))

    def _cell(self, folder: Path, arm: str, number: int) -> Path:
        again = f"-x{self.cfg.trainings}" if self.cfg.trainings > 1 else ""
        return folder / "cells" / f"{self._name(arm, number)}{again}.json"

    def _name(self, arm: str, number: int) -> str:
        """Of a cell, and of its search: cells of other sizes lie beside them."""
        what = f"{self.task} {arm} {self.steps} {self.samples}x{self.rounds} {self.cfg.seed}"
        return f"{outputs.slug(what)}-{number}"

    def _fresh(self, number: int) -> list[int]:
        """Seeds that no search saw."""
        return [self.cfg.seed + UNSEEN + number + NEXT * i for i in range(self.cfg.trainings)]

    def _measured(self, folder: Path, arm: str, number: int) -> dict[str, Any]:
        from planners.rewards.job import Job

        began, seeds, spent = time.monotonic(), self._fresh(number), 0
        if REFERENCES[self.task].get(arm) == HAND_WRITTEN:
            from embodied.candidates.skills import own_reward

            finals = [own_reward(self.task, seed, self.steps) for seed in seeds]
        else:
            evaluate = self._evaluator(folder, number)
            found = self._search(folder, arm, number, evaluate) if arm in SPENDING else None
            spent = found.steps if found else 0
            best = found.best.program if found else program(self.task, arm)
            jobs = [Job(self.task, best, seed, self.steps) for seed in seeds]
            finals = [o.final for o in sorted(evaluate(jobs), key=lambda o: o.job.seed)]
        minutes = (time.monotonic() - began) / 60
        return {
            "task": self.task, "arm": arm, "number": number, "steps": self.steps,
            "success": sum(finals) / len(finals), "trainings": finals, "search steps": spent,
            "minutes": minutes,
        }  # fmt: skip

    def _evaluator(self, folder: Path, number: int) -> Evaluator:
        """What trains the cells of one seed. What several of them train, as the reward to start from, is
        trained once; each search still counts its steps."""
        from embodied.candidates import training
        from embodied.eureka.training import evaluator
        from planners.rewards.ledger import Ledger
        from planners.rewards.trials import remembering

        train = partial(map, training.run) if self.cfg.here else evaluator(self.cfg.workers)
        kept = Ledger(folder / f"{outputs.slug(self.task)}-trainings-{number}.sqlite")
        return remembering(train, kept)

    def _search(self, folder: Path, arm: str, number: int, evaluate: Evaluator) -> Any:
        from embodied.eureka.bank import random_bank
        from embodied.eureka.command import checked, funnel_of
        from planners.rewards.ledger import Ledger
        from planners.rewards.search import Search, SearchCfg
        from planners.rewards.writers import GrammarWriter

        funnel = funnel_of(self.task, self.steps, arm == EXHAUSTIVE)
        seed = self.cfg.seed + number
        cfg = SearchCfg(funnel, self.samples, self.rounds, seed, arm != CONTROL)
        ledger = Ledger(folder / f"{self._name(arm, number)}.sqlite")
        bank = None
        if arm != EXHAUSTIVE:
            bank = random_bank(self.task, self.brief.sizes["action"], seed, ledger)
        search = Search(
            cfg, self.brief, GrammarWriter(), evaluate, ledger, checked(self.brief),
            program(self.task, "poor"), bank,
            say=lambda text: print(f"{self.task}, {arm}: {text}", flush=True),
        )  # fmt: skip
        return search.run()


def program(task: str, kind: str) -> Any:
    """One of the rewards of `REFERENCES`."""
    from planners.rewards.program import Program, Term

    name = kind.replace("-", "_")
    source = f"def {name}(s):\n    return {REFERENCES[task][kind]}"
    return Program((Term(name, source, 1.0),))


def compared(
    arms: Mapping[str, Sequence[float]], spent: Mapping[str, Sequence[int]], whole: int
) -> dict[str, Any]:
    """Means with intervals, and the probability that the grammar's search improves on each.

    Args:
        whole: environment steps of training every candidate in full.
    """
    from planners.rewards.stats import bootstrap, improvement, improvement_interval

    ours = arms.get(OURS, ())
    return {
        "arms": {
            kind: {
                "success": list(finals),
                "mean": sum(finals) / len(finals),
                "interval": bootstrap(finals),
                "improvement": improvement(ours, finals) if ours else None,
                "improvement interval": improvement_interval(ours, finals) if ours else None,
            }
            for kind, finals in arms.items()
        },
        "search steps": {kind: list(steps) for kind, steps in spent.items()},
        "share of training all": {k: sum(s) / len(s) / whole for k, s in spent.items()},
    }


def told(task: str, found: Mapping[str, Any]) -> str:
    """The figures of a task, a line each."""
    lines = [task]
    for kind, arm in found["arms"].items():
        low, high = arm["interval"]
        n = len(arm["success"])
        line = f"  {kind:<12} {arm['mean']:6.1%} (95 %: {low:.1%} to {high:.1%}; {n} seeds)"
        if kind != OURS and arm["improvement"] is not None:
            low, high = arm["improvement interval"]
            line += f"; the grammar's search is better with probability {arm['improvement']:.2f}"
            line += f" ({low:.2f} to {high:.2f})"
        lines.append(line)
    if task in PUBLISHED:
        lines.append("  published    {:6.1%} ({})".format(*PUBLISHED[task]))
    for kind, share in found["share of training all"].items():
        lines.append(f"  {kind}: {share:.2f} of the steps of training every candidate in full")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(RewardsCfg, run, argv, prog="embodied bench rewards")


if __name__ == "__main__":
    sys.exit(main())
