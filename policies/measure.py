"""Measuring a skill without training it: its policy on fresh starts, its success head on rollouts."""

from __future__ import annotations

from typing import Any

import numpy as np

from embodied.tasks import registry
from policies import calibration
from policies.affordance import Affordance, by_start
from policies.affordance_sources import collect
from policies.rollouts import Act, run_episodes
from policies.skill import Figure


def fresh_starts(
    family: str, act: Act, episodes: int, seed: int, threads: int = 0, **starts: Any
) -> dict[str, Figure]:
    """Success from `Family.fresh` starts, in all and by label (objects, kinds of fixture, rooms).

    Every episode has a simulation of its own, and so a size, mass, friction and height of its own:
    intervals that count episodes would be too narrow if several shared them.

    Args:
        starts: policies of the families that it `needs`.
    """
    spec = registry.family(family)
    task = spec.make(episodes, seed, threads, **spec.fresh, **starts)
    ended = run_episodes(task, act, 1, seed + 1)
    figures = {"all": ended.figure()}
    for group, labels in task.labels().items():
        names = np.asarray(labels)[ended.rows]
        for name in sorted(set(labels)):
            figures[f"{group}: {name}"] = ended.figure(names == name)
    return figures


def head_figures(
    head: Affordance, act: Act, rollouts: int, seed: int, threads: int = 0, **starts: Any
) -> dict[str, Any]:
    """How honest a success head is on new rollouts: ECE, Brier, AUROC, by kind of start, bins."""
    data = collect(head.family, act, rollouts, seed, threads, **starts)
    p = head.probability(data.features)
    return {
        **calibration.figures(p, data.success),
        "by_start": by_start(p, data),
        "reliability": calibration.reliability(p, data.success),
    }
