"""`embodied info` tells the truth about skills and shadows, and works without dependencies."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from embodied import info

ROOT = Path(__file__).parent.parent


def skill_folder(root: Path, weights: bytes = b"weights") -> Path:
    folder = root / "pick"
    folder.mkdir(parents=True)
    (folder / "policy.safetensors").write_bytes(weights)
    card = {
        "family": "pick",
        "training": {"steps": 2_000_000},
        "figures": {"all": {"rate": 0.98, "low": 0.93, "high": 0.995, "episodes": 100}},
        "sha256": {"policy.safetensors": hashlib.sha256(weights).hexdigest()},
    }
    (folder / "skill.json").write_text(json.dumps(card))
    return folder


def test_a_whole_skill_shows_its_figures(tmp_path: Path) -> None:
    skill_folder(tmp_path)
    [skill] = info.shipped_skills(tmp_path)
    assert info._skill_line(skill) == (
        "- skill pick: 98.0% success (93.0% to 99.5%, n=100), 2,000,000 steps, whole"
    )


def test_changed_and_damaged_skills_are_said(tmp_path: Path) -> None:
    folder = skill_folder(tmp_path)
    (folder / "policy.safetensors").write_bytes(b"other")
    [skill] = info.shipped_skills(tmp_path)
    assert skill["state"] == "changed since release: policy.safetensors"
    for damage in ("{", "[]", '{"sha256": 3}'):
        (folder / "skill.json").write_text(damage)
        [skill] = info.shipped_skills(tmp_path)
        assert skill["state"].startswith("damaged")
        assert "damaged" in info._skill_line(skill)


def test_a_foreign_distribution_is_named(monkeypatch) -> None:
    monkeypatch.setattr(
        info, "packages_distributions", lambda: {"embodied": ["embodied", info.OURS]}
    )
    [warning] = info.shadow_warnings()
    assert "pip uninstall embodied" in warning


def test_no_warning_without_a_shadow(monkeypatch) -> None:
    monkeypatch.setattr(info, "packages_distributions", lambda: {"embodied": [info.OURS]})
    assert info.shadow_warnings() == []


def test_runs_with_the_standard_library_alone(tmp_path: Path) -> None:
    # -S: no site-packages at all.
    done = subprocess.run(
        [sys.executable, "-S", "-m", "embodied.info", "--json"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert "torch" in facts["system"]["missing"].split(", ")
    assert "### embodied-llm-rl" in info.render(facts)
