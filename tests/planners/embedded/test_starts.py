"""Where pieces start and in which order they are done, as far as words alone decide."""

import pytest

from planners.embedded.starts import (
    listed_starts,
    order_of,
    run_on_starts,
    sentence_starts,
    verbal_starts,
)

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
    ("text", "starts"),
    [
        ("get me the tea. after that, throw the coke away", ["throw the coke away"]),
        ("the coke to the table, then please bin the tea", ["please bin the tea"]),
        ("robot, bring me the tea", []),
        ("the table is dirty! could you bring a sponge", ["could you bring a sponge"]),
        ("the coke, bring it", []),
        ("bring the coke, not the tea", []),
    ],
)
def test_a_request_behind_a_stop_is_a_piece(text: str, starts: list[str]) -> None:
    assert [text[i:] for i in sentence_starts(text)] == starts


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("there is a coke on the table could you bring it here", ["could you bring it here"]),
        ("what on the table can you bring me", []),
        ("robot could you bring me the tea", []),
    ],
)
def test_a_request_may_follow_without_a_mark(text: str, starts: list[str]) -> None:
    assert [text[i:] for i in run_on_starts(text)] == starts


@pytest.mark.parametrize(
    ("pieces", "first"),
    [
        (["put the tea here, but ", "only once ", "the coke is in the bin"], 2),
        (["bring the tea after ", "binning the coke"], 1),
        (["bring the tea, but ", "first bin the coke"], 1),
        (["the tea goes to me last, ", "the coke in the bin"], 1),
        (["bring the tea, ", "then bin the coke"], 0),
        (["bin the coke, and once ", "that's done bring the tea"], 0),
    ],
)
def test_what_is_done_first(pieces: list[str], first: int) -> None:
    order = order_of(pieces)
    assert min(range(len(pieces)), key=lambda i: order[i]) == first
