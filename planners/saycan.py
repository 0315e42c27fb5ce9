"""The choice of the next skill: language-model probability times learned affordance, with memory.

After Ahn et al., "Do As I Can, Not As I Say" (2022), with three differences. Affordances are
calibrated probabilities and enter as they are, without clamps. A label that keeps failing, or keeps
succeeding without anything coming of it, is discounted, so that the plan goes around it. `done` is
gated by language (`SayCanCfg`), and where nothing that language wants can be done, the decision is
a refusal with its reason, not a shrug.

Looking ahead over several skills is an option (planners/lookahead.py).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from embodied.tasks.labels import DONE, OUT_OF_REACH, SkillCall, parse_label
from embodied.world.facts import Facts
from planners.lookahead import look_ahead
from planners.model import (
    LanguageModel,
    Prompt,
    Question,
    Step,
    no_skill,
    not_in_scene,
    question_of,
    refusal_of,
)

# Episodes of 133 goals in symbols with simulated models, three seeds. A model whose errors are
# fresh at each step and which tends to call half-finished work done: 86 % with done = 1 always, 98.5 %
# with 0.1 always or with a lead of 4, 91 % with a lead of 1.5. A model that stays torn between
# readings (the right one with 0.75): 97 % and 4.6 needless skills with 0.1 always, 99 % and 0.3
# with a lead of 1.5, 96.5 % and 2.5 with 4.
DONE_LEAD = 1.5


@dataclass(frozen=True)
class SayCanCfg:
    """max_retries: a label that failed is tried again this often at its full product.
    discount: what each further failure multiplies its product by.
    done_affordance: for `done` as long as its lead is short; SayCan's constant. It guards against
        stopping early, SayCan's commonest error, but a model that is split between readings of an
        instruction then goes on to serve the next reading when it has served the likeliest.
    done_lead: where language finds `done` this many times likelier than every other label, `done`
        counts as certain to succeed, which it is. None leaves it to the model's `done_lead`, and
        `DONE_LEAD` for models without one.
    refuse_below: refuse when every product is below this share of the likeliest label's
        probability: what can be done is then that much less likely to be meant.
    lookahead: skills beyond the next that are imagined before one is chosen; 0 chooses by the
        product alone.
    beam: how many sequences are followed at a time.
    """

    max_retries: int = 2
    discount: float = 0.1
    done_affordance: float = 0.1
    done_lead: float | None = None
    refuse_below: float = 0.05
    lookahead: int = 0
    beam: int = 4


@dataclass(frozen=True)
class Row:
    """One label of a decision: product = p_lm x affordance x memory.

    ahead: what the best imagined sequence that begins with it is worth; None without look-ahead.
    """

    label: str
    p_lm: float
    affordance: float
    product: float
    memory: float = 1.0
    ahead: float | None = None


@dataclass(frozen=True)
class Decision:
    """rows: all labels, the best product first. One of `chosen`, `refusal`, `question` is set.

    seconds: wall-clock. calls, tokens: what the model spent.
    """

    rows: tuple[Row, ...]
    chosen: SkillCall | None
    refusal: str | None
    seconds: float
    calls: int
    tokens: int
    question: Question | None = None


class SayCan:
    """Chooses one label at a time; what it remembers is the history in the prompt.

    rates: mean success rate per skill family, for look-ahead; 1 where it is not given.
    """

    def __init__(
        self,
        model: LanguageModel,
        cfg: SayCanCfg | None = None,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self.model, self.cfg, self.rates = model, cfg or SayCanCfg(), rates or {}

    def decide(
        self, prompt: Prompt, calls: Sequence[SkillCall], affordance: np.ndarray
    ) -> Decision:
        """The next skill, or why there is none.

        Args:
            calls: K labels, `done` among them.
            affordance: (K,) p(success) in [0, 1] from the state the robot is in; what it says about
                `done` is not read.
        """
        start = time.perf_counter()
        can = np.asarray(affordance, dtype=np.float64)
        if can.shape != (len(calls),) or not ((can >= 0) & (can <= 1)).all():
            raise ValueError(f"need {len(calls)} affordances in [0, 1], got {affordance!r}")
        scores = self.model.score(prompt, calls)
        can, memory, product = self.weigh(prompt, calls, scores.p, can)
        order = np.argsort(-product, kind="stable")
        rows = tuple(
            Row(calls[i].label, *map(float, (scores.p[i], can[i], product[i], memory[i])))
            for i in order
        )
        refusal = self.refusal(prompt, calls, rows)
        question = None if refusal else self.question(prompt, calls, can)
        chosen = None if refusal or question else calls[order[0]]
        if chosen and self.cfg.lookahead:
            ahead = look_ahead(self, prompt, calls, product)
            rows, chosen = ahead.told(rows, calls), calls[int(ahead.worth.argmax())]
            scores = replace(
                scores, calls=scores.calls + ahead.calls, tokens=scores.tokens + ahead.tokens
            )
        seconds = time.perf_counter() - start
        return Decision(rows, chosen, refusal, seconds, scores.calls, scores.tokens, question)

    def weigh(
        self, prompt: Prompt, calls: Sequence[SkillCall], p: np.ndarray, can: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(K,) affordances with that of `done`, what memory makes of each label, the products."""
        can = np.array(
            [self.done_gate(p, i) if c.kind == "done" else can[i] for i, c in enumerate(calls)]
        )
        memory = recollect(prompt.history, calls, self.cfg)
        return can, memory, p * can * memory

    def question(
        self, prompt: Prompt, calls: Sequence[SkillCall], affordance: np.ndarray
    ) -> Question | None:
        """What has to be asked before anything is chosen."""
        return question_of(self.model, prompt, calls, affordance.tolist())

    def done_gate(self, p: np.ndarray, done: int) -> float:
        """The affordance of `done`, which is the label with this index."""
        others = np.delete(p, done)
        lead = self.cfg.done_lead or getattr(self.model, "done_lead", DONE_LEAD)
        ahead = not len(others) or p[done] >= lead * others.max()
        return 1.0 if ahead else self.cfg.done_affordance

    def refusal(
        self, prompt: Prompt, calls: Sequence[SkillCall], rows: Sequence[Row]
    ) -> str | None:
        """Why to stop here: the model's word before the first skill, ours when nothing is left."""
        wanted = max(rows, key=lambda row: row.p_lm)
        stuck = rows[0].product < self.cfg.refuse_below * wanted.p_lm
        if stuck or not prompt.history:
            reason = refusal_of(self.model, prompt, calls)
            if reason:
                return reason
        if not stuck:
            return None
        call = next(call for call in calls if call.label == wanted.label)
        return why_stuck(call, wanted, prompt)


def recollect(history: Sequence[Step], calls: Sequence[SkillCall], cfg: SayCanCfg) -> np.ndarray:
    """(K,) factors in (0, 1]: what the recent past says about trying a label again.

    Counted since a grasp or a placement last succeeded, because that changes what can be done. A
    drive that succeeds without such progress counts as well once it has been repeated: find, fail
    to pick up, find, fail to pick up is one attempt that keeps failing.
    """
    tried: dict[str, int] = {}
    for step in reversed(history):
        call = parse_label(step.label)
        if step.succeeded and call.family != "navigate":
            break
        tried[step.label] = tried.get(step.label, 0) + 1
    excess = [max(0, tried.get(call.label, 0) - cfg.max_retries) for call in calls]
    excess = [0 if call == DONE else n for n, call in zip(excess, calls, strict=True)]
    return cfg.discount ** np.array(excess, dtype=np.float64)


def why_stuck(call: SkillCall, row: Row, prompt: Prompt) -> str:
    """A refusal in the absence of the model's own, from the label that language wants most."""
    facts = prompt.facts
    if call.obj is not None and call.obj not in facts.instances:
        return not_in_scene(call.obj, facts)
    failures = [s for s in prompt.history if s.label == call.label and not s.succeeded]
    if failures and row.memory < 1:
        last = failures[-1].outcome.partition(": ")[2]
        return no_skill(f"'{call.label}' failed {len(failures)} times, lastly because {last}")
    if row.memory < 1:  # drives that succeed over and over, and nothing comes of them
        failed = next((s for s in reversed(prompt.history) if not s.succeeded), None)
        after = f" since '{failed.label}' ended in {failed.outcome}" if failed else ""
        return no_skill(f"'{call.label}' was repeated and nothing came of it{after}")
    return no_skill(
        f"what comes next, '{call.label}', has a chance of {row.affordance:.0%} from here"
        + _hint(call, facts)
    )


def _hint(call: SkillCall, facts: Facts) -> str:
    where = facts.at.get(call.obj or "")
    if where == "drawer":
        return ", for it is in the closed drawer"
    lost = where in OUT_OF_REACH and call.kind == "pick up"
    return f", for it is in the {where}" if lost else ""
