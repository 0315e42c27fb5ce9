"""The scene of a run: which objects stand where, and where the robot is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from embodied.errors import UsageError
from embodied.suites import parse_start
from embodied.world.kitchen import Kitchen


@dataclass(frozen=True)
class Scene:
    """A start: object instance -> place, the robot's place (None is a random free pose), what it holds."""

    objects: Mapping[str, str]
    robot_at: str | None = None
    holding: str | None = None

    def build(self, seed: int, visuals: bool = False) -> Kitchen:
        """A kitchen in this start; the seed draws where on its place each object stands."""
        kitchen = Kitchen(list(self.objects), seed=seed, visuals=visuals)
        kitchen.arrange(self.objects, self.robot_at, self.holding)
        return kitchen


def load_scene(path: Path | None) -> Scene:
    """A scene file in the form of a suite item's start; None is the shipped home scene."""
    try:
        text = (path or files("sim_assets").joinpath("scenes/home.yaml")).read_text(
            encoding="utf-8"
        )
        found: Any = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"The scene {path} cannot be read: {error}") from error
    return parse_start(found, str(path or "home.yaml"))
