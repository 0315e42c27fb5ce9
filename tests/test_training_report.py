"""The page of a training: drawn from its metrics and its skill card, and safe to open."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from embodied.errors import UsageError
from embodied.training_report import HEIGHT, WIDTH, bins, curve, render_training
from policies.library import SHIPPED
from policies.skill import read_card


def test_the_page_shows_curve_figures_and_reliability(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "pick", tmp_path / "skill")
    rows = [{"steps": 1000 * i, "success": i / 10} for i in range(1, 11)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = render_training(tmp_path).read_text(encoding="utf-8")
    card = read_card(SHIPPED / "pick")
    drawings = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page, re.S)]
    assert len(drawings) == 2
    assert len(drawings[1].findall("circle")) == len(card.affordance["reliability"])
    for key in card.figures.keys() - {"all"}:
        assert key in page
    assert card.training.command in page
    assert "<script" not in page


def test_points_lie_where_their_values_say() -> None:
    first, *_, last = curve([{"steps": 50, "success": 0.0}, {"steps": 100, "success": 1.0}]).split()
    assert first == f"{WIDTH / 2:.1f},{HEIGHT:.1f}"
    assert last == f"{WIDTH:.1f},0.0"
    assert curve([]) == ""
    long = [{"steps": i + 1, "success": 0.5} for i in range(100_000)]
    assert len(curve(long).split()) <= 401
    few, many = bins([{"p": 0.0, "observed": 0.25, "n": 1}, {"p": 1.0, "observed": 1.0, "n": 100}])
    assert (few["x"], few["y"]) == (0.0, 0.75 * HEIGHT)
    assert (many["x"], many["y"]) == (WIDTH, 0.0)
    assert many["r"] > 2 * few["r"]


def test_without_a_skill_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no skill in"):
        render_training(tmp_path)
    assert not (tmp_path / "report.html").exists()
