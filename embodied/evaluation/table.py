"""Counting episodes, and the tables that a person reads."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

JUDGED = {"plan": "plan_success", "execute": "execution_success"}


def summarise(episodes: list[dict[str, Any]]) -> dict[str, Any]:
    """For "total" and each family: n and, per mode that was run, success with its Wilson interval."""
    from policies.skill import wilson

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
    return summary


def show(console: Console, summary: dict[str, Any]) -> None:
    """One table per mode: success per family with its interval."""
    for mode, key in JUDGED.items():
        if key not in summary["total"]:
            continue
        table = Table(
            "family", "n", "success", "95 % interval", title=f"{mode} mode", title_justify="left"
        )
        for name in [*sorted(summary.keys() - {"total"}), "total"]:
            figure = summary[name][key]
            interval = f"{figure['low']:.1%} to {figure['high']:.1%}"
            table.add_row(name, str(figure["episodes"]), f"{figure['rate']:.1%}", interval)
        console.print(table)
