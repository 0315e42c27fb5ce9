"""Particular, some, any or all: the words tell, whatever the network reads."""

import pytest

from planners.embedded.determiners import of_place, of_things

PLACES = ("table", "close counter", "far counter", "trash", "bin", "user", "me", "you", "drawer")


@pytest.mark.parametrize(
    ("said", "det"),
    [
        ("bring me the coke", "the"),
        ("bring me a coke from the table", "a"),
        ("put my apple on the far counter", "the"),
        ("could you get me something to drink?", "a"),
        ("bring coke", "a"),
        ("take any of the cokes to the table", "any"),
        ("hand me one of the sodas", "any"),
        ("throw all the cans in the bin", "all"),
        ("both apples belong on the table", "all"),
        ("from the table, bring the two cans", "the"),
        ("make sure that a soda is on the table", "a"),
        ("throw it away", "the"),
        ("my lunch is missing a drink", "a"),
        ("my throat is dry", "a"),
        ("all that is done bring the tea", "the"),
    ],
)
def test_of_things(said: str, det: str) -> None:
    assert of_things(said, PLACES) == det


@pytest.mark.parametrize(
    ("said", "det"),
    [
        ("put the apple on the counter", "the"),
        ("put the apple on a counter", "a"),
        ("put the apple on one of the counters", "any"),
        ("leave it on either counter", "any"),
        ("a soda on each counter", "all"),
        ("put a coke on the table", "the"),
    ],
)
def test_of_place(said: str, det: str) -> None:
    assert of_place(said) == det
