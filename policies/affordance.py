"""The success head of a skill: p(success | state, goal), learned from rollouts and calibrated.

SayCan multiplies what a language model wants by what the robot can do. What it can do is told here
by a small network per family, fitted with binary cross-entropy to outcomes of the frozen policy
(`affordance_data`), never by the critic and never by a rule. The rollouts are split four ways: one
part trains, one stops the training, one calibrates (`calibration.fit_platt`), one is only reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from embodied.errors import UsageError
from embodied.tasks import registry
from policies import calibration
from policies.affordance_data import Dataset
from policies.affordance_probe import TOLERANCE, probe
from policies.affordance_sources import collect
from policies.rollouts import Act
from policies.skill import AFFORDANCE, Skill, load_checked, read_card

HIDDEN = 64
CLIP = 6.0
"""Standard deviations: a reading farther out than that is taken as that far out."""
SPLITS = {"train": 0.62, "stop": 0.08, "calibrate": 0.15, "report": 0.15}
_EPOCHS, _PATIENCE, _BATCH = 120, 12, 256


class Affordance:
    """A loaded success head.

    Attributes:
        family: of skills.
        features: how many readings `probability` takes.
        probe: what the readings of a made-up state were when it was fitted.
    """

    def __init__(self, family: str, tensors: dict[str, torch.Tensor]) -> None:
        self.family, self.features = family, len(tensors["mean"])
        self._mean, self._std = tensors["mean"], tensors["std"]
        self.probe = tensors["probe"]
        self._net = _network(self.features)
        self._net.load_state_dict(
            {name.removeprefix("net."): value for name, value in tensors.items() if "net." in name}
        )
        self._scale, self._shift = (float(value) for value in tensors["platt"])

    @torch.no_grad()
    def probability(self, features: torch.Tensor) -> torch.Tensor:
        """(N,) in [0, 1] for readings (N, features) of `affordance_features`."""
        return torch.sigmoid(self.logit(features) * self._scale + self._shift)

    @torch.no_grad()
    def logit(self, features: torch.Tensor) -> torch.Tensor:
        """(N,) before calibration."""
        return self._net(_normalise(features, self._mean, self._std))[:, 0]

    @classmethod
    def load(cls, skill: Skill | str | Path) -> Affordance:
        """Loads and checks the head of a skill or skill folder.

        Raises:
            UsageError: the folder is no skill, has no head, or its hash or shape does not match.
        """
        folder = skill.folder if isinstance(skill, Skill) else Path(skill)
        card = skill.card if isinstance(skill, Skill) else read_card(folder)
        try:
            head = cls(card.family, load_checked(folder, card, AFFORDANCE))
        except (KeyError, RuntimeError, ValueError) as error:
            raise UsageError(
                f"{folder / AFFORDANCE} is not a success head of ours ({error}); train it anew."
            ) from error
        now = probe(card.base)
        if head.probe.shape != now.shape or float((head.probe - now).abs().max()) > TOLERANCE:
            raise UsageError(
                f"The success head in {folder} was fitted to other readings than this version "
                f"takes; run: python -m embodied.train {card.family}"
            )
        return head


@dataclass(frozen=True)
class Fitted:
    """A head with its tensors, as saved, and its figures, as reported."""

    head: Affordance
    tensors: dict[str, torch.Tensor]
    figures: dict[str, Any]


def train(
    family: str,
    act: Act,
    seed: int = 0,
    threads: int = 0,
    log: Callable[[str], None] = print,
    rollouts: int = 0,
    **starts: Any,
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Rolls a frozen policy out, fits its head; returns tensors to save and figures for the card.

    Args:
        threads: of the simulation pool; 0 is one per CPU.
        rollouts: 0 takes the family's own number.
        log: told each stage's one-line news.
        starts: what the family's starts need besides, as `affordance_sources.collect` takes it.
    """
    data = collect(family, act, rollouts, seed, threads, **starts)
    log(f"{len(data):,} rollouts, {float(data.success.float().mean()):.0%} successful; fitting")
    fitted = fit(family, data, seed)
    told = fitted.figures["report"]
    log(
        f"success head: ECE {told['ece']:.3f}, AUROC {told['auroc']:.3f}, Brier {told['brier']:.3f}"
    )
    return fitted.tensors, fitted.figures


def fit(family: str, data: Dataset, seed: int) -> Fitted:
    """Fits, stops, calibrates and reports on disjoint parts of the rollouts."""
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    sizes = [int(share * len(data)) for share in list(SPLITS.values())[:-1]]
    parts = torch.tensor_split(order, torch.tensor(sizes).cumsum(0))
    split = {name: data.rows(part) for name, part in zip(SPLITS, parts, strict=True)}
    tensors = _train_network(family, split["train"], split["stop"], seed)
    raw = Affordance(family, {**tensors, "platt": torch.tensor([1.0, 0.0])})
    calibrate, report = split["calibrate"], split["report"]
    platt = calibration.fit_platt(raw.logit(calibrate.features), calibrate.success)
    head = Affordance(family, {**tensors, "platt": platt})
    p = head.probability(report.features)
    figures = {
        "features": head.features,
        "hidden": [HIDDEN, HIDDEN],
        "rollouts": {name: len(part) for name, part in split.items()},
        "calibration": {"scale": round(float(platt[0]), 4), "shift": round(float(platt[1]), 4)},
        "uncalibrated": calibration.figures(raw.probability(report.features), report.success),
        "report": calibration.figures(p, report.success),
        "by_start": by_start(p, report),
        "reliability": calibration.reliability(p, report.success),
    }
    return Fitted(head, {**tensors, "platt": platt}, figures)


def by_start(p: torch.Tensor, data: Dataset) -> dict[str, dict[str, Any]]:
    """Per kind of start: number, observed success, mean p, accuracy."""
    table = {}
    for k, name in enumerate(data.kinds):
        chosen = data.kind == k
        if bool(chosen.any()):
            told, won = p[chosen], data.success[chosen]
            table[name] = {
                "n": int(chosen.sum()),
                "observed": round(float(won.double().mean()), 4),
                "p": round(float(told.double().mean()), 4),
                "accuracy": round(float(((told > 0.5) == won).double().mean()), 4),
            }
    return table


def _train_network(
    family: str, train: Dataset, stop: Dataset, seed: int
) -> dict[str, torch.Tensor]:
    """Adam on binary cross-entropy; keeps the weights that did best on the stopping split."""
    mean, std = train.features.mean(0), train.features.std(0).clamp_min(0.02)
    inputs, held_out = (_normalise(part.features, mean, std) for part in (train, stop))
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = _network(inputs.shape[1])
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _EPOCHS)
    best, waited, kept = float("inf"), 0, {}
    for _ in range(_EPOCHS):
        for batch in torch.randperm(len(train), generator=rng).split(_BATCH):
            optimiser.zero_grad()
            calibration.nll(net(inputs[batch])[:, 0], train.success[batch]).backward()
            optimiser.step()
        schedule.step()
        with torch.no_grad():
            loss = float(calibration.nll(net(held_out)[:, 0], stop.success))
        waited += 1
        if loss < best:
            best, waited = loss, 0
            kept = {f"net.{name}": value.clone() for name, value in net.state_dict().items()}
        if waited >= _PATIENCE:
            break
    return {"mean": mean, "std": std, "probe": probe(registry.family(family).base), **kept}


def _normalise(features: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    return ((features - mean) / std).clamp(-CLIP, CLIP)


def _network(features: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(features, HIDDEN),
        nn.ELU(),
        nn.Linear(HIDDEN, HIDDEN),
        nn.ELU(),
        nn.Linear(HIDDEN, 1),
    )
