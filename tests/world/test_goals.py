"""The goal language: meaning of every term, round trips, and errors that carry their fix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embodied.errors import UsageError
from embodied.world import catalogue
from embodied.world.facts import PLACES, WHEREABOUTS, Facts
from embodied.world.goals import All, At, Not, What, atoms, parse_goal

SCENE = {"coke can": "user", "coke can#2": "user", "pepsi can": "table", "apple": "far counter"}


def holds(spec, **changes) -> bool:
    facts = Facts(
        **{"at": SCENE, "robot_at": "user", "visited": ("table", "trash", "user"), **changes}
    )
    return parse_goal(spec).holds(facts)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"at": ["coke can", "user"]}, True),
        ({"at": ["coke can#2", "user"]}, True),
        ({"at": ["coke can#3", "user"]}, False),
        ({"at": ["coke can", "table"]}, False),
        ({"at": [{"category": "soda"}, "table"]}, True),
        ({"at": [{"category": "soda", "except": "pepsi can"}, "table"]}, False),
        ({"at": [{"category": "soda", "except": ["coke can", "7up can"]}, "table"]}, True),
        ({"at": [{"one_of": ["tea", "apple"]}, "far counter"]}, True),
        ({"at": [{"one_of": ["tea", "apple"], "except": "apple"}, "far counter"]}, False),
        ({"robot_at": "user"}, True),
        ({"robot_at": "table"}, False),
        ({"visited": ["table", "user"]}, True),
        ({"visited": ["user", "table"]}, False),
        ({"visited": ["table", "user", "table"]}, False),
        ({"open": "drawer"}, False),
        ({"not": {"open": "drawer"}}, True),
        ({"holding": "apple"}, False),
        ({"any": [{"holding": "apple"}, {"robot_at": "user"}]}, True),
        ({"all": [{"holding": "apple"}, {"robot_at": "user"}]}, False),
        ({"count": {"at": ["coke can", "user"], "min": 2}}, True),
        ({"count": {"at": ["coke can", "user"], "min": 1, "max": 1}}, False),
        ({"count": {"at": ["coke can", "user"], "max": 2}}, True),
        ({"count": {"at": ["apple", "user"], "max": 2}}, True),
        ({"count": {"at": ["apple", "user"]}}, False),
        # distinct: two coke cans are one kind of soda, yet two of "coke can"
        ({"count": {"at": [{"category": "soda"}, "user"], "min": 2, "distinct": True}}, False),
        ({"count": {"at": [{"category": "soda"}, "user"], "min": 2}}, True),
        ({"count": {"at": ["coke can", "user"], "min": 2, "distinct": True}}, True),
    ],
)
def test_meaning(spec, expected):
    assert holds(spec) is expected


def test_first_instance_alone_is_number_one():
    assert holds({"at": ["coke can#1", "user"]})
    assert not holds({"at": ["coke can#1", "user"]}, at={"coke can": "table", "coke can#2": "user"})


def test_a_held_object_is_nowhere_and_held():
    at = {**SCENE, "apple": None}
    assert holds({"holding": {"category": "fruit"}}, at=at, holding="apple")
    assert not holds({"at": ["apple", "far counter"]}, at=at, holding="apple")


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ({"at": ["spunge", "table"]}, ["unknown object 'spunge'", "'sponge'"]),
        ({"at": ["coke", "table"]}, ["unknown object 'coke'", "'coke can'"]),
        ({"at": ["sponge", "tabel"]}, ["unknown place 'tabel'", "'table'"]),
        ({"at": ["coke can#0", "table"]}, ["'coke can#0'", "'coke can#2'"]),
        ({"at": ["coke can#²", "table"]}, ["'coke can#²'"]),
        ({"at": [{"category": "sodas"}, "table"]}, ["unknown category 'sodas'", "'soda'"]),
        ({"at": [{"kategory": "soda"}, "table"]}, ["'kategory'", "'category'"]),
        ({"at": [{"category": "soda", "one_of": ["tea"]}, "table"]}, ["either"]),
        ({"at": [{"except": "tea"}, "table"]}, ["either"]),
        ({"at": ["sponge"]}, ["[WHAT, PLACE]"]),
        ({"robot_att": "table"}, ["'robot_att'", "'robot_at'"]),
        ({"open": "fridge"}, ["unknown container 'fridge'", "drawer"]),
        ({"visited": "table"}, ["takes a list"]),
        ({"visited": []}, ["takes a list"]),
        ({"visited": ["user", "table", "table"]}, ["'table' twice in a row"]),
        ({"all": []}, ["takes a list"]),
        ({"robot_at": "table", "open": "drawer"}, ["one key", "'all'"]),
        ({}, ["one key"]),
        ("sponge", ["mapping", "'sponge'"]),
        (None, ["mapping"]),
        ({"holding": None}, ["unknown object"]),
        ({"count": {"min": 1}}, ["needs 'at"]),
        ({"count": {"at": ["tea", "user"], "min": 3, "max": 2}}, ["above"]),
        ({"count": {"at": ["tea", "user"], "min": -1}}, ["whole numbers"]),
        ({"count": {"at": ["tea", "user"], "min": True}}, ["whole numbers"]),
        ({"count": {"at": ["tea", "user"], "distinct": 1}}, ["true or false"]),
    ],
)
def test_errors_name_the_word_and_the_fix(spec, parts):
    with pytest.raises(UsageError) as error:
        parse_goal(spec, where="here.yaml")
    for part in ["here.yaml", *parts]:
        assert part in str(error.value)


def test_errors_name_the_line_of_words_that_know_it():
    class Word(str):
        line = 7

    with pytest.raises(UsageError, match=r"here.yaml, line 7: unknown place 'tabel'"):
        parse_goal({"at": ["sponge", Word("tabel")]}, where="here.yaml")


NAMES = st.sampled_from([*catalogue.objects(), "coke can#2", "tea#1"])
CATEGORIES = st.sampled_from(["soda", "drink", "fruit", "snack", "chips", "food", "can"])
WHATS = st.one_of(
    NAMES,
    st.fixed_dictionaries({"category": CATEGORIES}, optional={"except": NAMES}),
    st.fixed_dictionaries(
        {"one_of": st.lists(NAMES, min_size=2, max_size=3)},
        optional={"except": st.lists(NAMES, min_size=2, max_size=2)},
    ),
)
PAIRS = st.tuples(WHATS, st.sampled_from(WHEREABOUTS)).map(list)
COUNTS = st.fixed_dictionaries(
    {"at": PAIRS, "min": st.integers(0, 2)},
    optional={"max": st.integers(2, 4), "distinct": st.just(True)},
)
LEAVES = st.one_of(
    PAIRS.map(lambda pair: {"at": pair}),
    WHATS.map(lambda what: {"holding": what}),
    st.sampled_from(WHEREABOUTS).map(lambda place: {"robot_at": place}),
    st.lists(st.sampled_from(PLACES), min_size=1, max_size=3, unique=True).map(
        lambda places: {"visited": places}
    ),
    st.just({"open": "drawer"}),
    COUNTS.map(lambda count: {"count": count}),
)
SPECS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda goals: {"all": goals}),
        st.lists(inner, min_size=1, max_size=3).map(lambda goals: {"any": goals}),
        inner.map(lambda goal: {"not": goal}),
    ),
    max_leaves=5,
)
FACTS = st.builds(
    Facts,
    at=st.dictionaries(NAMES, st.sampled_from([*WHEREABOUTS, None]), max_size=5),
    holding=st.none() | NAMES,
    robot_at=st.none() | st.sampled_from(PLACES),
    visited=st.lists(st.sampled_from(PLACES), max_size=4).map(tuple),
)


@given(SPECS)
def test_what_is_written_reads_back_equal(spec):
    goal = parse_goal(spec)
    assert parse_goal(goal.to_json()) == goal
    assert hash(parse_goal(goal.to_json())) == hash(goal)


@given(SPECS, FACTS)
def test_not_and_all_obey_logic(spec, facts):
    goal = parse_goal(spec)
    assert Not(goal).holds(facts) is not goal.holds(facts)
    assert All((goal, goal)).holds(facts) is goal.holds(facts)


def test_atoms_are_the_leaves_in_order():
    goal = parse_goal({"all": [{"not": {"at": ["tea", "user"]}}, {"any": [{"robot_at": "table"}]}]})
    assert [type(atom).__name__ for atom in atoms(goal)] == ["At", "RobotAt"]
    assert next(atoms(goal)) == At(What(("tea",)), "user")
