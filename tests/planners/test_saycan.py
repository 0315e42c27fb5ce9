"""The SayCan choice: product, memory, the gate of `done`, refusals."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from embodied.tasks.labels import SkillCall, enumerate_calls, feasible, ideal_effect
from embodied.world.facts import Facts
from embodied.world.goals import parse_goal
from planners.model import Prompt, Scores, Step, normalise
from planners.saycan import SayCan, SayCanCfg, recollect
from planners.solver import solve

FACTS = Facts({"sponge": "table", "coke can": "far counter", "tea": "drawer"}, robot_at="user")
CALLS = enumerate_calls(FACTS.instances)
LABELS = [call.label for call in CALLS]
FAILED = "failure: it slipped"


class Fixed:
    """A model that always wants the same labels, the rest evenly and little."""

    name = "fixed"

    def __init__(self, wanted: Mapping[str, float]) -> None:
        self.wanted = wanted

    def score(self, prompt: Prompt, calls: Sequence[SkillCall]) -> Scores:
        p = np.array([self.wanted.get(call.label, 1e-6) for call in calls])
        return Scores(normalise(np.log(p)), tokens=11, calls=2)


class Refusing(Fixed):
    def refuse(self, prompt: Prompt, calls: Sequence[SkillCall]) -> str | None:
        return None if prompt.history else "This kitchen has no hammer."


def can(default: float = 0.0, **known: float) -> np.ndarray:
    named = {label.replace("_", " "): value for label, value in known.items()}
    return np.array([named.get(label, default) for label in LABELS])


def decide(wanted, affordance, history=(), cfg=None, model=Fixed):
    return SayCan(model(wanted), cfg).decide(Prompt("x", history, FACTS), CALLS, affordance)


def test_the_product_decides_not_one_factor():
    wanted = {"pick up the sponge": 0.6, "find the sponge": 0.3, "go to the table": 0.1}
    affordance = can(0.99, pick_up_the_sponge=0.02)
    decision = decide(wanted, affordance)
    assert decision.chosen is not None
    assert decision.chosen.label == "find the sponge"
    assert decision.refusal is None
    assert (decision.tokens, decision.calls) == (11, 2)


def test_every_label_is_kept_and_accounts_for_itself():
    rng = np.random.default_rng(0)
    decision = decide(
        dict(zip(LABELS, rng.random(len(LABELS)), strict=True)), rng.random(len(LABELS))
    )
    assert sorted(row.label for row in decision.rows) == sorted(LABELS)
    products = [row.product for row in decision.rows]
    assert products == sorted(products, reverse=True)
    for row in decision.rows:
        assert row.product == pytest.approx(row.p_lm * row.affordance * row.memory)
    assert sum(row.p_lm for row in decision.rows) == pytest.approx(1)
    assert decision.chosen is not None
    assert decision.chosen.label == decision.rows[0].label


def test_a_failure_is_tried_again_and_then_gone_around():
    wanted = {"pick up the sponge": 0.7, "pick up the coke can": 0.3}
    cfg, chosen, history = SayCanCfg(max_retries=2), [], ()
    for _ in range(5):
        decision = decide(wanted, can(0.9), history, cfg)
        assert decision.chosen is not None
        chosen.append(decision.chosen.label)
        history = (*history, Step(decision.chosen.label, FAILED))
    sponge, coke = "pick up the sponge", "pick up the coke can"
    assert chosen == [sponge, sponge, sponge, coke, coke]


def test_memory_counts_since_the_last_progress():
    call = CALLS[LABELS.index("pick up the sponge")]

    def factor(*steps: tuple[str, str]) -> float:
        return recollect([Step(*step) for step in steps], [call], SayCanCfg(max_retries=1))[0]

    failed, found = (call.label, FAILED), ("find the sponge", "success")
    assert factor() == factor(failed) == 1
    assert factor(failed, failed) == pytest.approx(0.1)
    assert factor(failed, found, failed, found, failed) == pytest.approx(
        0.01
    )  # driving is no progress
    assert factor(failed, failed, ("put down the tea", "success")) == 1


def test_driving_to_and_fro_without_progress_is_discounted_too():
    find = CALLS[LABELS.index("find the sponge")]
    history = [Step("find the sponge", "success"), Step("pick up the sponge", FAILED)] * 4
    assert recollect(history, [find], SayCanCfg(max_retries=2))[0] == pytest.approx(0.01)


def test_done_waits_while_language_is_in_two_minds():
    affordance = can(0.0, find_the_sponge=0.3, done=0.0)
    early = decide({"done": 0.5, "find the sponge": 0.5}, affordance)
    assert early.chosen is not None
    assert early.chosen.label == "find the sponge"
    row = next(row for row in early.rows if row.label == "done")
    assert row.affordance == SayCanCfg().done_affordance


def test_done_wins_when_language_is_clear_whatever_else_can_be_done():
    decision = decide({"done": 0.7, "go to the table": 0.3}, can(1.0))
    assert decision.chosen is not None
    assert decision.chosen.kind == "done"
    strict = decide({"done": 0.7, "go to the table": 0.3}, can(1.0), cfg=SayCanCfg(done_lead=4))
    assert strict.chosen is not None
    assert strict.chosen.label == "go to the table"


def test_a_model_may_say_how_far_its_done_is_to_be_trusted():
    class Hasty(Fixed):
        done_lead = 4.0

    decision = decide({"done": 0.7, "go to the table": 0.3}, can(1.0), model=Hasty)
    assert decision.chosen is not None
    assert decision.chosen.label == "go to the table"


def test_the_models_own_reason_is_asked_before_the_first_skill_only():
    wanted = {"find the sponge": 1.0}
    first = decide(wanted, can(0.9), model=Refusing)
    assert first.chosen is None
    assert first.refusal == "This kitchen has no hammer."
    assert len(first.rows) == len(LABELS)
    later = decide(wanted, can(0.9), (Step("go to the table", "success"),), model=Refusing)
    assert later.refusal is None


@pytest.mark.parametrize(
    ("wanted", "history", "reason"),
    [
        ("find the orange", (), "There is no orange here"),
        ("pick up the tea", (), "closed drawer"),
        ("pick up the sponge", (), "'pick up the sponge', has a chance of 1% from here"),
        (
            "find the sponge",
            (Step("find the sponge", "failure: the way is blocked"),) * 5,
            "'find the sponge' failed 5 times, lastly because the way is blocked",
        ),
        (
            "find the sponge",
            (
                Step("pick up the sponge", "failure: it fell"),
                *(Step("find the sponge", "success"),) * 5,
            ),
            "nothing came of it since 'pick up the sponge' ended in failure: it fell",
        ),
    ],
)
def test_refusals_say_why(wanted, history, reason):
    affordance = can(0.01, find_the_sponge=0.9)
    decision = decide({wanted: 1.0}, affordance, history)
    assert decision.chosen is None
    assert reason in (decision.refusal or "")


def test_an_undecided_model_acts_rather_than_refuses():
    decision = decide(dict.fromkeys(LABELS, 1.0), can(0.0, go_to_the_table=0.9))
    assert decision.chosen is not None
    assert decision.chosen.label == "go to the table"


def test_wrong_affordances_are_a_defect():
    for bad in (np.ones(3), can(1.5), can(float("nan"))):
        with pytest.raises(ValueError, match="affordances"):
            decide({"done": 1.0}, bad)


class Planning:
    """A model that knows the goal: the solver's call, with doubts after each errand."""

    name = "planning"

    def __init__(self, goal) -> None:
        self.goal = goal

    def score(self, prompt: Prompt, calls: Sequence[SkillCall]) -> Scores:
        best = solve(self.goal, prompt.facts, prompt.in_front).next_call
        p = np.array([0.9 if call == best else 1e-4 for call in calls])
        if prompt.history and prompt.history[-1].label == "bring it to you":
            p[-1] += 0.8
        return Scores(normalise(np.log(p)), 0, 1)


def test_a_whole_run_with_failures_reaches_its_goal_and_stops():
    goal = parse_goal({"all": [{"at": ["sponge", "user"]}, {"at": ["coke can", "user"]}]})
    saycan, facts, history, tries = SayCan(Planning(goal)), FACTS, (), 0
    while len(history) < 14:
        affordance = np.array([0.95 if feasible(call, facts) else 0.02 for call in CALLS])
        decision = saycan.decide(Prompt("x", history, facts), CALLS, affordance)
        assert decision.chosen is not None
        if decision.chosen.kind == "done":
            break
        tries += decision.chosen.label == "pick up the sponge"
        slipped = decision.chosen.label == "pick up the sponge" and tries < 3
        facts = facts if slipped else ideal_effect(decision.chosen, facts)
        history = (*history, Step(decision.chosen.label, FAILED if slipped else "success"))
    assert goal.holds(facts)
    assert len(history) == 12  # eight skills, two failed grasps, each approached anew
