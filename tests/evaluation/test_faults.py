"""Every kind of error is told apart by its rule."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from embodied.evaluation.faults import FAULTS, fault
from embodied.evaluation.notes import Moment
from embodied.tasks.labels import BRING, DONE, SkillCall, find, go_to, ideal_effect, pick_up, place
from embodied.world.facts import Facts
from embodied.world.goals import parse_goal
from planners.model import Prompt, Question, Step
from planners.saycan import Decision, Row
from policies.execute import Outcome

GOAL = {"all": [{"at": ["sponge", "user"]}, {"at": ["apple", "user"]}]}
FETCH_SPONGE = (find("sponge"), pick_up("sponge"), go_to("user"), BRING)
FETCH_APPLE = (find("apple"), pick_up("apple"), go_to("user"), BRING)
FETCH_TEA = (find("tea"), pick_up("tea"), go_to("user"), BRING)


class Story:
    """An episode told call by call; symbols stand in for the world."""

    def __init__(self) -> None:
        at = {"sponge": "table", "apple": "far counter", "tea": "table"}
        self.facts = Facts(at, None, "user", visited=("user",))
        self.history: tuple[Step, ...] = ()
        self.moments: list[Moment] = []

    def does(self, *calls: SkillCall) -> "Story":
        for call in calls:
            self.tries(call, ideal_effect(call, self.facts) != self.facts or call == DONE)
        return self

    def tries(
        self, call: SkillCall, success: bool, rows: Sequence[Row] = (), affordance: float = 0.9
    ) -> "Story":
        rows = tuple(rows) or (Row(call.label, 0.9, affordance, 0.9 * affordance),)
        prompt = Prompt("x", self.history, self.facts)
        outcome = None if call == DONE else Outcome(success, "" if success else "slipped", 1)
        self.moments.append(Moment(prompt, Decision(rows, call, None, 0.0, 1, 1), outcome))
        self.history += (Step(call.label, "success" if success else "failure: slipped"),)
        self.facts = ideal_effect(call, self.facts) if success else self.facts
        return self

    def stops(
        self, refusal: str | None = None, question: Question | None = None, rows: Any = ()
    ) -> "Story":
        prompt = Prompt("x", self.history, self.facts)
        decision = Decision(tuple(rows), None, refusal, 0.0, 1, 1, question)
        self.moments.append(Moment(prompt, decision))
        return self


def kind(story: Story, verdict: str, expect: str = "done", goal: Any = GOAL) -> str:
    item = SimpleNamespace(expect=expect, goal=parse_goal(goal) if goal else None)
    found = fault(item, verdict, story.moments)  # type: ignore[arg-type]
    assert found in FAULTS
    return found


def test_done_with_half_of_it_owed_is_an_early_stop() -> None:
    assert kind(Story().does(*FETCH_SPONGE, DONE), "success") == "early stop"


def test_a_needless_skill_is_forgiven_once_the_goal_comes_nearer() -> None:
    story = Story().does(go_to("table"), go_to("user"), *FETCH_SPONGE, DONE)
    assert kind(story, "success") == "early stop"


def test_bringing_something_else_is_a_wrong_skill() -> None:
    assert kind(Story().does(*FETCH_TEA, DONE), "success") == "wrong skill"
    away = Story().does(find("sponge"), pick_up("sponge"), go_to("trash"), place("sponge", "trash"))
    assert kind(away.does(*FETCH_APPLE, DONE), "success") == "wrong skill"


def test_the_right_skill_that_fails_for_good_is_the_skills_fault() -> None:
    story = Story().does(find("sponge"))
    for _ in range(4):
        story.tries(pick_up("sponge"), False)
    assert kind(story, "failed") == "skill failed"


def test_a_failure_that_a_retry_mends_is_forgiven() -> None:
    story = Story().does(find("sponge")).tries(pick_up("sponge"), False)
    assert kind(story.does(*FETCH_SPONGE, DONE), "success") == "early stop"


@pytest.mark.parametrize(
    ("affordance", "told"), [(0.8, "affordance too high"), (0.1, "wrong skill")]
)
def test_trying_what_cannot_work(affordance: float, told: str) -> None:
    story = Story().tries(pick_up("sponge"), False, affordance=affordance)
    assert kind(story, "failed") == told


def test_the_right_skill_outvoted_by_its_affordance() -> None:
    rows = (Row("go to the trash", 0.3, 0.9, 0.27), Row("find the sponge", 0.6, 0.1, 0.06))
    story = Story().tries(go_to("trash"), True, rows).does(DONE)
    assert kind(story, "success") == "affordance too low"
    swapped = (Row("go to the trash", 0.6, 0.9, 0.54), Row("find the sponge", 0.3, 0.1, 0.03))
    story = Story().tries(go_to("trash"), True, swapped).does(DONE)
    assert kind(story, "success") == "wrong skill"


def test_refusals() -> None:
    right, wrong = Row("find the sponge", 0.9, 0.01, 0.009), Row("find the tea", 0.9, 0.01, 0.009)
    assert kind(Story().stops("no", rows=[right]), "refused") == "affordance too low"
    assert kind(Story().stops("no", rows=[wrong]), "refused") == "wrong refusal"
    assert kind(Story().stops("no"), "refused") == "wrong refusal"
    assert kind(Story().does(DONE), "success", "refuse", None) == "missed refusal"


def test_questions() -> None:
    question = Question("Which?", ("sponge", "apple"))
    assert kind(Story().stops(question=question), "asked") == "wrong question"
    assert kind(Story().stops(question=question), "asked", "ask") == "wrong question"
    assert kind(Story().does(*FETCH_TEA, DONE), "success", "ask") == "missed question"
    assert kind(Story().stops("no"), "refused", "ask") == "wrong refusal"
    asked = Story().stops(question=question).does(*FETCH_SPONGE, DONE)
    assert kind(asked, "success", "ask") == "early stop"


def test_running_out_of_skills() -> None:
    assert kind(Story().does(*FETCH_SPONGE).stops(), "step_limit") == "step limit"
    idle = Story().does(go_to("table"), go_to("trash"), go_to("table"), go_to("trash"))
    assert kind(idle, "step_limit") == "wrong skill"
    assert kind(Story(), "error") == "error"
