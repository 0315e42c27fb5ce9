"""What each label is worth in the kitchen right now: all success heads over all grounded calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TypeVar

import numpy as np
import torch

from embodied.tasks.base import Goal
from embodied.tasks.drawer import DrawerGoal
from embodied.tasks.grounding import Request, ground
from embodied.tasks.labels import SkillCall
from embodied.world.kitchen import Kitchen
from embodied.world.navigation import Map
from policies.affordance import Affordance
from policies.affordance_features import drawer_features, pick_features, place_features, repeat
from policies.affordance_navigate import Way, navigate_features
from policies.skill import Skill

_G = TypeVar("_G", Goal, DrawerGoal)


class Values:
    """Success probabilities of calls, from learned heads alone.

    Args:
        skills: a loaded skill per family, each with its head.
        room: the map that navigation plans with.
    """

    def __init__(self, skills: Mapping[str, Skill], room: Map) -> None:
        self._heads = {family: Affordance.load(skill) for family, skill in skills.items()}
        self._bases = {family: skill.card.base for family, skill in skills.items()}
        self._room = room

    def __call__(self, kitchen: Kitchen, calls: Sequence[SkillCall]) -> np.ndarray:
        """(K,) p(success) in [0, 1]; 1 for ``done``, which always works."""
        values = np.ones(len(calls))
        for family in self._heads:
            rows = [i for i, call in enumerate(calls) if call.family == family]
            if rows:
                requests = [ground(calls[i], kitchen) for i in rows]
                readings = self._readings(self._bases[family], kitchen, requests)
                values[rows] = self._heads[family].probability(readings).numpy()
        return values

    def _readings(self, base: str, kitchen: Kitchen, requests: Sequence[Request]) -> torch.Tensor:
        present = torch.tensor([request.present for request in requests])
        state = repeat(kitchen.state, len(requests))
        if base == "navigate":
            return self._driving(kitchen, requests, present)
        if base in ("open", "close"):
            drawers = [request.drawer for request in requests if request.drawer is not None]
            return drawer_features(state, _join(drawers))
        goal = _join([request.goal for request in requests if request.goal is not None])
        covered = torch.tensor([float(request.covered) for request in requests])
        features = pick_features if base == "pick" else place_features
        return features(state, goal, present, covered)

    def _driving(
        self, kitchen: Kitchen, requests: Sequence[Request], present: torch.Tensor
    ) -> torch.Tensor:
        count, drawer = len(requests), float(kitchen.state.drawer[0])
        poses = torch.tensor(np.stack([request.stand for request in requests])).float()  # type: ignore[arg-type]
        around = self._room.obstacles(count, drawer)
        # ways are as long there as back, so one tree from the robot serves all goals
        route = self._room.route(kitchen.state.base_pose[0, :2].numpy(), drawer)
        way = Way.of(route, torch.zeros(count, dtype=torch.long), poses[:, :2], around)
        return navigate_features(repeat(kitchen.state, count), poses, around, way, present)


def _join(goals: Sequence[_G]) -> _G:
    """One goal with the rows of all, which are of one class."""
    made = type(goals[0])
    return made(
        **{f.name: torch.cat([getattr(goal, f.name) for goal in goals]) for f in fields(made)}
    )
