"""What SayCan is compared with: planners of the same interface in the same harness, same seeds.

All but `oracle` and `random` ask the same language model. `openloop` is SayCan without feedback, and
what `--no-feedback` makes of any of them: it plans in a twin of the kitchen where every skill has its
ideal effect, and never looks at the real one.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from embodied.episode import Planner, Values
from embodied.evaluation.generate import Generate, choose
from embodied.evaluation.taped import TapedModel
from embodied.ideal import IdealExecutor
from embodied.suites import SuiteItem
from embodied.tasks.grounding import ground
from embodied.tasks.labels import DONE, SkillCall
from embodied.world.facts import Facts
from embodied.world.kitchen import Kitchen
from planners.model import SUCCESS, Prompt, Question, Step
from planners.saycan import Decision, SayCan, SayCanCfg
from planners.solver import next_calls, solve


@dataclass(frozen=True)
class Playing:
    """What a planner may be made from.

    twin: builds an equal kitchen with values of its own. rates: mean success per skill family.
    """

    item: SuiteItem
    seed: int
    model: TapedModel
    values: Values
    twin: Callable[[], tuple[Kitchen, Values]]
    rates: Mapping[str, float]


Contender = tuple[Planner, Values]
"""A planner, and the affordances it is given."""


def saycan(episode: Playing) -> Contender:
    """Language x learned, calibrated affordance: this project's planner."""
    return SayCan(episode.model), episode.values


def look_ahead(episode: Playing) -> Contender:
    """SayCan that imagines four skills beyond the next before it chooses one."""
    return SayCan(episode.model, SayCanCfg(lookahead=4), episode.rates), episode.values


def no_affordance(episode: Playing) -> Contender:
    """Language alone: every label counts as certain to succeed."""
    return SayCan(episode.model), lambda kitchen, calls: np.ones(len(calls))


def clamped(episode: Playing) -> Contender:
    """SayCan's published hand-clamped affordances in place of calibrated ones (its appendix D.2).

    pick: clamp((v - 0.2) / 0.3) of the learned value; go to: 1 - distance / 100 m; place: 1;
    done: 0.1 always; a drawer: 1 when standing at it.
    """

    def values(kitchen: Kitchen, calls: Sequence[SkillCall]) -> np.ndarray:
        learned = episode.values(kitchen, calls)
        return np.array([_clamp(call, v, kitchen) for call, v in zip(calls, learned, strict=True)])

    return SayCan(episode.model, SayCanCfg(done_lead=np.inf)), values


def _clamp(call: SkillCall, value: float, kitchen: Kitchen) -> float:
    if call.family == "pick":
        return float(np.clip((value - 0.2) / 0.3, 0, 1))
    if call.family in ("open", "close"):
        return float(kitchen.robot_at() == call.place)
    request = ground(call, kitchen)
    if call.family != "navigate" or request.stand is None:
        return 1.0
    if not request.present:
        return 0.0  # there is nothing to measure a distance to
    here = kitchen.state.base_pose[0, :2].numpy()
    return float(np.clip(1 - np.linalg.norm(request.stand[:2] - here) / 100, 0, 1))


def open_loop(episode: Playing) -> Contender:
    """SayCan's first plan, carried out without looking."""
    return OpenLoop(SayCan(episode.model), *episode.twin()), episode.values


def generate(episode: Playing) -> Contender:
    """The model writes a whole plan, whose lines are matched to the nearest labels."""
    return Generate(episode.model), episode.values


def oracle(episode: Playing) -> Contender:
    """The symbolic solver with the true goal: what the skills allow when every decision is right."""
    return Oracle(episode.item), episode.values


def random(episode: Playing) -> Contender:
    """Any label that is more likely than not to succeed, `done` among them, with equal chances."""
    seed = [episode.seed, zlib.crc32(episode.item.id.encode())]
    return Random(np.random.default_rng(seed)), episode.values


BASELINES: dict[str, Callable[[Playing], Contender]] = {
    "saycan": saycan,
    "look-ahead": look_ahead,
    "no-affordance": no_affordance,
    "clamped": clamped,
    "open-loop": open_loop,
    "generate": generate,
    "oracle": oracle,
    "random": random,
}


class OpenLoop:
    """Any planner, shown a world in which everything it chose has worked.

    Args:
        planner: what decides.
        kitchen: a twin of the real kitchen as it is at the start, for this alone.
        values: affordances in the twin.
    """

    def __init__(self, planner: Planner, kitchen: Kitchen, values: Values) -> None:
        self.planner, self.kitchen, self.values = planner, kitchen, values
        self.act = IdealExecutor(kitchen).run
        self.history: list[Step] = []
        self.trail: list[Facts] = []

    def decide(
        self, prompt: Prompt, calls: Sequence[SkillCall], affordance: np.ndarray
    ) -> Decision:
        """See `SayCan.decide`; of the real world only what the person says is heard."""
        facts = self.kitchen.facts()
        imagined = replace(
            prompt, history=tuple(self.history), facts=facts, trail=(*self.trail, facts)
        )
        decision = self.planner.decide(imagined, calls, self.values(self.kitchen, calls))
        if decision.chosen is not None and decision.chosen != DONE:
            self.act(decision.chosen, lambda seconds: None)
            self.history.append(Step(decision.chosen.label, SUCCESS))
            self.trail.append(facts)
        return decision


class Oracle:
    """Follows a shortest plan to the item's goal; refuses and asks where the item expects it."""

    def __init__(self, item: SuiteItem) -> None:
        self.item = item

    def decide(
        self, prompt: Prompt, calls: Sequence[SkillCall], affordance: np.ndarray
    ) -> Decision:
        """See `SayCan.decide`. Of several first steps of shortest plans the likeliest is taken."""
        began, item = time.perf_counter(), self.item
        if item.expect == "ask" and not prompt.turns:
            return _say(began, question=Question("Which one do you mean?", ()))
        if item.goal is None or item.expect == "refuse":
            return _say(began, refusal="It cannot be done.")
        opens = any(call.family == "open" for call in calls)
        best = next_calls(item.goal, prompt.facts, prompt.in_front, opens)
        if not best:
            reason = solve(item.goal, prompt.facts, prompt.in_front, opens).reason
            return _say(began, refusal=reason or "There is no plan.")
        p = np.array([float(call in best) for call in calls]) / len(best)
        return choose(began, calls, p, np.where(p > 0, np.maximum(affordance, 1e-6), affordance))


class Random:
    """Draws among the labels that are more likely than not to succeed."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def decide(
        self, prompt: Prompt, calls: Sequence[SkillCall], affordance: np.ndarray
    ) -> Decision:
        """See `SayCan.decide`."""
        began, likely = time.perf_counter(), np.flatnonzero(affordance > 0.5)
        p = np.zeros(len(calls))
        p[self.rng.choice(likely)] = 1.0
        return choose(began, calls, p, affordance)


def _say(began: float, refusal: str | None = None, question: Question | None = None) -> Decision:
    return Decision((), None, refusal, time.perf_counter() - began, 0, 0, question)
