"""Asking back, answers and amendments, with the shipped reader in a symbolic closed loop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from embodied.tasks.labels import FAMILIES, enumerate_calls, feasible, ideal_effect
from embodied.world.facts import Facts
from planners.embedded.answers import pick
from planners.embedded.model import EmbeddedModel
from planners.model import SUCCESS, Prompt, Question, Step, Turn
from planners.saycan import SayCan

SCENE = {
    "coke can": "table", "pepsi can": "close counter", "apple": "far counter", "sponge": "table",
    "rice chips": "close counter",
}  # fmt: skip
DRAWERLESS = [f for f in FAMILIES if f not in ("open", "close")]


@pytest.fixture(scope="module")
def model() -> EmbeddedModel:
    return EmbeddedModel()


def talk(
    model: EmbeddedModel,
    said: str,
    answers: Sequence[str] = (),
    says: Sequence[tuple[str, str]] = (),
    **facts,
) -> tuple[Facts, list[str], list[Question], str]:
    """Follow an instruction in symbols: the end, the labels, the questions, the last reason."""
    now = Facts(**{"at": SCENE, "robot_at": "user"} | facts)
    calls = enumerate_calls(now.instances, DRAWERLESS)
    history, turns, trail, asked, left, later = [], [], [], [], list(answers), list(says)
    for _ in range(24):
        for after, text in [pair for pair in later if pair[0] in [s.label for s in history]]:
            turns.append(Turn(text, len(history)))
            later.remove((after, text))
        can = np.array([0.96 * feasible(c, now) + 0.01 for c in calls])
        prompt = Prompt(said, tuple(history), now, tuple(turns), (*trail, now))
        decision = SayCan(model).decide(prompt, calls, can)
        if decision.question:
            asked.append(decision.question)
            if not left:
                return now, [s.label for s in history], asked, "asked"
            turns.append(Turn(left.pop(0), len(history), decision.question))
            continue
        if decision.chosen is None or decision.chosen.kind == "done":
            return now, [s.label for s in history], asked, decision.refusal or ""
        trail.append(now)
        now = ideal_effect(decision.chosen, now)
        history.append(Step(decision.chosen.label, SUCCESS))
    return now, [s.label for s in history], asked, "limit"


def test_a_definite_description_that_fits_two_things_is_asked_about(model: EmbeddedModel) -> None:
    _, labels, asked, _ = talk(model, "bring me the soda")
    assert labels == []
    assert set(asked[0].choices) == {"coke can", "pepsi can"}
    assert "the coke can on the table" in asked[0].text and asked[0].text.endswith("?")


@pytest.mark.parametrize(
    "answer", ["the pepsi", "the blue one", "not the coke", "the one on the close counter"]
)
def test_the_answer_settles_it_and_is_not_asked_again(model: EmbeddedModel, answer: str) -> None:
    end, _, asked, _ = talk(model, "bring me the soda", [answer])
    assert end.at["pepsi can"] == "user" and end.at["coke can"] == "table"
    assert len(asked) == 1


@pytest.mark.parametrize(
    "said",
    [
        "bring me a soda",
        "bring me any can",
        "get me the coke",
        "bring me both sodas",
        "i'm thirsty",
    ],
)
def test_what_leaves_one_choice_or_any_is_never_asked_about(
    model: EmbeddedModel, said: str
) -> None:
    assert talk(model, said)[2] == []


def test_the_scene_may_leave_one_choice(model: EmbeddedModel) -> None:
    at = SCENE | {"pepsi can": "trash"}
    end, _, asked, _ = talk(model, "bring me the soda", at=at)
    assert asked == [] and end.at["coke can"] == "user"


def test_two_of_a_kind_are_the_same_to_everyone(model: EmbeddedModel) -> None:
    assert talk(model, "bring me the coke", at=SCENE | {"coke can#2": "far counter"})[2] == []


def test_a_counter_is_asked_about_where_there_are_two(model: EmbeddedModel) -> None:
    end, _, asked, _ = talk(model, "put the sponge on the counter", ["the far one"])
    assert set(asked[0].choices) == {"close counter", "far counter"}
    assert end.at["sponge"] == "far counter"


def test_a_word_that_points_nowhere_is_asked_about(model: EmbeddedModel) -> None:
    end, _, asked, _ = talk(model, "throw it away", ["the apple"])
    assert "apple" in asked[0].choices
    assert end.at["apple"] == "trash"


def test_wanting_none_of_them_ends_politely(model: EmbeddedModel) -> None:
    end, labels, _, reason = talk(model, "bring me the soda", ["neither, thanks"])
    assert end.at == SCENE and labels == []
    assert "nothing to do" in reason


def test_an_answer_that_says_nothing_is_asked_again_then_given_up(model: EmbeddedModel) -> None:
    _, labels, asked, reason = talk(model, "bring me the soda", ["hm well", "what a day", "so"])
    assert labels == [] and len(asked) == 2
    assert "name one of them" in reason


@pytest.mark.parametrize(
    ("answer", "picked"),
    [
        ("the first", ("coke can",)), ("the second one please", ("pepsi can",)),
        ("the last one", ("rice chips",)), ("either", ("coke can", "pepsi can", "rice chips")),
        ("you choose", ("coke can", "pepsi can", "rice chips")), ("none of them", ()),
        ("Pepsi, please!", ("pepsi can",)), ("not the pepsi, not the rice chips", ("coke can",)),
        ("the red one", ("coke can",)), ("the one on the table", ("coke can",)),
        ("erm", None), ("", None),
    ],
)  # fmt: skip
def test_answers(model: EmbeddedModel, answer: str, picked: tuple[str, ...] | None) -> None:
    choices = ("coke can", "pepsi can", "rice chips")
    assert pick(answer, choices, Facts(SCENE), model.interpreter) == picked


@pytest.mark.parametrize(
    ("after", "says", "ends"),
    [
        ("find the coke can", "no, the pepsi please", {"pepsi can": "user", "coke can": "table"}),
        ("pick up the coke can", "and the apple too", {"coke can": "user", "apple": "user"}),
        ("pick up the coke can", "put it on the far counter instead", {"coke can": "far counter"}),
        ("find the coke can", "never mind", {"coke can": "table"}),
        (
            "find the coke can",
            "I said coke but I meant the pepsi",
            {"pepsi can": "user", "coke can": "table"},
        ),
        (
            "find the coke can",
            "no, the other one, the pepsi",
            {"pepsi can": "user", "coke can": "table"},
        ),
        ("bring it to you", "also throw the sponge away", {"coke can": "user", "sponge": "trash"}),
        (
            "find the coke can",
            "I have got one here, you needn't bring the coke",
            {"coke can": "table"},
        ),
        ("find the coke can", "leave the coke, it looks warm", {"coke can": "table"}),
    ],
)
def test_amendments(model: EmbeddedModel, after: str, says: str, ends: dict[str, str]) -> None:
    end, labels, _, _ = talk(model, "bring me the coke", says=[(after, says)])
    assert {name: end.at[name] for name in ends} == ends, labels
    assert end.holding is None


def test_what_is_held_and_no_longer_wanted_is_put_down(model: EmbeddedModel) -> None:
    says = [("pick up the coke can", "forget it")]
    end, labels, _, _ = talk(model, "bring me the coke", says=says)
    assert end.holding is None and end.at["coke can"] in ("table", "close counter", "far counter")
    assert len(labels) <= 4


def test_a_stop_on_the_way_is_taken_back(model: EmbeddedModel) -> None:
    says = [("go to the table", "skip the far counter")]
    tour = "go to the table, then to the far counter, and then to the close counter"
    end, labels, _, _ = talk(model, tour, says=says)
    assert (
        labels == ["go to the table", "go to the close counter"] and end.robot_at == labels[-1][10:]
    )


def test_one_of_two_errands_is_taken_back(model: EmbeddedModel) -> None:
    says = [("bring it to you", "That will do, forget about the apple.")]
    end, labels, _, _ = talk(model, "bring me the coke and then the apple", says=says)
    assert end.at["coke can"] == "user" and end.at["apple"] == "far counter", labels


@pytest.mark.parametrize(
    ("said", "after", "says", "ends"),
    [
        ("clear the table into the trash", "find the coke can", "not the sponge though",
         {"coke can": "trash", "sponge": "table"}),
        ("bring me the coke", "pick up the coke can", "drop it in the trash", {"coke can": "trash"}),
        ("bring me the coke", "pick up the coke can", "leave it on the close counter",
         {"coke can": "close counter"}),
        ("bring me the coke", "bring it to you", "and then drop the apple in the trash",
         {"coke can": "user", "apple": "trash"}),
        ("put the sponge on the far counter", "pick up the sponge", "no, on the other counter",
         {"sponge": "close counter"}),
        ("put the pepsi on the table", "pick up the pepsi can", "the apple as well",
         {"pepsi can": "table", "apple": "table"}),
        ("bring me the coke", "find the coke can", "no the pepsi", {"pepsi can": "user"}),
        ("throw away the pepsi and the apple", "find the pepsi can", "wait, keep the apple",
         {"pepsi can": "trash", "apple": "far counter"}),
    ],
)  # fmt: skip
def test_amendments_of_other_errands(
    model: EmbeddedModel, said: str, after: str, says: str, ends: dict[str, str]
) -> None:
    end, labels, _, _ = talk(model, said, says=[(after, says)])
    assert {name: end.at[name] for name in ends} == ends, labels
    assert end.holding is None


@pytest.mark.parametrize("cans", [2, 3, 4, 5])
def test_it_asks_however_many_there_are(model: EmbeddedModel, cans: int) -> None:
    kinds = ["coke can", "pepsi can", "7up can", "redbull can", "lime soda"]
    at = dict.fromkeys(kinds[:cans], "table") | {"apple": "table"}
    _, labels, asked, _ = talk(model, "bring me the can", at=at)
    assert labels == [] and len(asked[0].choices) == cans
