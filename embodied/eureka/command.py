"""The search as a command: flags in, a run folder out; the same flags go on where it was killed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from embodied import cli, outputs
from embodied.errors import EmbodiedError, UsageError

if TYPE_CHECKING:
    from embodied.eureka.prefer import Chosen
    from planners.rewards.asking import Budget
    from planners.rewards.funnel import FunnelCfg
    from planners.rewards.job import Outcome
    from planners.rewards.program import Program
    from planners.rewards.search import Result, Search, SearchCfg
    from planners.rewards.views import Brief
    from planners.rewards.writers import Writer

RESULT, LEDGER, POLICIES = "results.json", "ledger.sqlite", "policies"
UNSEEN = 10_000  # added to the seed: the seeds that the winner is reported on, which no search saw
# what may differ between two calls of one search
FREE = (
    "out",
    "workers",
    "ray",
    "budget",
    "token_budget",
    "step_budget",
    "report_seeds",
    "price",
    "fallback",
    "fresh",
)


@dataclass(frozen=True)
class EurekaCfg:
    """Search a reward for a task: write, check, train, reflect, rewrite."""

    task: Annotated[str, tyro.conf.Positional]
    """One of our skills, or a task of gymnasium-robotics, such as FetchPush-v4."""
    llm: str = "grammar"
    """Who writes: grammar (built in, offline), hf:<id or folder>, openai:<model>@<base URL>."""
    fallback: Literal["grammar"] | None = None
    """Who goes on writing when the model server fails; without it the search stops there."""
    samples: int = 16
    """Rewards a round."""
    iterations: int = 5
    """Rounds."""
    steps: int = 0
    """Environment steps of a full training; 0 takes the task's own."""
    start: Path | None = None
    """A reward to begin with (reward.json), which is trained first and reflected on."""
    control: bool = False
    """Best of all samples without reflection, at the same number of steps."""
    exhaustive: bool = False
    """Train every candidate in full, without halving."""
    prefer: Path | None = None
    """Choices between rollouts (JSONL: left, right, choice) that the winner's weights are fitted to."""
    workers: int = 0
    """Trainings at a time; 0 takes one a core."""
    ray: str | None = None
    """Address of a Ray cluster to train on, in place of this machine; needs the extra [cluster]."""
    price: tuple[float, float] = (0.0, 0.0)
    """Money per million tokens, read and written."""
    budget: float = 0.0
    """Money, with which the search stops: nothing more is asked then. 0 is without bound."""
    token_budget: int = 0
    """Tokens, likewise."""
    step_budget: int = 0
    """Environment steps to spend at most; 0 is without bound."""
    report_seeds: int = 5
    """Trainings of the winner on seeds that the search did not see."""
    seed: int = 0
    """Of everything random."""
    out: Path | None = None
    """Run folder."""
    fresh: bool = False
    """Begin anew even if an unfinished search of this kind exists."""


def run(cfg: EurekaCfg) -> int:
    """Carries out the command."""
    from embodied.candidates import tasks

    check(cfg)
    brief = tasks.brief(cfg.task)
    parts = _Parts.load(cfg, brief)  # whatever can be wrong is, before there is a folder
    folder = _folder(cfg)
    with outputs.alone_in(folder):
        return _searched(cfg, folder, parts)


def _searched(cfg: EurekaCfg, folder: Path, parts: _Parts) -> int:
    """Search in a folder that nobody else is at work in."""
    said = _Said(folder)
    search = _search(cfg, folder, parts, said)
    said(f"run folder: {folder}")
    said(
        f"{cfg.task}: rewards by {parts.writer.name}, {search.cfg.funnel.steps:,} steps a full training"
    )
    try:
        result = search.run()
    except UsageError:
        raise  # the folder holds another search, whose results stay
    except EmbodiedError:
        _finish(cfg, folder, search, search.result, said)
        said("Nothing is lost: the same command goes on from here.")
        raise
    return _finish(cfg, folder, search, result, said)


def check(cfg: EurekaCfg) -> None:
    """Refuses numbers that make no sense.

    Raises:
        UsageError: which ones, and what would.
    """
    cli.check_range("seed", cfg.seed, *cli.SEEDS)
    for flag in ("samples", "iterations"):
        cli.check_range(flag, getattr(cfg, flag), 1)
    for flag in ("steps", "workers", "budget", "token_budget", "step_budget", "report_seeds"):
        cli.check_range(flag.replace("_", "-"), getattr(cfg, flag), 0)
    if not all(0 <= price < math.inf for price in cfg.price):
        raise UsageError("--price is money per million tokens, read and written: 0 or more.")
    if cfg.budget and not any(cfg.price):
        raise UsageError(
            "--budget is money, and needs --price READ WRITTEN to tell what tokens cost; or bound them "
            "with --token-budget."
        )


def load_reward(path: Path) -> Program:
    """A reward from its file, or from the folder of a search.

    Raises:
        UsageError: there is none.
    """
    from embodied.train_reward import read_program
    from planners.rewards.problems import ProgramError

    try:
        return read_program(path.expanduser())
    except ProgramError as error:
        raise UsageError(f"{path} holds no reward: {error}") from error


def settings(cfg: EurekaCfg) -> SearchCfg:
    """What the flags mean for a search."""
    from planners.rewards.search import SearchCfg

    funnel = funnel_of(cfg.task, cfg.steps or default_steps(cfg.task), cfg.exhaustive)
    return SearchCfg(funnel, cfg.samples, cfg.iterations, cfg.seed, reflect=not cfg.control)


def funnel_of(task: str, steps: int, exhaustive: bool = False) -> FunnelCfg:
    """The funnel of a task's candidates. exhaustive: none; all are trained in full."""
    from embodied.candidates.training import least
    from planners.rewards.funnel import FunnelCfg

    return FunnelCfg(steps, rungs=1) if exhaustive else FunnelCfg(steps, least=least(task))


def default_steps(task: str) -> int:
    """Environment steps of a full training, where nobody says otherwise."""
    from embodied.tasks import registry

    known = registry.families()
    if task in known:
        return known[task].steps // 3  # enough to tell rewards apart
    return 20_000 if "Reach" in task else 100_000


def checked(brief: Brief) -> Any:
    """What is wrong with a program for a task, one sentence each."""
    from planners.rewards.checks import check as diagnose

    return lambda program: [str(problem) for problem in diagnose(program, brief).problems]


@dataclass(frozen=True)
class _Parts:
    """What a search is made of, besides its settings."""

    brief: Brief
    writer: Writer
    fallback: Writer | None
    start: Program | None
    chosen: Chosen | None
    evaluate: Any

    @classmethod
    def load(cls, cfg: EurekaCfg, brief: Brief) -> _Parts:
        """Raises UsageError or EnvironmentFault where one of them cannot be had."""
        from embodied.eureka.prefer import Chosen
        from embodied.eureka.training import evaluator
        from planners.rewards.writers import load_writer

        start = load_reward(cfg.start) if cfg.start else None
        problems = checked(brief)(start) if start else []
        if problems:
            raise UsageError(f"--start {cfg.start} cannot be trained with: {problems[0]}")
        chosen = Chosen.load(cfg.prefer, brief) if cfg.prefer else None
        fallback = load_writer(cfg.fallback) if cfg.fallback else None
        return cls(
            brief, load_writer(cfg.llm), fallback, start, chosen, evaluator(cfg.workers, cfg.ray)
        )


def _search(cfg: EurekaCfg, folder: Path, parts: _Parts, say: Any) -> Search:
    from embodied.eureka.bank import random_bank
    from embodied.eureka.policies import Policies
    from planners.rewards.ledger import Ledger
    from planners.rewards.search import Search

    chosen, prefer, ledger = parts.chosen, None, Ledger(folder / LEDGER)
    bank = random_bank(cfg.task, parts.brief.sizes["action"], cfg.seed, ledger)
    if chosen is not None:
        prefer = (chosen.plain(), partial(chosen.reweighted, folder, cfg.seed, say))
    return Search(
        settings(cfg), parts.brief, parts.writer, Policies(folder / POLICIES).keeping(parts.evaluate),
        ledger, checked(parts.brief), parts.start, bank, budget=_budget(cfg), fallback=parts.fallback,
        prefer=prefer, say=say,
    )  # fmt: skip


def _budget(cfg: EurekaCfg) -> Budget:
    from planners.rewards.asking import Budget, Price

    return Budget(cfg.budget, cfg.token_budget, cfg.step_budget, Price(*cfg.price))


def _finish(cfg: EurekaCfg, folder: Path, search: Search, result: Result, say: Any) -> int:
    """Report the winner on fresh seeds, and write what the run leaves. 1 if nothing was found."""
    from embodied.eureka.page import render

    best, fresh = result.best, _fresh(cfg, search, result, say)
    summary = summarise(result, fresh, search)
    if best is not None:
        (folder / "best").mkdir(exist_ok=True)
        outputs.write_text(folder / "best" / "reward.json", best.program.json())
        summary["videos"] = _videos(cfg, folder, result, say)
    _keep_preferred(folder, result, say)
    search.ledger.export(folder / "ledger.jsonl")
    outputs.write_json(folder / RESULT, summary)
    say(told(summary))
    say(f"report: {render(folder)}")
    return 0 if best is not None else 1


def _keep_preferred(folder: Path, result: Result, say: Any) -> None:
    """Keeps the reward with the weights of people's choices, which need not be the most successful."""
    from planners.rewards.search import PREFERRED

    made = next((c for c in result.candidates if c.id == PREFERRED), None)
    if made is None:
        return
    (folder / PREFERRED).mkdir(exist_ok=True)
    outputs.write_text(folder / PREFERRED / "reward.json", made.program.json())
    worth = f"success {made.success:.0%}" if made.outcome else "not trained"
    say(f"with the weights of your choices: {worth}, {PREFERRED}/reward.json")


def _videos(cfg: EurekaCfg, folder: Path, result: Result, say: Any) -> dict[str, Any]:
    """Films the first reward's policy and the best one's, and lets go of what nobody needs again."""
    from embodied.eureka.film import videos
    from embodied.eureka.policies import Policies

    best, first, policies = result.best, result.first, Policies(folder / POLICIES)
    assert best is not None and first is not None
    shown = {"initial": first, "best": best} if first is not best else {"best": best}
    say(f"filming {' and '.join(candidate.id for candidate in shown.values())}")
    made = videos(folder, cfg.task, cfg.seed, shown, policies)
    for sentence in made["missing"]:
        say(sentence)
    if result.finished:
        kept = {c.longest.policy for c in (first, best, *result.whole) if c.longest}
        policies.forget_but(kept)
    return made


def _fresh(cfg: EurekaCfg, search: Search, result: Result, say: Any) -> list[Outcome]:
    """Trainings of the winner on seeds that the search did not see; none if they cannot be paid for."""
    from planners.rewards.trials import BudgetSpent

    if result.best is None or not cfg.report_seeds or not result.finished:
        return []
    say(
        f"winner {result.best.id}: {cfg.report_seeds} trainings on seeds that the search did not see"
    )
    seeds = [cfg.seed + UNSEEN + i for i in range(cfg.report_seeds)]
    try:
        return search.trials.run([result.best.program] * len(seeds), seeds, result.full)
    except BudgetSpent as spent:
        say(f"{spent} The winner is not measured on fresh seeds.")
        return []


def summarise(result: Result, fresh: Sequence[Outcome], search: Search) -> dict[str, Any]:
    """The run's figures as plain values."""
    from planners.rewards.stats import bootstrap

    best = result.best
    finals = [outcome.final for outcome in fresh if not outcome.error]
    return {
        "task": search.brief.task,
        "writer": search.writer.name,
        "first": result.first and result.first.id,
        "best": best and best.id,
        "success": best.success if best else None,
        "fresh": {
            "seeds": [outcome.job.seed for outcome in fresh],
            "success": finals,
            "curves": [outcome.success for outcome in fresh],
            "mean": sum(finals) / len(finals) if finals else None,
            "interval": bootstrap(finals) if len(finals) > 1 else None,
        },
        "samples": result.samples,
        "executable": {"first try": result.first_try, "after repair": result.repaired},
        "env_steps": result.steps,
        "costs": search.ledger.costs(),
        "costs by candidate": {id: vars(cost) for id, cost in result.costs.items()},
        "stopped": result.stopped,
        "finished": result.finished,
        "ledger": search.ledger.head,
        "isolation": sorted(
            {o.isolation for c in result.candidates for o in (c.outcome, c.second) if o}
        ),
    }


def told(summary: dict[str, Any]) -> str:
    """The figures in a few lines."""
    n, tried = summary["samples"], summary["executable"]
    whole = tried["first try"] + tried["after repair"]
    lines = [f"executable: {tried['first try']} of {n} at once, {whole} after repair"]
    if summary["best"]:
        lines.append(f"best: {summary['best']}, success {summary['success']:.0%} while searching")
    else:
        lines.append("best: none, since no reward was trained")
    fresh = summary["fresh"]
    if fresh["interval"]:
        low, high = fresh["interval"]
        lines.append(
            f"on {len(fresh['success'])} fresh seeds: {fresh['mean']:.1%} (95 %: {low:.1%} to {high:.1%})"
        )
    spent = summary["costs"].get("reply", {})
    lines.append(
        f"spent: {summary['env_steps']:,} environment steps, {spent.get('requests', 0):.0f} requests, "
        f"{spent.get('read', 0) + spent.get('written', 0):,.0f} tokens, {spent.get('money', 0):.4g} money"
    )
    lines.append(f"isolation: {'; '.join(summary['isolation']) or 'nothing was trained'}")
    return "\n".join(lines)


class _Said:
    """Prints lines, and keeps them in the run folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.txt"

    def __call__(self, text: str) -> None:
        print(text, flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text + "\n")


def _folder(cfg: EurekaCfg) -> Path:
    """The folder of an unfinished search of the same kind, or a new one."""
    config = _bound(outputs.plain(cfg))
    if cfg.out is None and not cfg.fresh:
        for held in sorted(Path("outputs/eureka").glob("*/*"), reverse=True):
            if _bound(outputs.read_config(held)) == config and not _finished(held):
                return held
    folder = outputs.new_run_folder("eureka", cfg.task, cfg.out, resume=True)
    held = _bound(outputs.read_config(folder))
    if held and held != config:
        changed = next(k for k in [*config, *held] if config.get(k) != held.get(k))
        raise UsageError(
            f"{folder} holds another search: its {changed} is {held.get(changed)}, not "
            f"{config.get(changed)}; give --out another folder."
        )
    if not held:
        outputs.describe_run(folder, config)
    return folder


def _bound(config: dict[str, Any] | None) -> dict[str, Any]:
    """What of a run's flags makes it the search that it is; nothing for a run without flags."""
    return {key: value for key, value in (config or {}).items() if key not in FREE}


def _finished(folder: Path) -> bool:
    return bool(read_summary(folder).get("finished"))


def read_summary(folder: Path) -> dict[str, Any]:
    """What `summarise` told of a run, as its folder keeps it; empty where it does not."""
    try:
        found = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
