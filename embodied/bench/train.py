"""``python -m embodied.bench train``: how fast pick trains, against stock Stable-Baselines3.

Everything is taken side by side in one run on the same cores, and told as ratios: machines differ,
and cores are shared.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from embodied import cli, outputs

if TYPE_CHECKING:
    from embodied.bench.race import Race

Part = Literal["stepping", "shares", "race", "throughput", "seeds"]


@dataclass(frozen=True)
class TrainBenchCfg:
    """Measure the training of pick against stock SB3; writes results.json and table.md."""

    parts: Annotated[tuple[Part, ...], tyro.conf.Positional] = ()
    """On the CPU stepping (steps per second), shares (of time) and race (wall-clock to a success);
    on a Warp device throughput (a sweep of sizes) and seeds (seconds to 90 and 95 %, three times)."""
    device: str = "cpu"
    """cuda measures throughput and seeds; these two run on Warp's CPU device, too, slowly."""
    worlds: tuple[int, ...] = ()
    """Sizes of the sweep; the seeds take the last one. 512 to 16,384 and 4,096 if left out."""
    quick: bool = False
    """A short look: seconds of each, and no race unless it is named."""
    num_envs: int = 512
    """Simulations of our batched environment."""
    goal: float = 0.9
    """Success on fresh starts that ends the race."""
    cap: float = 30.0
    """Minutes after which stock SB3 is stopped in the race."""
    seed: int = 0
    """Of everything random."""
    out: Path | None = None
    """Run folder; a new dated one under outputs/bench if left out."""


def run(cfg: TrainBenchCfg) -> int:
    """Carries out the command."""
    cli.check_range("seed", cfg.seed, *cli.SEEDS)
    cli.check_range("num-envs", cfg.num_envs, 16)
    cli.check_range("goal", cfg.goal, 0.01, 1.0)
    cli.check_range("cap", cfg.cap, 0.0)
    folder = outputs.new_run_folder("bench", "train", cfg.out)
    outputs.describe_run(folder, cfg)
    usual = ("throughput", "seeds") if cfg.device != "cpu" else ("stepping", "shares", "race")
    parts = cfg.parts or tuple(part for part in usual if part != "race" or not cfg.quick)
    results: dict[str, Any] = {"cores": outputs.usable_cores(), "load": os.getloadavg()[0]}
    lines: list[str] = []
    for part in parts:
        found, told = _PARTS[part](cfg)
        results[part] = found
        lines += [*told, ""]
        print("\n".join(told), "\n", flush=True)
        outputs.write_json(folder / "results.json", results)
        outputs.write_text(folder / "table.md", "\n".join(lines))
    print(folder / "table.md")
    return 0


def _stepping(cfg: TrainBenchCfg) -> tuple[dict[str, Any], list[str]]:
    from embodied.bench import stepping

    cores = outputs.usable_cores()
    counts = (cores,) if cfg.quick else (cores, 2 * cores, 4 * cores)
    rates = stepping.measure(cfg.num_envs, counts, *((1.0, 3) if cfg.quick else (4.0, 5)))
    told = [
        f"| environment stepping, {cores} cores | steps/s | ours is faster by |",
        "| --- | --- | --- |",
        f"| ours, {cfg.num_envs} simulations | {rates.ours:,.0f} | |",
        *(
            f"| SubprocVecEnv, {count} processes | {rate:,.0f} | {rates.ours / rate:.1f} × |"
            for count, rate in rates.stock.items()
        ),
        f"| SubprocVecEnv over bare physics | {rates.bare:,.0f} | {rates.ours / rates.bare:.1f} × |",
        "",
        f"Ratio to the best SubprocVecEnv: **{rates.ratio:.1f} ×** "
        f"({rates.lowest:.1f} to {rates.highest:.1f} over rounds); bar 3 ×.",
    ]
    return dataclasses.asdict(rates), told


def _shares(cfg: TrainBenchCfg) -> tuple[dict[str, Any], list[str]]:
    from embodied.bench import shares
    from policies.ppo import make_ppo

    model = make_ppo(_env(cfg), cfg.seed)
    found = shares.measure(model, updates=2 if cfg.quick else 20)
    most = max(found.parts, key=lambda name: found.parts[name])
    told = [
        f"| PPO at {found.rate:,.0f} steps/s | share of wall-clock |",
        "| --- | --- |",
        *(f"| {name} | {share:.1%} |" for name, share in sorted(found.parts.items(), key=_falling)),
        "",
        f"Python around the physics: **{found.python:.1%}** of the environment's step (bar 20 %). "
        f"Update: **{found.update:.1%}** of wall-clock (bar 40 %). Most goes to: {most}.",
    ]
    return {**dataclasses.asdict(found), "python": found.python, "update": found.update}, told


def _falling(item: tuple[str, float]) -> float:
    return -item[1]


def _race(cfg: TrainBenchCfg) -> tuple[dict[str, Any], list[str]]:
    from embodied.bench import race

    evaluate = race.fresh_starts(64 if cfg.quick else 512, cfg.seed)
    cap = 60 * cfg.cap
    ours = race.run(_learner(cfg), evaluate, 3_000_000, cfg.goal, 10.0, cap)
    runs = {"ours": ours}
    for name in race.STOCK:
        print(f"stock SB3 PPO, settings '{name}', for at most {cfg.cap:g} min", flush=True)
        runs[f"stock, {name}"] = _stock(cfg, name, evaluate, cap)
    rows = [_row(name, found, cfg) for name, found in runs.items()]
    told = [
        f"| PPO to {cfg.goal:.0%} of fresh starts | minutes | steps | success at the end |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        verdict(runs, cfg.goal),
    ]
    return {name: dataclasses.asdict(found) for name, found in runs.items()}, told


def _throughput(cfg: TrainBenchCfg) -> tuple[dict[str, Any], list[str]]:
    from embodied.bench import throughput

    return throughput.sweep(cfg.device, cfg.worlds or throughput.SIZES, 1.0 if cfg.quick else 10.0)


def _seeds(cfg: TrainBenchCfg) -> tuple[dict[str, Any], list[str]]:
    from embodied.bench import throughput

    worlds = cfg.worlds[-1] if cfg.worlds else 4096
    steps, count, episodes = (32 * worlds, 1, 32) if cfg.quick else (24_000_000, 3, 512)
    return throughput.seeds(cfg.device, worlds, steps, count, episodes, 60 * cfg.cap)


def _learner(cfg: TrainBenchCfg) -> Any:
    """Our learner as the training command makes it."""
    from policies.checkpoints import LinearDecay
    from policies.ppo import make_ppo

    return make_ppo(_env(cfg), cfg.seed, learning_rate=LinearDecay(1e-3, 1e-4, 3_000_000))


def _env(cfg: TrainBenchCfg) -> Any:
    from embodied.tasks.pick import PickTask
    from policies.vec_env import TaskVecEnv

    return TaskVecEnv(PickTask(cfg.num_envs, cfg.seed), seed=cfg.seed)


def _stock(cfg: TrainBenchCfg, settings: str, evaluate: Any, cap: float) -> Race:
    from embodied.bench import race, stepping

    cfgs = _env(cfg).task.fixtures.cfgs
    pool = stepping.processes(stepping.single_pick, cfgs, 4 * outputs.usable_cores())
    try:
        model = race.stock_ppo(pool, settings, cfg.seed)
        return race.run(model, evaluate, 100_000_000, cfg.goal, cap / 12, cap)
    finally:
        pool.close()


def _row(name: str, race: Race, cfg: TrainBenchCfg) -> str:
    seconds, steps, success = race.points[-1]
    reached = race.seconds_to(cfg.goal) is not None
    minutes = f"{seconds / 60:.1f}" if reached else f"not within {seconds / 60:.1f}"
    return f"| {name} | {minutes} | {steps:,} | {success:.1%} |"


def verdict(runs: dict[str, Race], goal: float) -> str:
    """How much faster ours was, in a sentence that claims no more than was seen."""
    ours = runs["ours"].seconds_to(goal)
    stock = {name: race for name, race in runs.items() if name != "ours"}
    if ours is None:
        return "Ours did not get there: no ratio."
    reached = [took for race in stock.values() if (took := race.seconds_to(goal)) is not None]
    if reached:
        return f"Ratio to the best stock run: **{min(reached) / ours:.1f} ×**; bar 3 ×."
    stopped = min(race.points[-1][0] for race in stock.values())
    return f"No stock run got there: ratio **above {stopped / ours:.1f} ×**; bar 3 ×."


_PARTS = {
    "stepping": _stepping, "shares": _shares, "race": _race, "throughput": _throughput,
    "seeds": _seeds,
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(TrainBenchCfg, run, argv, prog="embodied bench train")


if __name__ == "__main__":
    sys.exit(main())
