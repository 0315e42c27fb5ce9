"""How honest probabilities are, and a monotone map that makes them more so.

* Expected calibration error over equal-width bins: Naeini et al. 2015, as Guo et al. 2017 ("On
  calibration of modern neural networks") use it. Biased upwards on few samples.
* Brier score (Brier 1950); AUROC as the Mann-Whitney statistic, ties counted half.
* Platt scaling (Platt 1999), ``sigmoid(scale * logit + shift)`` with scale > 0: temperature scaling
  of Guo et al. with a shift. Monotone, so that it never changes which of two starts looks better.
"""

from __future__ import annotations

from typing import Any

import torch

BINS = 15


def ece(p: torch.Tensor, won: torch.Tensor, bins: int = BINS) -> float:
    """Mean over samples of |mean p - observed rate| in their bin. p (E,) in [0, 1], won (E,)."""
    return sum(
        abs(row["p"] - row["observed"]) * row["n"] for row in reliability(p, won, bins)
    ) / len(p)


def reliability(p: torch.Tensor, won: torch.Tensor, bins: int = BINS) -> list[dict[str, Any]]:
    """The non-empty bins in rising order: mean p, observed success rate, number of samples."""
    index = (p * bins).long().clamp(0, bins - 1)
    rows = []
    for b in range(bins):
        inside = index == b
        if bool(inside.any()):
            rows.append(
                {
                    "p": float(p[inside].double().mean()),
                    "observed": float(won[inside].double().mean()),
                    "n": int(inside.sum()),
                }
            )
    return rows


def brier(p: torch.Tensor, won: torch.Tensor) -> float:
    """Mean squared error of the probabilities."""
    return float((p.double() - won.double()).square().mean())


def auroc(p: torch.Tensor, won: torch.Tensor) -> float:
    """Probability that a success was given a higher p than a failure; 0.5 without either."""
    good, bad = p[won.bool()].double().sort().values, p[~won.bool()].double()
    if not len(good) or not len(bad):
        return 0.5
    below = torch.searchsorted(good, bad, right=False) + torch.searchsorted(good, bad, right=True)
    return float(1 - below.double().sum() / (2 * len(good) * len(bad)))


def nll(logit: torch.Tensor, won: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood of outcomes won (E,) under logits (E,)."""
    return torch.nn.functional.binary_cross_entropy_with_logits(logit, won.to(logit))


def fit_platt(logit: torch.Tensor, won: torch.Tensor) -> torch.Tensor:
    """(2,) scale > 0 and shift that minimise `nll` on a calibration split, by L-BFGS.

    Targets are smoothed as Platt did, so that a split without one class stays finite.
    """
    good = float(won.sum())
    high, low = (good + 1) / (good + 2), 1 / (len(won) - good + 2)
    target = torch.where(won.bool(), high, low).double()
    raw = torch.zeros(2, dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([raw], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        scaled = raw[0].exp() * logit.double() + raw[1]
        value = torch.nn.functional.binary_cross_entropy_with_logits(scaled, target)
        value.backward()
        return value

    optimiser.step(loss)
    fitted = raw.detach()
    return torch.stack([fitted[0].exp(), fitted[1]]).float()


def figures(p: torch.Tensor, won: torch.Tensor) -> dict[str, Any]:
    """What is reported of held-out probabilities p (E,) and outcomes won (E,); JSON-able."""
    return {
        "n": len(p),
        "success_rate": round(float(won.double().mean()), 4),
        "ece": round(ece(p, won), 4),
        "brier": round(brier(p, won), 4),
        "auroc": round(auroc(p, won), 4),
        "accuracy": round(float(((p > 0.5) == won.bool()).double().mean()), 4),
    }
