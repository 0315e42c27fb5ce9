"""Which wide starts each family's success head learns from. One entry per family."""

from __future__ import annotations

from typing import Any

import torch

from embodied.tasks import registry
from policies.affordance_arm import ArmStarts, wide_fixtures
from policies.affordance_data import Dataset, roll_out
from policies.affordance_drawer import DrawerStarts
from policies.affordance_features import DRAWER_FEATURES, PICK_FEATURES, PLACE_FEATURES
from policies.affordance_navigate import NAVIGATE_FEATURES, NavigateStarts
from policies.rollouts import Act

FEATURES = {
    "navigate": NAVIGATE_FEATURES,
    "pick": PICK_FEATURES,
    "place": PLACE_FEATURES,
    "open": DRAWER_FEATURES,
    "close": DRAWER_FEATURES,
}
"""How many readings each shipped family's head takes; those that extend it take the same."""
ROLLOUTS = {"navigate": 10_000, "pick": 12_000, "place": 12_000, "open": 8_000, "close": 8_000}
"""From how many rollouts each shipped family's head is learned; those that extend it, likewise."""
_ARMS, _CARTS = 384, 1024  # simulations
_HANDOFF = 0.9  # share of place's starts that begin as picks end, where a pick policy is given
_SECOND = 0.13  # share of the rollouts with a second object in the scene


def collect(
    family: str, act: Act, rollouts: int, seed: int, threads: int = 0, **starts: Any
) -> Dataset:
    """At least `rollouts` rollouts of a frozen policy from the family's wide starts.

    Args:
        rollouts: 0 takes the family's own number.
        threads: of the simulation pool; 0 is one per CPU.
        starts: passed to the task, e.g. ``pick=`` a pick policy whose ends places begin from.

    Raises:
        UsageError: there is no such family.
    """
    spec = registry.family(family)
    rollouts = rollouts or ROLLOUTS[spec.base]
    seeds = torch.randint(2**31, (4,), generator=torch.Generator().manual_seed(seed)).tolist()
    if spec.base == "navigate":
        wide = NavigateStarts(_simulations(rollouts, _CARTS), seeds[0], threads)
        return roll_out(wide, act, -(-rollouts // wide.num_envs), seeds[2])
    if spec.base in ("open", "close"):
        task = spec.make(_simulations(rollouts, _ARMS), seeds[0], threads, easy=0.0)
        return roll_out(DrawerStarts(task), act, -(-rollouts // task.num_envs), seeds[2])
    if "pick" in starts:  # made-up grasps rattle for a moment, which those of picks do not
        starts = {"handoff": _HANDOFF, **starts}
    parts = []
    for second, share in ((False, 1 - _SECOND), (True, _SECOND)):
        wanted = int(rollouts * share)
        count = _simulations(wanted, _ARMS)
        fixtures = wide_fixtures(spec.base, count, seeds[second], threads, second)
        task = spec.make(count, seeds[second], threads, easy=0.0, fixtures=fixtures, **starts)
        parts.append(roll_out(ArmStarts(task), act, -(-wanted // count), seeds[2 + second]))
    return Dataset.join(parts)


def _simulations(rollouts: int, most: int) -> int:
    """Few enough that each simulation sees several starts."""
    return min(most, max(16, rollouts // 4))
