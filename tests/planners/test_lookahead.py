"""Looking ahead: a step that only sounds good is passed over for one that leads somewhere."""

from dataclasses import replace

import numpy as np
import pytest

from embodied.tasks.labels import BRING, DONE, enumerate_calls, find, go_to, pick_up
from embodied.world.facts import Facts
from planners.lookahead import possible
from planners.model import Prompt, Question, Scores, Step, Turn, normalise
from planners.saycan import SayCan, SayCanCfg

FACTS = Facts({"sponge": "table", "apple": "far counter"}, robot_at="trash")
TURN = Turn("the yellow one", 0, Question("Which?", ("sponge", "apple")))
PROMPT = Prompt("bring me a sponge", (), FACTS, (TURN,))
CALLS = enumerate_calls(FACTS.instances)
INDEX = {call: i for i, call in enumerate(CALLS)}
ALL = np.ones(len(CALLS))


class Myopic:
    """Wants to come at once, and to hand over whatever it may hold as soon as it is there."""

    name = "myopic"

    def __init__(self):
        self.asked = []

    def score(self, prompt, calls):
        self.asked.append(prompt)
        facts = prompt.facts
        wants = {DONE: 0.01}
        if facts.at.get("sponge") == "user":
            wants[DONE] = 5.0
        elif facts.robot_at == "user":
            wants[BRING] = 5.0
        elif facts.holding == "sponge":
            wants[go_to("user")] = 5.0
        elif prompt.in_front == "sponge":
            wants |= {pick_up("sponge"): 3.0, go_to("user"): 0.5}
        else:
            wants |= {go_to("user"): 1.2, find("sponge"): 1.0}
        p = np.full(len(calls), 1e-4)
        for call, weight in wants.items():
            p[INDEX[call]] += weight
        return Scores(normalise(np.log(p)), 7, 1)


def decide(depth, model=None, can=ALL, prompt=PROMPT, **kwargs):
    planner = SayCan(model or Myopic(), SayCanCfg(lookahead=depth, beam=3), **kwargs)
    return planner.decide(prompt, CALLS, can)


def test_the_product_alone_takes_the_tempting_step_and_looking_ahead_the_useful_one():
    assert decide(0).chosen == go_to("user")
    decision = decide(3)
    assert decision.chosen == find("sponge")
    ahead = {row.label: row.ahead for row in decision.rows}
    assert ahead["find the sponge"] > ahead["go to the user"]
    assert decision.rows[0].label == "go to the user"  # rows keep the order of their products


def test_a_whole_plan_is_seen_to_its_end():
    assert decide(8).chosen == find("sponge")
    holding = Prompt("bring me a sponge", (), Facts({"sponge": "user"}, None, "user"))
    assert decide(8, prompt=holding).chosen == DONE


def test_the_learned_affordance_rules_the_first_step():
    can = ALL.copy()
    can[INDEX[find("sponge")]] = 0.0
    assert decide(3, can=can).chosen == go_to("user")


def test_imagined_states_carry_history_effects_and_what_was_said():
    model = Myopic()
    decision = decide(2, model)
    assert model.asked[0] == PROMPT
    after = next(p for p in model.asked if [s.label for s in p.history] == ["find the sponge"])
    assert after.facts.robot_at == "table"
    assert after.turns == PROMPT.turns
    assert any(p.facts.holding == "sponge" for p in model.asked)
    assert decision.calls == len(model.asked) > 3
    assert decision.tokens == 7 * len(model.asked)


def test_it_is_off_unless_asked_for():
    model = Myopic()
    decision = decide(SayCanCfg().lookahead, model)
    assert len(model.asked) == 1
    assert all(row.ahead is None for row in decision.rows)


def test_what_cannot_be_in_symbols_counts_for_nothing_and_the_rest_as_its_family_does():
    found = Prompt(
        "x", (Step("find the sponge", "success"),), Facts({"sponge": "table"}, None, "table")
    )
    calls = [pick_up("sponge"), pick_up("apple"), BRING, go_to("user"), DONE]
    assert possible(calls, found, {"pick": 0.9}) == pytest.approx([0.9, 0, 0, 1, 1])
    still = [go_to("table"), find("sponge"), find("apple")]  # the first two would change nothing
    two = replace(found, facts=replace(FACTS, robot_at="table"))
    assert possible(still, two, {}) == pytest.approx([0, 0, 1])
    away = Prompt("x", (), found.facts)  # nothing says that it stands in front of the sponge
    assert possible(calls, away, {"pick": 0.9})[0] == 0


def test_a_weak_family_ahead_makes_its_plans_worth_less():
    worth = [max(row.ahead for row in decide(3, rates={"pick": rate}).rows) for rate in (1.0, 0.2)]
    assert worth[1] < worth[0]
