"""Suites: what is read, every error with its line, and the shipped suite's own promises."""

from importlib.resources import files

import pytest

from embodied.errors import UsageError
from embodied.scenes import build
from embodied.suites import (
    MAX_SKILLS,
    Amendment,
    Disturbance,
    Start,
    Suite,
    load_suite,
    parse_start,
)
from embodied.world import catalogue
from embodied.world.facts import PLACES, SURFACES
from planners.solver import solve

ITEM = """\
suite: example
items:
  - id: one
    family: nl_verbs
    instruction: "How would you bring me a sponge?"
    start:
      robot: {at: user, holding: null}
      objects: {sponge: far counter, "coke can": table, "coke can#2": table, 7up can: drawer}
    goal: {at: [sponge, user]}
    max_skills: 12
    expect: done
"""


@pytest.fixture
def load(tmp_path):
    def loaded(text: str) -> Suite:
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return load_suite(path)

    return loaded


def test_an_item_is_read_whole(load):
    suite = load(ITEM)
    (item,) = suite.items
    assert suite.name == "example"
    assert (item.id, item.family, item.max_skills, item.expect, item.line) == (
        "one", "nl_verbs", 12, "done", 3,
    )  # fmt: skip
    assert list(item.start.objects) == ["sponge", "coke can", "coke can#2", "7up can"]
    assert item.goal is not None
    assert item.goal.to_json() == {"at": ["sponge", "user"]}
    facts = item.start.facts()
    assert (facts.robot_at, facts.holding, facts.visited) == ("user", None, ("user",))


def test_defaults(load):
    text = ITEM.replace("    max_skills: 12\n    expect: done\n", "").replace(
        "suite: example\n", ""
    )
    suite = load(text.replace("robot: {at: user, holding: null}", "robot: {at: null}"))
    (item,) = suite.items
    assert suite.name == "mine"
    assert (item.max_skills, item.expect) == (MAX_SKILLS, "done")
    assert item.start.robot_at is None
    assert item.start.facts().visited == ()


def test_what_is_held_is_nowhere_else(load):
    (item,) = load(ITEM.replace("holding: null", "holding: sponge")).items
    assert item.start.facts().at["sponge"] is None
    (item,) = load(ITEM.replace("holding: null", "holding: apple")).items
    assert item.start.holding == "apple"
    assert item.start.objects["apple"] is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{sponge: far", "{spunge: far", r"line 8: unknown object 'spunge'; did you mean 'sponge'"),
        ("far counter,", "far counte,", r"line 8: unknown place 'far counte'; did you .* 'far cou"),
        ("at: user", "at: usr", r"line 7: unknown place 'usr'; did you mean 'user'"),
        ("at: user", "at: drawr", r"line 7: unknown place 'drawr'"),
        ("holding: null", "holding: hammer", r"line 7: unknown object 'hammer'; known: coke can"),
        ("robot:", "robt:", r"line 7: unknown word 'robt' in a start; did you mean 'robot'"),
        ("[sponge, user]", "[sponge, trsh]", r"line 9: unknown place 'trsh'; did you .* 'trash'"),
        ("{at: [", "{att: [", r"line 9: unknown word in a goal 'att'; did you mean 'at'"),
        ("max_skills", "max_skill", r"line 10: unknown word 'max_skill' .* 'max_skills'"),
        ("expect: done", "expect: dne", r"line 11: unknown word 'dne' .*did you mean 'done'"),
        ("max_skills: 12", "max_skills: 0", r"line 3: 'max_skills' is a whole number"),
        ("max_skills: 12", "max_skills: yes", r"line 3: 'max_skills' is a whole number"),
        ("family: nl_verbs", "family: null", r"line 3: an item needs 'family'"),
        ('"How would you bring me a sponge?"', "7", "an instruction is a sentence; got '7'"),
        ('"How would you bring me a sponge?"', '" "', r"line 5: an instruction is a sentence"),
        ("goal: {at: [sponge, user]}", "goal: null", r"line 3: an item needs 'goal'"),
        ("[sponge, user]", "[sponge, far counter]", r"line 9: the goal of 'one' already holds"),
        ("expect: done", "expect: done_at_once", r"line 9: 'one' is done at once, but"),
        ("suite: example", "sute: example", r"line 1: unknown word 'sute' in a suite; .*'suite'"),
        ('"coke can#2"', "sponge", r"the key 'sponge' stands twice.*line 8"),
        ("{sponge: far", "{{sponge: far}: far", "a key must be a word"),
        ("items:", "items: []\nx:", "unknown word 'x'"),
        ("- id: one", "- [one]", "not valid YAML"),
    ],
)  # fmt: skip
def test_errors_name_word_line_and_nearest(load, old, new, message):
    assert old in ITEM
    with pytest.raises(UsageError, match=message) as error:
        load(ITEM.replace(old, new, 1))
    assert "mine.yaml" in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "3", "items: []", "items: {a: b}", "items: [3]"])
def test_what_is_no_suite(load, text):
    with pytest.raises(UsageError, match=r"mine\.yaml"):
        load(text)


SAID = """\
    answer: ["the yellow one", "yes"]
    amend:
      - {after: pick up the sponge, say: "and the apple too"}
    disturb:
      - {after: find the sponge, do: move, object: sponge, place: table}
      - {during: go to the user, do: drop, object: sponge#1, place: close counter}
      - {after: "find the coke can#2", do: take, object: "coke can#2"}
      - {after: go to the user, do: block, place: user, tries: 2}
      - {during: go to the table, do: shut}
"""


def test_answers_amendments_and_disturbances(load):
    (item,) = load(ITEM + SAID).items
    assert item.answer == ("the yellow one", "yes")
    assert item.amend == (Amendment("pick up the sponge", "and the apple too"),)
    assert item.disturb == (
        Disturbance("find the sponge", False, "move", "sponge", "table"),
        Disturbance("go to the user", True, "drop", "sponge", "close counter"),
        Disturbance("find the coke can#2", False, "take", "coke can#2"),
        Disturbance("go to the user", False, "block", None, "user", 2),
        Disturbance("go to the table", True, "shut"),
    )
    (plain,) = load(ITEM).items
    assert plain.answer == plain.amend == plain.disturb == ()
    assert load(ITEM + "    answer: the green one\n").items[0].answer == ("the green one",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("answer:", "anser:", r"line 12: unknown word 'anser' in an item; did you mean 'answer'"),
        ('"yes"]', '" "]', r"line 12: an answer is a sentence; got ' '"),
        ('["the yellow one", "yes"]', "7", r"an answer is a sentence; got '7'"),
        ("- {after: pick up the sponge, say", "{after: pick up the sponge, say", "takes a list"),
        ("say:", "sy:", r"line 14: unknown word 'sy' in an amendment; did you mean 'say'"),
        (', say: "and the apple too"', "", r"an amendment needs 'after' and 'say'"),
        ("after: pick up the sponge,", "after: pick up the spong,",
         r"line 14: no skill is called 'pick up the spong'; did you mean 'pick up the sponge'"),
        ("go to the table", "go to the shed", r"line 20: no skill is called 'go to the shed'; did"),
        ("do: move", "do: mov", r"line 16: unknown word 'mov' for 'do'; did you mean 'move'"),
        ("object: sponge, place: table", "objet: sponge, place: table",
         r"line 16: unknown word 'objet' in a disturbance; did you mean 'object'"),
        ("object: sponge, place: table", "object: spnge, place: table",
         r"line 16: unknown object 'spnge'; did you mean 'sponge'"),
        ("take, object: \"coke can#2\"", "take, object: \"coke can#3\"",
         r"line 18: there is no 'coke can#3' in the scene; did you mean 'coke can#2'"),
        ("place: close counter}", "place: clos counter}", r"line 17: unknown place 'clos counter'"),
        (", place: table}", "}", r"the disturbance 'move' needs 'place'"),
        ("do: shut", "do: shut, place: drawer", r"the disturbance 'shut' takes no 'place'"),
        ("after: find the sponge, do", "do", r"needs 'do', and either 'after' or 'during'"),
        ("during: go to the table", "during: go to the table, after: go to the user",
         r"needs 'do', and either 'after' or 'during'"),
        ("tries: 2", "tries: 0", r"'tries' is a whole number from 1; got '0'"),
    ],
)  # fmt: skip
def test_errors_in_what_is_said_and_disturbed(load, old, new, message):
    assert old in SAID
    with pytest.raises(UsageError, match=message) as error:
        load(ITEM + SAID.replace(old, new, 1))
    assert "mine.yaml" in str(error.value)


def test_two_items_may_not_share_an_id(load):
    twice = ITEM + ITEM.partition("items:\n")[2]
    with pytest.raises(UsageError, match="line 12: the id 'one' is taken by line 3"):
        load(twice)


def test_a_missing_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        load_suite(tmp_path / "none.yaml")


def test_done_at_once_and_refuse(load):
    held = ITEM.replace("[sponge, user]", "[sponge, far counter]")
    (item,) = load(held.replace("expect: done", "expect: done_at_once")).items
    assert item.expect == "done_at_once"
    refused = ITEM.replace("goal: {at: [sponge, user]}", "goal: null")
    (item,) = load(refused.replace("expect: done", "expect: refuse")).items
    assert item.goal is None


def test_the_drawer_may_stand_open():
    start = parse_start({"objects": {"tea": "drawer"}, "drawer": "open"})
    assert start.facts().open == {"drawer": True}
    kitchen = build(start, seed=0)
    assert kitchen.facts().open == {"drawer": True}
    assert kitchen.facts().at == {"tea": "drawer"}
    assert not parse_start({"objects": {"tea": "drawer"}}).drawer_open
    with pytest.raises(UsageError, match=r"unknown word 'opn' for 'drawer'; did you mean 'open'"):
        parse_start({"objects": {"tea": "drawer"}, "drawer": "opn"})


def test_a_start_can_be_read_alone():
    start = parse_start({"objects": {"tea": "table"}, "robot": {"at": "user"}}, "scene")
    assert start == Start({"tea": "table"}, "user", None)
    with pytest.raises(UsageError, match=r"scene: unknown object 'te'"):
        parse_start({"objects": {"te": "table"}}, "scene")


FIRST = load_suite(str(files("sim_assets").joinpath("suites/first.yaml")))


def test_the_first_suite_names_every_object_and_place_and_deed():
    assert len(FIRST.items) >= 32
    said = " ".join(item.instruction.lower() for item in FIRST.items)
    kinds = catalogue.objects()
    for name, spec in kinds.items():
        assert any(word in said for word in (name, *spec.aliases)), name
    for name in PLACES:
        spec = catalogue.places()[name]
        assert any(word in said for word in (name, *spec.aliases)), name
    for deed in ("bring", "throw away", "move", "pick up", "go to", "put"):
        assert deed in said
    assert {"nl_single", "nl_verbs", "structured", "put_back"} <= {i.family for i in FIRST.items}


@pytest.mark.parametrize("item", FIRST.items, ids=lambda item: item.id)
def test_the_first_suite_is_feasible_where_it_should_be(item):
    places = [place for place in item.start.objects.values() if place]
    assert set(places) <= {*SURFACES, "user"}
    assert len(item.start.objects) <= 6
    if item.goal is None:
        assert item.expect == "refuse"
        return
    solution = solve(item.goal, item.start.facts())
    assert solution.solved is (item.expect != "refuse")
    if solution.calls is not None:
        assert len(solution.calls) + 2 <= item.max_skills  # room for two failures
