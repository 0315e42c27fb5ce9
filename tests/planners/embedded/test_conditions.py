"""Conditions that the scene decides: what is left of an instruction where they hold and where they do not."""

import pytest

from embodied.world.facts import Facts
from planners.embedded.conditions import decided
from planners.embedded.model import EmbeddedModel

EMPTY = Facts(
    {"tea": "close counter", "water bottle": "table", "pepsi can": "table", "apple": "drawer"},
    robot_at="table",
)
HOLDING = Facts({"tea": "far counter"}, holding="apple", robot_at="table", open={"drawer": True})


@pytest.fixture(scope="module")
def model() -> EmbeddedModel:
    return EmbeddedModel()


@pytest.mark.parametrize(
    ("said", "empty", "holding"),
    [
        ("if there's a coke around bring it, otherwise the tea will do", "the tea will do", None),
        ("If there is tea on the far counter, bin it; if not, come here", "come here",
         "if there is tea on the far counter, bin it"),
        ("bring me the pepsi unless there is some water, in that case bring the water",
         "bring the water", "bring me the pepsi"),
        ("if the tea is still on the close counter, put it on the table. go to the bin",
         None, None),
        ("if you are holding something, put it down; otherwise go to the table", "go to the table",
         "put it down"),
        ("if your gripper is empty bring me the tea", "bring me the tea", ""),
        ("if the drawer is open, close it, otherwise open it", "open the drawer", "close the drawer"),
        ("do we have any chips left? if so i'd like one, if not bring the tea", "bring the tea",
         None),
        ("if there are two drinks on the table, bin the pepsi. if there is only one, come here",
         None, ""),
        ("unless there is water, i'll have the tea", "bring me water", "i'll have the tea"),
        ("if there is a coke, bring it. otherwise leave it", "", ""),
        ("bring me a soda if there is one, else a tea", "bring me a soda", "a tea"),
        ("water if there is any, if not then tea", "water", "then tea"),
        ("if the tea is on the table, bin it. if it isn't, leave it where it is", "", ""),
    ],
)  # fmt: skip
def test_what_does_not_apply_is_left_out(
    model: EmbeddedModel, said: str, empty: str, holding: str
) -> None:
    for facts, left in ((EMPTY, empty), (HOLDING, holding)):
        if left is not None:
            assert decided(said, facts, model.interpreter).strip(" .") == left


@pytest.mark.parametrize(
    "said",
    [
        "bring a coke", "put it on the table, if you would", "bring me the tea if it's iced",
        "if i'm not mistaken there was a coke, bring it", "throw the can away unless it's full",
        "bring the tea even if there is a coke", "see if there is a coke on the table",
        "bring me a tea in case there is no coke", "if you have time, bring the tea",
    ],
)  # fmt: skip
def test_what_the_scene_does_not_decide_stays(model: EmbeddedModel, said: str) -> None:
    assert decided(said, EMPTY, model.interpreter) == said


def test_nothing_is_done_where_nothing_applies(model: EmbeddedModel) -> None:
    found = model.hypotheses("if the drawer is open, close it", EMPTY, drawer=True)
    assert [(h.duties, h.problem) for h in found] == [((), None)]
