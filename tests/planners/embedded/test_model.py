"""The shipped embedded model: free phrasings it was never trained on, in a symbolic closed loop.

Hard feasibility stands in for the affordances, ideal effects for the skills: only the deciding is
judged. `unseen.yaml` was written before the first training and is not to be tuned to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from embodied.tasks.labels import enumerate_calls, feasible, ideal_effect
from embodied.world import catalogue
from embodied.world.facts import Facts
from embodied.world.goals import parse_goal
from planners.embedded.model import EmbeddedModel
from planners.model import SUCCESS, Prompt, Step

ITEMS = yaml.safe_load(Path(__file__).with_name("unseen.yaml").read_text())["items"]
SCENE = {"sponge": "far counter", "coke can": "table", "apple": "close counter", "tea": "table"}


@pytest.fixture(scope="module")
def model() -> EmbeddedModel:
    return EmbeddedModel()


def start(item: dict[str, Any]) -> Facts:
    """The facts at an item's start."""
    robot = item["start"]["robot"]
    at = dict(item["start"]["objects"])
    if robot["holding"]:
        at[robot["holding"]] = None
    visited = (robot["at"],) if robot["at"] else ()
    return Facts(at=at, holding=robot["holding"], robot_at=robot["at"], visited=visited)


def follow(model: EmbeddedModel, said: str, now: Facts, limit: int = 26) -> tuple[Facts, list[str]]:
    """Choose by probability × feasibility until done; the facts at the end and the labels."""
    calls, history = enumerate_calls(now.instances), []
    for _ in range(limit):
        p = model.score(Prompt(said, tuple(history), now), calls).p
        call = calls[int(np.argmax(p * [feasible(c, now) for c in calls]))]
        if call.kind == "done":
            break
        now = ideal_effect(call, now)
        history.append(Step(call.label, SUCCESS))
    return now, [step.label for step in history]


def test_a_sponge_is_brought(model: EmbeddedModel) -> None:
    _, labels = follow(model, "bring a sponge", Facts(at=SCENE))
    assert labels == ["find the sponge", "pick up the sponge", "go to the user", "bring it to you"]


def test_scores_are_a_distribution_with_a_floor(model: EmbeddedModel) -> None:
    calls = enumerate_calls(SCENE)
    scores = model.score(Prompt("throw the coke away", (), Facts(at=SCENE)), calls)
    assert scores.logp.shape == (len(calls),)
    assert np.isclose(np.logaddexp.reduce(scores.logp), 0.0)
    assert np.isfinite(scores.logp).all() and scores.p.min() > 1e-6
    assert calls[int(scores.logp.argmax())].label == "find the coke can"


def test_the_same_prompt_gives_the_same_scores_whatever_was_asked_before(
    model: EmbeddedModel,
) -> None:
    calls = enumerate_calls(SCENE)
    history = (Step("find the apple", SUCCESS), Step("pick up the apple", SUCCESS))
    facts = Facts(at=SCENE | {"apple": None}, holding="apple", robot_at="close counter",
                  visited=("close counter",))  # fmt: skip
    prompt = Prompt("put the apple on the table", history, facts)
    first = model.score(prompt, calls).logp
    follow(model, "bring me the tea", Facts(at=SCENE))
    assert np.array_equal(EmbeddedModel().score(prompt, calls).logp, first)


def test_unseen_phrasings_reach_their_goals(model: EmbeddedModel) -> None:
    items = [item for item in ITEMS if item.get("expect") != "refuse"]
    failed = []
    for item in items:
        prompt = Prompt(item["instruction"], (), start(item))
        end, labels = follow(model, item["instruction"], prompt.facts)
        if model.refuse(prompt) or not parse_goal(item["goal"]).holds(end):
            failed.append((item["id"], item["instruction"], labels))
    assert len(failed) <= 0.12 * len(items), failed


def test_what_cannot_be_done_is_refused_with_a_reason(model: EmbeddedModel) -> None:
    items = [item for item in ITEMS if item.get("expect") == "refuse"]
    reasons = [model.refuse(Prompt(item["instruction"], (), start(item))) for item in items]
    assert sum(r is not None for r in reasons) >= 0.85 * len(items), reasons


@pytest.mark.parametrize(
    ("said", "word"),
    [("bring me the orange", "orange"), ("bring me a hammer", "hammer"), ("sing a song", "sing")],
)
def test_refusals_name_what_is_wrong(model: EmbeddedModel, said: str, word: str) -> None:
    assert word in (model.refuse(Prompt(said, (), Facts(at=SCENE))) or "")


@pytest.mark.parametrize(
    "said", ["I'm thirsty", "I spilled my coke, can you bring something to clean it up"]
)
def test_indirect_wishes_are_not_refused(model: EmbeddedModel, said: str) -> None:
    assert model.refuse(Prompt(said, (), Facts(at=SCENE))) is None


def test_an_object_added_by_its_catalogue_entry_alone_is_understood() -> None:
    kinds = [(n, tuple(s.aliases), s.description) for n, s in catalogue.objects().items()]
    kinds.append(
        ("stapler", ("paper stapler",), "a grey stapler, an office tool that staples paper")
    )
    model = EmbeddedModel(kinds=kinds)
    facts = Facts(at=SCENE | {"stapler": "table"})
    top = max(model.hypotheses("bring me the stapler", facts), key=lambda h: h.weight)
    assert top.problem is None and top.duties[0].names == ("stapler",)
    assert model.refuse(Prompt("bring me the stapler", (), Facts(at=SCENE))) is not None
