"""Skill labels: which there are, what they do, when they can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embodied.errors import UsageError
from embodied.tasks import labels
from embodied.tasks.labels import enumerate_calls, feasible, ideal_effect, parse_label
from embodied.world import catalogue
from embodied.world.facts import PLACES, Facts

SCENE = ["sponge", "coke can", "coke can#2", "tea"]
CALLS = enumerate_calls(SCENE)


def test_labels_are_unique_and_complete():
    texts = [call.label for call in CALLS]
    assert len(set(texts)) == len(texts)
    instances = len(catalogue.objects()) + 1  # the second coke can
    assert len(texts) == 8 * instances + len(PLACES) + 1 + 4
    for text in (
        "find the sponge",
        "find the coke can#2",
        "go to the user",
        "pick up the sponge",
        "put down the sponge",
        "place the sponge on the table",
        "place the sponge in the trash",
        "bring it to you",
        "place the sponge in the drawer",
        "open the drawer",
        "find the apple",  # known, absent: the affordance judges it
    ):
        assert text in texts
    assert texts[-1] == "done"


def test_without_the_skills_no_label_speaks_of_the_drawer():
    texts = [call.label for call in enumerate_calls(SCENE, ("navigate", "pick", "place", "done"))]
    assert not [text for text in texts if "drawer" in text]
    assert len(texts) == len(CALLS) - len([c for c in CALLS if c.place == "drawer"])


def test_an_absent_kind_is_listed_once_under_its_bare_name():
    texts = [call.label for call in enumerate_calls(["coke can#2"])]
    assert "find the coke can" not in texts
    assert texts.count("find the coke can#2") == 1


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.label)
def test_every_label_reads_back_as_its_call(call):
    assert parse_label(call.label) == call


@pytest.mark.parametrize(
    "text", ["", "find the ", "sing", "go to the moon", "place the tea on the trash", "place the"]
)
def test_other_text_is_no_label(text):
    with pytest.raises(UsageError, match="No skill"):
        parse_label(text)


def test_bringing_a_sponge():
    facts = Facts({"sponge": "far counter"}, robot_at="user", visited=("user",))
    steps = ("find the sponge", "pick up the sponge", "go to the user", "bring it to you")
    for step in steps:
        call = parse_label(step)
        assert feasible(call, facts), step
        facts = ideal_effect(call, facts)
    assert facts.at == {"sponge": "user"}
    assert facts.holding is None
    assert facts.visited == ("user", "far counter", "user")


OPENED = {"open": {"drawer": True}}
DRAWN = OPENED | {"at": {"tea": "drawer"}}


@pytest.mark.parametrize(
    ("label", "changes", "can"),
    [
        ("find the tea", {}, True),
        ("find the apple", {}, False),
        ("find the sponge", {"at": {"sponge": None}}, False),
        ("pick up the tea", {"robot_at": "table"}, True),
        ("pick up the tea", {"robot_at": "user"}, False),
        ("pick up the tea", {"robot_at": "table", "holding": "sponge"}, False),
        ("pick up the apple", {"robot_at": "table"}, False),
        ("pick up the tea", {"at": {"tea": "trash"}, "robot_at": "trash"}, False),
        ("find the tea", {"at": {"tea": "drawer"}}, True),
        ("pick up the tea", {"at": {"tea": "drawer"}, "robot_at": "drawer"}, False),
        ("pick up the tea", DRAWN | {"robot_at": "drawer"}, True),
        ("place the tea in the drawer", {"holding": "tea", "robot_at": "drawer"}, False),
        ("place the tea in the drawer", OPENED | {"holding": "tea", "robot_at": "drawer"}, True),
        ("open the drawer", {"robot_at": "drawer"}, True),
        ("open the drawer", {"robot_at": "table"}, False),
        ("open the drawer", {"robot_at": "drawer", "holding": "tea"}, False),
        ("open the drawer", OPENED | {"robot_at": "drawer"}, False),
        ("close the drawer", OPENED | {"robot_at": "drawer"}, True),
        ("close the drawer", {"robot_at": "drawer"}, False),
        ("pick up the tea", {"at": {"tea": "user"}, "robot_at": "user"}, True),
        ("put down the tea", {"holding": "tea", "robot_at": "table"}, True),
        ("put down the tea", {"holding": "tea", "robot_at": "user"}, False),
        ("put down the tea", {"robot_at": "table"}, False),
        ("place the tea in the trash", {"holding": "tea", "robot_at": "trash"}, True),
        ("place the tea in the trash", {"holding": "tea", "robot_at": "table"}, False),
        ("bring it to you", {"holding": "tea", "robot_at": "user"}, True),
        ("bring it to you", {"robot_at": "user"}, False),
        ("go to the trash", {}, True),
        ("done", {}, True),
    ],
)
def test_preconditions(label, changes, can):
    facts = Facts(**{"at": {"tea": "table", "sponge": "far counter"}, **changes})
    assert feasible(parse_label(label), facts) is can


@given(st.lists(st.sampled_from(CALLS), max_size=12))
def test_no_sequence_loses_or_doubles_an_object(calls):
    facts = Facts({"sponge": "table", "coke can": "table", "coke can#2": "user", "tea": "drawer"})
    for call in calls:
        before, facts = facts, ideal_effect(call, facts)
        assert set(facts.at) == set(SCENE)
        nowhere = {obj for obj, where in facts.at.items() if where is None}
        assert nowhere == ({facts.holding} if facts.holding else set())
        if not feasible(call, before):
            assert facts == before


def test_storing_away_and_closing():
    facts = Facts({"sponge": "table"}, robot_at="user")
    steps = ("go to the drawer", "open the drawer", "find the sponge", "pick up the sponge")
    for label in (*steps, "go to the drawer", "place the sponge in the drawer", "close the drawer"):
        assert feasible(parse_label(label), facts), label
        facts = ideal_effect(parse_label(label), facts)
    assert facts.at == {"sponge": "drawer"}
    assert facts.open == {"drawer": False}


def test_placing_at_the_user_is_handing_over():
    assert labels.place("tea", "user") == labels.BRING
