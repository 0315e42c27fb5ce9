"""``python -m embodied.bench rewards``: does the search find rewards that are worth its steps?

Per task and seed: a search with the grammar from a deliberately poor reward, best of as many samples without
reflection at equal environment steps, and the task's own dense and sparse rewards. Each winner is trained
on a seed that no search saw, as long as every other reward. Told as success with bootstrap intervals, and as
the probability of improvement. It goes on where it was killed: give --out the same folder.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from embodied import cli, outputs
from embodied.errors import UsageError

_GRIP, _GOAL, _OBJECT = "s.gripper_position", "s.goal_position", "s.object_position"
# task -> kind of reward -> its one term; what environments ship is minus the distance (dense) and whether it
# is above 5 cm (sparse)
REFERENCES: Mapping[str, Mapping[str, str]] = {
    "FetchReach-v4": {
        "poor": "-norm(s.action)",
        "dense": f"-norm({_GRIP} - {_GOAL})",
        "sparse": f"-(norm({_GRIP} - {_GOAL}) > 0.05)",
    },
    **{
        task: {
            "poor": f"-norm({_GRIP} - {_GOAL})",  # the hand goes to the goal, without the object
            "dense": f"-norm({_OBJECT} - {_GOAL})",
            "sparse": f"-(norm({_OBJECT} - {_GOAL}) > 0.05)",
        }
        for task in ("FetchPush-v4", "FetchPickAndPlace-v4")
    },
    "pick": {
        "poor": "-norm(s.tcp_position - s.rest_goal)",  # the arm stays where it is
        "sparse": "s.object_held[:, 0] * (s.object_height[:, 0] > 0.05)",
    },
}
SEARCHES = {"grammar": True, "best of N": False}  # -> whether it reflects
UNSEEN = 10_000


@dataclass(frozen=True)
class RewardsCfg:
    """Measure the reward search against a task's own rewards and against drawing at random."""

    tasks: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Which; all if left out."""
    seeds: int = 5
    """Searches of each kind, and trainings of each reward."""
    samples: int = 16
    """Rewards a round."""
    iterations: int = 3
    """Rounds."""
    steps: int = 0
    """Environment steps of a full training; 0 takes the task's own."""
    workers: int = 0
    """Trainings at a time; 0 takes one a core."""
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
    for flag in ("seeds", "samples", "iterations"):
        cli.check_range(flag, getattr(cfg, flag), 1)
    cli.check_range("seed", cfg.seed, *cli.SEEDS)
    for task in cfg.tasks:
        if task not in REFERENCES:
            raise UsageError(f"There is nothing to compare '{task}' with; {', '.join(REFERENCES)}.")
    folder = outputs.new_run_folder("bench", "rewards", cfg.out, resume=True)
    if not (folder / "config.yaml").exists():
        outputs.describe_run(folder, cfg)
    results = {}
    for task in cfg.tasks or tuple(REFERENCES):
        results[task] = _Bench(cfg, folder, task).measure()
        outputs.write_json(folder / "results.json", results)
        print(told(task, results[task]), flush=True)
    print(folder / "results.json")
    return 0


class _Bench:
    """The measurement of one task. Every training goes through a ledger, and is made once."""

    def __init__(self, cfg: RewardsCfg, folder: Path, task: str) -> None:
        from embodied.candidates import tasks
        from embodied.eureka.command import default_steps

        self.cfg, self.folder, self.task = cfg, folder, task
        self.seeds = min(cfg.seeds, 2) if cfg.quick else cfg.seeds
        self.samples = min(cfg.samples, 4) if cfg.quick else cfg.samples
        self.rounds = min(cfg.iterations, 2) if cfg.quick else cfg.iterations
        self.steps = cfg.steps or (3_000 if cfg.quick else default_steps(task))
        self.brief = tasks.brief(task)

    def measure(self) -> dict[str, Any]:
        """Success of every kind of reward, per seed, and what the searches cost."""
        arms, spent = {}, {}
        for kind in REFERENCES[self.task]:
            arms[kind] = self._train(kind, [program(self.task, kind)] * self.seeds)
        for kind, reflect in self._searches().items():
            found = [self._search(kind, reflect, seed) for seed in range(self.seeds)]
            arms[kind] = self._train(kind, [result.best.program for result in found])
            spent[kind] = [result.steps for result in found]
        return compared(arms, spent, self.steps * (self.samples * self.rounds + 1))

    def _searches(self) -> dict[str, bool]:
        return {**SEARCHES, **({"exhaustive": True} if self.cfg.exhaustive else {})}

    def _search(self, kind: str, reflect: bool, seed: int) -> Any:
        from embodied.eureka.command import checked
        from embodied.eureka.training import evaluator
        from planners.rewards.funnel import FunnelCfg
        from planners.rewards.ledger import Ledger
        from planners.rewards.search import Search, SearchCfg
        from planners.rewards.writers import GrammarWriter

        funnel = FunnelCfg(self.steps, rungs=1 if kind == "exhaustive" else 3)
        cfg = SearchCfg(funnel, self.samples, self.rounds, self.cfg.seed + seed, reflect)
        ledger = Ledger(self.folder / f"{outputs.slug(f'{self.task} {kind}')}-{seed}.sqlite")
        search = Search(
            cfg, self.brief, GrammarWriter(), evaluator(self.cfg.workers), ledger, checked(self.brief),
            program(self.task, "poor"), say=lambda text: print(f"{self.task}, {kind}: {text}", flush=True),
        )  # fmt: skip
        return search.run()

    def _train(self, kind: str, programs: Sequence[Any]) -> list[float]:
        from embodied.eureka.training import evaluator
        from planners.rewards.ledger import Ledger
        from planners.rewards.trials import Trials

        ledger = Ledger(self.folder / f"{outputs.slug(f'{self.task} {kind}')}-fresh.sqlite")
        seeds = [self.cfg.seed + UNSEEN + i for i in range(len(programs))]
        made = Trials(self.task, evaluator(self.cfg.workers), ledger).run(
            programs, seeds, self.steps
        )
        return [outcome.final for outcome in made]


def program(task: str, kind: str) -> Any:
    """One of the rewards of `REFERENCES`."""
    from planners.rewards.program import Program, Term

    source = f"def {kind}(s):\n    return {REFERENCES[task][kind]}"
    return Program((Term(kind, source, 1.0),))


def compared(
    arms: Mapping[str, Sequence[float]], spent: Mapping[str, Sequence[int]], whole: int
) -> dict[str, Any]:
    """Means with intervals, and the probability that the grammar's search improves on each.

    Args:
        whole: environment steps of training every candidate in full.
    """
    from planners.rewards.stats import bootstrap, improvement, improvement_interval

    ours = arms["grammar"]
    return {
        "arms": {
            kind: {
                "success": list(finals),
                "mean": sum(finals) / len(finals),
                "interval": bootstrap(finals),
                "improvement": improvement(ours, finals),
                "improvement interval": improvement_interval(ours, finals),
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
        line = f"  {kind:<12} {arm['mean']:6.1%} (95 %: {low:.1%} to {high:.1%})"
        if kind != "grammar":
            line += f"; the grammar's search is better with probability {arm['improvement']:.2f}"
        lines.append(line)
    for kind, share in found["share of training all"].items():
        lines.append(f"  {kind}: {share:.2f} of the steps of training every candidate in full")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(RewardsCfg, run, argv, prog="embodied bench rewards")


if __name__ == "__main__":
    sys.exit(main())
