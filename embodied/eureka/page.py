"""The report of a search: one page that opens without a server, made from the ledger alone.

Lineage, code and what changed in it, learning curves, shares of the terms, every prompt, hashes, seeds and
the isolation in force. All of it is data: escaped, and a policy in the page forbids scripts and network.
"""

from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from embodied.outputs import write_text
from embodied.pages import page
from planners.rewards.ledger import Ledger
from planners.rewards.program import Program
from planners.rewards.stats import bootstrap

WIDTH, HEIGHT = 400, 240  # of a plot's area, SVG units


def render(folder: Path) -> Path:
    """Write `report.html` into a run folder and return its path.

    Raises:
        UsageError: the folder's ledger was changed.
        EnvironmentFault: the page cannot be written.
    """
    ledger = Ledger(folder / "ledger.sqlite")
    summary = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    text = page(
        "eureka.html.j2",
        **view(ledger.entries(), summary),
        command=_read(folder / "command.txt"),
        system=_read(folder / "system.json"),
        folder=shlex.quote(str(folder)),
    )
    ledger.close()
    path = folder / "report.html"
    write_text(path, text)
    return path


def view(entries: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows, as texts and as points in the plots' coordinates."""
    search = next((e for e in entries if e["kind"] == "search"), {})
    programs = {
        e["id"]: Program.from_plain(e["program"]) for e in entries if e["kind"] == "candidate"
    }
    costs = summary.get("costs by candidate", {})
    rows = [
        {**_row(e, entries, programs), "cost": _cost(costs.get(e["id"]))}
        for e in entries
        if e["kind"] == "candidate"
    ]
    best = next((row for row in rows if row["id"] == summary["best"]), None)
    first = next((row for row in rows if row["id"] == summary.get("first", "start")), None)
    tones = {row["id"]: tone for row, tone in ((first, "aff"), (best, "lm")) if row}
    most = max([row["steps"] for row in rows], default=0) or 1
    trained = [row for row in rows if row["success"]]
    trained.sort(key=lambda row: row["id"] in tones)  # those two on top
    return {
        "summary": summary,
        "settings": search.get("settings", {}),
        "rows": rows,
        "best": best,
        "curves": [_line(row, tones.get(row["id"], "other"), most) for row in trained],
        "most": most,
        "videos": [_video(row) for row in summary.get("videos", {}).get("made", [])],
        "unfilmed": _unfilmed(summary, first),
        "band": band(summary["fresh"].get("curves", []), most),
        "unusable": [e for e in entries if e["kind"] == "unusable"],
        "banks": [e for e in entries if e["kind"] == "bank"],
        "asked": [e for e in entries if e["kind"] == "asked"],
        "width": WIDTH,
        "height": HEIGHT,
    }


def _video(row: Mapping[str, Any]) -> dict[str, Any]:
    """A video with its caption."""
    won, named = row["won"], {"initial": "The first reward", "best": "The best reward"}
    text = (
        f"trained {row['steps']:,} steps with seed {row['trained']}; success {row['final']:.0%} of "
        f"{row['episodes']} episodes. Shown: the first {len(won)} episodes from seed {row['seed']}, "
        f"{sum(won)} of them successful."
    )
    return {**row, "title": f"{named[row['role']]}, {row['id']}", "caption": text}


def _unfilmed(summary: Mapping[str, Any], first: Mapping[str, Any] | None) -> list[str]:
    """Why there are fewer than two videos, in sentences."""
    if summary["best"] is None:
        return []
    if "videos" not in summary:
        return ["There are no videos: this search kept no policies."]
    why = list(summary["videos"]["missing"])
    if first is not None and first["id"] == summary["best"]:
        why.append(f"The first reward that was trained, {first['id']}, is the best one.")
    return why


def _row(
    entry: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], programs: Mapping[str, Program]
) -> dict[str, Any]:
    """One candidate: its longest training, what became of it, and what changed from its parent."""
    id = entry["id"]
    trained = [e for e in entries if e["kind"] in ("trained", "confirmed") and e["id"] == id]
    screened = next((e for e in entries if e["kind"] == "screen" and e["id"] == id), None)
    twin = next((e["of"] for e in entries if e["kind"] == "twin" and e["id"] == id), None)
    parent = next((p for p in entry["parents"] if p in programs), None)
    last = max(trained, key=lambda e: e["steps"], default=None)
    return {
        **entry,
        "code": programs[id].text(),
        "parent": parent,
        "diff": difference(programs[parent], programs[id]) if parent else "",
        "steps": last["steps"] if last else 0,
        "final": mean(e["final"] for e in trained if e["steps"] == last["steps"]) if last else None,
        "error": last["error"] if last else "",
        "success": last["reflection"]["success"] if last else [],
        "shares": _shares(last["reflection"]["terms"]) if last else [],
        "alarms": [alarm["text"] for alarm in last["reflection"]["alarms"]] if last else [],
        "reflection": last["text"] if last else "",
        "auc": screened["auc"] if screened else None,
        "still": screened.get("still", []) if screened else [],
        "fate": _fate(trained, screened, twin),
    }


def _cost(cost: Mapping[str, float] | None) -> str:
    """What a candidate took, in words."""
    if cost is None:
        return ""
    told = [f"{cost['env_steps']:,.0f} steps in {cost['trained_in']:,.0f} s"]
    if cost["requests"]:
        asked = f"{cost['requests']:.0f} requests, {cost['tokens']:,.0f} tokens"
        told.insert(0, f"{asked} in {cost['written_in']:,.0f} s")
    return "; ".join([*told, *([f"{cost['money']:.4g} money"] if cost["money"] else [])])


def _fate(
    trained: Sequence[Mapping[str, Any]], screened: Mapping[str, Any] | None, twin: str | None
) -> str:
    """What became of a candidate, in words; the arguments are its entries in the ledger."""
    if twin is not None:
        return f"same as {twin}"
    if screened is not None and screened["dropped"]:
        return "dropped by the offline screen"
    told = [
        f"{e['error'] or format(e['final'], '.0%')} after {e['steps']:,} steps, seed {e['seed']}"
        for e in trained
    ]
    return "; ".join(told) or "not trained"


def difference(before: Program, after: Program) -> str:
    """What changed from one program to another, as a unified diff without its header."""
    one, other = before.text().splitlines(), after.text().splitlines()
    return "\n".join(list(difflib.unified_diff(one, other, lineterm="", n=1))[2:])


def band(curves: Sequence[Sequence[Sequence[float]]], most: float) -> dict[str, str]:
    """Mean over the seeds with its 95 % interval, as points. most: steps at the right edge."""
    known = [np.array(curve, float).T for curve in curves if len(curve) > 1]
    if len(known) < 2:
        return {}
    at = np.linspace(max(c[0][0] for c in known), min(c[0][-1] for c in known), 10)
    drawn = np.stack([np.interp(at, steps, rates) for steps, rates in known])
    low, high = np.array([bootstrap(column) for column in drawn.T]).T
    x = at / most
    area = [*zip(x, low, strict=True), *reversed(list(zip(x, high, strict=True)))]
    return {"area": _points(area), "mean": _points(list(zip(x, drawn.mean(0), strict=True)))}


def _line(row: Mapping[str, Any], tone: str, most: float) -> dict[str, str]:
    """A candidate's longest training. Its points are spread evenly over it."""
    values = row["success"] or [0.0]
    at = np.linspace(1, len(values), len(values)) / len(values) * row["steps"] / most
    return {"id": row["id"], "tone": tone, "points": _points(list(zip(at, values, strict=True)))}


def _points(pairs: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{WIDTH * x:.1f},{HEIGHT * (1 - y):.1f}" for x, y in pairs)


def _shares(terms: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    return [(term["name"], term["share"]) for term in terms]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
