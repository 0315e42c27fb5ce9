"""The search: rounds of writing, checking, training and reflecting, each one on the best so far.

It is a deterministic function of its settings and of what the ledger keeps (replies and outcomes), so a
search that was killed is resumed by running it again, and a finished one replays without any cost.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from embodied.errors import EnvironmentFault, UsageError
from planners.rewards.asking import Asker, Budget, Check, Draft
from planners.rewards.estimate import Trial, estimate
from planners.rewards.funnel import Bank, FunnelCfg, halving, rank, screen
from planners.rewards.job import Outcome
from planners.rewards.ledger import Ledger, digest
from planners.rewards.program import Program, compile_program
from planners.rewards.trials import BudgetSpent, Evaluator, Trials, reflection_of
from planners.rewards.views import Brief
from planners.rewards.writers.base import Context, Parent, Reply, Writer

START, PREFERRED = "start", "preferred"
SECOND_SEED = 50_021
"""Added to a search's seed for the full training of its finalists."""

Preference = tuple[Any, Callable[[Program], Program]]
"""What was chosen, as plain values, and a function that gives a program the weights that follow."""


@dataclass(frozen=True)
class SearchCfg:
    """samples: a round. iterations: rounds. reflect: False is the control, best of all samples without
    any reflection. parents: how many a writer is shown. repairs: turns. seed: of everything random.
    finalists: how many of the best are trained in full, on a second seed, before one is chosen, as far as
    a quarter of the search's steps, and what the rounds left over, pay for them.
    """

    funnel: FunnelCfg
    samples: int = 16
    iterations: int = 5
    seed: int = 0
    reflect: bool = True
    parents: int = 4
    repairs: int = 2
    finalists: int = 5

    @property
    def whole(self) -> float:
        """What the search may spend, in trainings of full length; the reward to start from is one more
        candidate."""
        return self.funnel.share * (self.samples * self.iterations + 1)

    @property
    def reserved(self) -> int:
        """For how many finalists the rounds leave steps; a single one would have nobody to lose to."""
        rounds = self.iterations * (1 + self.funnel.ladder[0] / self.funnel.steps)  # at least
        most = min(self.finalists, int(self.whole / 4), int(self.whole - rounds))
        return most if most > 1 else 0

    def allowed(self, number: int) -> float:
        """Steps that a search may have spent after round `number`, from 0."""
        share = self.funnel.share * (1 - self.reserved / self.whole)
        return share * (self.samples * (number + 1) + 1) * self.funnel.steps


@dataclass
class Candidate:
    """A reward on its way through the funnel. id: round and sample. outcome: of its longest training on
    the search's seed. second: of a finalist's on another one, in full."""

    id: str
    program: Program
    round: int
    parents: tuple[str, ...] = ()
    note: str = ""
    auc: float | None = None
    outcome: Outcome | None = None
    second: Outcome | None = None

    @property
    def hash(self) -> str:
        """Of the program."""
        return self.program.hash[:16]

    @property
    def longest(self) -> Outcome | None:
        """Of its longest training on any seed."""
        known = [o for o in (self.outcome, self.second) if o is not None and not o.error]
        return max(known, key=lambda outcome: outcome.job.steps, default=self.outcome)

    @property
    def success(self) -> float:
        """What its longest trainings came to, on average."""
        known = [o for o in (self.outcome, self.second) if o is not None]
        finals = [o.final for o in known if o.job.steps == max(k.job.steps for k in known)]
        return sum(finals) / max(1, len(finals))


@dataclass
class Cost:
    """What a sample took. written_in, trained_in: seconds, as they were when it was done."""

    requests: int = 0
    tokens: int = 0
    money: float = 0.0
    written_in: float = 0.0
    env_steps: int = 0
    trained_in: float = 0.0


@dataclass
class Result:
    """What a search found. full: steps of a full training. stopped: why it ended before its last round.
    costs: by id, of candidates and of samples that became none."""

    candidates: list[Candidate]
    full: int
    steps: int
    first_try: int = 0
    repaired: int = 0
    samples: int = 0
    stopped: str = ""
    finished: bool = False
    trials: list[Trial] = field(default_factory=list)
    costs: dict[str, Cost] = field(default_factory=lambda: defaultdict(Cost))

    def worths(self) -> dict[str, tuple[float, ...]]:
        """By id, what trained candidates are compared by: the success to expect, then how few terms."""
        known = [c for c in self.candidates if c.outcome]
        found = estimate(tuple(self.trials)).worths([c.program for c in known])
        return {c.id: (w, -len(c.program.terms)) for c, w in zip(known, found, strict=True)}

    def note(self, outcome: Outcome) -> None:
        """Takes account of a training."""
        job = outcome.job
        made = Trial(job.program, job.steps, rank(outcome)[0], job.seed)
        if not outcome.error and made not in self.trials:  # an error says nothing of relatives
            self.trials.append(made)

    @property
    def first(self) -> Candidate | None:
        """The first one that could be trained: the reward to start from, if there was one."""
        return next(iter(self.trained), None)

    @property
    def best(self) -> Candidate | None:
        """The best of the finalists; if there are none, of those trained in full; else of all trained."""
        finalists = [c for c in self.whole if c.second and not c.second.error]
        known = self.worths()
        return max(finalists or self.whole or self.trained, key=lambda c: known[c.id], default=None)

    @property
    def trained(self) -> list[Candidate]:
        """Those that could be trained."""
        return [c for c in self.candidates if c.outcome and not c.outcome.error]

    @property
    def whole(self) -> list[Candidate]:
        """Those of them that were trained in full."""
        return [c for c in self.trained if c.longest and c.longest.job.steps >= self.full]


class Search:
    """One search over one ledger.

    check: what is wrong with a program. bank: trajectories to screen with, if there are any; those of
    every candidate's policy come to it, so that the screen soon knows success from failure. fallback:
    a writer to go on with when the first fails. prefer: fits the best reward's weights to choices.
    say: is told what happens, a line at a time.
    """

    def __init__(
        self,
        cfg: SearchCfg,
        brief: Brief,
        writer: Writer,
        evaluate: Evaluator,
        ledger: Ledger,
        check: Check,
        start: Program | None = None,
        bank: Bank | None = None,
        budget: Budget | None = None,
        fallback: Writer | None = None,
        prefer: Preference | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.cfg, self.brief, self.start, self.bank = cfg, brief, start, bank
        self.writer, self.fallback, self.check, self.say = writer, fallback, check, say
        self.ledger, self.budget, self.prefer = ledger, budget or Budget(), prefer
        self.trials = Trials(brief.task, evaluate, ledger, self.budget.steps)
        self.result = Result([], cfg.funnel.steps, 0)

    def run(self) -> Result:
        """Search to the end, or until a budget is spent.

        Raises:
            EnvironmentFault: the writer cannot be had, and there is no fallback. What was found is in
                `result`, and the same search goes on from there.
        """
        self.ledger.rewind()
        self.ledger.append("search", **self._identity())
        try:
            self._begin()
            for number in range(self.cfg.iterations):
                self._round(number)
            self._finals()
            self._reweigh()
            best = self.result.best
            self.ledger.append("finished", best=best and best.id, steps=self.trials.steps)
            self.result.finished = True
        except BudgetSpent as spent:
            self.result.stopped = str(spent)
            self.say(self.result.stopped)
        finally:
            self.result.steps = self.trials.steps
        return self.result

    def _identity(self) -> dict[str, Any]:
        """What makes two searches the same."""
        return {
            "task": self.brief.task,
            "brief": digest(self.brief),
            "settings": self.cfg,
            "writer": self.writer.name,
            "start": self.start and self.start.plain(),
            "prefer": self.prefer and self.prefer[0],
            "bank": self.bank and digest([self.bank.states, self.bank.success]),
        }

    def _begin(self) -> None:
        """Train the reward to start from for as long as any candidate is at first, so that there is
        something to reflect on. It is a candidate of the first round."""
        if self.start is not None:
            first = Candidate(START, self.start, -1, note="given")
            self.result.candidates.append(first)
            self._log(first)
            self._train([first], self.cfg.funnel.ladder[0])

    def _finals(self) -> None:
        """Train the best in full on a second seed: the best of many trainings on one seed owes as much to
        it as to its reward."""
        full, reserved = self.cfg.funnel.steps, self.cfg.reserved
        left = int((self.cfg.whole * full - self.trials.steps) / full)
        count = max(reserved, min(self.cfg.finalists, left)) if reserved else 0
        finalists = self._sorted(self.result.trained)[:count]
        if not finalists:
            return
        self._again(finalists)
        best = self.result.best
        assert best is not None
        self.say(f"in full on a second seed: {', '.join(c.id for c in finalists)}; best: {best.id}")

    def _again(self, finalists: Sequence[Candidate]) -> None:
        """Train them in full on the second seed."""
        programs, seed = [c.program for c in finalists], self.cfg.seed + SECOND_SEED
        outcomes = self.trials.run(programs, [seed] * len(programs), self.cfg.funnel.steps)
        for candidate, outcome in zip(finalists, outcomes, strict=True):
            candidate.second = outcome
            self._note("confirmed", candidate, outcome)

    def _reweigh(self) -> None:
        """Train the best reward once more, with the weights that people's choices ask for."""
        best = self.result.best
        if self.prefer is None or best is None:
            return
        program = self.prefer[1](best.program)
        if program == best.program:
            return
        problems = self.check(program)
        if problems:
            self.say(f"the preferred weights cannot be trained with: {problems[0]}")
            return
        made = Candidate(PREFERRED, program, self.cfg.iterations, (best.id,), "weights by choices")
        self.result.candidates.append(made)
        self._log(made)
        self._train([made], self.cfg.funnel.steps)
        if best.second is not None:  # it is compared with finalists
            self._again([made])

    def _round(self, number: int) -> None:
        """Write, check, screen and train the samples of one round."""
        drafts = self._write(number)
        made = [c for i, draft in enumerate(drafts) if (c := self._candidate(draft, number, i))]
        if not made:
            why, count = Counter(
                problem for draft in drafts for problem in draft.problems
            ).most_common(1)[0]
            self.say(
                f"round {number + 1}: none of {len(drafts)} rewards can be used; {count} times: {why}"
            )
        known = {c.hash: c for c in reversed(self.result.candidates) if c.outcome}
        fresh: dict[str, Candidate] = {}
        bank = self._grown(number)
        for candidate in made:
            self.result.candidates.append(candidate)
            self._log(candidate)
            twin = known.get(candidate.hash) or fresh.get(candidate.hash)
            if twin is not None:
                self.ledger.append("twin", id=candidate.id, of=twin.id)
            elif self._screened(candidate, bank):
                fresh[candidate.hash] = candidate
        begun = [c for c in self.result.trained if c.round < 0] if number == 0 else []
        self._halve(number, [*begun, *fresh.values()])
        best = self.result.best
        if best is not None:
            trained = sum(candidate.outcome is not None for candidate in fresh.values())
            self.say(
                f"round {number + 1}: {trained} of {len(drafts)} trained; best so far {best.id} with "
                f"{best.success:.0%} success, {self.trials.steps:,} environment steps"
            )

    def _write(self, number: int) -> list[Draft]:
        context = Context(
            self.brief,
            self.cfg.seed,
            number,
            number * self.cfg.samples,
            self.start,
            self._parents(),
            trials=self._trials(),
        )
        switched = self.ledger.kept("writer", "switched")
        writer = self.writer
        if switched is not None and number >= switched.body["round"]:
            if self.fallback is None:
                raise UsageError("This search fell back once; it goes on with --fallback alone.")
            writer = self.fallback
        try:
            return self._asker(writer).drafts(context, self.cfg.samples)
        except EnvironmentFault as fault:
            if self.fallback is None or writer is not self.writer:
                raise
            self.say(f"{fault} Going on with {self.fallback.name}, as told.")
            self.ledger.keep("writer", "switched", {"round": number, "why": str(fault)}, {})
            return self._asker(self.fallback).drafts(context, self.cfg.samples)

    def _asker(self, writer: Writer) -> Asker:
        return Asker(writer, self.ledger, self.check, self.budget, self.cfg.repairs)

    def _parents(self) -> tuple[Parent, ...]:
        """The best so far, unlike each other, for the writer to improve on."""
        if not self.cfg.reflect:
            return ()
        best = self._sorted(self.result.trained)[: self.cfg.parents]
        return tuple(
            Parent(c.id, c.program, reflection_of(c.outcome), c.note) for c in best if c.outcome
        )

    def _sorted(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """From the best to the worst."""
        known = self.result.worths()
        return sorted(candidates, key=lambda c: known[c.id], reverse=True)

    def _trials(self) -> tuple[Trial, ...]:
        """What the writer may know of all trainings."""
        return tuple(self.result.trials) if self.cfg.reflect else ()

    def _candidate(self, draft: Draft, number: int, i: int) -> Candidate | None:
        """The candidate of a draft; None, with an entry that says why, if it cannot be trained."""
        id, last = f"r{number + 1}s{i + 1:02d}", draft.replies[-1]
        self.result.samples += 1
        self.ledger.append("asked", id=id, replies=[_shown(reply) for reply in draft.replies])
        cost = self.result.costs[id]
        for reply in draft.replies:
            cost.requests += reply.calls
            cost.tokens += reply.read + reply.written
            cost.money += self.budget.price.of(reply.read, reply.written)
            cost.written_in += reply.seconds
        if draft.program is None:
            turns = len(draft.replies)
            self.ledger.append("unusable", id=id, problems=draft.problems, turns=turns)
            return None
        self.result.first_try += len(draft.replies) == 1
        self.result.repaired += len(draft.replies) > 1
        return Candidate(id, draft.program, number, last.parents, last.note)

    def _screened(self, candidate: Candidate, bank: Bank | None) -> bool:
        """Whether it pays differently for different states, and ranks trajectories that succeeded at
        least as chance would."""
        if bank is None:
            return True
        compiled = compile_program(candidate.program, self.brief)
        still, worse = bank.still(compiled), False
        if bank.tells:
            candidate.auc, worse = screen(compiled, bank)
        dropped = worse or len(still) == len(candidate.program.terms)
        self.ledger.append(
            "screen",
            id=candidate.id, auc=None if candidate.auc is None else round(candidate.auc, 6),
            still=still, dropped=dropped,
        )  # fmt: skip
        return not dropped

    def _grown(self, number: int) -> Bank | None:
        """The bank with what the policies of all candidates did so far."""
        if self.bank is None:
            return None
        made = [c.outcome.rollouts for c in self.result.candidates if c.outcome]
        bank = Bank.joined([self.bank, *(Bank.from_plain(found) for found in made if found)])
        won = int(bank.success.sum())
        self.ledger.append("bank", round=number, episodes=len(bank.success), won=won)
        return bank

    def _halve(self, number: int, candidates: Sequence[Candidate]) -> None:
        by_id = {c.id: c for c in candidates}
        known = [c.id for c in candidates if c.outcome]

        def train(ids: Sequence[str], steps: int) -> dict[str, Outcome]:
            asked = [by_id[i] for i in ids]
            self._train(
                [c for c in asked if not (c.outcome and c.outcome.job.steps == steps)], steps
            )
            return {c.id: c.outcome for c in asked if c.outcome is not None}

        promises = estimate(self._trials()).promises([c.program for c in candidates])
        prior = dict(zip(by_id, promises, strict=True))
        most = self.cfg.allowed(number) - self.trials.steps
        rungs = halving(
            list(by_id), train, self.cfg.funnel, prior, known, self.result.worths, most,
            full=not self.cfg.reserved,
        )  # fmt: skip
        for rung in rungs:
            self.ledger.append(
                "rung", round=number, steps=rung.steps, kept=rung.kept, gate=rung.gate
            )

    def _train(self, candidates: Sequence[Candidate], steps: int) -> None:
        programs = [c.program for c in candidates]
        outcomes = self.trials.run(programs, [self.cfg.seed] * len(programs), steps)
        for candidate, outcome in zip(candidates, outcomes, strict=True):
            candidate.outcome = outcome
            self._note("trained", candidate, outcome)

    def _note(self, kind: str, candidate: Candidate, outcome: Outcome) -> None:
        """Take account of a training."""
        self.result.note(outcome)
        cost = self.result.costs[candidate.id]
        cost.env_steps += outcome.env_steps
        cost.trained_in += outcome.seconds
        self.ledger.append(
            kind,
            id=candidate.id, seed=outcome.job.seed, steps=outcome.job.steps,
            env_steps=outcome.env_steps, final=outcome.final, error=outcome.error,
            reflection=reflection_of(outcome).plain(), text=reflection_of(outcome).text(),
        )  # fmt: skip

    def _log(self, candidate: Candidate) -> None:
        self.ledger.append(
            "candidate",
            id=candidate.id, hash=candidate.hash, round=candidate.round, note=candidate.note,
            parents=candidate.parents, program=candidate.program.plain(),
        )  # fmt: skip


def _shown(reply: Reply) -> dict[str, Any]:
    """What of a reply goes into the log."""
    names = ("prompt", "text", "problem", "read", "written")
    return {name: getattr(reply, name) for name in names}
