"""Trainings through the ledger: each is paid for once, whatever dies in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from embodied.errors import EmbodiedError
from planners.rewards.job import Job, Outcome
from planners.rewards.ledger import Ledger, digest
from planners.rewards.program import Program
from planners.rewards.reflection import Reflection, reflect

Evaluator = Callable[[Sequence[Job]], Iterator[Outcome]]
"""Trains jobs, in any order and number at a time; yields one outcome for each, with its job."""


class BudgetSpent(EmbodiedError):
    """A budget is used up: the search ends with the best so far."""


class Trials:
    """Trains programs of one task. most: environment steps for all, 0 without bound."""

    def __init__(self, task: str, evaluate: Evaluator, ledger: Ledger, most: int = 0) -> None:
        self.task, self.evaluate, self.ledger, self.most = task, evaluate, ledger, most
        self._spent: dict[str, int] = {}  # by request, so that none is counted twice

    @property
    def steps(self) -> int:
        """Environment steps of all that was asked for so far, in this process or an earlier one."""
        return sum(self._spent.values())

    def run(self, programs: Sequence[Program], seeds: Sequence[int], steps: int) -> list[Outcome]:
        """Outcomes in the order of the programs, each with the seed at its place.

        Raises:
            BudgetSpent: the steps would be more than there are; nothing was begun.
        """
        jobs = [Job(self.task, p, s, steps) for p, s in zip(programs, seeds, strict=True)]
        missing = {digest(_request(job)): job for job in jobs if self._kept(job) is None}
        ahead = sum(job.steps for job in missing.values())
        if missing and self.most and self.steps + ahead > self.most:
            raise BudgetSpent(
                f"The budget of {self.most:,} environment steps is spent: {self.steps:,} are used, and "
                f"{ahead:,} more would come next."
            )
        for outcome in self.evaluate(list(missing.values())) if missing else ():
            _keep(self.ledger, outcome)
        found = [self._kept(job) for job in jobs]
        lost = [job for job, outcome in zip(jobs, found, strict=True) if outcome is None]
        assert not lost, f"the evaluator yielded no outcome for {len(lost)} jobs"
        return [outcome for outcome in found if outcome is not None]

    def _kept(self, job: Job) -> Outcome | None:
        outcome = _kept(self.ledger, job)
        if outcome is not None:
            self._spent[digest(_request(job))] = outcome.env_steps
        return outcome


def remembering(evaluate: Evaluator, ledger: Ledger) -> Evaluator:
    """An evaluator that asks a ledger first. Searches that are compared share one: what several of them
    train is trained once, and each still counts its steps."""

    def answered(jobs: Sequence[Job]) -> Iterator[Outcome]:
        found = [_kept(ledger, job) for job in jobs]
        yield from (outcome for outcome in found if outcome is not None)
        missing = [job for job, outcome in zip(jobs, found, strict=True) if outcome is None]
        for outcome in evaluate(missing) if missing else ():
            _keep(ledger, outcome)
            yield outcome

    return answered


def _keep(ledger: Ledger, outcome: Outcome) -> None:
    cost = {"seconds": outcome.seconds, "env_steps": outcome.env_steps}
    ledger.keep("outcome", _request(outcome.job), _fields(outcome), cost)


def _kept(ledger: Ledger, job: Job) -> Outcome | None:
    kept = ledger.kept("outcome", _request(job))
    if kept is None:
        return None
    return Outcome.from_plain(job, {**kept.body, "seconds": kept.cost.get("seconds", 0.0)})


def _request(job: Job) -> dict[str, Any]:
    return job.plain()


def _fields(outcome: Outcome) -> dict[str, Any]:
    """An outcome as plain values, less what no two trainings agree on."""
    return {key: value for key, value in outcome.plain().items() if key != "seconds"}


def reflection_of(outcome: Outcome) -> Reflection:
    """What an outcome says about its program."""
    weights = {term.name: term.weight for term in outcome.job.program.terms}
    curve = [rate for _, rate in outcome.success]
    stuck = {name: figures.get("saturated", []) for name, figures in outcome.stats.items()}
    return reflect(outcome.terms, weights, curve, outcome.final, outcome.env_steps, stuck)
