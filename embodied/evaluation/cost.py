"""The cost ledger: what a planner's language model spent per task and per success."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prices:
    """What a million tokens cost, read and written, in any currency; None where nobody says."""

    read: float | None = None
    written: float | None = None

    def of(self, read: float, written: float) -> float | None:
        """What these tokens cost."""
        if self.read is None and self.written is None:
            return None
        return (read * (self.read or 0.0) + written * (self.written or 0.0)) / 1e6


def ledger(episodes: list[dict[str, Any]], prices: Prices) -> dict[str, Any]:
    """Totals, and the same per task and per success; seconds are the model's own."""
    spent: dict[str, float] = {
        "calls": sum(episode["model_calls"] for episode in episodes),
        "tokens": sum(episode["tokens"] for episode in episodes),
        "tokens_written": sum(episode["written"] for episode in episodes),
        "seconds": sum(episode["model"]["seconds"] for episode in episodes),
    }
    money = prices.of(spent["tokens"] - spent["tokens_written"], spent["tokens_written"])
    if money is not None:
        spent["money"] = money
    won = sum(bool(episode["plan_success"] or episode["execution_success"]) for episode in episodes)
    return {
        "total": _rounded(spent, 1),
        "per_task": _rounded(spent, len(episodes)),
        "per_success": _rounded(spent, won) if won else None,
    }


def _rounded(spent: dict[str, float], share: int) -> dict[str, float]:
    return {name: round(value / share, 6) for name, value in spent.items()}
