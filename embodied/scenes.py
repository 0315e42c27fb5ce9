"""The scene of a run: which objects stand where, and where the robot is."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from embodied.errors import UsageError
from embodied.lined_yaml import LinedLoader
from embodied.suites import Start, parse_start
from embodied.world.kitchen import Kitchen


def build(start: Start, seed: int, visuals: bool = False, bystander: bool = False) -> Kitchen:
    """A kitchen in this start; the seed draws where on its place each object stands."""
    kitchen = Kitchen(list(start.objects), seed, visuals, bystander)
    standing = {name: place for name, place in start.objects.items() if place is not None}
    kitchen.arrange(standing, start.robot_at, start.holding)
    if start.drawer_open:
        kitchen.set_drawer(kitchen.travel)
        kitchen.settle()
    return kitchen


def load_scene(path: Path | None) -> Start:
    """A scene file in the form of a suite item's start; None is the shipped home scene.

    Raises:
        UsageError: the file cannot be read or names what the kitchen does not know.
    """
    source = path or files("sim_assets").joinpath("scenes/home.yaml")
    try:
        found: Any = yaml.load(source.read_text(encoding="utf-8"), Loader=LinedLoader)
    except OSError as error:
        raise UsageError(
            f"There is no scene to be read at {source} ({error.strerror}); give --scene a file in "
            "the form of a suite item's start, or leave it out for the home scene."
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "no text"
        raise UsageError(
            f"{source}{line}: this is not valid YAML ({reason}); mend it, or leave --scene out "
            "for the home scene."
        ) from error
    return parse_start(found, str(source))
