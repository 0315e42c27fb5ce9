"""`embodied info`: what is installed here and what works. Paste its output into fault reports.

Works with any dependency missing: it reads files and asks other processes, and imports only the
standard library and our own modules that do the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from embodied import __version__
from embodied.cli import exit_code
from embodied.outputs import DISTRIBUTIONS, system_facts
from embodied.tasks import own
from embodied.world import gl

OURS = "embodied-llm-rl"
EXTRAS = ("mujoco-warp", "warp-lang", "pybullet")
"""Distributions that not everybody needs."""

_ACCELERATOR = """
import torch
if torch.cuda.is_available():
    free, total = torch.cuda.mem_get_info()
    print(f"{torch.cuda.get_device_name()}, {total / 2**30:.0f} GiB, CUDA {torch.version.cuda}")
else:
    build = torch.version.cuda or "CPU only"
    print(f"none: torch {torch.__version__} ({build} build) finds no CUDA device")
"""


def collect() -> dict[str, Any]:
    """Return everything that `embodied info` shows, as plain values."""
    return {
        "embodied-llm-rl": __version__,
        "location": str(Path(__file__).parent),
        "system": _system(),
        "graphics": asdict(gl.choose()),
        "accelerator": accelerator(),
        "skills": shipped_skills(),
        "own skills": shipped_skills(own.skills_folder()),
        "warnings": shadow_warnings(),
    }


def _system() -> dict[str, Any]:
    """Return versions and machine, and which of the distributions that we need are missing."""
    facts = system_facts()
    missing = [n for n in DISTRIBUTIONS if n not in facts["versions"] and n not in (OURS, *EXTRAS)]
    return facts | ({"missing": ", ".join(missing)} if missing else {})


def accelerator() -> str:
    """Return the accelerator's name and memory, or "none" with the reason."""
    done = subprocess.run([sys.executable, "-c", _ACCELERATOR], capture_output=True, text=True)
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return lines[-1] if done.returncode == 0 and lines else f"none: {(lines or ['?'])[-1]}"


def shipped_skills(root: Path | None = None) -> list[dict[str, Any]]:
    """Return family, success figure and state of every skill folder below `policies`."""
    if root is None:
        spec = find_spec("policies")
        if spec is None or not spec.submodule_search_locations:
            return []
        root = Path(next(iter(spec.submodule_search_locations)))
    return [_skill(path) for path in sorted(root.rglob("skill.json"))]


def _skill(path: Path) -> dict[str, Any]:
    """Return one skill's line; a damaged card or weight file is said in "state"."""
    name = path.parent.name
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        changed = [
            file
            for file, digest in card["sha256"].items()
            if hashlib.sha256((path.parent / file).read_bytes()).hexdigest() != digest
        ]
        figure = {key: float(value) for key, value in card["figures"].get("all", {}).items()}
        steps = int(card["training"]["steps"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return {"name": name, "state": f"damaged: {type(error).__name__}: {error}"}
    state = f"changed since release: {', '.join(changed)}" if changed else "whole"
    return {
        "name": name,
        "family": card.get("family"),
        "steps": steps,
        "figures": figure,
        "state": state,
    }


def shadow_warnings() -> list[str]:
    """Return a sentence for each foreign distribution that brings a package named as ours."""
    warnings = []
    for package in ("embodied", "planners", "policies", "sim_assets"):
        others = sorted(set(packages_distributions().get(package, [])) - {OURS})
        if others:
            names = ", ".join(others)
            warnings.append(
                f"the installed {names} also provides a package named '{package}', which shadows "
                f"or overwrites ours: pip uninstall {' '.join(others)}, then install {OURS} again"
            )
        spec = find_spec(package)
        place = Path(next(iter(spec.submodule_search_locations or [""]))) if spec else None
        expected = Path(__file__).resolve().parent.parent / package
        if place is not None and place.resolve() != expected:
            warnings.append(
                f"'import {package}' finds {place}, not ours at {expected}: take the former off "
                "PYTHONPATH, or use an environment of its own for embodied-llm-rl"
            )
    return warnings


def render(facts: dict[str, Any]) -> str:
    """Return `facts` as Markdown, which reads well in a terminal too."""
    system, graphics = facts["system"], facts["graphics"]
    machine = f"{system.get('platform', '?')}, {system.get('cores', '?')} cores"
    device = f" on {graphics['device']}" if graphics["device"] else ""
    lines = [
        f"### embodied-llm-rl {facts['embodied-llm-rl']}",
        "",
        f"- python: {system.get('python')} on {machine}",
        f"- location: {facts['location']}",
        f"- graphics: {graphics['backend'] or 'none'}{device} ({graphics['reason']})",
        f"- accelerator: {facts['accelerator']}",
        *([f"- missing: {system['missing']}"] if "missing" in system else []),
        "",
        *[f"- {name} {found}" for name, found in system["versions"].items()],
        "",
        *([_skill_line(skill) for skill in facts["skills"]] or ["- skills: none shipped"]),
        *[_skill_line(skill, "your skill") for skill in facts["own skills"]],
        *[f"\nWARNING: {text}" for text in facts["warnings"]],
    ]
    return "\n".join(lines)


def _skill_line(skill: dict[str, Any], what: str = "skill") -> str:
    """Return one skill as a line of Markdown."""
    figures = skill.get("figures", {})
    measured = ""
    if {"rate", "low", "high", "episodes"} <= set(figures):
        low, high, episodes = figures["low"], figures["high"], int(figures["episodes"])
        measured = f"{figures['rate']:.1%} success ({low:.1%} to {high:.1%}, n={episodes}), "
    steps = f"{skill['steps']:,} steps, " if "steps" in skill else ""
    return f"- {what} {skill['name']}: {measured}{steps}{skill['state']}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the facts; exit code 0, since finding a fault is what this command is for."""
    # argparse, not tyro: this command must start when dependencies are missing.
    parser = argparse.ArgumentParser(prog="embodied info", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    try:
        args = parser.parse_args(argv)
    except SystemExit as stop:
        return exit_code(stop)
    facts = collect()
    print(json.dumps(facts, indent=2) if args.json else render(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
