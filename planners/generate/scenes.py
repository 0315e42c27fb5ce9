"""Scenes to set tasks in: which objects are where, where the robot is, what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from embodied.world import catalogue
from embodied.world.facts import PLACES, SURFACES, Facts, kind

CROWD = 4  # objects on one surface, at most


@dataclass(frozen=True)
class Scene:
    """The start of a suite's item. objects: instance -> place; None for the one that is held."""

    objects: Mapping[str, str | None]
    robot_at: str = "user"
    holding: str | None = None

    def facts(self) -> Facts:
        """The start in symbols."""
        return Facts(self.objects, self.holding, self.robot_at, visited=(self.robot_at,))

    def to_json(self) -> dict[str, Any]:
        """The start in the suite format."""
        standing = {name: place for name, place in self.objects.items() if place is not None}
        return {"robot": {"at": self.robot_at, "holding": self.holding}, "objects": standing}

    def number(self, name: str) -> int:
        """How many instances of a kind there are."""
        return sum(kind(instance) == name for instance in self.objects)


@dataclass(frozen=True)
class SceneCfg:
    """kinds: how many kinds of object, from and to. held: share of scenes that begin with something
    in the gripper. twice: share of kinds with a second instance. drawer: whether things lie in it.
    """

    kinds: tuple[int, int] = (3, 7)
    held: float = 0.15
    twice: float = 0.15
    drawer: bool = False
    places: tuple[str, ...] = SURFACES


def sample_scene(rng: Random, cfg: SceneCfg) -> Scene:
    """A scene; no surface is crowded."""
    known = list(catalogue.objects())
    chosen = rng.sample(known, min(len(known), rng.randint(*cfg.kinds)))
    names = [name for name in chosen for name in _instances(rng, name, cfg)]
    room = dict.fromkeys(cfg.places, CROWD)
    if cfg.drawer:
        room["drawer"] = 1
    objects: dict[str, str | None] = {}
    for name in names[: sum(room.values())]:
        place = rng.choice([place for place, left in room.items() if left])
        objects[name], room[place] = place, room[place] - 1
    holding = None
    if rng.random() < cfg.held:
        holding = rng.choice(list(objects))
        objects[holding] = None
    return Scene(objects, rng.choice(PLACES), holding)


def _instances(rng: Random, name: str, cfg: SceneCfg) -> list[str]:
    return [name, f"{name}#2"] if rng.random() < cfg.twice else [name]
