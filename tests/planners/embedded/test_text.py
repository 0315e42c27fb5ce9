"""Normal form, guarded spelling and piece candidates of the embedded planner."""

import pytest

from planners.embedded.text import candidates, distance, normalise, spans_of


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Brng me the SPONGE plz", "bring me the sponge please"),
        ("gimme the jalapeño chips", "give me the jalapeno chips"),
        ("fetch it’s lid", "fetch it's lid"),
        ("graprefuit soda", "grapefruit soda"),
        ("apple,orange", "apple, orange"),
        ("1. fetch a coke 2. bin it", "fetch a coke; bin it"),
        ("Step 1: get it. Step 2: bin it", "get it; bin it"),
        ("bring me 2. thanks", "bring me 2. thanks"),
    ],
)
def test_normal_form(said: str, read: str) -> None:
    assert normalise(said) == read


@pytest.mark.parametrize(
    "word", ["sprite", "pizza", "lasagna", "spoon", "cable", "grape", "bins", "beer"]
)
def test_known_words_are_never_bent_into_other_known_ones(word: str) -> None:
    assert normalise(f"bring the {word}") == f"bring the {word}"


def test_swapped_neighbours_are_one_slip() -> None:
    assert distance("spogne", "sponge") == 1
    assert distance("sponge", "orange") > 2


def test_pieces_may_start_behind_commas_and_conjunctions() -> None:
    text = "put the apple on the table, then bring me a coke and a tea"
    assert [text[c:].split()[0] for c in candidates(text)] == ["bring", "a"]
    assert candidates("bring a sponge") == []


def test_names_match_whole_words_and_plurals() -> None:
    assert spans_of("two cans of coke", ("can of coke",)) == [(4, 16)]
    assert spans_of("pineapples", ("apple",)) == []
