"""Calibration figures against values known by construction, and the map that improves them."""

import pytest
import torch

from policies import calibration


def _drawn(p: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return torch.rand(p.shape, generator=torch.Generator().manual_seed(seed)) < p


def test_ece_of_perfect_and_of_shifted_predictions() -> None:
    p = torch.rand(60_000, generator=torch.Generator().manual_seed(1)) * 0.7 + 0.15
    won = _drawn(p)
    assert calibration.ece(p, won) < 0.015
    assert calibration.ece(p + 0.1, won) == pytest.approx(0.1, abs=0.015)
    assert calibration.ece(p - 0.1, won) == pytest.approx(0.1, abs=0.015)


def test_ece_by_hand() -> None:
    p = torch.tensor([0.1, 0.1, 0.9, 0.9])
    won = torch.tensor([False, True, True, True])
    assert calibration.ece(p, won, bins=10) == pytest.approx(0.5 * 0.4 + 0.5 * 0.1)


def test_reliability_covers_every_sample_once() -> None:
    p = torch.tensor([0.0, 0.5, 1.0, 0.999, 1e-9])
    rows = calibration.reliability(p, torch.ones(5, dtype=torch.bool))
    assert sum(row["n"] for row in rows) == 5
    assert [row["p"] for row in rows] == sorted(row["p"] for row in rows)


def test_auroc_equals_counting_pairs() -> None:
    rng = torch.Generator().manual_seed(2)
    p = (torch.rand(200, generator=rng) * 10).round() / 10  # many ties
    won = torch.rand(200, generator=rng) < 0.3
    good, bad = p[won], p[~won]
    pairs = (good[:, None] > bad[None]).double() + 0.5 * (good[:, None] == bad[None]).double()
    assert calibration.auroc(p, won) == pytest.approx(float(pairs.mean()))


@pytest.mark.parametrize("outcome", [True, False])
def test_auroc_without_one_class_is_a_coin(outcome: bool) -> None:
    assert calibration.auroc(torch.rand(5), torch.full((5,), outcome)) == 0.5


def test_brier_by_hand() -> None:
    p, won = torch.tensor([0.8, 0.3]), torch.tensor([True, False])
    assert calibration.brier(p, won) == pytest.approx((0.04 + 0.09) / 2)


@pytest.mark.parametrize(("scale", "shift"), [(3.0, 0.0), (0.4, 0.0), (2.0, 1.5)])
def test_platt_undoes_a_distortion(scale: float, shift: float) -> None:
    true = torch.randn(8000, generator=torch.Generator().manual_seed(3)) * 2
    won = _drawn(torch.sigmoid(true))
    distorted = scale * true + shift
    fitted = calibration.fit_platt(distorted[:4000], won[:4000])
    before = calibration.ece(torch.sigmoid(distorted[4000:]), won[4000:])
    after = calibration.ece(torch.sigmoid(fitted[0] * distorted[4000:] + fitted[1]), won[4000:])
    assert after < 0.03 < before
    assert fitted[0] == pytest.approx(1 / scale, rel=0.15)


@pytest.mark.parametrize("outcome", [True, False])
def test_platt_stays_finite_and_rising_on_one_class(outcome: bool) -> None:
    fitted = calibration.fit_platt(torch.randn(50), torch.full((50,), outcome))
    assert bool(fitted.isfinite().all())
    assert fitted[0] > 0
