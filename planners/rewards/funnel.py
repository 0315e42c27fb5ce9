"""From many candidates to one trained in full: the offline screen, and competence-gated halving.

Successive halving (Jamieson & Talwalkar 2016) trains all candidates for a ninth of the steps, a third of
them for a third, and the best in full. Early ranks mislead while nobody can do the task yet, so below a
competence threshold the gate stays shut: as many go on as the round's share of steps permits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from planners.rewards.job import Outcome
from planners.rewards.program import Compiled

Train = Callable[[Sequence[str], int], Mapping[str, Outcome]]
"""Trains candidates, given by id, for so many steps each."""


CLOSE = 1.5  # times as long as the rung before, below which a rung tells nothing new
STILL = 1e-6  # a term that varies less over a whole bank pays the same for everything


@dataclass(frozen=True)
class Bank:
    """Trajectories with their ends. states: signals as (episodes, steps, size). success: (episodes,).
    Every trajectory has as many steps: points spread evenly over an episode, the last one among them.
    """

    states: Mapping[str, np.ndarray]
    success: np.ndarray

    def plain(self) -> dict[str, Any]:
        """For JSON, to four decimals."""
        states = {name: value.round(4).tolist() for name, value in self.states.items()}
        return {"states": states, "success": [bool(won) for won in self.success]}

    @classmethod
    def from_plain(cls, found: Mapping[str, Any]) -> Bank:
        """The bank of `plain`."""
        states = {name: np.asarray(value, np.float32) for name, value in found["states"].items()}
        return cls(states, np.asarray(found["success"], bool))

    @classmethod
    def joined(cls, banks: Sequence[Bank]) -> Bank:
        """All trajectories of one or more banks of the same task."""
        states = {
            name: np.concatenate([bank.states[name] for bank in banks]) for name in banks[0].states
        }
        return cls(states, np.concatenate([bank.success for bank in banks]))

    def still(self, compiled: Compiled) -> list[str]:
        """Names of the terms that have one value in all states of the bank."""
        count = len(next(iter(self.states.values())))
        flat = {name: _flat(value) for name, value in self.states.items()}
        values = compiled.weighted(flat)
        return [n for n, v in values.items() if count and float(v.max() - v.min()) <= STILL]

    @property
    def tells(self) -> bool:
        """Whether there are enough of both ends to compare."""
        return min(int(self.success.sum()), int((~self.success).sum())) >= 5

    def returns(self, compiled: Compiled) -> np.ndarray:
        """What a reward pays for every trajectory, (episodes,)."""
        return term_sums(compiled, self.states).sum(-1)


def term_sums(compiled: Compiled, states: Mapping[str, np.ndarray]) -> np.ndarray:
    """Sums over the steps of every weighted term, (episodes, terms). states: (episodes, steps, size)."""
    episodes, steps = next(iter(states.values())).shape[:2]
    flat = {name: _flat(value) for name, value in states.items()}
    values = compiled.weighted(flat)
    columns = [values[term.name].reshape(episodes, steps).sum(1) for term in compiled.program.terms]
    return torch.stack(columns, -1).double().numpy()


def _flat(value: np.ndarray) -> torch.Tensor:
    """(episodes, steps, size) as (episodes * steps, size)."""
    return torch.as_tensor(value.reshape(-1, value.shape[-1]), dtype=torch.float32)


def screen(compiled: Compiled, bank: Bank) -> tuple[float, bool]:
    """AUROC of the return for success, and whether it is surely worse than chance."""
    auc = auroc(bank.returns(compiled), bank.success)
    good, bad = int(bank.success.sum()), int((~bank.success).sum())
    error = math.sqrt((good + bad + 1) / (12 * good * bad))  # of the Mann-Whitney statistic
    return auc, auc + 2 * error < 0.5


def auroc(scores: np.ndarray, positive: np.ndarray) -> float:
    """The chance that a positive scores above a negative; ties count half."""
    order = np.argsort(scores, kind="stable")
    values, ranks = scores[order], np.empty(len(scores))
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    for start, end in zip(starts, [*starts[1:], len(values)], strict=True):
        ranks[order[start:end]] = (start + end + 1) / 2
    good = int(positive.sum())
    return float((ranks[positive].sum() - good * (good + 1) / 2) / (good * (len(scores) - good)))


@dataclass(frozen=True)
class FunnelCfg:
    """steps: of a full training. eta: how many times fewer candidates a rung keeps, and how many times
    fewer steps the rung before has. rungs: 1 trains all in full. share: of the steps of training all
    in full, what a round may spend at most while the gate is shut. least: steps below which a policy
    has hardly begun to learn, and ranks are a lottery; no rung has fewer, and where the share does not
    pay for as many of every candidate, the first rung takes the most promising ones alone.
    """

    steps: int
    eta: int = 3
    rungs: int = 3
    share: float = 0.35
    least: int = 0

    def at(self, rung: int) -> int:
        """Steps of a training in rung 0 to `rungs` - 1."""
        return max(1, round(self.steps / self.eta ** (self.rungs - 1 - rung)))

    @property
    def ladder(self) -> list[int]:
        """Steps of a training, rung by rung: none below `least`, none hardly longer than the one before,
        the last one full."""
        made = [self.steps]
        for rung in reversed(range(self.rungs - 1)):
            steps = max(self.at(rung), self.least)
            if steps * CLOSE <= made[0]:
                made = [steps, *made]
        return made


@dataclass(frozen=True)
class Rung:
    """What a rung showed. kept: ids that go on. gate: whether the ranks were to be trusted."""

    steps: int
    outcomes: Mapping[str, Outcome]
    kept: tuple[str, ...]
    gate: bool


def halving(
    ids: Sequence[str],
    train: Train,
    cfg: FunnelCfg,
    prior: Mapping[str, float],
    known: Collection[str] = (),
    worths: Callable[[], Mapping[str, Any]] | None = None,
    most: float | None = None,
    full: bool = True,
) -> Iterable[Rung]:
    """Train the candidates rung by rung.

    Args:
        prior: by id, what to order candidates by before any training, and equally successful ones.
        known: those of the ids that had their first rung already.
        worths: by id, once they were trained, what to order them by; if left out, their success.
        most: steps to spend; if left out, the share of those of training all in full.
        full: whether the best is trained in full where the gate is open too; if not, the caller does.
    """
    spent, ladder = 0, cfg.ladder
    most = cfg.share * len(ids) * cfg.steps if most is None else most

    def paid(rung: int) -> int:
        """How many can be trained in a rung, with one at least to the end."""
        return max(1, int((most - spent - sum(ladder[rung + 1 :])) / ladder[rung]))

    alive = list(ids)
    if cfg.least > cfg.at(0):  # perhaps not all of them can have it
        alive = sorted(ids, key=lambda i: (i in known, prior.get(i, 0.0)), reverse=True)
        alive = alive[: len(known) + paid(0)]
    for rung, steps in enumerate(ladder):
        last = rung == len(ladder) - 1
        if not alive:
            return
        if len(alive) == 1 and full and not last:
            continue  # nothing to choose between: straight to the full training
        outcomes = train(alive, steps)
        spent += steps * (len(alive) - (rung == 0) * len(known))
        told = worths() if worths else {i: rank(outcomes[i]) for i in alive}
        ranked = sorted(alive, key=lambda i: (told[i], prior.get(i, 0.0)), reverse=True)
        ranked = [i for i in ranked if not outcomes[i].error]
        if last:
            yield Rung(steps, outcomes, tuple(ranked), True)
            return
        gate, room = competent(list(outcomes.values())), paid(rung + 1)
        alive = ranked[: max(1, min(room, len(alive) // cfg.eta)) if gate else room]
        yield Rung(steps, outcomes, tuple(alive), gate)
        if gate and not full and rung == len(ladder) - 2:
            return


def rank(outcome: Outcome) -> tuple[float, float]:
    """What candidates are ordered by: success at the end, then the mean of the curve that led there.

    The final evaluation and the last third of the training count alike. The evaluation has few episodes,
    and its policy may have been caught on a good day; the training's are many, over many policies.
    """
    curve = [rate for _, rate in outcome.success] or [outcome.final]
    late = curve[-max(1, len(curve) // 3) :]
    return (outcome.final + sum(late) / len(late)) / 2, sum(curve) / len(curve)


def competent(outcomes: Sequence[Outcome]) -> bool:
    """Whether the best is surely above the floor, what policies succeed at before they have learned."""
    known = [outcome for outcome in outcomes if not outcome.error]
    if not known:
        return False
    firsts = [outcome.success[0][1] for outcome in known if outcome.success]
    floor = float(np.median(firsts)) if firsts else 0.0
    best = max(known, key=lambda outcome: outcome.final)
    n = max(1, best.episodes)
    p = min(max(floor, 1 / n), 1 - 1 / n) if n > 1 else 0.5
    return best.final > floor + 2 * math.sqrt(p * (1 - p) / n)
