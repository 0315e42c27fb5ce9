"""Each planner that SayCan is compared with does what its name says."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embodied.episode import Result, run_episode
from embodied.evaluation.baselines import BASELINES, OpenLoop, Playing
from embodied.evaluation.generate import Generate
from embodied.evaluation.tape import Tape
from embodied.evaluation.taped import TapedModel
from embodied.ideal import IdealExecutor
from embodied.scenes import build
from embodied.suites import SuiteItem, load_suite
from embodied.tasks.labels import SkillCall, enumerate_calls, feasible
from embodied.world.kitchen import Kitchen
from planners.model import Prompt, Scores, normalise
from policies.execute import Outcome

RATES = {"navigate": 0.9, "pick": 0.8, "place": 0.7}
FETCH = ("find the sponge", "pick up the sponge", "go to the user", "bring it to you", "done")
SUITE = """
items:
  - id: fetch
    family: fetch
    instruction: "bring me the sponge"
    start: {robot: {at: user}, objects: {sponge: far counter, "coke can#2": table}}
    goal: {at: [sponge, user]}
  - id: refuse
    family: refuse
    instruction: "bring me the tea"
    start: {robot: {at: user}, objects: {sponge: far counter}}
    expect: refuse
  - id: ask
    family: ask
    instruction: "bring me one"
    start: {robot: {at: user}, objects: {sponge: far counter}}
    goal: {at: [sponge, user]}
    expect: ask
"""


class Wants:
    """Wants given labels in order, skipping what has succeeded."""

    name = "wants"

    def __init__(self, *labels: str) -> None:
        self.labels = labels
        self.seen: list[Prompt] = []

    def score(self, prompt: Prompt, calls: Sequence[SkillCall]) -> Scores:
        self.seen.append(prompt)
        done = {step.label for step in prompt.history if step.succeeded}
        wanted = next(label for label in self.labels if label not in done)
        return Scores(normalise(np.array([9.0 * (c.label == wanted) for c in calls])), 5, 1)


class Writes(Wants):
    """Writes lines of its own, and more of them than it was asked for."""

    def generate(self, text: str, max_tokens: int) -> str:
        step = len(re.findall("success", text.rpartition("Robot:")[2]))
        return f" {step + 1}. {self.labels[step]}.\n(success)"


def symbols(kitchen: Kitchen, calls: Sequence[SkillCall]) -> np.ndarray:
    return np.array([0.9 if feasible(call, kitchen.facts()) else 0.01 for call in calls])


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> tuple[SuiteItem, ...]:
    path: Path = tmp_path_factory.mktemp("suite") / "three.yaml"
    path.write_text(SUITE)
    return load_suite(path).items


def playing(item: SuiteItem, model: Wants) -> Playing:
    taped = TapedModel(Tape(keeps=False), model, model.name, {})
    return Playing(item, 0, taped, symbols, lambda: (build(item.start, 0), symbols), RATES)


def play(name: str, item: SuiteItem, model: Wants | None = None, act=None) -> Result:
    kitchen = build(item.start, 0)
    planner, values = BASELINES[name](playing(item, model or Wants(*FETCH)))
    act = act or IdealExecutor(kitchen).run
    return run_episode(item.instruction, kitchen, planner, values, act, item.max_skills)


def fails(call: SkillCall, tick) -> Outcome:
    return Outcome(False, "no power", 1)


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "random"])
def test_with_a_right_model_in_a_kind_world_all_succeed(name: str, items: tuple) -> None:
    result = play(name, items[0])
    assert result.verdict == "success"
    assert tuple(step.label for step in result.history) == FETCH[:-1]


def test_the_oracle_needs_no_model_refuses_and_asks_as_expected(items: tuple) -> None:
    model = Wants()
    assert play("oracle", items[0], model).verdict == "success"
    assert play("oracle", items[1], model).verdict == "refused"
    assert play("oracle", items[2], model).verdict == "asked"
    assert model.seen == []


def test_open_loop_goes_on_whatever_happens_and_shows_the_model_an_ideal_world(
    items: tuple,
) -> None:
    model = Wants(*FETCH)
    result = play("open-loop", items[0], model, fails)
    assert [step.label for step in result.history] == list(FETCH[:-1])
    assert all(step.succeeded for prompt in model.seen for step in prompt.history)
    assert model.seen[2].facts.holding == "sponge"
    assert [facts.holding for facts in model.seen[3].trail] == [None, None, "sponge", "sponge"]


def test_closed_loop_retries_where_open_loop_does_not(items: tuple) -> None:
    closed = play("saycan", items[0], act=fails)
    assert {step.label for step in closed.history} == {"find the sponge"}


def test_any_planner_can_be_denied_feedback(items: tuple) -> None:
    item, model = items[0], Wants(*FETCH)
    planner, values = BASELINES["no-affordance"](playing(item, model))
    blind = OpenLoop(planner, build(item.start, 0), symbols)
    result = run_episode("x", build(item.start, 0), blind, values, fails, 8)
    assert [step.label for step in result.history] == list(FETCH[:-1])


class Hasty(Wants):
    """Would rather go to the user at once, and hand over there whatever it may hold."""

    def score(self, prompt: Prompt, calls: Sequence[SkillCall]) -> Scores:
        scores, facts = super().score(prompt, calls), prompt.facts
        early = "bring it to you" if facts.robot_at == "user" else "go to the user"
        hasty = [c.label == early and not prompt.in_front and not facts.holding for c in calls]
        return Scores(normalise(np.log(scores.p + 1.2 * np.array(hasty))), 5, 1)


def test_looking_ahead_passes_over_what_only_sounds_good(items: tuple) -> None:
    away = replace(items[0].start, robot_at="table")
    item = replace(items[0], start=away)
    assert play("saycan", item, Hasty(*FETCH)).history[0].label == "go to the user"
    ahead = play("look-ahead", item, Hasty(*FETCH))
    assert tuple(step.label for step in ahead.history) == FETCH[:-1]
    planner, _ = BASELINES["look-ahead"](playing(item, Hasty(*FETCH)))
    assert planner.rates == RATES


def test_random_draws_only_what_is_likely_to_succeed_and_the_same_for_a_seed(items: tuple) -> None:
    kitchen = build(items[0].start, 0)
    calls = enumerate_calls(kitchen.index)
    can = symbols(kitchen, calls)
    drawn = []
    for _ in range(2):
        planner, _ = BASELINES["random"](playing(items[0], Wants()))
        prompt = Prompt("x", (), kitchen.facts())
        drawn.append([planner.decide(prompt, calls, can).chosen for _ in range(40)])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) > 5
    assert all(can[calls.index(call)] > 0.5 for call in drawn[0])


def test_clamped_affordances_are_the_published_ones(items: tuple) -> None:
    kitchen = build(items[0].start, 0)
    calls = enumerate_calls(kitchen.index)
    planner, values = BASELINES["clamped"](playing(items[0], Wants("done")))
    told = dict(zip([call.label for call in calls], values(kitchen, calls), strict=True))
    assert told["pick up the sponge"] == 0.0  # (0.01 - 0.2) / 0.3, clamped
    assert told["place the sponge on the table"] == 1.0
    assert 0.95 < told["go to the table"] < 1.0
    assert told["find the tea"] == 0.0
    decision = planner.decide(Prompt("x", (), kitchen.facts()), calls, values(kitchen, calls))
    assert next(row for row in decision.rows if row.label == "done").affordance == 0.1


def test_without_affordances_language_alone_decides(items: tuple) -> None:
    result = play("no-affordance", items[0], Wants("pick up the sponge", "done"))
    assert result.history[0].label == "pick up the sponge"
    assert not result.history[0].succeeded
    assert play("saycan", items[0], Wants("pick up the sponge", "done")).verdict == "refused"


def test_written_lines_become_the_nearest_labels(items: tuple) -> None:
    lines = (
        "locate the sponge",
        "grab the sponge",
        "go to the user",
        "hand it over to you",
        "done",
    )
    result = play("generate", items[0], Writes(*lines))
    assert tuple(step.label for step in result.history) == FETCH[:-1]
    assert result.calls == 5


def test_a_label_loses_its_number_when_it_is_written(items: tuple) -> None:
    kitchen = build(items[0].start, 0)
    calls = enumerate_calls(kitchen.index)
    taped = TapedModel(Tape(), Wants("place the coke can#2 on the table", "done"), "wants", {})
    line, _ = Generate(taped).line(Prompt("x", (), kitchen.facts()), calls)
    assert line == "place the coke can on the table"
