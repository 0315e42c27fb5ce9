"""The closed loop: what happened enters the next decision, and every way to end is reached."""

from collections.abc import Sequence

import numpy as np
import pytest

from embodied.episode import Listener, run_episode
from embodied.ideal import IdealExecutor
from embodied.tasks.labels import SkillCall, feasible
from embodied.world.kitchen import Kitchen
from planners.model import Prompt, Scores, normalise
from planners.saycan import SayCan
from policies.execute import Outcome


class Wants:
    """A language model that wants given labels, in order, skipping what has succeeded."""

    name = "wants"

    def __init__(self, *labels: str) -> None:
        self.labels, self.prompts = labels, []

    def score(self, prompt: Prompt, calls: Sequence[SkillCall]) -> Scores:
        self.prompts.append(prompt)
        done = [step.label for step in prompt.history if step.succeeded]
        left = [label for label in self.labels if label not in done] or ["done"]
        logits = np.array([5.0 if call.label == left[0] else 0.0 for call in calls])
        return Scores(normalise(logits, 0.3), 1, 1)


def symbols(kitchen: Kitchen, calls: Sequence[SkillCall]) -> np.ndarray:
    return np.array([0.95 if feasible(call, kitchen.facts()) else 0.02 for call in calls])


@pytest.fixture
def kitchen() -> Kitchen:
    made = Kitchen(["sponge", "apple"], seed=1)
    made.arrange({"sponge": "far counter", "apple": "table"}, "user")
    return made


FETCH = ("find the sponge", "pick up the sponge", "go to the user", "bring it to you")


def test_ideal_effects_bring_the_sponge(kitchen: Kitchen) -> None:
    result = run_episode("x", kitchen, SayCan(Wants(*FETCH)), symbols, IdealExecutor(kitchen).run)
    assert result.verdict == "success"
    assert [step.label for step in result.history] == list(FETCH)
    assert kitchen.facts().at["sponge"] == "user"
    assert kitchen.facts().visited == ("user", "far counter", "user")


def test_failures_are_told_and_tried_again(kitchen: Kitchen) -> None:
    model, ideal, failures = Wants(*FETCH), IdealExecutor(kitchen), iter([True])

    def clumsy(call: SkillCall, tick) -> Outcome:
        if call.family == "pick" and next(failures, False):
            return Outcome(False, "it slipped", 10)
        return ideal.run(call, tick)

    result = run_episode("x", kitchen, SayCan(model), symbols, clumsy)
    assert result.verdict == "success"
    assert "failure: it slipped" in [step.outcome for step in model.prompts[2].history]
    assert "it slipped" in model.prompts[2].text
    assert [step.label for step in result.history].count("pick up the sponge") == 2


def test_four_failures_in_a_row_end_the_run(kitchen: Kitchen) -> None:
    result = run_episode(
        "x",
        kitchen,
        SayCan(Wants(*FETCH)),
        symbols,
        lambda call, tick: Outcome(False, "no power", 1),
    )
    assert result.verdict in ("failed", "refused")
    assert len(result.history) <= 4
    assert "no power" in result.reason or "chance" in result.reason


def test_step_limit_ends_with_a_reason(kitchen: Kitchen) -> None:
    result = run_episode(
        "x", kitchen, SayCan(Wants(*FETCH)), symbols, IdealExecutor(kitchen).run, max_skills=2
    )
    assert result.verdict == "step_limit"
    assert "2 skills" in result.reason


def test_listener_hears_everything_in_order(kitchen: Kitchen) -> None:
    heard: list[str] = []

    class Ear(Listener):
        def decided(self, step, prompt, decision) -> None:
            heard.append(f"decided {step}")

        def started(self, step, call, decision) -> None:
            heard.append(f"started {call.label}")

        def ended(self, step, call, outcome, facts) -> None:
            heard.append(f"ended {call.label}")

    run_episode(
        "x",
        kitchen,
        SayCan(Wants("go to the table")),
        symbols,
        IdealExecutor(kitchen).run,
        listener=Ear(),
    )
    assert heard == ["decided 1", "started go to the table", "ended go to the table", "decided 2"]


def test_ideal_executor_refuses_what_cannot_be(kitchen: Kitchen) -> None:
    from embodied.tasks.labels import BRING, pick_up

    ideal = IdealExecutor(kitchen)
    assert not ideal.run(BRING, lambda seconds: None).success
    assert not ideal.run(pick_up("tea"), lambda seconds: None).success
