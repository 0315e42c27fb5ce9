"""The page of a training's run folder: learning curve, figures, and how honest the success head is.

Made from `metrics.jsonl` and `skill/skill.json` alone; drawn as SVG in the page, which needs no server.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embodied.outputs import write_text
from embodied.pages import page
from policies.skill import SkillCard, read_card

WIDTH, HEIGHT = 400, 240  # of a plot's area, SVG units
_POINTS = 400  # of a curve: more cannot be seen


def render_training(folder: Path, card: SkillCard | None = None) -> Path:
    """Write `report.html` into the run folder of a finished training and return its path.

    Args:
        card: what was trained; that of the folder's skill if left out.
    Raises:
        UsageError: it holds no finished skill.
        EnvironmentFault: the page cannot be written.
    """
    card = card or read_card(folder / "skill")
    path = folder / "report.html"
    write_text(path, page("training.html.j2", **view(card, _metrics(folder))))
    return path


def view(card: SkillCard, metrics: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return what the page shows: texts, and points in the plots' coordinates."""
    head = card.affordance.get("report", {})
    return {
        "family": card.family,
        "training": card.training,
        "total": card.figures.get("all"),
        "figures": [(key, figure) for key, figure in card.figures.items() if key != "all"],
        "curve": curve(metrics),
        "last": int(metrics[-1]["steps"]) if metrics else 0,
        "head": head,
        "bins": bins(card.affordance.get("reliability", [])),
        "width": WIDTH,
        "height": HEIGHT,
    }


def curve(metrics: Sequence[dict[str, float]]) -> str:
    """Return the points of success over steps, from the first step to the last."""
    if not metrics:
        return ""
    every = -(-len(metrics) // _POINTS)
    shown = [*metrics[::every], metrics[-1]]
    last = metrics[-1]["steps"]
    return " ".join(
        f"{WIDTH * row['steps'] / last:.1f},{HEIGHT * (1 - row['success']):.1f}" for row in shown
    )


def bins(reliability: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """Return one dot per bin: predicted to the right, observed upwards, area as the number."""
    most = max((row["n"] for row in reliability), default=1)
    return [
        {
            "x": WIDTH * row["p"],
            "y": HEIGHT * (1 - row["observed"]),
            "r": 2.5 + 8 * (row["n"] / most) ** 0.5,
            **row,
        }
        for row in reliability
    ]


def _metrics(folder: Path) -> list[dict[str, float]]:
    try:
        text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]
    except (OSError, ValueError):
        return []
