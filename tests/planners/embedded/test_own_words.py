"""Skills of one's own in instructions: heard by their words, planned with what they need first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from embodied.tasks import own
from embodied.tasks.labels import FAMILIES, enumerate_calls
from embodied.world.facts import Facts
from planners.embedded.model import EmbeddedModel
from planners.embedded.own_words import patterns
from planners.embedded.rehearsal import follow
from planners.model import SUCCESS, Prompt, Step
from planners.prompt import chat

SKILLS = {
    "hover": ("pick", "hover over the {object}", ["float above the {object}"]),
    "shake": ("place", "shake the {object}", []),
    "stack": ("place", "stack the {object} on the {place}", []),
    "rattle": ("open", "rattle the drawer", []),
    "pour": ("place", "pour the {object} over the {place}", []),
    "clean": ("pick", "clean the {object}", []),
    "drink": ("pick", "drink the {object}", []),
}
SCENE = Facts(
    {"sponge": "far counter", "coke can": "table", "apple": "close counter", "tea": "table"},
    robot_at="user",
    visited=("user",),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedModel]:
    home = tmp_path_factory.mktemp("home")
    for name, (base, label, aliases) in SKILLS.items():
        (home / "skills" / name).mkdir(parents=True)
        card = {"family": name, "own": {"base": base, "label": label, "aliases": aliases}}
        (home / "skills" / name / own.CARD).write_text(json.dumps(card))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMBODIED_HOME", str(home))
        yield EmbeddedModel()


def plan(model: EmbeddedModel, said: str) -> list[str]:
    return follow(model, said, SCENE, (*FAMILIES, *SKILLS))[1]


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        ("hover over the sponge", ["find the sponge", "hover over the sponge"]),
        ("Would you mind hovering over the tea?", ["find the tea", "hover over the tea"]),
        ("float a little above the apple", ["find the apple", "hover over the apple"]),
        (
            "hover over the coke and the apple",
            ["find the coke can", "hover over the coke can", "find the apple", "hover over the apple"],
        ),
        (
            "hover over the sponge and then bring it to me",
            ["find the sponge", "hover over the sponge", "pick up the sponge", "go to the user",
             "bring it to you"],
        ),
        ("please rattle the drawer", ["go to the drawer", "rattle the drawer"]),
        (
            "stack the apple on the table",
            ["find the apple", "pick up the apple", "go to the table", "stack the apple on the table"],
        ),
        (
            "stack the apple",
            ["find the apple", "pick up the apple", "stack the apple on the close counter"],
        ),
        (
            "Pour the tea over the far counter, please.",
            ["find the tea", "pick up the tea", "go to the far counter",
             "pour the tea over the far counter"],
        ),
        ("give the coke a good shake", ["find the coke can", "pick up the coke can",
                                        "shake the coke can"]),
    ],
)  # fmt: skip
def test_what_a_label_says_is_planned(model: EmbeddedModel, said: str, labels: list[str]) -> None:
    assert plan(model, said) == labels


@pytest.mark.parametrize(
    "said",
    [
        "don't hover over the sponge, just bring it",
        "bring the sponge",
        "I spilled my tea, get me something to clean it up",
    ],
)
def test_what_is_not_asked_for_is_not_done(model: EmbeddedModel, said: str) -> None:
    _, plain = follow(model, "bring me the sponge", SCENE)
    assert plan(model, said) == plain


def test_a_word_that_a_request_has_in_passing_changes_nothing(model: EmbeddedModel) -> None:
    said = "bring me a drink"
    assert plan(model, said) == follow(model, said, SCENE)[1]


def test_a_skill_that_is_not_offered_is_refused(model: EmbeddedModel) -> None:
    calls = enumerate_calls(SCENE.instances, FAMILIES)
    assert model.refuse(Prompt("hover over the sponge", (), SCENE), calls)
    calls = enumerate_calls(SCENE.instances, (*FAMILIES, "hover"))
    assert not model.refuse(Prompt("hover over the sponge", (), SCENE), calls)
    assert model.refuse(Prompt("hover over the orange", (), SCENE), calls), "there is none here"


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("wave", "wave waves waved waving"),
        ("tap", "tap taps tapped tapping"),
        ("push", "push pushes pushed pushing"),
        ("tidy", "tidy tidies tidied tidying"),
    ],
)
def test_a_words_forms_are_heard_and_others_not(word: str, forms: str) -> None:
    skill = own.OwnSkill("mine", word + " the {object}", "pick", Path())
    for form in forms.split():
        assert any(p.search(f"please try {form} at it") for p in patterns(skill)), form
    assert not any(p.search(f"un{word} {word}ment") for p in patterns(skill))


@pytest.mark.usefixtures("model")
def test_text_models_are_told_of_them() -> None:
    prompt = Prompt("hover over the sponge", (), SCENE)
    for text in (prompt.text, chat(prompt)[0][0]["content"]):
        assert "Skills besides these: " in text and "hover over the <object>, pour the" in text


def test_a_failed_one_is_approached_anew(model: EmbeddedModel) -> None:
    calls = enumerate_calls(SCENE.instances, (*FAMILIES, "hover"))
    there = Facts(SCENE.at, robot_at="far counter", visited=("user", "far counter"))
    found = Step("find the sponge", SUCCESS)
    for history, best in (
        ((found,), "hover over the sponge"),
        ((found, Step("hover over the sponge", "failure: ran out of time")), "find the sponge"),
    ):
        p = model.score(Prompt("hover over the sponge", history, there), calls).p
        assert calls[int(p.argmax())].label == best
