"""Looking ahead: which next skill begins the likeliest sequence of skills, imagined in symbols.

A beam over sequences. What a skill would do is its ideal effect; language is asked again in every
imagined state, with the imagined history. The first skill's affordance is the learned one. States
that do not exist cannot be shown to a success head: from there on a skill counts with its family's
mean success rate where it is feasible in symbols, and with nothing elsewhere. After Text2Motion (Lin
et al. 2023) and SayCanPay (Hazra et al. 2024), without their learned parts.

A sequence is worth the geometric mean of its steps' products, so that sequences of different lengths
compare; it ends with ``done`` or at the depth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from embodied.tasks.labels import SkillCall, feasible, ideal_effect
from planners.model import SUCCESS, Prompt, Step

if TYPE_CHECKING:
    from planners.saycan import Row, SayCan

# Share of the best product below which no label is followed: a sequence's mean would forgive one
# absurd step for the sake of the rest.
WORTHY = 0.02


@dataclass(frozen=True)
class Path:
    """A sequence that is being imagined. logs: of its steps' products."""

    first: int
    prompt: Prompt
    logs: tuple[float, ...]
    ended: bool = False

    @property
    def worth(self) -> float:
        """Geometric mean of the steps' products."""
        return float(np.exp(np.mean(self.logs)))


@dataclass(frozen=True)
class Outlook:
    """worth: (K,) of the best sequence that begins with each label; 0 where none was followed.

    calls, tokens: what the model spent.
    """

    worth: np.ndarray
    calls: int
    tokens: int

    def told(self, rows: Sequence[Row], calls: Sequence[SkillCall]) -> tuple[Row, ...]:
        """A decision's rows with what was seen ahead of each."""
        worth = {call.label: float(w) for call, w in zip(calls, self.worth, strict=True)}
        return tuple(replace(row, ahead=worth[row.label]) for row in rows)


def look_ahead(
    planner: SayCan, prompt: Prompt, calls: Sequence[SkillCall], product: np.ndarray
) -> Outlook:
    """Imagine what follows each of the best labels, as deep and as widely as the planner is set to.

    Args:
        product: (K,) of each label now, with its learned affordance.
    """
    beam, spent = planner.cfg.beam, np.zeros(2, dtype=int)
    ahead = [_step(Path(i, prompt, ()), calls[i], product[i]) for i in _best(product, beam)]
    for _ in range(planner.cfg.lookahead):
        paths = [path for path in ahead if path.ended]
        for path in ahead:
            if not path.ended:
                scores = planner.model.score(path.prompt, calls)
                spent += (scores.calls, scores.tokens)
                can = possible(calls, path.prompt, planner.rates)
                then = planner.weigh(path.prompt, calls, scores.p, can)[2]
                paths += [_step(path, calls[i], then[i]) for i in _best(then, beam)]
        if not paths:  # dead ends only: as far as they were seen, they are all there is
            break
        ahead = sorted(paths, key=lambda path: -path.worth)[:beam]
    worth = np.zeros(len(calls))
    for path in ahead:
        worth[path.first] = max(worth[path.first], path.worth)
    return Outlook(worth, *map(int, spent))


def possible(calls: Sequence[SkillCall], prompt: Prompt, rates: Mapping[str, float]) -> np.ndarray:
    """(K,) p(success) in an imagined state: the family's mean where a call is feasible, else 0.

    What would change nothing counts as not feasible: going on the spot leads nowhere, likely or not.
    """
    front, facts = prompt.in_front, prompt.facts

    def sensible(call: SkillCall) -> bool:
        if call.kind in ("pick up", "find"):
            return (call.obj == front) == (call.kind == "pick up")
        return call.kind != "go to" or call.place != facts.robot_at

    return np.array(
        [
            rates.get(call.family, 1.0) if feasible(call, facts) and sensible(call) else 0.0
            for call in calls
        ]
    )


def _best(product: np.ndarray, count: int) -> list[int]:
    """The best labels that are worth a thought."""
    order = np.argsort(-product, kind="stable")[:count]
    return [int(i) for i in order if product[i] > 0 and product[i] >= WORTHY * product[order[0]]]


def _step(path: Path, call: SkillCall, product: float) -> Path:
    """`path` with one more skill, imagined to succeed."""
    facts = ideal_effect(call, path.prompt.facts)
    history = (*path.prompt.history, Step(call.label, SUCCESS))
    prompt = replace(path.prompt, history=history, facts=facts)
    logs = (*path.logs, float(np.log(product)))
    return Path(path.first, prompt, logs, call.kind == "done")
