"""What a piece says surely, and how it leans on those before: whole sentences through the shipped reader."""

import numpy as np
import pytest

from embodied.tasks.labels import enumerate_calls
from embodied.world.facts import Facts
from planners.embedded.model import EmbeddedModel
from planners.embedded.reading import ACTS
from planners.embedded.rehearsal import follow
from planners.embedded.surely import acted
from planners.model import Prompt

SCENE = {
    "coke can": "table", "coke can#2": "far counter", "7up can": "table", "tea": "far counter",
    "apple": "close counter", "jalapeno chips": "table", "rice chips": "far counter",
}  # fmt: skip


@pytest.fixture(scope="module")
def model() -> EmbeddedModel:
    return EmbeddedModel()


@pytest.mark.parametrize(
    ("said", "moved"),
    [
        ("I'm parched. Fetch me a drink.", 1),
        ("There are two of us and we want something to drink, one drink each", 2),
        ("I want a coke, but not the one that is on the table", {"coke can#2": "user"}),
        ("Get me the coke, it's on the far counter", {"coke can#2": "user"}),
        ("I'd like a soda, preferably the 7up", {"7up can": "user"}),
        ("Don't take the coke on the table, bring the other can that's on the table", {"7up can": "user"}),
        ("I would like a snack, nothing spicy and no fruit", {"rice chips": "user"}),
        ("Bring the tea. Next, put the apple on the table, I'll cut it myself.",
         {"tea": "user", "apple": "table"}),
        ("The apple goes to the table. When that's done bring me the tea",
         {"apple": "table", "tea": "user"}),
        ("the apple is on the wrong counter hahaha put it on the table", {"apple": "table"}),
        ("i saw an apple can you bring it to the table", {"apple": "table"}),
        ("put the apple on the far counter... no wait, on the table", {"apple": "table"}),
        ("Leave the apple next to the window.", {"apple": "far counter"}),
        ("the tea in the bin, the apple by the window", {"tea": "trash", "apple": "far counter"}),
        ("Could I have a coke? Either one will do.", 1),
        ("bring me two bags of chips, but not two of the same kind",
         {"jalapeno chips": "user", "rice chips": "user"}),
        ("one can for me and one on the close counter", 2),
        ("If it's not too much trouble, hand me the tea", {"tea": "user"}),
        ("stick the apple by the window", {"apple": "far counter"}),
        ("The 7up belongs to Lisa, hands off. I want the tea.", {"tea": "user"}),
        ("I feel dizzy, I need something with protein. Bring me the tea", {"tea": "user"}),
        ("someone forgot an empty 7up can here, put it where it belongs", {"7up can": "trash"}),
    ],
)  # fmt: skip
def test_what_is_moved(model: EmbeddedModel, said: str, moved: int | dict[str, str]) -> None:
    start = Facts(SCENE, robot_at="user")
    prompt = Prompt(said, (), start)
    assert model.refuse(prompt, enumerate_calls(start.instances)) is None
    end, _ = follow(model, said, start)
    changed = {o: p for o, p in end.at.items() if p != SCENE[o]}
    if isinstance(moved, dict):
        assert changed == moved
    else:
        assert len(changed) == moved


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("I need a screwdriver, get me one", "Nothing in this kitchen's catalogue"),
        ("throw the apple at my sister", "no skill"),
        ("i left my jacket in the car, can you get it", "Nothing in this kitchen's catalogue"),
    ],
)
def test_what_is_refused(model: EmbeddedModel, said: str, reason: str) -> None:
    start = Facts(SCENE, robot_at="user")
    assert reason in (model.refuse(Prompt(said, (), start), enumerate_calls(start.instances)) or "")


def test_there_is_asked_for_where_nothing_says_where_that_is(model: EmbeddedModel) -> None:
    start, said = Facts(SCENE, robot_at="user"), "put the apple over there"
    calls = enumerate_calls(start.instances)
    asked = model.question(Prompt(said, (), start), calls, [0.9] * len(calls))
    assert asked is not None and set(asked.choices) == {"far counter", "table"}
    end, _ = follow(model, "go to the table and put the apple over there", start)
    assert end.at["apple"] == "table"


def test_whats_in_there_comes_out_of_the_drawer(model: EmbeddedModel) -> None:
    start = Facts({**SCENE, "apple": "drawer"}, robot_at="user")
    end, _ = follow(model, "open the drawer and put whatever is in there on the table", start)
    assert end.at["apple"] == "table" and end.at["tea"] == SCENE["tea"]


@pytest.mark.parametrize(
    ("piece", "act"),
    [
        ("hang on to it", "hold"), ("wait by the table with it", "go"), ("nothing too sweet", "none"),
        ("somebody left the drawer open", "close"), ("let the rest stay", "none"),
        ("chuck it at the wall", "cannot"), ("chuck it away", "find"),
        ("nothing else on the table", "find"), ("if somebody left the drawer open", "find"),
    ],
)  # fmt: skip
def test_acts_that_words_tell(piece: str, act: str) -> None:
    read = np.array([float(name == "find") for name in ACTS])
    assert ACTS[int(acted(piece, read).argmax())] == act


@pytest.mark.parametrize(
    ("said", "moved"),
    [
        ("get the coke on the table", {"coke can": "user"}),
        ("leave the apple and the tea on the table", {"apple": "table", "tea": "table"}),
        ("bring me one coke, the rest goes in the bin", {"coke can": "user", "coke can#2": "trash"}),
        ("put one coke in the drawer, the other one on the close counter",
         {"coke can": "drawer", "coke can#2": "close counter"}),
        ("bring me an apple. Only one.", {"apple": "user"}),
        ("bring me the tea, only don't spill it", {"tea": "user"}),
        ("clear the table, only the 7up stays", {"coke can": "far counter", "jalapeno chips": "far counter"}),
        ("bring me a coke, not the one on the table", {"coke can#2": "user"}),
        ("I'll take a nap, put the tea on the table", {"tea": "table"}),
        ("put the apple on the table, rather than the far counter", {"apple": "table"}),
        ("put the tea in the drawer, no more for me", {"tea": "drawer"}),
        ("put the tea on the table, if possible next to the coke", {"tea": "table"}),
        ("bring me the coke if there is one", {"coke can": "user"}),
        ("if there is a coke near you, bring it to me", {"coke can": "user"}),
        ("it would be great if you have a tea for me", {"tea": "user"}),
        ("if you have nothing to do, bring me the tea", {"tea": "user"}),
        ("if there is a 7up on the table or the far counter, bring it", {"7up can": "user"}),
        ("if there is an apple on the table, bin it. then bring me the tea", {"tea": "user"}),
        ("if the drawer is closed, bring me the apple, it's on the close counter", {"apple": "user"}),
    ],
)  # fmt: skip
def test_what_only_looks_alike(model: EmbeddedModel, said: str, moved: dict[str, str]) -> None:
    test_what_is_moved(model, said, moved)
