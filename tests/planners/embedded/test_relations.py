"""Small words that the rules read."""

import pytest

from planners.embedded.relations import beside, fallbacks, number, other_side, people, spares_one


@pytest.mark.parametrize(
    ("said", "names"),
    [("put it next to the apple", True), ("put the apple next to it", False),
     ("go where the apple is", True), ("bring the apple", False)],
)  # fmt: skip
def test_beside(said: str, names: bool) -> None:
    assert beside(said, ["apple"]) == names


@pytest.mark.parametrize(
    ("said", "count"),
    [("bring three apples", "three"), ("2 cokes please", "two"), ("a 7up", None),
     ("two or three apples", "three"), ("in two minutes bring a coke", None),
     ("two apples and three cokes", None), ("of the two cans the red one", None),
     ("the cans on the two counters", None), ("two of the three cans", "two")],
)  # fmt: skip
def test_number(said: str, count: str | None) -> None:
    assert number(said) == count


def test_fallbacks() -> None:
    assert fallbacks(["bring a coke, ", "otherwise a tea"]) == [False, True]
    assert fallbacks(["bring a coke, otherwise ", "a tea"]) == [False, True]
    assert fallbacks(["a coke, ", "if there is none, ", "a tea"]) == [False, True, True]
    assert fallbacks(["if there is a coke, ", "bring it"]) == [False, False]
    assert fallbacks(["a coke, ", "or if they are all gone, a tea"]) == [False, True]


def test_people() -> None:
    assert people(["there are three of us"]) == "three" == people(["we have 3 guests"])
    assert people(["bring three apples"]) is None


def test_spares_one() -> None:
    assert spares_one("all but one of the cokes") and not spares_one(
        "all of the cokes but the red one"
    )


def test_the_other_counter_is_the_one_where_one_is_not() -> None:
    assert other_side("go to the other counter", "far counter") == (("close counter", 1.0),)
    assert other_side("go to the other counter", "table") == ()
    assert other_side("go to the far counter", "far counter") == ()
