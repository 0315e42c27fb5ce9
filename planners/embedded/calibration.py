"""Probabilities that mean what they say: temperatures of the heads, of whole readings, refusing.

Fitted at the end of training on sentences with words and frames that training never saw, reported
on as many others. Temperature scaling after Guo et al., "On Calibration of Modern Neural Networks"
(2017).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from planners.embedded.agenda import Duty
from planners.embedded.data import Bank, Row, collate
from planners.embedded.ground import Hypothesis, hypotheses
from planners.embedded.interpret import Interpreter
from planners.embedded.net import Reader
from planners.embedded.reading import HEADS, Calibration
from planners.embedded.twins import Twin

GRID = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 4.0)
NEEDLESS = 0.03  # share of feasible instructions that may be refused


@torch.no_grad()
def fit_heads(readers: Sequence[Reader], rows: Sequence[Row], bank: Bank) -> dict[str, float]:
    """For each head the temperature at which the readers' mean probability is likeliest."""
    loss: dict[str, np.ndarray] = {name: np.zeros(len(GRID)) for name in HEADS}
    for k in range(0, len(rows), 100):
        part = list(rows[k : k + 100])
        batch, y = collate(part, bank)
        trunks = [reader.trunk(batch) for reader in readers]
        outs = [reader.read(x, batch) for reader, x in zip(readers, trunks, strict=True)]
        splits = [reader.split(x) for reader, x in zip(readers, trunks, strict=True)]
        split = [torch.cat([s[i, r.split_at] for i, r in enumerate(part)]) for s in splits]
        named, known = y.named, y.roles.flatten() >= 0
        for g, t in enumerate(GRID):
            parts = {
                "split": _binary(split, torch.cat([r.split for r in part]), t),
                "act": _classes([o.act for o in outs], y.act, t),
                "quant": _classes([o.quant[y.counted] for o in outs], y.quant[y.counted], t),
                "link": _classes([o.link for o in outs], y.link, t),
                "roles": _classes(
                    [o.roles.flatten(0, 1)[known] for o in outs], y.roles.flatten()[known], t
                ),
                "members": _binary([o.members[named] for o in outs], y.members[named], t),
            }
            for name, value in parts.items():
                loss[name][g] += value
    return {name: GRID[int(values.argmin())] for name, values in loss.items()}


def _classes(logits: list[Tensor], wanted: Tensor, t: float) -> float:
    p = torch.stack([(x / t).softmax(-1) for x in logits]).mean(0)
    return float(-p.gather(-1, wanted[:, None]).clamp(min=1e-6).log().sum())


def _binary(logits: list[Tensor], wanted: Tensor, t: float) -> float:
    p = torch.stack([(x / t).sigmoid() for x in logits]).mean(0).clamp(1e-6, 1 - 1e-6)
    return float(-(wanted * p.log() + (1 - wanted) * (1 - p).log()).sum())


def fit_whole(interpreter: Interpreter, fit: Sequence[Twin], check: Sequence[Twin]) -> Calibration:
    """The temperature of whole readings and the threshold for refusing, with a report."""
    seen, rest = ([_Read(t, interpreter) for t in part] for part in (fit, check))
    right = np.array([float(r.right) for r in seen])

    def loss(t: float) -> float:
        p = np.clip([r.top(t) for r in seen], 1e-4, 1 - 1e-4)
        return float(-(right * np.log(p) + (1 - right) * np.log(1 - p)).sum())

    whole = min(GRID, key=loss)
    refuse = _threshold(seen, whole)
    confidence = np.array([r.top(whole) for r in rest])
    marks = np.array([float(r.right) for r in rest])
    f1, needless = refusals(rest, whole, refuse)
    report = {
        "sentences in scenes": len(rest), "read right": round(float(marks.mean()), 4),
        "ece of the likeliest reading": round(ece(confidence, marks), 4),
        "refusal f1": round(f1, 4), "feasible refused": round(needless, 4),
    }  # fmt: skip
    return Calibration(whole=whole, refuse=refuse, report=report)


class _Read:
    """What the model makes of a twin."""

    def __init__(self, twin: Twin, interpreter: Interpreter) -> None:
        found = hypotheses(interpreter.guesses(twin.text), twin.first, twin.drawer)
        self.weights = np.array([h.weight for h in found])
        self.stuck = np.array([h.problem is not None for h in found])
        self.right = alike(found[int(self.weights.argmax())], twin.meant)
        self.feasible = twin.feasible

    def _at(self, t: float) -> np.ndarray:
        w = self.weights ** (1 / t)
        return w / w.sum()

    def top(self, t: float) -> float:
        return float(self._at(t).max())

    def cannot(self, t: float) -> float:
        return float(self._at(t)[self.stuck].sum())


def refusals(reads: Sequence[_Read], whole: float, refuse: float) -> tuple[float, float]:
    """(F1 of refusing, share of what is feasible that is refused)."""
    said = np.array([r.cannot(whole) >= refuse for r in reads])
    due = np.array([not r.feasible for r in reads])
    hit = int((said & due).sum())
    return 2 * hit / max(int(said.sum() + due.sum()), 1), float(said[~due].mean())


def _threshold(reads: Sequence[_Read], whole: float) -> float:
    """The best F1 among thresholds that refuse little of what is feasible."""
    every = [round(0.3 + 0.025 * k, 3) for k in range(27)]
    scored = [(*refusals(reads, whole, t), t) for t in every]
    modest = [s for s in scored if s[1] <= NEEDLESS] or [min(scored, key=lambda s: s[1])]
    return max(modest)[2]


def alike(a: Hypothesis, b: Hypothesis) -> bool:
    """Whether two hypotheses come to the same: the same duties, or neither can be carried out."""
    if a.problem is not None or b.problem is not None:
        return a.problem is not None and b.problem is not None
    return [_core(d) for d in a.duties] == [_core(d) for d in b.duties]


def _core(duty: Duty) -> tuple[object, ...]:
    goals = frozenset(p for p, _ in duty.targets)
    return duty.kind, frozenset(duty.names), duty.need, goals, duty.refers, duty.other


def ece(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over equal-width bins."""
    at = np.clip((confidence * bins).astype(int), 0, bins - 1)
    gaps = [
        abs(confidence[at == b].mean() - right[at == b].mean()) * (at == b).mean()
        for b in np.unique(at)
    ]
    return float(sum(gaps))
