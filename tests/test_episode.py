"""The closed loop: what happened enters the next decision, and every way to end is reached."""

from collections.abc import Sequence

import numpy as np
import pytest

from embodied.episode import MAX_QUESTIONS, Listener, run_episode
from embodied.ideal import IdealExecutor
from embodied.tasks.labels import SkillCall, feasible
from embodied.world.goals import parse_goal
from embodied.world.kitchen import Kitchen
from planners.model import Prompt, Question, Scores, Step, Turn, normalise
from planners.saycan import SayCan
from planners.solver import solve
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


STORED = {"all": [{"at": ["sponge", "drawer"]}, {"not": {"open": "drawer"}}]}
FETCH = ("find the sponge", "pick up the sponge", "go to the user", "bring it to you")


def test_ideal_effects_bring_the_sponge(kitchen: Kitchen) -> None:
    result = run_episode("x", kitchen, SayCan(Wants(*FETCH)), symbols, IdealExecutor(kitchen).run)
    assert result.verdict == "success"
    assert [step.label for step in result.history] == list(FETCH)
    assert kitchen.facts().at["sponge"] == "user"
    assert kitchen.facts().visited == ("user", "far counter", "user")


def test_ideal_effects_store_the_sponge_in_the_drawer(kitchen: Kitchen) -> None:
    ideal = IdealExecutor(kitchen)
    plan = solve(parse_goal(STORED), kitchen.facts(), drawer=True)
    assert plan.calls
    for call in plan.calls:
        assert ideal.run(call, lambda seconds: None).success, call.label
    assert parse_goal(STORED).holds(kitchen.facts())


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


SODA = Question("Which can do you mean, the sponge or the apple?", ("sponge", "apple"))


class Unsure(Wants):
    """Asks once before anything is done, and once more after an amendment."""

    def question(self, prompt: Prompt, calls: object, affordance: object) -> Question | None:
        answers = sum(turn.question is not None for turn in prompt.turns)
        return SODA if answers == 0 else None


class Someone:
    """Answers with given words and speaks up when a given label has ended."""

    def __init__(self, *answers: str, after: str = "", says: str = "") -> None:
        self.answers, self.after, self.says = list(answers), after, says

    def answer(self, question: Question) -> str | None:
        return self.answers.pop(0) if self.answers else None

    def speaks(self, history: Sequence[Step]) -> str | None:
        if self.says and history and history[-1].label == self.after:
            said, self.says = self.says, ""
            return said
        return None


def test_an_answer_enters_the_prompt_and_the_run_goes_on(kitchen: Kitchen) -> None:
    model, ideal = Unsure(*FETCH), IdealExecutor(kitchen)
    result = run_episode("x", kitchen, SayCan(model), symbols, ideal.run, person=Someone("sponge"))
    assert result.verdict == "success"
    assert result.turns == [Turn("sponge", 0, SODA)]
    assert f"(Robot asks: {SODA.text} Person: sponge)" in model.prompts[-1].text


@pytest.mark.parametrize("person", [None, Someone()])
def test_an_unanswered_question_ends_the_run(kitchen: Kitchen, person: Someone | None) -> None:
    asked: list[tuple[Question, str | None]] = []

    class Ear(Listener):
        def asked(self, step: int, question: Question, answer: str | None) -> None:
            asked.append((question, answer))

    result = run_episode(
        "x", kitchen, SayCan(Unsure(*FETCH)), symbols, IdealExecutor(kitchen).run,
        listener=Ear(), person=person,
    )  # fmt: skip
    assert (result.verdict, result.reason, result.history) == ("asked", SODA.text, [])
    assert asked == [(SODA, None)]


def test_who_keeps_being_unsure_is_not_asked_for_ever(kitchen: Kitchen) -> None:
    class Always(Wants):
        def question(self, prompt: Prompt, calls: object, affordance: object) -> Question | None:
            return SODA

    person = Someone(*["the sponge"] * 10)
    result = run_episode(
        "x", kitchen, SayCan(Always(*FETCH)), symbols, IdealExecutor(kitchen).run, person=person
    )
    assert result.verdict == "asked" and len(result.turns) == MAX_QUESTIONS


def test_what_a_person_says_in_mid_task_is_heard_before_the_next_decision(kitchen: Kitchen) -> None:
    model = Wants(*FETCH)
    person = Someone(after="pick up the sponge", says="be\nquick")
    run_episode("x", kitchen, SayCan(model), symbols, IdealExecutor(kitchen).run, person=person)
    assert [len(prompt.turns) for prompt in model.prompts] == [0, 0, 1, 1, 1]
    assert "2. pick up the sponge\n(success)\n(Person: be quick)\n3." in model.prompts[2].text


@pytest.mark.parametrize(("says", "verdict"), [("Stop!", "stopped"), ("don't stop", "success")])
def test_a_plain_stop_ends_the_run(kitchen: Kitchen, says: str, verdict: str) -> None:
    person = Someone(after="find the sponge", says=says)
    result = run_episode(
        "x", kitchen, SayCan(Wants(*FETCH)), symbols, IdealExecutor(kitchen).run, person=person
    )
    assert result.verdict == verdict
