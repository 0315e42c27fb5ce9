"""The bank that a search begins with: a policy that acts at random, kept in the ledger like a training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from planners.rewards.funnel import Bank
from planners.rewards.ledger import Ledger


def random_bank(task: str, actions: int, seed: int, ledger: Ledger) -> Bank:
    """Episodes of uniformly random actions. actions: numbers of an action."""
    from embodied.candidates.training import GATHER_SEED, gather

    request = {"task": task, "policy": "random", "seed": seed}
    kept = ledger.kept("rollouts", request)
    if kept is None:
        rng = np.random.default_rng(seed)

        def act(obs: torch.Tensor) -> torch.Tensor:
            drawn: Any = rng.uniform(-1, 1, (len(obs), actions))
            return torch.as_tensor(drawn, dtype=torch.float32)

        made = gather(task, act, seed + GATHER_SEED)
        kept = ledger.keep("rollouts", request, made.plain(), {"episodes": len(made.success)})
    return Bank.from_plain(kept.body)
