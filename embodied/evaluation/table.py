"""Counting episodes, and the tables that a person reads."""

from __future__ import annotations

from collections import Counter
from math import comb
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from embodied import outputs
from embodied.evaluation.cost import Prices, ledger
from policies.skill import wilson

JUDGED = {"plan": "plan_success", "execute": "execution_success"}
Episodes = list[dict[str, Any]]


def results(name: str, llm: str, episodes: Episodes, prices: Prices) -> dict[str, Any]:
    """What results.json says of one suite. The first planner among the episodes is the main one."""
    by_planner: dict[str, Episodes] = {}
    for episode in episodes:
        by_planner.setdefault(episode["planner"], []).append(episode)
    main, *others = by_planner
    told: dict[str, Any] = {
        "suite": name, "llm": llm, "planner": main,
        "summary": summarise(by_planner[main]), "errors": errors(by_planner[main]),
        "cost": ledger(by_planner[main], prices),
    }  # fmt: skip
    if others:
        told["baselines"] = {
            other: {
                "summary": summarise(by_planner[other]), "errors": errors(by_planner[other]),
                "cost": ledger(by_planner[other], prices),
                "mcnemar_p": compare(by_planner[main], by_planner[other]),
            }
            for other in others
        }  # fmt: skip
    return told | {"episodes": episodes}


def summarise(episodes: Episodes) -> dict[str, Any]:
    """For "total" and each family: n and, per mode that was run, success with its Wilson interval."""
    groups = {"total": episodes}
    for episode in episodes:
        groups.setdefault(episode["family"], []).append(episode)
    summary: dict[str, Any] = {}
    for name, group in groups.items():
        summary[name] = {"n": len({(episode["id"], episode["seed"]) for episode in group})}
        for key in JUDGED.values():
            judged = [episode[key] for episode in group if episode[key] is not None]
            if judged:
                summary[name][key] = wilson(sum(judged), len(judged)).model_dump()
        summary[name]["invalid_actions"] = sum(e["invalid_actions"] for e in group)
    return summary


def errors(episodes: Episodes) -> dict[str, dict[str, int]]:
    """How many episodes of each mode failed for which error, the commonest first."""
    told = {}
    for mode, key in JUDGED.items():
        kinds = Counter(episode["error"] for episode in episodes if episode[key] is False)
        if any(episode["mode"] == mode for episode in episodes):
            told[mode] = dict(kinds.most_common())
    return told


def compare(main: Episodes, other: Episodes) -> dict[str, float]:
    """Exact McNemar test per mode: p of such a difference where both planners are equally good."""
    told = {}
    for mode, key in JUDGED.items():
        ours, theirs = (
            {(e["id"], e["seed"]): e[key] for e in some if e["mode"] == mode}
            for some in (main, other)
        )
        better = sum(ours[task] and not theirs[task] for task in ours.keys() & theirs.keys())
        worse = sum(theirs[task] and not ours[task] for task in ours.keys() & theirs.keys())
        n = better + worse
        tail = sum(comb(n, k) for k in range(min(better, worse) + 1)) / 2**n
        if ours:
            told[mode] = round(min(1.0, 2 * tail), 6)
    return told


def write(folder: Path, told: list[dict[str, Any]]) -> None:
    """results.json of one suite; of several, one each in folders of their names, and an overview."""
    if len(told) == 1:
        outputs.write_json(folder / "results.json", told[0])
        return
    for one in told:
        (folder / one["suite"]).mkdir()
        outputs.write_json(folder / one["suite"] / "results.json", one)
    totals = {one["suite"]: one["summary"]["total"] for one in told}
    outputs.write_json(folder / "results.json", {"suites": list(totals), "summary": totals})


def overview(console: Console, told: list[dict[str, Any]]) -> None:
    """One row per suite: the main planner's success in each mode."""
    table = Table("suite", "n", "plan", "execute", "commonest error")
    for one in told:
        total = one["summary"]["total"]
        cells = [rate(total[key]) if key in total else "" for key in JUDGED.values()]
        kinds = [kind for counts in one["errors"].values() for kind in counts]
        table.add_row(one["suite"], str(total["n"]), *cells, kinds[0] if kinds else "")
    console.print(table)


def show(console: Console, told: dict[str, Any]) -> None:
    """The tables of one suite: success per family and planner, errors, cost."""
    planners = {told["planner"]: told} | told.get("baselines", {})
    for mode, key in JUDGED.items():
        if key in told["summary"]["total"]:
            console.print(_success(f"{told['suite']}, {mode} mode", key, planners))
            _errors(console, mode, planners)
    for name, one in planners.items():
        each, won = one["cost"]["per_task"], one["cost"]["per_success"]
        line = f"{name}: {_spent(each)} per task"
        console.print(line + (f"; {_spent(won)} per success" if won else ""))


def _success(title: str, key: str, planners: dict[str, dict[str, Any]]) -> Table:
    table = Table("family", "n", *planners, title=title, title_justify="left")
    summaries = [one["summary"] for one in planners.values()]
    for name in [*sorted(summaries[0].keys() - {"total"}), "total"]:
        if key in summaries[0][name]:
            figures = [summary[name][key] for summary in summaries]
            table.add_row(name, str(figures[0]["episodes"]), *map(rate, figures))
    return table


def rate(figure: dict[str, Any]) -> str:
    """A success rate with its interval, for a table."""
    return f"{figure['rate']:.1%} ({100 * figure['low']:.1f}–{100 * figure['high']:.1f})"


def _errors(console: Console, mode: str, planners: dict[str, dict[str, Any]]) -> None:
    counted = [one["errors"][mode] for one in planners.values()]
    kinds = dict.fromkeys(kind for counts in counted for kind in counts)
    if kinds:
        table = Table("error", *planners)
        for kind in kinds:
            table.add_row(kind, *(str(counts.get(kind, 0)) for counts in counted))
        console.print(table)


def _spent(cost: dict[str, float]) -> str:
    parts = [
        f"{cost['calls']:.1f} calls",
        f"{cost['tokens']:.0f} tokens",
        f"{cost['seconds']:.2f} s",
    ]
    if "money" in cost:
        parts.append(f"{cost['money']:.5f} of money")
    return ", ".join(parts)
