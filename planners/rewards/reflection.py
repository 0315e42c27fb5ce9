"""What a training says about its reward: figures per term, and alarms, as numbers and as words.

After Eureka (Ma et al., ICLR 2024, arXiv 2310.12931), which gives the writer ten values a term and the
success curve. Added here: each term's share of the return, and alarms where the figures show a term that
says nothing, one that drowns the others, or a policy that earns more and achieves no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

POINTS = 10
DOMINANT = 0.9  # share of the return above which one term drowns the others
FLAT = 0.05  # gain of success below which the success curve counts as flat
RISE = 0.25  # gain of reward, in units of its mean size, above which it counts as risen
SATURATED = 0.02  # spread over the training, in units of a term's size, below which it is constant
MOVES = 0.5  # and above which it is surely none that has got stuck
GOOD = 0.9  # success from which on nothing is wrong with a flat curve

Kind = Literal["hacking", "dominance", "saturation", "no success", "silent"]


@dataclass(frozen=True)
class Alarm:
    """kind: what is wrong. term: of which term; empty for the whole. text: a sentence for the writer."""

    kind: Kind
    term: str
    text: str


@dataclass(frozen=True)
class Figures:
    """One term over a training, weighted, as means per step.

    points: ten values from begin to end. share: of the sizes of all terms, over the last third.
    """

    name: str
    weight: float
    points: tuple[float, ...]
    high: float
    mean: float
    low: float
    share: float

    @property
    def size(self) -> float:
        """The largest of its values without their sign."""
        return max(abs(self.high), abs(self.low))

    @property
    def gain(self) -> float:
        """What it rose by, from the first fifth of the training to the last."""
        return float(np.mean(self.points[-2:]) - np.mean(self.points[:2]))


@dataclass(frozen=True)
class Reflection:
    """The raw numbers behind the text that goes to a writer, which is kept beside them.

    success: ten values of the success curve. final: success of the final evaluation. steps: of the
    training.
    """

    terms: tuple[Figures, ...]
    success: tuple[float, ...]
    final: float
    steps: int
    alarms: tuple[Alarm, ...]

    def text(self) -> str:
        """The reflection in words, for a prompt."""
        lines = [
            f"A policy was trained for {self.steps} environment steps with this reward. Values are means "
            "per step at ten times from begin to end, weights included."
        ]
        for term in self.terms:
            values = ", ".join(f"{value:.3g}" for value in term.points)
            lines.append(
                f"{term.name} (weight {term.weight:.3g}): [{values}], max {term.high:.3g}, mean "
                f"{term.mean:.3g}, min {term.low:.3g}, share of the return {term.share:.0%}"
            )
        curve = ", ".join(f"{value:.2f}" for value in self.success)
        lines.append(f"success rate: [{curve}], final evaluation {self.final:.2f}")
        lines += [f"Alarm: {alarm.text}" for alarm in self.alarms]
        return "\n".join(lines)

    def plain(self) -> dict[str, Any]:
        """The numbers as plain values, for the ledger."""
        return {
            "terms": [vars(term) for term in self.terms],
            "success": self.success,
            "final": self.final,
            "steps": self.steps,
            "alarms": [vars(alarm) for alarm in self.alarms],
        }


def reflect(
    curves: Mapping[str, Sequence[float]],
    weights: Mapping[str, float],
    success: Sequence[float],
    final: float,
    steps: int,
    stuck: Mapping[str, Sequence[float]] | None = None,
) -> Reflection:
    """Make a reflection.

    Args:
        curves: per term its weighted mean per step, over the training.
        weights: per term.
        success: success rates over the training; may be empty.
        final: success of the final evaluation.
        steps: environment steps of the training.
        stuck: per term the share of its values at an end of its range, over the training.
    """
    late = {name: abs(_late(values)) for name, values in curves.items()}
    total = sum(late.values()) or 1.0
    terms = tuple(
        _figures(name, weights.get(name, 1.0), values, late[name] / total)
        for name, values in curves.items()
    )
    points = tuple(_ten(success if len(success) else [final]))
    ends = {name: _late(values) for name, values in (stuck or {}).items()}
    alarms = _alarms(terms, points, final, ends)
    return Reflection(terms, points, float(final), steps, tuple(alarms))


def _figures(name: str, weight: float, values: Sequence[float], share: float) -> Figures:
    known = np.asarray(values if len(values) else [0.0], float)
    return Figures(
        name, float(weight), tuple(_ten(known)), float(known.max()), float(known.mean()),
        float(known.min()), float(share),
    )  # fmt: skip


def _alarms(
    terms: Sequence[Figures], success: Sequence[float], final: float, stuck: Mapping[str, float]
) -> list[Alarm]:
    """What the figures show to be wrong."""
    alarms = []
    for term in terms:
        alarms += _alarms_of(term, stuck.get(term.name, 0.0))
        if len(terms) > 1 and term.share > DOMINANT:
            said = (
                f"{term.name} makes up {term.share:.0%} of the return and drowns the other terms."
            )
            alarms.append(Alarm("dominance", term.name, said))
    return [*alarms, *_alarms_of_all(terms, success, final)]


def _alarms_of(term: Figures, stuck: float) -> list[Alarm]:
    """Whether a term says anything. stuck: share of its values at an end of its range, where those of flags
    always are, and those of terms that wait for a grasp mostly: as long as their mean moves, they tell."""
    if term.size < 1e-9:
        said = f"{term.name} is always 0: it has no effect. Rewrite or drop it."
        return [Alarm("silent", term.name, said)]
    flat = term.high - term.low < SATURATED * term.size
    moves = term.high - term.low > MOVES * term.size
    if not flat and (stuck <= DOMINANT or moves):
        return []
    what = (
        f"stays within {SATURATED:.0%} of its size over the whole training"
        if flat
        else f"is at an end of its range in {stuck:.0%} of all states"
    )
    said = (
        f"{term.name} {what}: it is saturated and gives no direction. Change its scale, rewrite it, or "
        "drop it."
    )
    return [Alarm("saturation", term.name, said)]


def _alarms_of_all(terms: Sequence[Figures], success: Sequence[float], final: float) -> list[Alarm]:
    """Whether the policy earns more without achieving more, or achieves nothing."""
    alarms = []
    total = np.sum([term.points for term in terms], axis=0) if terms else np.zeros(POINTS)
    size = max(float(np.abs(total).mean()), 1e-9)
    rise = float(np.mean(total[-2:]) - np.mean(total[:2])) / size
    gain = max(float(np.mean(success[-2:])), final) - float(np.mean(success[:2]))
    if rise > RISE and gain < FLAT and final < GOOD:
        most = max(terms, key=lambda term: term.gain)
        said = (
            f"the reward rose by {rise:.0%} of its size while success stayed flat: the policy earns "
            f"{most.name} without doing the task. Make that term worth something only on the way to "
            "success."
        )
        alarms.append(Alarm("hacking", most.name, said))
    if final < FLAT and max(success, default=0.0) < FLAT:
        alarms.append(Alarm("no success", "", "the task was practically never done."))
    return alarms


def _ten(values: Sequence[float] | np.ndarray) -> list[float]:
    """Ten values, evenly spaced from the first to the last."""
    known = np.asarray(values, float)
    return [float(known[i]) for i in np.linspace(0, len(known) - 1, POINTS).round().astype(int)]


def _late(values: Sequence[float]) -> float:
    known = np.asarray(values if len(values) else [0.0], float)
    return float(known[-max(1, len(known) // 3) :].mean())
