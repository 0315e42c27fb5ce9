"""Where pieces start and in which order they are done, as far as words alone decide."""

import pytest

from planners.embedded.interpret import listed_starts, order_of, verbal_starts

NAMES = ["apple", "orange", "coke", "tea"]


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("apple and orange straight into the bin", ["orange straight into the bin"]),
        ("bring the apple, the orange and a tea", ["the orange and a tea", "a tea"]),
        ("everything except the apple and the orange", []),
        ("neither the coke nor the tea", []),
        ("the coke or the tea", []),
    ],
)
def test_things_in_a_list_are_pieces(text: str, starts: list[str]) -> None:
    assert [text[i:] for i in listed_starts(text, NAMES)] == starts


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("throw away both cans and bring me the tea", ["bring me the tea"]),
        ("put one on the table, then throw the other away", ["throw the other away"]),
        ("bring a coke, and while you're at it bin the tea", ["you're at it bin the tea"]),
        ("go and get the tea", []),
        ("do me a favor and bring a coke", []),
    ],
)
def test_an_imperative_after_and_is_a_piece(text: str, starts: list[str]) -> None:
    assert [text[i:] for i in verbal_starts(text)] == starts


@pytest.mark.parametrize(
    ("pieces", "first"),
    [
        (["put the tea here, but ", "only once ", "the coke is in the bin"], 2),
        (["bring the tea after ", "binning the coke"], 1),
        (["bring the tea, but ", "first bin the coke"], 1),
        (["the tea goes to me last, ", "the coke in the bin"], 1),
        (["bring the tea, ", "then bin the coke"], 0),
    ],
)
def test_what_is_done_first(pieces: list[str], first: int) -> None:
    order = order_of(pieces)
    assert min(range(len(pieces)), key=lambda i: order[i]) == first
