"""``python -m embodied.bench scoring``: what it costs to score K labels, in prefills of the prompt.

One by one, with an expanded cache, as a trie, and as a trie at the next decision of an episode,
when the prompt's cache is kept; each in every round beside one prefill. What every strategy finds
is compared with one-by-one scores.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from embodied import cli, outputs
from embodied.errors import UsageError

if TYPE_CHECKING:
    from planners.huggingface import HuggingFace
    from planners.model import Prompt

NEXT = "next decision"
COLUMNS = ("one by one", "expanded", "trie", NEXT)


@dataclass(frozen=True)
class ScoringCfg:
    """Measure what scoring K labels costs, as ratios to one prefill of the prompt."""

    labels: tuple[int, ...] = (10, 50, 200, 551)
    """How many labels to score."""
    prompt: int = 600
    """Tokens of the prompt."""
    repeats: int = 5
    """Rounds; the table shows medians of each round's ratio."""
    reference: int = 50
    """Labels that are scored one by one at most, to compare with."""
    llm: str = ""
    """A model of yours, hf:<id or folder>; a random one of 75 million weights if left out."""
    seed: int = 0
    """Of the choice of labels and the random weights."""
    out: Path | None = None
    """Run folder."""


@dataclass(frozen=True)
class Case:
    """Token ids. later: the prompt of the next decision, with the labels' ids there."""

    prompt: list[int]
    options: list[list[int]]
    later: list[int]
    later_options: list[list[int]]


def run(cfg: ScoringCfg) -> int:
    """Carries out the command."""
    if cfg.repeats < 1 or cfg.reference < 1 or min(cfg.labels, default=0) < 2 or cfg.prompt < 8:
        raise UsageError("Give at least 2 labels, 1 round, 1 reference, and 8 tokens of prompt.")
    import torch

    back_end = _model(cfg)
    print(back_end.describe(), flush=True)
    if back_end.scorer.name == "one_by_one":
        raise UsageError("This model can only be scored one by one; there is nothing to compare.")
    folder = outputs.new_run_folder("bench", "scoring", cfg.out)
    outputs.describe_run(folder, cfg)
    rows = [measure(back_end, case(back_end, count, cfg), cfg) for count in cfg.labels]
    results = {
        "model": back_end.describe(), "parameters": back_end.model.num_parameters(),
        "threads": torch.get_num_threads(), "prompt": cfg.prompt, "reference": cfg.reference,
        "rows": rows,
    }  # fmt: skip
    outputs.write_json(folder / "results.json", results)
    _print(results, folder / "results.json")
    return 0


def _model(cfg: ScoringCfg) -> HuggingFace:
    from embodied.bench.subject import random_llama
    from planners import load_language_model
    from planners.huggingface import HuggingFace

    if not cfg.llm:
        return random_llama(_prompts()[0], cfg.seed)
    model = load_language_model(cfg.llm)
    if not isinstance(model, HuggingFace):
        raise UsageError(f"Scoring is measured on --llm hf:<id or folder>, not on '{cfg.llm}'.")
    return model


def _prompts() -> tuple[Prompt, Prompt]:
    """A prompt in the middle of an episode, and the one after the next skill."""
    from embodied.world import catalogue
    from embodied.world.facts import SURFACES, Facts
    from planners.model import Prompt, Step

    at = {name: SURFACES[i % 3] for i, name in enumerate(catalogue.objects())}
    found = (Step("find the sponge", "success"),)
    first = Prompt("bring me a sponge", found, Facts(at, robot_at=at["sponge"]))
    held = Facts(at | {"sponge": None}, "sponge", at["sponge"])
    return first, Prompt(first.instruction, (*found, Step("pick up the sponge", "success")), held)


def case(back_end: HuggingFace, count: int, cfg: ScoringCfg) -> Case:
    """`count` labels drawn from a kitchen with as many objects as it takes, and the prompts' ids."""
    from embodied.tasks.labels import enumerate_calls
    from embodied.world import catalogue

    names, copies = list(catalogue.objects()), 1
    while len(calls := enumerate_calls(_instances(names, copies))) < count:
        copies += 1
    labels = [call.label for call in random.Random(cfg.seed).sample(calls, count)]
    first, later = _prompts()
    ids, options = back_end.split(back_end.text(first), labels)
    later_ids, later_options = back_end.split(back_end.text(later), labels)
    # both get the same front, so that they share what the prompts of an episode share
    spare = len(ids) - cfg.prompt
    front = (ids * (-spare // len(ids) + 1))[:-spare] if spare < 0 else []
    return Case(
        [*front, *ids[max(0, spare) :]], options,
        [*front, *later_ids[max(0, spare) :]], later_options,
    )  # fmt: skip


def _instances(names: Sequence[str], copies: int) -> list[str]:
    return [name if i == 1 else f"{name}#{i}" for i in range(1, copies + 1) for name in names]


def measure(back_end: HuggingFace, case: Case, cfg: ScoringCfg) -> dict[str, Any]:
    """One row of the table."""
    from planners.scoring import Reader, one_by_one

    seconds, found = _rounds(_runs(back_end, case), cfg.repeats)
    prefill = seconds.pop("prefill")
    ratios = {
        name: median(t / p for t, p in zip(times, prefill, strict=True))
        for name, times in seconds.items()
    }
    few = random.Random(cfg.seed).sample(range(n := len(case.options)), min(n, cfg.reference))
    reader, start = Reader(back_end.model), time.perf_counter()
    exact = one_by_one(reader, case.prompt, [case.options[i] for i in few]).logp
    if len(few) == n:
        ratios |= {"one by one": (time.perf_counter() - start) / median(prefill)}
    later = one_by_one(reader, case.later, [case.later_options[i] for i in few[:10]]).logp
    right = dict.fromkeys(seconds, exact) | {NEXT: later}
    deviation = {
        name: float((found[name].logp[few[: len(logp)]] - logp).abs().max())
        for name, logp in right.items()
    }
    return {
        "labels": n, "prefill_seconds": median(prefill), "prefills": ratios,
        "tokens": {name: found[name].tokens for name in seconds},
        "deviation": deviation, "compared": len(few), "spread": float(exact.std()),
    }  # fmt: skip


Run = tuple[Callable[[], Any], Callable[[], Any]]  # what comes before, untimed; what is timed


def _runs(back_end: HuggingFace, case: Case) -> dict[str, Run]:
    """What each round times. A strategy that the model cannot be trusted with is left out."""
    from planners.scoring import Reader, expanded, trie

    model, chunk, scorer = back_end.model, back_end.cfg.chunk, back_end.scorer
    now, later = (case.prompt, case.options, chunk), (case.later, case.later_options, chunk)
    runs: dict[str, Run] = {
        "prefill": (_nothing, lambda: Reader(model).read(case.prompt)),
        "expanded": (_nothing, lambda: expanded(Reader(model), *now)),
    }
    if scorer.name == "trie":
        runs["trie"] = (_nothing, lambda: trie(Reader(model), *now))
    return runs | {NEXT: (lambda: scorer.score(*now), lambda: scorer.score(*later))}


def _nothing() -> None:
    pass


def _rounds(runs: dict[str, Run], repeats: int) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Seconds of each run in each round, and what each found last."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    found = {}
    for i in range(repeats + 1):
        for name, (before, run) in runs.items():
            before()
            start = time.perf_counter()
            found[name] = run()
            if i:  # the first pass of each shape pays for memory
                seconds[name].append(time.perf_counter() - start)
    return seconds, found


def _print(results: dict[str, Any], path: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(
        "labels", *COLUMNS, "max deviation", title_justify="left",
        title=f"prefills of {results['prompt']} tokens "
        f"({results['parameters'] / 1e6:.0f} M parameters, {results['threads']} thread(s))",
    )  # fmt: skip
    for row in results["rows"]:
        ratios = row["prefills"]
        cells = [f"{ratios[name]:.2f}" if name in ratios else "–" for name in COLUMNS]
        table.add_row(str(row["labels"]), *cells, f"{max(row['deviation'].values()):.1e}")
    console.print(table)
    console.print(
        f"deviation from one-by-one scores of up to {results['reference']} labels; {path}",
        soft_wrap=True,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(ScoringCfg, run, argv, prog="embodied bench scoring")


if __name__ == "__main__":
    sys.exit(main())
