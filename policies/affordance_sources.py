"""Which wide starts each family's success head learns from. One entry per family."""

from __future__ import annotations

from typing import Any

import torch

from embodied.tasks.pick import PickTask
from embodied.tasks.place import PlaceTask
from policies.affordance_arm import ArmStarts, wide_fixtures
from policies.affordance_data import Dataset, roll_out
from policies.affordance_features import PICK_FEATURES, PLACE_FEATURES
from policies.rollouts import Act

FEATURES = {"pick": PICK_FEATURES, "place": PLACE_FEATURES}
"""How many readings each family's head takes."""
_SIMULATIONS = 384
_SECOND = 0.13  # share of the rollouts with a second object in the scene


def collect(
    family: str, act: Act, rollouts: int, seed: int, threads: int = 0, **starts: Any
) -> Dataset:
    """At least `rollouts` rollouts of a frozen policy from the family's wide starts.

    Args:
        threads: of the simulation pool; 0 is one per CPU.
        starts: passed to the task, e.g. ``pick=`` a pick policy whose ends places begin from.
    """
    seeds = torch.randint(2**31, (4,), generator=torch.Generator().manual_seed(seed)).tolist()
    make = {"pick": PickTask, "place": PlaceTask}[family]
    parts = []
    for second, share in ((False, 1 - _SECOND), (True, _SECOND)):
        count = min(_SIMULATIONS, max(16, int(rollouts * share) // 4))
        fixtures = wide_fixtures(family, count, seeds[second], threads, second)
        task = make(count, seeds[second], threads, easy=0.0, fixtures=fixtures, **starts)
        per_env = -(-int(rollouts * share) // count)
        parts.append(roll_out(ArmStarts(task), act, per_env, seeds[2 + second]))
    return Dataset.join(parts)
